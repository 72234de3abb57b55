//! foyer's own in-memory cache as a store of the simulator: it finds and evicts the same keys as the flat ones.
//!
//! It is registered through the same door as any policy from outside. Its weigher reads the weight from the value, its hash
//! is the key itself, and it has one shard, as the literature's policies do.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex};

use foyer::{
    Cache, CacheBuilder, Event, EventListener, EvictionConfig, FifoConfig, LfuConfig, LruConfig,
    S3FifoConfig, SieveConfig,
};
use lab::metrics::Measured;
use lab::progress::Silent;
use lab::scenario::{Database, PlanOptions, ScenarioFile};
use lab::sim::{Bounds, Eviction, Key, Policies, Weights, simulate_with};

/// Keys are their own hashes.
#[derive(Debug, Clone, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("keys are u32");
    }
    fn write_u32(&mut self, key: u32) {
        self.0 = key.into();
    }
}

impl BuildHasher for Itself {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

/// Hears what foyer evicts.
#[derive(Debug, Default)]
struct Evicted(Mutex<VecDeque<Key>>);

impl EventListener for Evicted {
    type Key = Key;
    type Value = u64;

    fn on_leave(&self, reason: Event, key: &Key, _weight: &u64) {
        if reason == Event::Evict {
            self.0.lock().unwrap().push_back(*key);
        }
    }
}

/// A foyer cache. It makes room as it is told of a newcomer, and hands over what left when it is asked.
struct Foyer {
    cache: Cache<Key, u64, Itself>,
    evicted: Arc<Evicted>,
    /// The newcomer that foyer has stored already.
    arriving: Option<Key>,
}

impl std::fmt::Debug for Foyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foyer").finish_non_exhaustive()
    }
}

impl Foyer {
    fn new(capacity: u64, config: EvictionConfig) -> Self {
        let evicted = Arc::new(Evicted::default());
        let cache = CacheBuilder::new(usize::try_from(capacity).unwrap())
            .with_shards(1)
            .with_eviction_config(config)
            .with_hash_builder(Itself::default())
            .with_weighter(|_: &Key, weight: &u64| usize::try_from(*weight).unwrap())
            .with_event_listener(
                Arc::clone(&evicted) as Arc<dyn EventListener<Key = Key, Value = u64>>
            )
            .build();
        Self {
            cache,
            evicted,
            arriving: None,
        }
    }
}

impl Eviction for Foyer {
    fn found(&mut self, key: Key) {
        assert!(self.cache.get(&key).is_some(), "foyer does not hold {key}");
    }

    fn admit(&mut self, key: Key, weight: u64) -> bool {
        self.cache.insert(key, weight);
        self.arriving = Some(key);
        true
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        self.evicted.0.lock().unwrap().pop_front()
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        if self.arriving != Some(key) {
            assert!(
                self.cache.remove(&key).is_some(),
                "foyer does not hold {key}"
            );
        }
    }

    fn insert(&mut self, key: Key, _weight: u64) {
        assert_eq!(self.arriving.take(), Some(key));
        let left = self.evicted.0.lock().unwrap();
        assert!(left.is_empty(), "foyer evicted {left:?} beside");
    }
}

fn policies() -> Policies {
    let lru = LruConfig {
        high_priority_pool_ratio: 0.0,
    };
    let configs: [(&str, EvictionConfig); 5] = [
        ("foyer-fifo", FifoConfig::default().into()),
        ("foyer-lru", lru.into()),
        ("foyer-lfu", LfuConfig::default().into()),
        ("foyer-s3fifo", S3FifoConfig::default().into()),
        ("foyer-sieve", SieveConfig.into()),
    ];
    configs
        .into_iter()
        .fold(Policies::default(), |policies, (name, config)| {
            policies.with(name, move |bounds: Bounds| {
                Foyer::new(bounds.capacity, config.clone())
            })
        })
}

const NAMES: [&str; 5] = ["fifo", "lru", "lfu", "s3fifo", "sieve"];

