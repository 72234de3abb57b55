//! Documents that can rot: links, paths and commands are held against the repository and the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::node::binary;

const DOCUMENTS: [&str; 12] = [
    "docs/live.md",
    "docs/reports.md",
    "README.md",
    "ARCHITECTURE.md",
    "GLOSSARY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "scenarios/README.md",
    "docs/demo.md",
    "docs/metrics.md",
    "deploy/kubernetes/README.md",
    "deploy/swarm/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the binary's crate lies below the root")
        .to_owned()
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The text between each pair of `open` and `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open)
        .skip(1)
        .filter_map(|rest| rest.split_once(close))
        .map(|(inner, _)| inner)
        .collect()
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS {
        let text = read(document);
        let folder = root()
            .join(document)
            .parent()
            .expect("a document lies in a folder")
            .to_owned();
        for target in between(&text, "](", ")") {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(
                folder.join(path).exists(),
                "{document} links to {target}, which is not there"
            );
        }
    }
}

#[test]
fn paths_in_backticks_exist() {
    for document in DOCUMENTS {
        let text = read(document);
        for code in between(&text, "`", "`") {
            let looks_like_a_path = code.contains('/')
                && code
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
                && [
                    "edge/",
                    "origin/",
                    "geo-data/",
                    "router/",
                    "network/",
                    "lab/",
                    "cdnlab/",
                    "scenarios/",
                    "tests/",
                    "benches/",
                ]
                .iter()
                .any(|top| code.starts_with(top));
            if looks_like_a_path {
                assert!(
                    root().join(code).exists(),
                    "{document} names {code}, which is not there"
                );
            }
        }
    }
}

#[test]
fn readme_opens_with_two_commands() {
    let text = read("README.md");
    let commands: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .take(2)
        .collect();
    assert!(
        commands[0].starts_with("cargo run --release") && commands[1].starts_with("cargo test"),
        "{commands:?}"
    );
}

#[test]
fn commands_in_documents_are_known() {
    let help = Command::new(binary())
        .arg("--help")
        .output()
        .expect("the binary starts");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let known = |door: &str| {
        help.lines()
            .any(|line| line.split_whitespace().next() == Some(door))
    };
    for document in DOCUMENTS {
        let text = read(document);
        for block in between(&text, "```\n", "```")
            .iter()
            .chain(&between(&text, "```sh\n", "```"))
        {
            for line in block
                .lines()
                .filter_map(|line| line.strip_prefix("cdnlab "))
            {
                let door = line.split_whitespace().next().unwrap_or_default();
                assert!(
                    door.starts_with('-') || known(door),
                    "{document} shows `cdnlab {door}`, which --help does not know"
                );
            }
        }
    }
}
