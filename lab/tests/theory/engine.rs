//! Rows with time or topology, and LRU alone: through the whole simulator, from scenario file to report figure.

use lab::metrics::{Measured, Metric, Selector, Span};
use lab::progress::Silent;
use lab::sim::simulate;

use super::{REQUESTS, Row, WARMUP, rows, stream};

/// The rows that are tested here, by their beginnings; longer ones first.
pub(super) const ROWS: [&str; 4] = ["TTL no-reset", "LRU+TTL", "2-level", "LRU"];

/// One request a second, so that seconds count mean gaps between requests. Nothing takes time but what a test adds.
fn scenario(seconds: usize, pops: &str, clients: &str, cache_control: &str) -> String {
    format!(
        "
schema: 1
name: theory
duration: {seconds}s
warmup: {WARMUP}s
routing: {{mode: nearest}}
network: {{model: none}}
content: {{zipf: {{path: '/z/{{id}}', objects: 10000, size: 100B, headers: {{Cache-Control: '{cache_control}'}}}}}}
pops: {pops}
clients: {clients}
"
    )
}

/// Longer than any run.
const FOREVER: &str = "max-age=31536000";
const CLIENTS: &str = "{europe: {from: [FRA], rate: 1/s, zipf: 0.8, access: none}}";

fn play(text: &str) -> Measured {
    simulate(&stream::plan(text), &mut Silent).unwrap_or_else(|error| panic!("{error}"))
}

fn figure(measured: &Measured, metric: Metric) -> f64 {
    let figure = measured.figure(metric, &Selector::default());
    figure.value.unwrap_or_else(|| panic!("no {metric:?}"))
}

fn one_cache(capacity: &str, cache_control: &str) -> f64 {
    let pops = format!("{{fra: {{at: FRA, memory: 1GiB, eviction: lru{capacity}}}}}");
    let measured = play(&scenario(REQUESTS, &pops, CLIENTS, cache_control));
    let requests = figure(&measured, Metric::Requests);
    let expected = (REQUESTS - WARMUP) as f64;
    assert!((requests / expected - 1.0).abs() < 0.005, "{requests}");
    figure(&measured, Metric::RequestHitRatio)
}

/// Rows of one kind, one thread each.
fn each(rows: Vec<&'static Row>, measure: impl Fn(&Row) -> f64 + Sync) {
    std::thread::scope(|scope| {
        for row in rows {
            let measure = &measure;
            scope.spawn(move || row.check(measure(row)));
        }
    });
}

/// The smaller ones are stores' work, see there.
#[test]
fn lru() {
    let mut rows = rows("LRU");
    rows.retain(|row| row.what == "LRU" && row.param("C") >= 1_000.0);
    each(rows, |row| {
        one_cache(&format!(", max_objects: {}", row.param("C")), FOREVER)
    });
}

#[test]
fn lifetimes_in_a_cache_without_bound() {
    each(rows("TTL no-reset"), |row| {
        one_cache("", &format!("max-age={}", row.param("ttl")))
    });
}

#[test]
fn lifetimes_in_lru() {
    each(rows("LRU+TTL"), |row| {
        one_cache(
            &format!(", max_objects: {}", row.param("C")),
            // HTTP has whole seconds; the third digit of a lifetime moves no third digit of a ratio.
            &format!("max-age={:.0}", row.param("ttl")),
        )
    });
}

#[test]
fn edges_and_their_shield() {
    std::thread::scope(|scope| {
        for (k, places) in [(1, &["FRA"][..]), (4, &["FRA", "LHR", "ARN", "GRU"])] {
            scope.spawn(move || two_levels(k, places));
        }
    });
}

fn two_levels(k: usize, places: &[&str]) {
    let of_k = |what: &str| {
        let what = format!("2-level {what}");
        let mut rows = rows(&what);
        rows.retain(|row| row.what.ends_with(&format!("K={k}")));
        assert!(!rows.is_empty());
        rows
    };
    let (mut pops, mut clients) = (String::new(), String::new());
    for (i, place) in places.iter().enumerate() {
        pops += &format!("e{i}: {{at: {place}, upstream: shield, max_objects: 100}}, ");
        let rate = 1.0 / k as f64;
        clients += &format!("c{i}: {{from: [{place}], rate: {rate}/s, zipf: 0.8, access: none}}, ");
    }
    let pops = format!("{{{pops} shield: {{at: IAD, serves_clients: false, max_objects: 1000}}}}");
    let mut text = scenario(REQUESTS, &pops, &format!("{{{clients}}}"), FOREVER);
    text += "defaults: {memory: 1GiB, eviction: lru}\n";
    let measured = play(&text);
    for row in of_k("edge hit") {
        row.check(figure(&measured, Metric::EdgeHitRatio));
    }
    for row in of_k("shield hit") {
        row.check(figure(&measured, Metric::ShieldHitRatio));
    }
    for row in of_k("combined offload") {
        row.check(figure(&measured, Metric::OriginOffloadRequests));
    }
}

/// Collapsed forwarding with a fetch time L: leaders 1 / D, waiters l L / D, hits l T / D, where D = 1 + l (L + T) and T
/// is what is left of the lifetime when the response arrives.
#[test]
fn collapsed_forwarding() {
    let rate = 2.0;
    let fetch = 1.0;
    for lifetime in [1.0, 3.0, 10.0] {
        // The response delay is age: a second, of a lifetime one longer.
        let text = format!(
            "
schema: 1
name: collapsing
duration: 40h
routing: {{mode: nearest}}
network: {{model: none}}
content: {{page: {{path: /p, size: 100B, headers: {{Cache-Control: max-age={}}}, think: 1s, etag: false}}}}
pops: {{fra: {{at: FRA}}}}
clients: {{europe: {{from: [FRA], rate: {rate}/s, access: none}}}}
",
            lifetime + fetch
        );
        let measured = play(&text);
        let d = 1.0 + rate * (fetch + lifetime);
        let selector = Selector {
            span: Span::All,
            ..Selector::default()
        };
        let value = |metric| measured.figure(metric, &selector).value.unwrap();
        let requests = value(Metric::Requests);
        for (name, share, wanted) in [
            ("leaders", value(Metric::OriginFetches) / requests, 1.0 / d),
            ("hits", value(Metric::RequestHitRatio), rate * lifetime / d),
            (
                "leaders and waiters",
                value(Metric::CoalescingFactor) * value(Metric::OriginFetches) / requests,
                (1.0 + rate * fetch) / d,
            ),
        ] {
            println!("lifetime {lifetime}: {name} {share:.4}, wanted {wanted:.4}");
            assert!(
                (share - wanted).abs() < 0.004,
                "{name}: {share}, wanted {wanted}"
            );
        }
    }
}

/// Without a lifetime, only what comes during a fetch shares it: 1 / (1 + l L) of the requests reach the origin.
#[test]
fn collapsing_alone() {
    let text = "
schema: 1
name: collapsing
duration: 40h
routing: {mode: nearest}
network: {model: none}
content: {page: {path: /p, size: 100B, headers: {Cache-Control: max-age=1}, think: 1s, etag: false}}
pops: {fra: {at: FRA}}
clients: {europe: {from: [FRA], rate: 2/s, access: none}}
";
    let measured = play(text);
    let share = figure(&measured, Metric::OriginFetches) / figure(&measured, Metric::Requests);
    let wanted = 1.0 / (1.0 + 2.0 * 1.0);
    assert!((share - wanted).abs() < 0.004, "{share}, wanted {wanted}");
}
