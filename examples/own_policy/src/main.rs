//! An eviction policy of one's own under TTLs, a shield and latency, next to LRU and to the ceiling.
//!
//! The policy is CLOCK: first in, first out, but what was used since its last turn gets another one.

use std::collections::VecDeque;
use std::path::Path;

use lab::metrics::{Metric, Selector, Stat};
use lab::progress::Silent;
use lab::scenario::{Database, PlanOptions, ScenarioFile};
use lab::sim::{Eviction, Key, Policies, Weights, simulate_with};

#[derive(Debug)]
struct Clock {
    queue: VecDeque<Key>,
    used: Vec<bool>,
}

impl Eviction for Clock {
    fn found(&mut self, key: Key) {
        self.used[key as usize] = true;
    }
    fn insert(&mut self, key: Key, _weight: u64) {
        self.used[key as usize] = false;
        self.queue.push_back(key);
    }
    fn remove(&mut self, key: Key, _weight: u64) {
        self.queue.retain(|stored| *stored != key);
    }
    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        loop {
            let key = self.queue.pop_front()?;
            if !std::mem::take(&mut self.used[key as usize]) {
                return Some(key);
            }
            self.queue.push_back(key);
        }
    }
}

const SCENARIO: &str = "
schema: 1
name: own-policy
about: Three eviction policies on the same requests.
duration: 10m
warmup: 2m
content:
  pages: {path: '/p/{id}', objects: 9000, size: 20KiB, headers: {Cache-Control: max-age=300}, think: 20ms}
pops:
  fra: {at: FRA, upstream: shield}
  gru: {at: GRU, upstream: shield}
  shield: {at: IAD, memory: 64MiB, serves_clients: false}
defaults: {memory: 16MiB}
clients: {europe: {from: [FRA, LHR], rate: 300/s}, brazil: {from: [GRU], rate: 100/s}}
variants:
  clock: {defaults: {eviction: {own: clock}}}
  lru: {defaults: {eviction: lru}}
  ceiling: {defaults: {eviction: belady}}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policies = Policies::default().with("clock", |bounds| Clock {
        queue: VecDeque::new(),
        used: vec![false; bounds.keys],
    });
    let file = ScenarioFile::parse("own-policy", SCENARIO.to_owned(), Path::new("."), false)?;
    let (seed, geo) = (None, &Database::embedded());
    for plan in file.plans(&PlanOptions { seed, geo })? {
        let measured = simulate_with(&plan, &policies, &mut Silent)?;
        let figure = |metric| measured.figure(metric, &Selector::default()).value;
        let hits = 100.0 * figure(Metric::RequestHitRatio).unwrap_or_default();
        let p90 = 1e3 * figure(Metric::Total(Stat::P90)).unwrap_or_default();
        println!("{:8} {hits:5.1} % hits, p90 {p90:.0} ms", plan.variant);
    }
    Ok(())
}
