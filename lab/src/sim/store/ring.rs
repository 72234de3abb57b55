//! Queues of dense keys from which any key can be taken out. What leaves next lies next to what leaves after it, and a key costs
//! four bytes while it is in a queue, and two bits of a byte that it has anyway: a key that is taken out stays where it
//! stands, and is passed over when its turn comes. It knows nothing of caches.

use std::collections::VecDeque;

/// No key: keys are below it.
pub(super) const NONE: u32 = u32::MAX;

/// Queues below this length keep what is passed over.
const SHORT: usize = 1 << 10;

/// One queue: its front is where policies evict. Its methods are given the same table of marks, one byte per key.
#[derive(Debug)]
pub(super) struct Ring {
    keys: VecDeque<u32>,
    /// The lower one of the two bits of each mark that count how often the key was taken out of this queue and still stands in
    /// it; those times come before the one that counts, if it is in the queue.
    one: u8,
    /// The sum of these counts.
    over: usize,
}

impl Ring {
    /// An empty queue that has two bits of each mark to itself, of which this is the lower one.
    pub(super) fn new(one: u8) -> Self {
        Self {
            keys: VecDeque::new(),
            one,
            over: 0,
        }
    }

    fn count(&self) -> u8 {
        self.one | self.one << 1
    }

    /// Appends a key that is not in this queue.
    #[inline]
    pub(super) fn push_back(&mut self, key: u32) {
        self.keys.push_back(key);
    }

    /// Takes the oldest key out.
    #[inline]
    pub(super) fn pop_front(&mut self, marks: &mut [u8]) -> Option<u32> {
        loop {
            let key = self.keys.pop_front()?;
            let mark = &mut marks[key as usize];
            if *mark & self.count() == 0 {
                return Some(key);
            }
            *mark -= self.one;
            self.over -= 1;
        }
    }

    /// Takes a key out that is in this queue.
    pub(super) fn remove(&mut self, marks: &mut [u8], key: u32) {
        let full = marks[key as usize] & self.count() == self.count();
        if full || (self.keys.len() >= SHORT && self.over >= self.keys.len() / 2) {
            self.clean(marks);
        }
        marks[key as usize] += self.one;
        self.over += 1;
    }

    /// Drops all that would be passed over.
    fn clean(&mut self, marks: &mut [u8]) {
        let (one, count) = (self.one, self.count());
        self.keys.retain(|key| {
            let mark = &mut marks[*key as usize];
            let stays = *mark & count == 0;
            if !stays {
                *mark -= one;
            }
            stays
        });
        self.over = 0;
    }

    /// So many places from the front on.
    #[inline]
    pub(super) fn first(&self, most: usize) -> impl Iterator<Item = u32> + '_ {
        self.keys.iter().copied().take(most)
    }

    /// The key that stands so many places after the front; [`NONE`] if there is none.
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
            keys in prop::sample::select(vec![5u32, 3000]),
            steps in prop::collection::vec((0..4u8, any::<u32>()), 0..6000),
        ) {
            // What the other bits say stays as it is.
            let mut marks = vec![0b1100_0011; keys as usize];
            let mut ring = Ring::new(0b100);
            let mut plain: VecDeque<u32> = VecDeque::new();
            for (what, key) in steps {
                let key = key % keys;
                let at = plain.iter().position(|other| *other == key);
                match (what, at) {
                    (0, _) => prop_assert_eq!(ring.pop_front(&mut marks), plain.pop_front()),
                    (_, None) => {
                        ring.push_back(key);
                        plain.push_back(key);
                    }
                    (_, Some(at)) => {
                        ring.remove(&mut marks, key);
                        plain.remove(at);
                    }
                }
                prop_assert!(ring.keys.len() < SHORT + 1 || ring.over <= ring.keys.len() / 2 + 1);
                prop_assert_eq!(ring.keys.len() - ring.over, plain.len());
            }
            let left: Vec<u32> = std::iter::from_fn(|| ring.pop_front(&mut marks)).collect();
            prop_assert_eq!(left, Vec::from(plain));
            prop_assert!(marks.iter().all(|mark| *mark == 0b1100_0011));
        }
    }
}
