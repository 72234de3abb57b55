//! What reading scenario files and traces must hold for all bytes; run by the ordinary tests on its corpus, and by
//! `fuzz/run`.

use std::path::Path;
use std::sync::OnceLock;

use geo_data::Database;
use lab::scenario::{PlanOptions, ScenarioFile};

/// A target: its name and what it does with bytes. A failure is a panic.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 3] = [
    ("scenario", scenario),
    ("trace-csv", |bytes| trace(bytes, "fuzzed.csv")),
    ("trace-oracle", |bytes| trace(bytes, "fuzzed.oracleGeneral")),
];

/// A text is a scenario, whose variants can be found by their names, or it is refused with reasons.
fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match ScenarioFile::parse(
        "fuzzed.yaml",
        text.to_owned(),
        Path::new("/nonexistent"),
        false,
    ) {
        Ok(file) => {
            assert!(file.variants().count() > 0);
            assert!(file.variants().all(|name| file.variant(name).is_some()));
        }
        Err(error) => assert!(error.to_string().contains("fuzzed.yaml"), "{error}"),
    }
}

const SCENARIO: &str = "\
schema: 1
name: fuzzed
duration: 1h
pops: {fra: {at: FRA}}
clients: {a: {from: [FRA], trace: {file: NAME}}}
";

/// A trace that has been checked is played to its end, and in the order of its times.
fn trace(bytes: &[u8], name: &str) {
    static GEO: OnceLock<Database> = OnceLock::new();
    let geo = GEO.get_or_init(Database::embedded);
    let folder = std::env::temp_dir().join(format!("cdnlab-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    std::fs::write(folder.join(name), bytes).expect("a writable folder");
    let text = SCENARIO.replace("NAME", name);
    let file = ScenarioFile::parse("fuzzed.yaml", text, &folder, false);
    let file = file.unwrap_or_else(|error| panic!("{error}"));
    let options = PlanOptions { seed: None, geo };
    match file.plans(&options) {
        Ok(plans) => {
            let mut last = 0;
            for request in plans[0].requests() {
                let request = request.unwrap_or_else(|error| panic!("{error}"));
                assert!(request.due >= last, "{} after {last}", request.due);
                last = request.due;
            }
        }
        Err(error) => assert!(error.to_string().contains(name), "{error}"),
    }
}
