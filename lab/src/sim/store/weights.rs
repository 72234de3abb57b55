//! What each stored key takes and weighs, in four bytes for all but the largest. It knows nothing of order.

use std::collections::BTreeMap;

use super::{Bound, Key};
use crate::near;

/// Sizes from here on stand in a table of their own.
const LARGE: u32 = u32::MAX;

/// The sizes of what is stored, by key, and the weights that follow from them. Nothing stored is all zeros, so that tables of
/// keys that never come take no memory.
#[derive(Debug)]
pub struct Weights {
    bound: Bound,
    /// 1 + the size; 0: not stored; [`LARGE`]: see there.
    small: Vec<u32>,
    large: BTreeMap<Key, u64>,
}

impl Weights {
    /// For the keys `0..keys`, none of them stored.
    pub(super) fn new(bound: Bound, keys: usize) -> Self {
        Self {
            bound,
            small: vec![0; keys],
            large: BTreeMap::new(),
        }
    }

    /// What sizes weigh.
    #[inline]
    pub(super) fn bound(&self) -> Bound {
        self.bound
    }

    /// The weight of a stored key; 0 for others.
    #[must_use]
    #[inline]
    pub fn of(&self, key: Key) -> u64 {
        self.size(key).map_or(0, |size| self.bound.weight(size))
    }

    /// How many keys there can be.
    pub(super) fn keys(&self) -> usize {
        self.small.len()
    }

    /// The size of a key, if it is stored.
    #[inline]
    fn size(&self, key: Key) -> Option<u64> {
        match self.small.get(key as usize) {
            None | Some(0) => None,
            Some(&LARGE) => self.large.get(&key).copied(),
            Some(&small) => Some(u64::from(small) - 1),
        }
    }

    /// Brings the place of a key near in memory.
    #[inline]
    pub(super) fn bring(&self, key: Key) {
        near::bring_place(&self.small, key as usize);
    }

    #[inline]
    pub(super) fn holds(&self, key: Key) -> bool {
        self.small
            .get(key as usize)
            .is_some_and(|small| *small != 0)
    }

    /// Notes the size of a key that is not stored.
    #[inline]
    pub(super) fn put(&mut self, key: Key, size: u64) {
        let small = u32::try_from(size.saturating_add(1)).unwrap_or(LARGE);
        if small == LARGE {
            self.large.insert(key, size);
        }
        self.small[key as usize] = small;
    }

    /// Forgets a key, and says its size if it was stored.
    #[inline]
    pub(super) fn take(&mut self, key: Key) -> Option<u64> {
        let size = self.size(key)?;
        let small = std::mem::take(&mut self.small[key as usize]);
        if small == LARGE {
            self.large.remove(&key);
        }
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_is_kept_until_it_is_taken() {
        let mut weights = Weights::new(Bound::plain(u64::MAX), 2);
        for size in [
            0,
            1,
            u64::from(u32::MAX) - 2,
            u64::from(u32::MAX) - 1,
            u64::MAX,
        ] {
            assert_eq!((weights.holds(1), weights.of(1)), (false, 0));
            weights.put(1, size);
            assert_eq!((weights.holds(1), weights.of(1)), (true, size));
            assert_eq!(weights.take(1), Some(size));
        }
        assert_eq!((weights.take(0), weights.take(9)), (None, None));
    }
}
