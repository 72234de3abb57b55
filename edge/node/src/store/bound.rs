//! The bound of the store: what an entry weighs, in which unit, and what had to leave.
//!
//! It knows entries; it knows nothing of keys' meaning, purges or freshness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edge_core::CacheKey;
use foyer::{Event, EventListener};

use super::{Entry, What};
use crate::config::Config;

/// What an entry takes beside key, head and body: the records of foyer and ours, reference counts
/// and the allocator's share. From resident memory over 50,000 objects (the test `measuring`).
const OVERHEAD: usize = 368;

/// What is in the store in bytes, whatever unit its bound is counted in, and what had to leave it.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) bytes: AtomicU64,
    pub(super) evictions: AtomicU64,
}

impl EventListener for Ledger {
    type Key = CacheKey;
    type Value = Arc<Entry>;

    fn on_leave(&self, why: Event, key: &CacheKey, entry: &Arc<Entry>) {
        let bytes = weight(key, entry) as u64;
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if why == Event::Evict {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The unit that the store's bound is counted in: bytes, or shares of the memory where the number of
/// objects is bounded too.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    memory: u64,
    most: Option<u64>,
}

impl Shares {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            memory: config.memory,
            most: config.max_objects,
        }
    }

    pub(super) fn capacity(self) -> u64 {
        self.most.unwrap_or(self.memory)
    }

    pub(super) fn weight(self, bytes: usize) -> usize {
        let Some(most) = self.most else { return bytes };
        let shares = (bytes as u128 * u128::from(most)).div_ceil(u128::from(self.memory));
        usize::try_from(shares).unwrap_or(usize::MAX).max(1)
    }
}

/// Bytes that an entry takes.
pub(super) fn weight(key: &CacheKey, entry: &Entry) -> usize {
    let what = match &entry.what {
        What::Response(response) => {
            let pieces = size_of_val(response.body.pieces());
            let body = usize::try_from(response.body.length()).unwrap_or(usize::MAX);
            response
                .head
                .size()
                .saturating_add(pieces)
                .saturating_add(body)
        }
        What::Varies(variants) => variants.weight(),
        What::HitForMiss(_) => 0,
    };
    what.saturating_add(key.as_str().len())
        .saturating_add(OVERHEAD)
}
