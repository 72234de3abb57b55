//! The conformance suite against the real edge process: no `must` fails, and each other failure is known by name.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::machine;
use crate::support::node::binary;

/// Cases that the edge fails, each with the reason. The list may only shrink.
const KNOWN: &[(&str, &str)] = &[(
    "methods/head-for-head",
    "nothing is stored for HEAD: a GET brings more",
)];

#[test]
fn the_edge_keeps_to_the_standards() {
    // Lifetimes of a second or two need a machine that is not busy with something else of ours.
    let _machine = machine::alone();
    let output = Command::new(binary())
        .args(["conformance", "--json"])
        .output()
        .expect("the binary starts");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
    let cases = report["caches"][0]["cases"].as_array().expect("cases");
    let missed: BTreeMap<_, _> = cases
        .iter()
        .filter(|case| case["outcome"] != "passed")
        .map(|case| (case["id"].as_str().expect("an id"), case))
        .collect();
    let known: BTreeMap<_, _> = KNOWN.iter().copied().collect();
    for (id, case) in &missed {
        assert!(known.contains_key(id), "missed, and not known to: {case:#}");
        assert_ne!(case["kind"], "must", "no reason is good enough for {id}");
    }
    for (id, reason) in known {
        assert!(
            missed.contains_key(id),
            "{id} ({reason}) is met by now: take it off the list"
        );
    }
}

#[test]
fn an_answer_that_breaks_a_must_is_told_by_the_exit_code() {
    // The suite of one case that no cache passes, since its origin contradicts it.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let case = "subject: s\nabout: x\nsection: none\ncases:\n- {id: a, title: t, kind: must, steps: [{status: [418]}]}\n";
    std::fs::write(folder.path().join("s.yaml"), case).expect("a writable folder");
    let output = Command::new(binary())
        .args(["conformance", "--suite"])
        .arg(folder.path())
        .output()
        .expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(99), "{text}");
    assert!(
        text.contains("s/a") && text.contains("status 418"),
        "{text}"
    );
}
