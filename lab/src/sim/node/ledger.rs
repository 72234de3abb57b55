//! The bytes that a node holds, where its store counts in another unit.

use super::super::store::{Key, Weights};

/// What each stored response takes in bytes, and all together.
#[derive(Debug)]
pub(super) struct Ledger {
    sizes: Weights,
    bytes: u64,
}

impl Ledger {
    /// For the keys `0..keys`, nothing stored.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            sizes: Weights::new(keys),
            bytes: 0,
        }
    }

    /// Brings the place of a key near in memory.
    #[inline]
    pub(super) fn bring(&self, key: Key) {
        self.sizes.bring(key);
    }

    /// A response enters; an older one under its key is gone already.
    pub(super) fn put(&mut self, key: Key, bytes: u64) {
        self.sizes.put(key, bytes);
        self.bytes += bytes;
    }

    /// A response leaves, if there is one.
    pub(super) fn take(&mut self, key: Key) {
        self.bytes -= self.sizes.take(key).unwrap_or(0);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.sizes.keys());
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
