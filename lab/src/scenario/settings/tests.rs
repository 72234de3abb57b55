//! Settings: how they are read, where they lead, and what is said of those that lead nowhere.

use std::path::Path;

use super::*;
use crate::scenario::storage::{EvictionName, EvictionSpec};

const FILE: &str = "
schema: 1
name: settings
duration: 20s
warmup: 6s
content:
  pages: {path: '/p/{id}', size: 1KiB, headers: {Cache-Control: max-age=5}}
pops:
  fra: {at: FRA, memory: 8MiB}
  sin: {at: SIN, memory: 8MiB}
clients:
  europe: {from: [FRA], rate: 100/s}
  crowd: {from: [FRA], burst: {at: 2s, count: 200, within: 1s}}
events:
  - {at: 5s, publish: pages}
variants:
  flat: {}
  shielded: {pops: {shield: {at: IAD, memory: 8MiB, serves_clients: false}, fra: {upstream: shield, memory: 1MiB}}}
";

fn file() -> ScenarioFile {
    ScenarioFile::parse("settings.yaml", FILE.to_owned(), Path::new("."), false).unwrap()
}

fn with(settings: &[&str]) -> Result<ScenarioFile, String> {
    let choice = |text: &&str| {
        text.parse::<Setting>()
            .map(|setting| setting.choice(0).unwrap())
    };
    let choices: Result<Vec<_>, _> = settings.iter().map(choice).collect();
    choices
        .and_then(|choices| file().with(&choices))
        .map_err(|error| error.to_string())
}

#[track_caller]
fn refused(settings: &[&str], words: &[&str]) {
    let error = with(settings).map(|_| "accepted").unwrap_err();
    for word in words {
        assert!(error.contains(word), "{word} in: {error}");
    }
}

#[test]
fn values_are_parted_at_commas_outside_of_quotes_and_brackets() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(
            text.parse::<Setting>().unwrap().values(),
            expected,
            "{text}"
        );
    };
    check("memory=16MiB, 64MiB", &["16MiB", "64MiB"]);
    check(
        "clients.europe.from=[FRA, LHR],[IAD]",
        &["[FRA, LHR]", "[IAD]"],
    );
    check(
        "a.b=\"max-age=5, public\",'x,y'",
        &["\"max-age=5, public\"", "'x,y'"],
    );
    for wrong in ["memory", "=1", "a..b=1", "memory=", "memory=1,,2", "a=1,1"] {
        assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
    }
}

#[test]
fn a_star_is_every_key_and_wins_over_variants() {
    let file = with(&["pops.*.memory=64MiB", "events.*.at=7s"]).unwrap();
    for variant in ["flat", "shielded"] {
        let scenario = file.variant(variant).unwrap();
        assert!(
            scenario
                .pops
                .iter()
                .all(|(_, pop)| pop.memory.unwrap().0 == 64 << 20)
        );
        assert_eq!(scenario.events[0].at.0, 7_000_000_000);
    }
    assert_eq!(file.variant("shielded").unwrap().pops.iter().count(), 3);
}

#[test]
fn short_forms_mean_defaults_and_missing_keys_are_made() {
    let file = with(&["eviction=lru", "collapse=false", "routing.mode=nearest"]).unwrap();
    let scenario = file.variant("flat").unwrap();
    assert_eq!(
        scenario.defaults.eviction,
        Some(EvictionSpec::Named(EvictionName::Lru))
    );
    assert_eq!(scenario.defaults.cache.collapse, Some(false));
}

#[test]
fn a_name_of_one_variant_is_enough() {
    let file = with(&["pops.shield.memory=1GiB"]).unwrap();
    assert_eq!(
        file.variant("shielded")
            .unwrap()
            .pops
            .find("shield")
            .unwrap()
            .memory
            .unwrap()
            .0,
        1 << 30
    );
    assert!(file.variant("flat").unwrap().pops.find("shield").is_none());
}