fn play(eviction: &str) -> Measured {
    let text = format!(
        "
schema: 1
name: agreement
about: sizes, lifetimes, two tiers, purges and a restart
duration: 10m
routing: {{mode: nearest}}
content:
  pages: {{path: '/p/{{id}}', objects: 3000, size: {{median: 12KiB, sigma: 1, max: 200KiB}}, headers: {{Cache-Control: max-age=60}}, think: 20ms, etag: false}}
  images: {{path: '/i/{{id}}', objects: 500, size: 50KiB, headers: {{Cache-Control: max-age=9000}}, changes: {{every: 90s}}}}
pops:
  fra: {{at: FRA, memory: 3MiB, upstream: shield}}
  gru: {{at: GRU, max_objects: 150, upstream: shield}}
  shield: {{at: IAD, memory: 9MiB, serves_clients: false}}
defaults: {{eviction: {eviction}}}
clients:
  europe: {{from: [FRA], rate: 200/s, zipf: 0.8}}
  brazil: {{from: [GRU], rate: 100/s, zipf: 1}}
events:
  - {{at: 3m, purge: {{url: /p/1, at: [fra], mode: hard}}}}
  - {{at: 5m, kill: shield-1}}
  - {{at: 310s, restart: shield-1}}
"
    );
    let file = ScenarioFile::parse("agreement", text, Path::new("."), false)
        .unwrap_or_else(|error| panic!("{error}"));
    let geo = Database::embedded();
    let options = PlanOptions {
        seed: None,
        geo: &geo,
    };
    let plan = file
        .plan("base", &options)
        .unwrap_or_else(|error| panic!("{error}"));
    simulate_with(&plan, &policies(), &mut Silent).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_run_through_foyer_is_the_same_to_the_last_figure() {
    for name in NAMES {
        let ours = format!("{:?}", play(name));
        let theirs = format!("{:?}", play(&format!("{{own: foyer-{name}}}")));
        assert!(ours.len() > 1_000);
        assert!(ours == theirs, "{name} differs");
    }
}

#[test]
fn every_look_up_agrees_over_sizes_and_removals() {
    let policies = policies();
    let mut state = 1_u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let steps: Vec<(Key, u64, u64)> = (0..150_000)
        .map(|_| {
            let key = draw(2_000) * draw(2_000) / 2_000;
            (Key::try_from(key).unwrap(), draw(100), 1 + draw(60))
        })
        .collect();
    for (name, capacity) in NAMES.iter().flat_map(|name| [(name, 700), (name, 20_000)]) {
        let own = |name: String| {
            let eviction = lab::plan::Eviction::Own(name.into());
            policies.store(&eviction, capacity, 2_000).unwrap()
        };
        let built_in = lab::plan::Eviction::ALL
            .into_iter()
            .find(|eviction| eviction.name() == *name)
            .unwrap();
        let mut ours = policies.store(&built_in, capacity, 2_000).unwrap();
        let mut theirs = own(format!("foyer-{name}"));
        let mut hits = 0;
        for (step, &(key, what, weight)) in steps.iter().enumerate() {
            if what == 0 {
                assert_eq!(ours.remove(key), theirs.remove(key), "{name}, step {step}");
                continue;
            }
            let found = ours.find(key);
            assert_eq!(found, theirs.find(key), "{name}, step {step}");
            hits += u32::from(found);
            if !found || what == 1 {
                ours.insert(key, weight, |_| {});
                theirs.insert(key, weight, |_| {});
                assert_eq!(ours.used(), theirs.used(), "{name}, step {step}");
            }
        }
        println!("{name} at {capacity}: {hits} hits of {}", steps.len());
        assert!(hits > 2_000, "{name} at {capacity}");
    }
}

#[test]
fn a_policy_that_is_not_registered_is_named() {
    let error = policies()
        .store(&lab::plan::Eviction::Own("foyer-lur".into()), 1, 1)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no eviction policy is registered as `foyer-lur`; these are: foyer-fifo, foyer-lfu, foyer-lru, foyer-s3fifo, foyer-sieve"
    );
}
