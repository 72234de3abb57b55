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

/// Objects that are each as likely as the next, and all fit: a node that knows and has them all. Requests are so far apart
/// that few are under way at once: what those take goes with the rate, not with objects.
fn plan(objects: u64, seconds: u64) -> Plan {
    let text = format!(
        "
schema: 1
name: memory
duration: {seconds}s
routing: {{mode: nearest}}
content:
  pages: {{path: '/p/{{id}}', objects: {objects}, size: 1KiB, headers: {{Cache-Control: max-age=90000}}}}
pops: {{fra: {{at: FRA, memory: 1GiB, eviction: s3fifo}}}}
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

/// Simulates for so long: objects that are known in the end, and the largest number of bytes that were allocated at once since
/// the process began, less those before the simulation.
fn play(objects: u64, seconds: u64) -> (u64, u64) {
    let plan = plan(objects, seconds);
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

/// The larger run comes after the smaller one: the allocator knows the peak of the process, not of a run.
#[test]
fn memory_grows_with_known_objects_and_not_with_requests() {
    let (fewer, small) = play(50_000, 250);
    let (known, large) = play(100_000, 500);
    assert!(known > 99_900, "{known} of 100,000 objects were asked for");
    let per_object = large.saturating_sub(small) as f64 / (known - fewer) as f64;
    println!("{per_object:.1} bytes per known object");
    assert!(
        (20.0..100.0).contains(&per_object),
        "{per_object} bytes per known object"
    );
    let (_, longer) = play(100_000, 1000);
    // A byte for each of a million further requests would be 1 MB. Buckets of the time series are as many as time makes them.
    let more = longer.saturating_sub(large);
    assert!(
        more < 512 << 10,
        "{more} bytes more for a million requests more"
    );
}
