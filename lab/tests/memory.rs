//! What a simulation takes of memory: so much per object that a PoP knows, and nothing per request. A test binary of its own,
//! with one test: its allocator counts every byte of the process.

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use lab::metrics::{Metric, Selector, Span};
use lab::plan::Plan;
use lab::progress::Silent;
use lab::scenario::{Database, PlanOptions, ScenarioFile};
use lab::sim::simulate;

#[global_allocator]
static COUNTED: Cap<System> = Cap::new(System, usize::MAX);

/// 100,000 objects, each as likely as the next, that all fit: a node that knows and has them all. Requests are so far apart
/// that few are under way at once: what those take goes with the rate, not with objects.
fn plan(seconds: u64, eviction: &str) -> Plan {
    let text = format!(
        "
schema: 1
name: memory
duration: {seconds}s
routing: {{mode: nearest}}
content:
  pages: {{path: '/p/{{id}}', objects: 100000, size: 1KiB, headers: {{Cache-Control: max-age=90000}}}}
pops: {{fra: {{at: FRA, memory: 1GiB, eviction: {eviction}}}}}
clients: {{europe: {{from: [FRA, LHR], rate: 2000/s, zipf: 0}}}}
"
    );
    let file = ScenarioFile::parse("memory", text, Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let geo = Database::embedded();
    let options = PlanOptions {
        seed: None,
        geo: &geo,
    };
    file.plan("base", &options)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Simulates for so long: objects that are known in the end, and the largest number of bytes that were allocated since the
/// simulation began (at least: the process may have had more before).
fn play(seconds: u64, eviction: &str) -> (u64, u64) {
    let plan = plan(seconds, eviction);
    let before = COUNTED.allocated();
    let measured = simulate(&plan, &mut Silent).unwrap_or_else(|error| panic!("{error}"));
    let peak = COUNTED.max_allocated() - before;
    let whole = Selector {
        span: Span::All,
        ..Selector::default()
    };
    // Nothing expires and nothing is evicted, so that each known object was fetched once.
    let fetches = measured.figure(Metric::OriginFetches, &whole);
    (fetches.samples, peak as u64)
}

#[test]
fn memory_grows_with_known_objects_and_not_with_requests() {
    for eviction in ["lru", "s3fifo"] {
        let (known, million) = play(500, eviction);
        assert!(known > 99_900, "{known} of 100,000 objects were asked for");
        let per_object = million as f64 / known as f64;
        println!("{eviction}: {per_object:.1} bytes per known object");
        assert!(per_object < 100.0, "{eviction}: {per_object} bytes");
        let (_, two_millions) = play(1000, eviction);
        // A byte for each further request would be 1 MB. Buckets of the time series are as many as time makes them.
        let more = two_millions.saturating_sub(million);
        assert!(more < 512 << 10, "{eviction}: {more} bytes more");
    }
}
