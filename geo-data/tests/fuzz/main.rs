//! The fuzz targets over what their runs have found worth keeping: see `fuzz/run`.

mod targets;

use std::fs;
use std::path::Path;

#[test]
fn each_target_holds_over_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let folder = corpus.join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
            let path = entry.expect("a readable folder").path();
            let bytes = fs::read(&path).expect("a readable file");
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                panic!("{name} fails on {path:?}");
            }
            inputs += 1;
        }
        assert!(inputs > 0, "{folder:?} is empty");
    }
}
