//! The memory tier: foyer's cache, and the ledger of what is in it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use edge_core::CacheKey;
use foyer::{
    Cache, CacheBuilder, EventListener, EvictionConfig, FifoConfig, LfuConfig, LruConfig,
    S3FifoConfig, SieveConfig,
};
use rustc_hash::FxBuildHasher;

use super::Entry;
use super::bound::{Ledger, Shares, weight};
use crate::config::{Config, Eviction};

/// The memory tier. Cloning shares it.
#[derive(Clone)]
pub(super) struct Memory {
    cache: Cache<CacheKey, Arc<Entry>, FxBuildHasher>,
    ledger: Arc<Ledger>,
}

impl Memory {
    pub(super) fn new(config: &Config) -> Self {
        let shares = Shares::of(config);
        let capacity = usize::try_from(shares.capacity()).unwrap_or(usize::MAX);
        let eviction: EvictionConfig = match config.eviction {
            Eviction::Fifo => FifoConfig::default().into(),
            // With foyer's default pool for favourites it is not the LRU of the literature.
            Eviction::Lru => LruConfig {
                high_priority_pool_ratio: 0.0,
            }
            .into(),
            Eviction::Lfu => LfuConfig::default().into(),
            Eviction::S3Fifo => S3FifoConfig::default().into(),
            Eviction::Sieve => SieveConfig.into(),
        };
        let ledger = Arc::new(Ledger::default());
        let listener: Arc<dyn EventListener<Key = CacheKey, Value = Arc<Entry>>> = ledger.clone();
        let cache = CacheBuilder::new(capacity)
            .with_shards(config.shards)
            .with_eviction_config(eviction)
            .with_hash_builder(FxBuildHasher)
            .with_weighter(move |key: &CacheKey, entry: &Arc<Entry>| {
                shares.weight(weight(key, entry))
            })
            .with_event_listener(listener)
            .build();
        Self { cache, ledger }
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        Some(Arc::clone(self.cache.get(key)?.value()))
    }

    pub(super) fn insert(&self, key: CacheKey, entry: Arc<Entry>) {
        let bytes = weight(&key, &entry) as u64;
        self.ledger.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.cache.insert(key, entry);
    }

    pub(super) fn contains(&self, key: &CacheKey) -> bool {
        self.cache.contains(key)
    }

    /// As if there had been no more room for it.
    #[cfg(test)]
    pub(super) fn evict(&self, key: &CacheKey) {
        drop(self.cache.remove(key));
    }

    /// Bytes that the entries take.
    pub(super) fn bytes(&self) -> u64 {
        self.ledger.bytes.load(Ordering::Relaxed)
    }

    /// Entries that had to leave to make room, so far.
    pub(super) fn evictions(&self) -> u64 {
        self.ledger.evictions.load(Ordering::Relaxed)
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> u64 {
        self.cache.entries() as u64
    }
}
