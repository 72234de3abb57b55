//! What each stored key weighs, in four bytes for all but the heaviest. It knows nothing of order.

use std::collections::BTreeMap;

use super::Key;
use crate::near;

/// Weights from here on stand in a table of their own.
const HEAVY: u32 = u32::MAX;

/// The weights of what is stored, by key. Nothing stored is all zeros, so that tables of keys that never come take no memory.
#[derive(Debug)]
pub struct Weights {
    /// 1 + the weight; 0: not stored; [`HEAVY`]: see there.
    light: Vec<u32>,
    heavy: BTreeMap<Key, u64>,
}

impl Weights {
    /// For the keys `0..keys`, none of them stored.
    pub(in crate::sim) fn new(keys: usize) -> Self {
        Self {
            light: vec![0; keys],
            heavy: BTreeMap::new(),
        }
    }

    /// The weight of a stored key; 0 for others.
    #[must_use]
    #[inline]
    pub fn of(&self, key: Key) -> u64 {
        self.get(key).unwrap_or(0)
    }

    /// How many keys there can be.
    pub(in crate::sim) fn keys(&self) -> usize {
        self.light.len()
    }

    /// The weight of a key, if it is stored.
    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<u64> {
        match self.light.get(key as usize) {
            None | Some(0) => None,
            Some(&HEAVY) => self.heavy.get(&key).copied(),
            Some(&light) => Some(u64::from(light) - 1),
        }
    }

    /// Brings the place of a key near in memory.
    #[inline]
    pub(in crate::sim) fn bring(&self, key: Key) {
        near::bring_place(&self.light, key as usize);
    }

    #[inline]
    pub(super) fn holds(&self, key: Key) -> bool {
        self.light
            .get(key as usize)
            .is_some_and(|light| *light != 0)
    }

    /// Notes the weight of a key that is not stored.
    #[inline]
    pub(in crate::sim) fn put(&mut self, key: Key, weight: u64) {
        let light = u32::try_from(weight.saturating_add(1)).unwrap_or(HEAVY);
        if light == HEAVY {
            self.heavy.insert(key, weight);
        }
        self.light[key as usize] = light;
    }

    /// Forgets the weight of a key, and says it if it was stored.
    #[inline]
    pub(in crate::sim) fn take(&mut self, key: Key) -> Option<u64> {
        let weight = self.get(key)?;
        let light = std::mem::take(&mut self.light[key as usize]);
        if light == HEAVY {
            self.heavy.remove(&key);
        }
        Some(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_weight_is_kept_until_it_is_taken() {
        let mut weights = Weights::new(2);
        for weight in [
            0,
            1,
            u64::from(u32::MAX) - 2,
            u64::from(u32::MAX) - 1,
            u64::MAX,
        ] {
            assert_eq!(
                (weights.get(1), weights.holds(1), weights.of(1)),
                (None, false, 0)
            );
            weights.put(1, weight);
            assert_eq!((weights.get(1), weights.holds(1)), (Some(weight), true));
            assert_eq!(weights.take(1), Some(weight));
        }
        assert_eq!((weights.take(0), weights.get(9)), (None, None));
    }
}
