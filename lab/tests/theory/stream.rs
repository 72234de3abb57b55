//! Rows without time: the simulator's stores under the plan's own stream of requests.

use std::path::Path;
use std::sync::OnceLock;

use lab::plan::{Admission, Eviction as Name, History, Plan};
use lab::scenario::{Database, PlanOptions, ScenarioFile};
use lab::sim::{Bounds, Eviction, Filter, Key, Policies, Store, Weights};

use super::{REQUESTS, WARMUP, rows};

/// The rows that are tested here, by their beginnings; longer ones first.
pub(super) const ROWS: [&str; 10] = [
    "LRU + admit-on-2nd under one-hit pollution",
    "LRU with one-hit pollution",
    "LRU+admit-on-2nd",
    "LRU sized byte hit",
    "LRU sized (",
    "FIFO",
    "RANDOM",
    "static-top-C",
    "SIEVE",
    "distinct objects",
];

const OBJECTS: usize = 10_000;

pub(super) fn plan(text: &str) -> Plan {
    let file = ScenarioFile::parse("theory", text.to_owned(), Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let geo = Database::embedded();
    let options = PlanOptions {
        seed: None,
        geo: &geo,
    };
    file.plan("base", &options)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Objects asked for, as class and number.
fn requests(share: u32) -> Vec<(u16, Key)> {
    let plan = plan(&format!(
        "
schema: 1
name: theory
duration: 99d
content:
  zipf: {{path: '/z/{{id}}', objects: {OBJECTS}, size: 1KiB, share: {}}}
  once: {{path: /once, size: 1KiB, share: {share}}}
pops: {{fra: {{at: FRA}}}}
clients: {{europe: {{from: [FRA], rate: 1/s, zipf: 0.8}}}}
",
        10 - share
    ));
    let requests: Vec<(u16, Key)> = plan
        .requests()
        .take(REQUESTS)
        .map(|request| request.unwrap().object)
        .map(|object| (object.class, object.object))
        .collect();
    assert_eq!(requests.len(), REQUESTS);
    requests
}

/// Zipf popularity alone.
fn zipf() -> &'static [Key] {
    static ZIPF: OnceLock<Vec<Key>> = OnceLock::new();
    ZIPF.get_or_init(|| requests(0).into_iter().map(|(_, key)| key).collect())
}

/// The same with three requests of ten for objects that are never asked for again.
fn polluted() -> &'static [Key] {
    static POLLUTED: OnceLock<Vec<Key>> = OnceLock::new();
    POLLUTED.get_or_init(|| {
        let mut next = Key::try_from(OBJECTS).unwrap();
        let key = |(class, key): (u16, Key)| {
            if class == 0 {
                return key;
            }
            next += 1;
            next - 1
        };
        requests(3).into_iter().map(key).collect()
    })
}

/// RANDOM: any stored key goes.
#[derive(Debug)]
struct Random {
    place: Vec<u32>,
    stored: Vec<Key>,
    state: u64,
}

impl Eviction for Random {
    fn found(&mut self, _key: Key) {}

    fn insert(&mut self, key: Key, _weight: u64) {
        self.place[key as usize] = u32::try_from(self.stored.len()).unwrap();
        self.stored.push(key);
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        let place = self.place[key as usize];
        self.stored.swap_remove(place as usize);
        if let Some(moved) = self.stored.get(place as usize) {
            self.place[*moved as usize] = place;
        }
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let draw = u128::from(self.state) * self.stored.len() as u128;
        let key = *self.stored.get(usize::try_from(draw >> 64).unwrap())?;
        self.remove(key, 0);
        Some(key)
    }
}

/// Perfect LFU: the most popular keys, which are the lowest, and no others.
#[derive(Debug)]
struct Top(u64);

impl Eviction for Top {
    fn found(&mut self, _key: Key) {}
    fn insert(&mut self, _key: Key, _weight: u64) {}
    fn remove(&mut self, _key: Key, _weight: u64) {}

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        None
    }

    fn admit(&mut self, key: Key, _weight: u64) -> bool {
        u64::from(key) < self.0
    }
}

