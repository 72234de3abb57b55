//! The conformance suite against the decisions alone: no socket, no clock, no byte on its way. What is about connections
//! or bytes on their way is left to the suite's run against the edge process (`tests/conformance.rs`).

mod broken;
mod cache;
mod store;

use std::sync::Arc;

use broken::{Broken, FLAWS};
use cache::Cache;
use conformance::{Case, Kind, Outcome, Suite, rehearse, transcript};
use edge_core::Policy;

/// Cases that are not for this cache of a test, by the beginning of their ids.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "stale/while-revalidate-once",
        "here a refresh ends before the next request",
    ),
    (
        "vary/language-best-stored",
        "which variants a language fits is the store's to remember",
    ),
    ("ranges/part", "the store of parts is the node's"),
    ("methods/connect-refused", "refused by the node"),
    (
        "methods/head-for-head",
        "nothing is stored for HEAD: a GET brings more",
    ),
];

fn cases() -> impl Iterator<Item = (Arc<Case>, Policy)> {
    let suite = Suite::shipped().expect("a sound suite");
    let left_out = |case: &Case| LEFT_OUT.iter().any(|(id, _)| case.id.starts_with(id));
    suite
        .cases
        .into_iter()
        .filter(move |case| case.can_be_rehearsed() && !left_out(case))
        .map(|case| {
            let policy = match &case.policy {
                serde_json::Value::Null => Policy::default(),
                patch => serde_json::from_value(patch.clone()).expect("a policy"),
            };
            (Arc::new(case), policy)
        })
}

#[test]
fn the_decisions_keep_to_the_standards() {
    let mut played = 0;
    let mut failures = Vec::new();
    for (case, policy) in cases() {
        let mut cache = Cache::new(policy);
        let result = rehearse(&case, |request, now, ask| cache.answer(request, now, ask));
        played += 1;
        if result.outcome != Outcome::Passed {
            failures.push(transcript(&result));
        }
    }
    let count = failures.len();
    assert!(count == 0, "{count} of {played}:\n{}", failures.join("\n"));
    assert!(
        played > 700,
        "most cases need no socket, but {played} were played"
    );
}

#[test]
fn each_must_fails_where_something_is_wrong() {
    let mut unshaken = Vec::new();
    for (case, policy) in cases().filter(|(case, _)| case.kind == Kind::Must) {
        let fails = FLAWS.iter().any(|flaw| {
            let mut cache = Broken::new(*flaw, policy.clone());
            let result = rehearse(&case, |request, now, ask| cache.answer(request, now, ask));
            matches!(result.outcome, Outcome::Failed { .. })
        });
        if !fails {
            unshaken.push(case.id.clone());
        }
    }
    assert!(unshaken.is_empty(), "no flaw shakes {unshaken:#?}");
}
