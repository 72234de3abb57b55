//! Lists the files of `/scenarios`, so that each one is in the binary without being named by hand.

use std::path::Path;
use std::{env, fs};

fn main() {
    let folder =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../scenarios");
    println!("cargo::rerun-if-changed={}", folder.display());
    // Not there: a checkout without scenarios still builds.
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    paths.sort();
    let mut code = String::from("static SHIPPED: &[Shipped] = &[\n");
    for path in paths {
        let path = path.canonicalize().expect("the file was just listed");
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("scenario names are plain text");
        code.push_str(&format!(
            "    Shipped {{ name: {name:?}, text: include_str!({path:?}) }},\n"
        ));
    }
    code.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("shipped.rs");
    fs::write(out, code).expect("the build folder can be written");
}
