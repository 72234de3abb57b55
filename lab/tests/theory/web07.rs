//! Real page accesses of a web shop: misses to the last one, as independent simulators count them. The trace (cache2k's
//! `web07`, Jens Wilke, CC BY 4.0) stands beside the repository, not in it.

use std::path::PathBuf;

use lab::metrics::{Metric, Selector, Span};
use lab::progress::Silent;
use lab::sim::simulate;

use super::stream;

fn trace() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    // A clone has the data beside it, a worktree one level further up.
    let found = ["..", "../.."]
        .map(|up| root.join(up).join("shared/data/traces/web07.csv"))
        .into_iter()
        .find(|path| path.is_file());
    if found.is_none() {
        println!("SKIPPED: ../shared/data/traces/web07.csv is not there");
    }
    found
}

#[test]
fn misses_through_the_whole_simulator() {
    let Some(trace) = trace() else { return };
    for (objects, lru, fifo, belady) in [
        (100, 50_691, 52_399, 39_146),
        (1_000, 37_750, 39_818, 27_720),
        (10_000, 23_599, 24_913, 20_484),
    ] {
        for (eviction, misses) in [("lru", lru), ("fifo", fifo), ("belady", belady)] {
            let plan = stream::plan(&format!(
                "
schema: 1
name: web07
duration: 1h
routing: {{mode: nearest}}
pops: {{fra: {{at: FRA, memory: 1GiB, max_objects: {objects}, eviction: {eviction}}}}}
clients:
  shop: {{from: [FRA], trace: {{file: '{}', mode: sequential}}}}
",
                trace.display()
            ));
            let measured = simulate(&plan, &mut Silent).unwrap_or_else(|error| panic!("{error}"));
            let selector = Selector {
                span: Span::All,
                ..Selector::default()
            };
            let count = |metric| measured.figure(metric, &selector).value;
            assert_eq!(count(Metric::Requests), Some(76_118.0));
            let fetches = count(Metric::OriginFetches);
            assert_eq!(fetches, Some(f64::from(misses)), "{eviction} at {objects}");
        }
    }
}
