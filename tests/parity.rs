//! The two drivers against each other: shipped scenarios at reduced scale, live and simulated, figure by figure.
//!
//! `.ci/run` plays all of them at full scale. Each test has the machine for itself: what is compared is time.

use std::process::{Command, Stdio};

use crate::support::machine::alone;
use crate::support::node::binary;
use crate::support::scenario::printed;

/// Live runs that come to nothing since the machine was busy; a further one is a failure.
const ATTEMPTS: usize = 5;

/// Plays a scenario with both drivers; whether hit ratio, fetches, stale and outdated shares agree.
#[track_caller]
fn agree(scenario: &str, more: &[&str]) {
    let _alone = alone();
    let mut said = String::new();
    for _ in 0..ATTEMPTS {
        let output = Command::new(binary())
            .args(["compare", "--drivers", scenario, "--quiet", "--json"])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        said = printed(&output);
        // A late driver has proved nothing, for or against.
        if output.status.code() == Some(3) {
            continue;
        }
        assert!(matches!(output.status.code(), Some(0 | 99)), "{said}");
        let parity: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for variant in parity["variants"].as_array().expect("variants") {
            for row in variant["rows"].as_array().expect("rows") {
                assert!(row["agrees"] == true, "{} {row}", variant["name"]);
            }
        }
        return;
    }
    panic!("the machine was too busy {ATTEMPTS} times: {said}");
}

#[test]
fn quickstart() {
    agree(
        "quickstart",
        &[
            "--variant",
            "cdn",
            "--scale",
            "0.5",
            "--set",
            "duration=10s",
            "--set",
            "warmup=2s",
        ],
    );
}

#[test]
fn flash_crowd() {
    agree(
        "flash-crowd",
        &[
            "--scale",
            "0.15",
            "--set",
            "duration=6s",
            "--set",
            "clients.*.burst.within=2s",
        ],
    );
}

#[test]
fn micro_cache() {
    agree(
        "micro-cache",
        &[
            "--variant",
            "l120",
            "--scale",
            "0.5",
            "--set",
            "duration=10s",
            "--set",
            "warmup=2s",
        ],
    );
}

#[test]
fn shield() {
    agree(
        "shield-vs-none",
        &[
            "--variant",
            "shield",
            "--scale",
            "0.3",
            "--set",
            "duration=14s",
            "--set",
            "warmup=2s",
        ],
    );
}

#[test]
fn brownout() {
    agree(
        "brownout",
        &[
            "--variant",
            "ap",
            "--scale",
            "0.4",
            "--set",
            "duration=12s",
            "--set",
            "warmup=2s",
            "--set",
            "events.0.at=5s",
            "--set",
            "events.0.origin.for=4s",
            "--set",
            "windows.before={from: 2s, to: 5s}",
            "--set",
            "windows.fault={from: 5s, to: 9s}",
            "--set",
            "windows.deep={from: 8s, to: 9s}",
        ],
    );
}
