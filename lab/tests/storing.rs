//! What a scenario can say about storing: admission filters, weights, and what only the simulator can do.

use std::collections::BTreeMap;
use std::path::Path;

use lab::metrics::{Measured, Metric, Selector, Span};
use lab::plan::Plan;
use lab::progress::Silent;
use lab::scenario::{Database, PlanOptions, ScenarioFile};
use lab::sim::simulate;

/// One cache without a bound, unless `node` says otherwise.
fn plan(node: &str) -> Plan {
    let text = format!(
        "
schema: 1
name: storing
duration: 1h
routing: {{mode: nearest}}
network: {{model: none}}
content:
  small: {{path: '/s/{{id}}', objects: 900, size: 1000B, headers: {{Cache-Control: max-age=9000}}}}
  large: {{path: '/l/{{id}}', objects: 100, size: 9000B, headers: {{Cache-Control: max-age=9000}}}}
pops: {{fra: {{at: FRA, memory: 1GiB}}}}
defaults: {{{node}}}
clients: {{europe: {{from: [FRA], rate: 2/s}}}}
"
    )
    .replace(
        "memory: 1GiB",
        if node.contains("memory") {
            "nodes: 1"
        } else {
            "memory: 1GiB"
        },
    );
    let file = ScenarioFile::parse("storing", text, Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let geo = Database::embedded();
    let options = PlanOptions {
        seed: None,
        geo: &geo,
    };
    file.plan("base", &options)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn play(plan: &Plan) -> Measured {
    simulate(plan, &mut Silent).unwrap_or_else(|error| panic!("{error}"))
}

fn fetches(measured: &Measured) -> u64 {
    let selector = Selector {
        span: Span::All,
        ..Selector::default()
    };
    let fetches = measured.figure(Metric::OriginFetches, &selector).value;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let fetches = fetches.unwrap() as u64;
    fetches
}

/// How often each object is asked for, by class.
fn counts(plan: &Plan) -> BTreeMap<(u16, u32), u64> {
    let mut counts = BTreeMap::new();
    for request in plan.requests() {
        let object = request.unwrap().object;
        *counts.entry((object.class, object.object)).or_default() += 1;
    }
    counts
}

#[test]
fn what_is_admitted_on_the_second_fetch_is_fetched_twice() {
    let plan = plan("admission: {second_hit: unlimited}");
    let wanted: u64 = counts(&plan).values().map(|count| 2.min(*count)).sum();
    assert_eq!(fetches(&play(&plan)), wanted);
}

#[test]
fn a_history_of_one_key_admits_only_what_comes_twice_in_a_row() {
    let plan = plan("admission: {second_hit: 1}");
    let (mut stored, mut last, mut wanted) = (BTreeMap::new(), None, 0);
    for request in plan.requests() {
        let object = request.unwrap().object;
        let key = (object.class, object.object);
        if stored.contains_key(&key) {
            continue;
        }
        wanted += 1;
        if last == Some(key) {
            stored.insert(key, ());
        }
        last = Some(key);
    }
    assert!(stored.len() > 10);
    assert_eq!(fetches(&play(&plan)), wanted);
}

#[test]
fn what_is_too_large_for_admission_is_fetched_each_time() {
    let plan = plan("admission: {max_size: 8999B}");
    let counts = counts(&plan);
    let small = counts.keys().filter(|(class, _)| *class == 0).count() as u64;
    let large: u64 = counts
        .iter()
        .filter(|((class, _), _)| *class == 1)
        .map(|(_, count)| count)
        .sum();
    assert_eq!(fetches(&play(&plan)), small + large);
}

#[test]
fn a_share_is_drawn_from_the_seed() {
    let plan = plan("admission: {probability: 0.25}");
    let (once, twice) = (fetches(&play(&plan)), fetches(&play(&plan)));
    assert_eq!(once, twice);
    // An object asked for n times is fetched as often as a coin of 1/4 needs: (1 - 0.75^n) / 0.25.
    let wanted: f64 = counts(&plan)
        .values()
        .map(|count| (1.0 - 0.75_f64.powi(i32::try_from(*count).unwrap())) / 0.25)
        .sum();
    assert!(
        (once as f64 / wanted - 1.0).abs() < 0.05,
        "{once}, wanted {wanted}"
    );
}

#[test]
fn bodies_alone_fill_the_memory_to_the_last_byte() {
    let missed = |plan: &Plan, capacity: u64| {
        // Least recently used first; as plain as can be.
        let (mut stored, mut used, mut missed) = (Vec::new(), 0, 0);
        for request in plan.requests() {
            let object = request.unwrap().object;
            let size = plan.origin.catalogue.size(object);
            if let Some(place) = stored.iter().position(|known| *known == object) {
                stored.remove(place);
                stored.push(object);
                continue;
            }
            missed += 1;
            if size > capacity {
                continue;
            }
            while used + size > capacity {
                used -= plan.origin.catalogue.size(stored.remove(0));
            }
            used += size;
            stored.push(object);
        }
        missed
    };
    for memory in [8_999, 9_000, 100_000, 500_500] {
        let plan = plan(&format!("memory: {memory}B, weigh: bodies, eviction: lru"));
        assert_eq!(fetches(&play(&plan)), missed(&plan, memory), "{memory} B");
    }
    // With heads, and what an edge needs beside them, fewer fit.
    let plan = plan("memory: 100000B, eviction: lru");
    assert!(fetches(&play(&plan)) > missed(&plan, 100_000));
}

#[test]
fn what_no_edge_can_do_is_for_the_simulator() {
    for (node, expected) in [
        ("eviction: belady", Some("looks into the future")),
        ("eviction: {own: clock}", Some("{own: clock}")),
        ("admission: {max_size: 1KiB}", Some("`admission`")),
        ("weigh: bodies", Some("`weigh: bodies`")),
        ("eviction: sieve, weigh: all, max_objects: 3", None),
    ] {
        let found = plan(node).only_simulated();
        match expected {
            None => assert_eq!(found, None),
            Some(expected) => {
                let found = found.unwrap();
                assert!(
                    found.starts_with("fra-1: ") && found.contains(expected),
                    "{found}"
                );
            }
        }
    }
}
