//! Queues of dense keys in which each key's place is known: what leaves next lies next to what leaves after it, and any key can be
//! taken out. It knows nothing of caches.
//!
//! Several rings can share one [`Places`] as long as a key is in at most one of them: a key costs four bytes, and four more
//! while it is in a ring.

use std::collections::VecDeque;

use crate::near;

/// A place from which its key was taken out. Keys are below it.
pub(super) const NONE: u32 = u32::MAX;

/// Rings below this length keep their holes.
const SHORT: usize = 1 << 10;

/// Where each key stands in its ring.
#[derive(Debug)]
pub(super) struct Places(Vec<u32>);

impl Places {
    /// Places for the keys `0..keys`.
    pub(super) fn new(keys: usize) -> Self {
        Self(vec![0; keys])
    }

    /// Brings the place of a key near in memory.
    #[inline]
    pub(super) fn bring(&self, key: u32) {
        near::bring_place(&self.0, key as usize);
    }
}

/// One queue: its front is where policies evict.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// With [`NONE`] where one was taken out.
    keys: VecDeque<u32>,
    /// The place of the front; those behind it count on from there, around the end of numbers.
    first: u32,
    holes: usize,
}

impl Ring {
    /// Appends a key that is in no ring.
    #[inline]
    pub(super) fn push_back(&mut self, places: &mut Places, key: u32) {
        places.0[key as usize] = self.first.wrapping_add(self.keys.len() as u32);
        self.keys.push_back(key);
    }

    /// Takes the oldest key out.
    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<u32> {
        loop {
            let key = self.keys.pop_front()?;
            self.first = self.first.wrapping_add(1);
            if key != NONE {
                return Some(key);
            }
            self.holes -= 1;
        }
    }

    /// Takes a key out that is in this ring.
    pub(super) fn remove(&mut self, places: &mut Places, key: u32) {
        let place = places.0[key as usize].wrapping_sub(self.first);
        self.keys[place as usize] = NONE;
        self.holes += 1;
        if self.keys.len() >= SHORT && self.holes > self.keys.len() / 2 {
            self.keys.retain(|key| *key != NONE);
            self.holes = 0;
            for (key, place) in self.keys.iter().zip(0..) {
                places.0[*key as usize] = self.first.wrapping_add(place);
            }
        }
    }

    /// So many keys from the front on, with [`NONE`] where one was taken out.
    #[inline]
    pub(super) fn first(&self, most: usize) -> impl Iterator<Item = u32> + '_ {
        self.keys.iter().copied().take(most)
    }

    /// The key that comes so many places after the front; [`NONE`] if there is none.
    #[inline]
    pub(super) fn ahead(&self, places: usize) -> u32 {
        self.keys.get(places).copied().unwrap_or(NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_queue_from_which_any_can_be_taken(
            first in prop::sample::select(vec![0, u32::MAX - 700]),
            steps in prop::collection::vec((0..4u8, 0..3000u32), 0..6000),
        ) {
            let mut places = Places::new(3000);
            let mut ring = Ring { first, ..Ring::default() };
            let mut plain: VecDeque<u32> = VecDeque::new();
            for (what, key) in steps {
                let at = plain.iter().position(|other| *other == key);
                match (what, at) {
                    (0, _) => prop_assert_eq!(ring.pop_front(), plain.pop_front()),
                    (_, None) => {
                        ring.push_back(&mut places, key);
                        plain.push_back(key);
                    }
                    (_, Some(at)) => {
                        ring.remove(&mut places, key);
                        plain.remove(at);
                    }
                }
                prop_assert!(ring.keys.len() < SHORT || ring.holes <= ring.keys.len() / 2);
            }
            let left: Vec<u32> = std::iter::from_fn(|| ring.pop_front()).collect();
            prop_assert_eq!(left, Vec::from(plain));
        }
    }
}
