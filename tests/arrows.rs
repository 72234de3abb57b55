//! The arrows that must never be (ARCHITECTURE.md, "Invariants").
//!
//! Between crates they are read from `cargo tree`, between modules from the source text.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the binary's crate lies below the root")
        .to_owned()
}

/// All crates that `package` needs to be built, without those of its tests.
fn needs(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-p",
            package,
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo tree -p {package}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn must_not_need(package: &str, forbidden: &[&str]) {
    let needs = needs(package);
    let broken: Vec<_> = forbidden
        .iter()
        .filter(|name| needs.contains(**name))
        .collect();
    assert!(
        broken.is_empty(),
        "{package} must not depend on {broken:?}: see ARCHITECTURE.md, \"Invariants\""
    );
}

#[test]
fn the_core_knows_no_io() {
    must_not_need(
        "edge-core",
        &[
            "tokio",
            "axum",
            "hyper",
            "reqwest",
            "foyer",
            "rand",
            "rand_core",
            "rand_pcg",
            "edge",
            "origin",
            "geo-data",
            "router",
            "network",
            "lab",
        ],
    );
}

#[test]
fn nodes_do_not_know_each_other() {
    must_not_need(
        "edge",
        &["geo-data", "origin", "router", "network", "lab", "cdnlab"],
    );
    must_not_need(
        "origin",
        &[
            "edge",
            "edge-core",
            "geo-data",
            "router",
            "network",
            "lab",
            "cdnlab",
        ],
    );
    must_not_need(
        "router",
        &["edge", "edge-core", "origin", "network", "lab", "cdnlab"],
    );
    must_not_need(
        "network",
        &[
            "edge",
            "edge-core",
            "origin",
            "geo-data",
            "router",
            "lab",
            "cdnlab",
        ],
    );
    must_not_need(
        "geo-data",
        &[
            "edge",
            "edge-core",
            "origin",
            "router",
            "network",
            "lab",
            "cdnlab",
        ],
    );
}

#[test]
fn what_admin_listeners_share_knows_no_node() {
    must_not_need(
        "operator",
        &[
            "edge",
            "edge-core",
            "origin",
            "geo-data",
            "router",
            "network",
            "lab",
            "cdnlab",
        ],
    );
}

#[test]
fn the_lab_speaks_http_to_edges_and_routers() {
    must_not_need("lab", &["edge", "router", "cdnlab"]);
}

#[test]
fn the_suite_sees_a_cache_from_outside() {
    must_not_need(
        "conformance",
        &[
            "edge", "origin", "geo-data", "router", "network", "lab", "cdnlab",
        ],
    );
}

/// All Rust sources of a module, given as `lab/src/report` (a folder, a file, or both).
fn sources(module: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let file = root().join(format!("{module}.rs"));
    if file.is_file() {
        found.push(file);
    }
    let mut folders = vec![root().join(module)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(
        !found.is_empty(),
        "no source below {module}: the list in tests/arrows.rs is out of date"
    );
    found
}

/// The modules of the own crate that a source names, by `crate::name` or `use crate::{name, …}`.
fn named_modules(source: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0usize;
            let mut word = String::new();
            let mut heads = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        named.insert(std::mem::take(&mut word));
                        heads = true;
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 && heads && (c.is_alphanumeric() || c == '_') {
                    word.push(c);
                } else if !c.is_whitespace() {
                    heads = false;
                }
            }
            named.insert(word);
        } else {
            named.insert(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    named
}

#[track_caller]
fn module_must_not_name(module: &str, forbidden: &[&str]) {
    for path in sources(module) {
        let source = fs::read_to_string(&path).expect("a readable source");
        let named = named_modules(&source);
        for name in forbidden {
            assert!(
                !named.contains(*name),
                "{} names crate::{name}, an arrow that must never be",
                path.display()
            );
        }
    }
}

#[test]
fn modules_of_the_lab_point_one_way() {
    module_must_not_name(
        "lab/src/report",
        &["scenario", "live", "sim", "sweep", "parity"],
    );
    module_must_not_name("lab/src/metrics", &["live", "sim", "report"]);
    module_must_not_name(
        "lab/src/noise",
        &[
            "metrics", "observe", "plan", "scenario", "live", "sim", "report", "sweep", "parity",
        ],
    );
    module_must_not_name("lab/src/sim", &["live", "report"]);
    module_must_not_name("lab/src/live", &["sim", "report"]);
    module_must_not_name("lab/src/sweep", &["live", "parity"]);
    module_must_not_name(
        "lab/src/parity",
        &["scenario", "plan", "live", "sim", "sweep"],
    );
    module_must_not_name("lab/src/plan", &["live", "sim", "report", "metrics"]);
    module_must_not_name("lab/src/scenario", &["live", "sim", "report"]);
}

#[test]
fn the_reader_of_use_lines_sees_groups() {
    let source = "use crate::{plan::{Plan, Event}, sim, report as r};\nlet x = crate::live::run();\n// crate::comment";
    let named = named_modules(source);
    for name in ["plan", "sim", "report", "live"] {
        assert!(
            named.iter().any(|n| n.starts_with(name)),
            "{name} in {named:?}"
        );
    }
    assert!(!named.contains("comment"));
}
