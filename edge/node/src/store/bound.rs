//! The bound of the store: what an entry weighs, in which unit, and what had to leave.
//!
//! It knows entries; it knows nothing of keys' meaning, purges or freshness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edge_core::CacheKey;
use foyer::{Event, EventListener};

use super::{Entry, What};
use crate::config::Config;
use crate::trailers;

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

/// Parts of the fair share of one object (`memory / max_objects`), so that what takes a bit more than
/// its share does not count twice.
const PARTS: u64 = 1024;

/// The unit that the store's bound is counted in: bytes, or parts of an object's share of the memory
/// where the number of objects is bounded too. One unit for both, as foyer has one weight per entry,
/// and its policies set the proportions of their queues by weights alone.
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
        match self.most {
            None => self.memory,
            Some(most) => most.saturating_mul(PARTS),
        }
    }

    /// The weight of an entry of so many bytes: these, or, where objects are bounded, the larger of what
    /// it takes of the memory and of the number.
    pub(super) fn weight(self, bytes: usize) -> usize {
        let Some(most) = self.most else { return bytes };
        let parts = (bytes as u128)
            .saturating_mul(u128::from(most.saturating_mul(PARTS)))
            .div_ceil(u128::from(self.memory.max(1)));
        let parts = usize::try_from(parts).unwrap_or(usize::MAX);
        parts.max(usize::try_from(PARTS).unwrap_or(usize::MAX))
    }
}

/// Bytes that an entry takes.
pub(super) fn weight(key: &CacheKey, entry: &Entry) -> usize {
    let what = match &entry.what {
        What::Response(response) => {
            let pieces = size_of_val(response.body.pieces());
            let body = usize::try_from(response.body.length()).unwrap_or(usize::MAX);
            let trailers = response.trailers.as_deref().map_or(0, trailers::size);
            response
                .head
                .size()
                .saturating_add(pieces)
                .saturating_add(body)
                .saturating_add(trailers)
        }
        What::Varies(variants) => variants.weight(),
        What::HitForMiss(_) => 0,
    };
    what.saturating_add(key.as_str().len())
        .saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_takes_the_larger_of_its_parts_of_memory_and_number() {
        let bound = |memory, most| Shares { memory, most };
        assert_eq!(bound(1_000, None).weight(334), 334);
        let three = bound(1_000, Some(3));
        assert_eq!((three.weight(9), three.capacity()), (1_024, 3 * 1_024));
        // Three of 333 bytes fit into the memory, three of 334 do not.
        assert_eq!(three.weight(333), 1_024);
        assert!(3 * three.weight(334) as u64 > three.capacity());
        // 1.1 shares are that, not two.
        let ten = bound(10_000, Some(10));
        assert!(9 * ten.weight(1_100) as u64 <= ten.capacity());
    }
}
