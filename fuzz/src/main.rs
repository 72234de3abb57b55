//! One target under libFuzzer, chosen by the variable `FUZZ_TARGET`.

#![no_main]

use std::sync::OnceLock;

#[path = "../../edge/core/tests/fuzz/targets.rs"]
mod core;
#[path = "../../geo-data/tests/fuzz/targets.rs"]
mod geo;
#[path = "../../lab/tests/fuzz/targets.rs"]
mod scenarios;

type Target = (&'static str, fn(&[u8]));

const NODE: [Target; 1] = [("disk-record", edge::fuzzing::disk_record)];

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn targets() -> impl Iterator<Item = Target> {
    let read = core::TARGETS.into_iter().chain(geo::TARGETS);
    read.chain(scenarios::TARGETS).chain(NODE)
}

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = targets().find(|(known, _)| *known == name);
    let Some((_, target)) = found else {
        let known: Vec<_> = targets().map(|(known, _)| known).collect();
        eprintln!("FUZZ_TARGET={name:?}: one of {}", known.join(", "));
        std::process::exit(2);
    };
    target
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    TARGET.get_or_init(chosen)(bytes);
});
