//! The simulator against formulas, exact counts and itself.

use std::path::{Path, PathBuf};

use geo_data::Database;

use super::store::Policies;
use super::world::World;
use super::*;
use crate::expect::{Verdict, evaluate, parse};
use crate::observe::{Phase, Phases};
use crate::plan::Spot;
use crate::progress::Silent;
use crate::scenario::{PlanOptions, ScenarioFile};

fn plan(text: &str) -> Plan {
    let file = ScenarioFile::parse("test.yaml", text.to_owned(), Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let geo = Database::embedded();
    let variant = file.variants().next().unwrap().to_owned();
    file.plan(
        &variant,
        &PlanOptions {
            seed: None,
            geo: &geo,
        },
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

fn play(text: &str) -> (Plan, Measured) {
    let plan = plan(text);
    let measured = simulate(&plan, &mut Silent).unwrap();
    (plan, measured)
}

/// Claims about one run, in the language of scenario files.
#[track_caller]
fn check(measured: &Measured, claims: &[&str]) {
    let claims: Vec<_> = claims.iter().map(|claim| parse(claim).unwrap()).collect();
    let verdicts: Vec<Verdict> = evaluate(&claims, &[("base", measured)]);
    let missed: Vec<_> = verdicts.iter().filter(|verdict| !verdict.met).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

const SITE: &str = "
schema: 1
name: test
about: a test
duration: 60s
warmup: 5s
routing: {mode: nearest}
";

#[test]
fn the_same_plan_gives_the_same_figures() {
    let text = format!(
        "{SITE}
content:
  pages: {{path: '/p/{{id}}', objects: 200, size: 12KiB, headers: {{Cache-Control: 'max-age=3, stale-while-revalidate=3'}}, think: 20ms, changes: {{every: 9s}}}}
pops:
  fra: {{at: FRA, nodes: 2, memory: 512KiB, upstream: shield}}
  shield: {{at: IAD, serves_clients: false}}
clients:
  europe: {{from: [FRA, LHR], rate: 200/s, zipf: 0.9}}
events:
  - {{at: 20s, kill: fra-1}}
  - {{at: 30s, restart: fra-1}}
  - {{at: 40s, link: {{between: [shield, origin], cut: both, how: blackhole, for: 5s}}}}
  - {{at: 50s, publish: pages}}
"
    );
    let once = format!("{:?}", play(&text).1);
    let twice = format!("{:?}", play(&text).1);
    assert_eq!(once, twice);
}

/// The real trace stands beside the project's repository, not in it.
fn web07() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let found = [
        "../shared/data/traces/web07.csv",
        "../../shared/data/traces/web07.csv",
    ]
    .iter()
    .map(|path| root.join(path))
    .find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: ../shared/data/traces/web07.csv is not there");
    }
    found
}

#[test]
fn web07_through_the_whole_simulator_misses_exactly() {
    let Some(trace) = web07() else { return };
    for (eviction, objects, misses) in [
        ("lru", 1_000, 37_750),
        ("lru", 100, 50_691),
        ("fifo", 1_000, 39_818),
        ("fifo", 10_000, 24_913),
    ] {
        let text = format!(
            "
schema: 1
name: web07
about: a real trace, one request after the other
duration: 1h
routing: {{mode: nearest}}
pops: {{fra: {{at: FRA, memory: 1GiB, max_objects: {objects}, eviction: {eviction}}}}}
clients:
  shop: {{from: [FRA], trace: {{file: '{}', mode: sequential}}}}
",
            trace.display()
        );
        let (_, measured) = play(&text);
        check(
            &measured,
            &["requests == 76118", &format!("origin_fetches == {misses}")],
        );
    }
}

#[test]
fn a_warm_hit_takes_one_round_trip_and_a_miss_the_next_one_too() {
    let text = |swr: &str| {
        format!(
            "{SITE}
content: {{pages: {{path: /p, size: 1KiB, headers: {{Cache-Control: '{swr}'}}}}}}
pops: {{fra: {{at: FRA}}}}
clients: {{europe: {{from: [FRA], rate: 20/s, access: none}}}}
network:
  rtt: {{base: 0ms, per_1000km: 0ms}}
  overrides:
    - {{between: [europe, fra], rtt: 80ms}}
    - {{between: [fra, origin], rtt: 120ms}}
"
        )
    };
    let (_, hits) = play(&text("max-age=86400"));
    check(
        &hits,
        &[
            "request_hit_ratio == 1",
            "latency_p50 >= 79.9ms",
            "latency_p50 <= 80.1ms",
        ],
    );
    let (_, passes) = play(&text("no-store"));
    check(
        &passes,
        &["latency_p50 >= 199.8ms", "latency_p50 <= 200.2ms"],
    );
}

#[test]
fn collapsed_forwarding_follows_its_formula() {
    // D = 1 + l (L + T): leaders 1 / D, waiters l L / D, hits l T / D. The age at arrival is the
    // response delay L, or a whole second where a second has passed since the Date: half of the time.
    let text = "
schema: 1
name: collapse
about: one object, asked for at random
duration: 20h
routing: {mode: nearest}
network: {model: none}
content: {page: {path: /p, size: 1KiB, headers: {Cache-Control: max-age=2}, think: 500ms}}
pops: {fra: {at: FRA}}
clients: {europe: {from: [FRA], rate: 2/s}}
";
    let (l, fetch) = (2.0, 0.5);
    let fresh = 2.0 - (0.5 * 1.0 + 0.5 * 0.5);
    let d = 1.0 + l * (fetch + fresh);
    let (_, measured) = play(text);
    check(
        &measured,
        &[
            &format!("request_hit_ratio >= {}", l * fresh / d - 0.01),
            &format!("request_hit_ratio <= {}", l * fresh / d + 0.01),
            &format!("class_share{{class=coalesced}} >= {}", l * fetch / d - 0.01),
            &format!("class_share{{class=coalesced}} <= {}", l * fetch / d + 0.01),
        ],
    );
}

#[test]
fn nothing_is_lost_or_counted_twice_whatever_happens() {
    let text = format!(
        "{SITE}
content:
  pages: {{path: '/p/{{id}}', objects: 50, size: 30KiB, headers: {{Cache-Control: 'max-age=2, stale-if-error=60'}}, think: 30ms}}
  api: {{path: '/api/{{id}}', objects: 20, size: 1KiB, headers: {{Cache-Control: no-store}}, think: 30ms}}
pops:
  fra: {{at: FRA, upstream: shield}}
  lhr: {{at: LHR}}
  shield: {{at: IAD, serves_clients: false}}
defaults: {{cache: {{upstream_timeout: 1s, connect_timeout: 1s}}}}
clients:
  europe: {{from: [FRA, LHR], rate: 100/s, zipf: 0.9, deadline: 3s}}
events:
  - {{at: 10s, kill: fra-1}}
  - {{at: 14s, restart: fra-1}}
  - {{at: 20s, kill: shield-1}}
  - {{at: 25s, restart: shield-1}}
  - {{at: 30s, link: {{between: [europe, lhr], cut: both, how: blackhole, for: 5s}}}}
  - {{at: 36s, link: {{between: [lhr, origin], cut: from, how: blackhole, for: 5s}}}}
  - {{at: 42s, link: {{between: [europe, fra], cut: both, how: reset, for: 3s}}}}
  - {{at: 46s, origin: {{status: 503, for: 3s}}}}
  - {{at: 50s, origin: {{refuse: true, for: 3s}}}}
  - {{at: 54s, purge: {{url: /p/1, at: [fra], mode: hard}}}}
"
    );
    let (plan, measured) = play(&text);
    let planned = plan
        .requests()
        .filter(|request| request.as_ref().unwrap().due >= plan.warmup)
        .count();
    check(
        &measured,
        &[
            &format!("requests == {planned}"),
            "availability >= 0.5",
            "availability < 1",
            "errors > 0",
        ],
    );
}

#[test]
fn parts_that_cannot_touch_each_other_add_up_to_the_whole_on_any_number_of_threads() {
    let text = format!(
        "{SITE}
content:
  pages: {{path: '/p/{{id}}', objects: 200, size: 12KiB, headers: {{Cache-Control: 'max-age=3, stale-while-revalidate=3'}}, think: 20ms, changes: {{every: 9s}}}}
pops:
  fra: {{at: FRA, nodes: 2, memory: 512KiB}}
  lhr: {{at: LHR, memory: 512KiB}}
  gru: {{at: GRU, upstream: shield}}
  nrt: {{at: NRT, upstream: shield}}
  shield: {{at: IAD, serves_clients: false}}
clients:
  europe: {{from: [FRA, LHR], rate: 100/s, zipf: 0.9}}
  far: {{from: [GRU, NRT], rate: 100/s, zipf: 0.9}}
events:
  - {{at: 20s, kill: fra-1}}
  - {{at: 30s, restart: fra-1}}
  - {{at: 40s, link: {{between: [shield, origin], cut: both, how: blackhole, for: 5s}}}}
  - {{at: 45s, purge: {{url: /p/1, mode: soft}}}}
  - {{at: 50s, publish: pages}}
"
    );
    let plan = plan(&text);
    let on = |threads| {
        let threads = NonZeroUsize::new(threads).unwrap();
        simulate_on(&plan, &Policies::default(), threads, &mut Silent).unwrap()
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(format!("{one:?}"), format!("{:?}", on(threads)));
    }
    // In one world with all nodes, requests and events take each other's turns; the figures stay.
    let mut world = World::new(&plan, &Policies::default(), |_| true).unwrap();
    world.prepare();
    let requests: Vec<_> = plan.requests().collect::<Result<_, _>>().unwrap();
    world.play(&requests, 0, &mut Silent);
    world.end(&mut Silent);
    let (fold, end) = world.folded();
    let whole = fold.finish(end);
    let all = crate::metrics::Selector::default();
    for info in crate::metrics::METRICS {
        let (whole, parts) = (
            whole.figure(info.metric, &all),
            one.figure(info.metric, &all),
        );
        assert_eq!(format!("{whole:?}"), format!("{parts:?}"), "{}", info.name);
    }
}

/// Or the property that both ways come to the same would say nothing.
#[test]
fn most_misses_are_plain_at_every_tier() {
    let plan = plan(&format!(
        "{SITE}
content:
  pages: {{path: '/p/{{id}}', objects: 100000, size: 10KiB, headers: {{Cache-Control: 'max-age=60'}}, think: 20ms}}
pops:
  fra: {{at: FRA, upstream: shield}}
  shield: {{at: IAD, serves_clients: false}}
clients:
  europe: {{from: [LHR, FRA], rate: 100/s, zipf: 0.5}}
"
    ));
    let mut world = World::new(&plan, &Policies::default(), |_| true).unwrap();
    world.prepare();
    let requests: Vec<_> = plan.requests().collect::<Result<_, _>>().unwrap();
    world.play(&requests, 0, &mut Silent);
    world.end(&mut Silent);
    let (plain, others) = (world.fills.ever(), world.jobs.ever());
    assert!(plain > requests.len(), "{plain} of two tiers");
    assert!(
        others * 10 < plain,
        "{others} took the full path, {plain} not"
    );
    assert!(world.fills.is_empty() && world.fills.is_answered());
}

#[test]
fn the_parts_of_a_miss_are_told_to_the_nanosecond() {
    let plan = plan(&format!(
        "{SITE}
origin: {{at: SFO, concurrency: 1}}
content:
  pages: {{path: '/p/{{id}}', objects: 100000, size: 100B, headers: {{Cache-Control: 'max-age=60'}}, think: 200ms}}
pops:
  fra: {{at: FRA, upstream: shield}}
  shield: {{at: IAD, serves_clients: false}}
clients:
  europe: {{from: [LHR], rate: 4/s, zipf: 0, deadline: 30s}}
"
    ));
    let mut world = World::new(&plan, &Policies::default(), |_| true).unwrap();
    world.watched = true;
    world.prepare();
    let requests: Vec<_> = plan.requests().collect::<Result<_, _>>().unwrap();
    world.play(&requests, 0, &mut Silent);
    world.end(&mut Silent);
    let mut seen = std::mem::take(&mut world.seen);
    seen.sort_unstable_by_key(|one| one.step);

    // The first one meets no connection and no queue.
    let [client, edge, shield] = [
        (Spot::Client(0), Spot::Node(0)),
        (Spot::Node(0), Spot::Node(1)),
        (Spot::Node(1), Spot::Origin),
    ]
    .map(|(from, to)| plan.link(from, to));
    let mut expected = Phases::default();
    let first = seen[0].waits.phases;
    for (phase, time) in [
        (Phase::ClientConnect, network::model::handshake(&client)),
        (Phase::ShieldConnect, network::model::handshake(&edge)),
        (Phase::OriginConnect, network::model::handshake(&shield)),
        (Phase::Origin, 200_000_000),
    ] {
        assert!(time > 0, "{phase:?}");
        expected.add(phase, time);
    }
    for (phase, link) in [
        (Phase::ClientToEdge, client),
        (Phase::EdgeToShield, edge),
        (Phase::CacheToOrigin, shield),
    ] {
        // A round trip (half of it twice, in whole nanoseconds), and what it takes to put two heads on the wire.
        let time = first.of(phase);
        assert!(
            (link.rtt - 1..link.rtt + 1_000_000).contains(&time),
            "{phase:?} {time}"
        );
        expected.add(phase, time);
    }
    assert_eq!(first, expected);

    // Later ones find connections, and a queue at the origin that is the plan's wish.
    let queued = seen
        .iter()
        .map(|one| one.waits.phases.of(Phase::OriginQueue));
    assert!(queued.max() > Some(0));
    let (fold, end) = world.folded();
    let measured = fold.finish(end);
    let spent = &measured.evidence.origin;
    assert!(
        spent.requests > 100 && spent.whole == spent.requests,
        "{spent:?}"
    );
    assert_eq!(spent.phases.total(), spent.first_byte, "{spent:?}");
    assert_eq!(spent.phases.of(Phase::Rest), 0);
}