#[test]
fn what_leads_nowhere_is_named_with_the_nearest() {
    refused(
        &["pops.*.memroy=1MiB"],
        &["pops.*.memroy=1MiB", "`memroy`", "did you mean `memory`?"],
    );
    refused(
        &["evicton=lru"],
        &["unknown key `evicton`", "did you mean `eviction`?"],
    );
    refused(
        &["pops.far.memory=1MiB"],
        &["`pops` has no `far`", "did you mean `fra`?"],
    );
    refused(
        &["pops.fra.memory=16Mib"],
        &["pops.fra.memory=16Mib", "`Mib`", "MiB"],
    );
    refused(&["eviction=mru"], &["eviction=mru", "`mru`"]);
    refused(&["windows.*.from=1s"], &["`*` matches nothing"]);
    refused(&["events.3.at=1s"], &["a list of 1", "`3`"]);
    refused(&["duration.x=1s"], &["`duration` is a value"]);
    refused(&["seed=1"], &["--seeds"]);
    refused(
        &["variants.flat.duration=1s"],
        &["`variants` belongs to the file"],
    );
    refused(
        &["memory=1MiB"],
        &["every PoP has its own `memory`", "pops.*.memory"],
    );
    refused(&["pops.fra.memory={"], &["not YAML"]);
}

#[test]
fn the_setting_at_fault_is_named_alone_or_with_those_it_does_not_go_with() {
    refused(
        &["eviction=lru", "duration=5s"],
        &["with `duration=5s`:", "warm-up"],
    );
    assert!(with(&["warmup=1s", "duration=6s"]).is_ok());
}

#[test]
fn scaling_multiplies_rates_and_bursts() {
    let scenario = file().scaled(0.25).unwrap();
    let scenario = scenario.variant("flat").unwrap();
    assert_eq!(
        scenario.clients.find("europe").unwrap().rate,
        Some(Rate(25.0))
    );
    assert_eq!(
        scenario
            .clients
            .find("crowd")
            .unwrap()
            .burst
            .as_ref()
            .unwrap()
            .count,
        50
    );
}

#[test]
fn scaling_traces_alone_is_refused() {
    let text = "
schema: 1
name: recorded
duration: 10m
content:
  shop: {path: '/shop/{id}', size: 1KiB}
pops: {fra: {at: FRA}}
clients: {all: {from: [FRA], trace: {file: web.csv, mode: sequential}}}
";
    let file = ScenarioFile::parse("t.yaml", text.to_owned(), Path::new("."), false).unwrap();
    let said = file.scaled(2.0).unwrap_err().to_string();
    for word in ["--scale 2", "changes nothing", "traces"] {
        assert!(said.contains(word), "{word} in: {said}");
    }
}

#[test]
fn traffic_that_no_machine_could_play_is_refused_with_its_population() {
    let geo = geo_data::Database::embedded();
    let refusal = |factor: f64| {
        let options = crate::scenario::PlanOptions {
            seed: None,
            geo: &geo,
        };
        let plan = file().scaled(factor).unwrap().plan("flat", &options);
        plan.err().map(|error| error.to_string())
    };
    assert_eq!(refusal(10.0), None);
    for factor in [1e6, 1e300] {
        let said = refusal(factor).unwrap_or_default();
        for word in [
            "clients.europe",
            "clients.crowd",
            "within a second",
            "--scale",
        ] {
            assert!(said.contains(word), "{word} in: {said}");
        }
    }
    assert!(refusal(1e12).is_some_and(|said| said.contains("in this run")));
}

#[test]
fn a_setting_that_a_later_one_undoes_is_refused() {
    let check =
        |settings: &[&str; 2]| refused(settings, &[settings[0], "changes nothing", settings[1]]);
    check(&["memory=1MiB", "memory=2MiB"]);
    check(&["memory=1MiB", "defaults.memory=2MiB"]);
    check(&["pops.fra.memory=1MiB", "pops.*.memory=2MiB"]);
    check(&[
        "clients.europe.rate=1/s",
        "clients.europe={from: [FRA], rate: 2/s}",
    ]);
    // Neither the file nor the first of these gives PoPs a value of their own.
    refused(
        &["max_objects=10", "pops.*.max_objects=20"],
        &["max_objects=10", "changes nothing", "every PoP has its own"],
    );
    // Both are in force.
    for settings in [
        ["pops.*.memory=2MiB", "pops.fra.memory=1MiB"],
        ["pops.*.cache={status_key: true}", "cache.collapse=false"],
        ["cache.collapse=false", "pops.*.cache={status_key: true}"],
        ["cache.collapse=false", "pops.*.cache.collapse=true"],
        ["max_objects=10", "pops.fra.max_objects=20"],
        ["clients.*.rate=1/s", "pops.*.memory=2MiB"],
    ] {
        with(&settings).unwrap();
    }
}