fn store(eviction: &Name, capacity: f64, keys: usize) -> Store {
    let random = |bounds: Bounds| Random {
        place: vec![0; bounds.keys],
        stored: Vec::new(),
        state: 1,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Policies::default()
        .with("random", random)
        .with("top", |bounds| Top(bounds.capacity))
        .store(eviction, capacity as u64, keys)
        .unwrap()
}

/// What became of the requests after the warm-up, as shares of them.
struct Shares {
    object_hits: f64,
    byte_hits: f64,
    writes: f64,
}

fn play(
    keys: &[Key],
    mut store: Store,
    mut filter: Option<Filter>,
    size: impl Fn(Key) -> u64,
) -> Shares {
    let (mut hits, mut bytes, mut hit_bytes, mut writes) = (0_u64, 0_u64, 0_u64, 0_u64);
    for (step, &key) in keys.iter().enumerate() {
        let counts = u64::from(step >= WARMUP);
        bytes += counts * size(key);
        if store.find(key) {
            hits += counts;
            hit_bytes += counts * size(key);
        } else if filter
            .as_mut()
            .is_none_or(|filter| filter.admits(key, size(key)))
        {
            writes += counts * u64::from(store.insert(key, size(key), |_| {}));
        }
    }
    let all = (keys.len() - WARMUP) as f64;
    Shares {
        object_hits: hits as f64 / all,
        byte_hits: hit_bytes as f64 / bytes as f64,
        writes: writes as f64 / all,
    }
}

/// Every row of one policy over objects of one size.
fn check(what: &str, eviction: &Name) {
    for row in rows(what).into_iter().filter(|row| row.what == what) {
        let store = store(eviction, row.param("C"), OBJECTS);
        row.check(play(zipf(), store, None, |_| 1).object_hits);
    }
}

#[test]
fn lru() {
    check("LRU", &Name::Lru);
}

#[test]
fn fifo() {
    check("FIFO", &Name::Fifo);
}

#[test]
fn random() {
    check("RANDOM", &Name::Own("random".into()));
}

#[test]
fn perfect_lfu() {
    check(
        "static-top-C (perfect LFU, exact)",
        &Name::Own("top".into()),
    );
}

#[test]
fn sieve() {
    check("SIEVE (sim only)", &Name::Sieve);
}

/// The sizes of the rows `LRU sized`, by rank from 1.
fn size(key: Key) -> u64 {
    1 + (7_919 * (u64::from(key) + 1)) % 100
}

#[test]
fn sized_objects() {
    for row in rows("LRU sized") {
        let shares = play(
            zipf(),
            store(&Name::Lru, row.param("B"), OBJECTS),
            None,
            size,
        );
        row.check(if row.what.contains("byte hit") {
            shares.byte_hits
        } else {
            shares.object_hits
        });
    }
}

/// Remembers every refused key.
fn second(keys: usize) -> Filter {
    let rules = Admission {
        second_hit: Some(History::Unlimited),
        ..Admission::ALL
    };
    Filter::new(rules, keys, 1, "fra-1")
}

#[track_caller]
fn near(measured: f64, wanted: f64) {
    assert!(
        (measured - wanted).abs() <= 0.002,
        "{measured:.6}, wanted {wanted:.6}"
    );
}

#[test]
fn admission_on_the_second_request() {
    for row in rows("LRU+admit-on-2nd") {
        let store = store(&Name::Lru, row.param("C"), OBJECTS);
        let shares = play(zipf(), store, Some(second(OBJECTS)), |_| 1);
        row.check(shares.object_hits);
        near(shares.writes, row.param("writes/req"));
    }
}

#[test]
fn pollution_by_objects_that_never_come_again() {
    let keys = OBJECTS + REQUESTS;
    let filtered = rows("LRU + admit-on-2nd under one-hit pollution")[0];
    let row = rows("LRU with one-hit pollution")[0];
    let shares = play(
        polluted(),
        store(&Name::Lru, row.param("C"), keys),
        None,
        |_| 1,
    );
    row.check(shares.object_hits);
    near(shares.writes, filtered.param("nofilter"));

    let store = store(&Name::Lru, filtered.param("C"), keys);
    let shares = play(polluted(), store, Some(second(keys)), |_| 1);
    filtered.check(shares.object_hits);
    near(shares.writes, filtered.param("filter"));
}

#[test]
fn distinct_objects() {
    for row in rows("distinct objects") {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let block = row.param("R") as usize;
        let blocks = zipf().chunks_exact(block);
        let count = blocks.len() as f64;
        let distinct = |keys: &[Key]| {
            let mut seen = vec![false; OBJECTS];
            let new = |key: &&Key| !std::mem::replace(&mut seen[**key as usize], true);
            keys.iter().filter(new).count() as f64
        };
        let mean = blocks.map(distinct).sum::<f64>() / count;
        for wanted in [row.sim, row.approx.unwrap()] {
            println!("{block} requests: {mean:.1} objects, wanted {wanted:.1}");
            assert!(
                (mean / wanted - 1.0).abs() <= 0.01,
                "{block}: {mean}, wanted {wanted}"
            );
        }
    }
}
