//! One target under libFuzzer, chosen by the variable `FUZZ_TARGET`.

#![no_main]

use std::sync::OnceLock;

#[path = "../../edge/core/tests/fuzz/targets.rs"]
mod targets;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fn chosen() -> fn(&[u8]) {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
    let Some((_, target)) = found else {
        let known: Vec<_> = targets::TARGETS.iter().map(|(known, _)| *known).collect();
        eprintln!("FUZZ_TARGET={name:?}: one of {}", known.join(", "));
        std::process::exit(2);
    };
    *target
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    TARGET.get_or_init(chosen)(bytes);
});
