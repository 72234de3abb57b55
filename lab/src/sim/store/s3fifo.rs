//! S3-FIFO (Yang et al., SOSP 2023) as foyer has it: a small queue of 10 % of the weight, a main
//! queue, a ghost queue of the whole capacity, and promotion after one further access.

use std::collections::VecDeque;

use super::ring::{NONE, Ring};
use super::{Eviction, Key, Weights};
use crate::near;

const MOST: u8 = 3;
const PROMOTED_AT: u8 = 1;
const IN_MAIN: u8 = 0x80;
const IN_GHOST: u8 = 0x40;
const COUNT: u8 = 0x03;
/// What the two queues count in a mark.
const SMALL: u8 = 0x04;
const MAIN: u8 = 0x10;
const QUEUES: u8 = 0x3c;
/// So far ahead in a queue marks and weights are brought near: an eviction may pass over some.
const AHEAD: usize = 16;

/// The three queues. `marks` holds per key its access count, its queue, and whether it is a ghost.
#[derive(Debug)]
pub(super) struct S3Fifo {
    small: Ring,
    main: Ring,
    marks: Vec<u8>,
    small_weight: u64,
    small_capacity: u64,
    ghosts: VecDeque<(Key, u64)>,
    ghost_weight: u64,
    ghost_capacity: u64,
}

impl S3Fifo {
    /// Queues for the keys `0..keys` and a total weight of `capacity`.
    pub(super) fn new(keys: usize, capacity: u64) -> Self {
        Self {
            small: Ring::new(SMALL),
            main: Ring::new(MAIN),
            marks: vec![0; keys],
            small_weight: 0,
            // Foyer multiplies as f64 and truncates.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            small_capacity: (capacity as f64 * 0.1) as u64,
            ghosts: VecDeque::new(),
            ghost_weight: 0,
            ghost_capacity: capacity,
        }
    }

    /// See [`super::Store::bring`].
    #[inline]
    pub(super) fn bring(&self, key: Key) {
        near::bring_place(&self.marks, key as usize);
    }

    /// The keys that leave next, as far as can be told now.
    #[inline]
    pub(super) fn next(&self) -> [Key; 2] {
        let unused = |key: &Key| match self.marks.get(*key as usize) {
            Some(mark) => *mark & COUNT == 0,
            None => false,
        };
        [&self.small, &self.main].map(|ring| ring.first(AHEAD).find(unused).unwrap_or(NONE))
    }

    fn bury(&mut self, key: Key, weight: u64) {
        if self.ghost_capacity == 0 {
            return;
        }
        while self.ghost_weight + weight > self.ghost_capacity && self.ghost_weight > 0 {
            let Some((gone, weight)) = self.ghosts.pop_front() else {
                break;
            };
            self.ghost_weight -= weight;
            if let Some((next, _)) = self.ghosts.get(AHEAD) {
                self.bring(*next);
            }
            self.marks[gone as usize] &= !IN_GHOST;
        }
        self.ghosts.push_back((key, weight));
        self.marks[key as usize] |= IN_GHOST;
        self.ghost_weight += weight;
    }

    fn evict_small(&mut self, weights: &Weights) -> Option<Key> {
        while let Some(key) = self.small.pop_front(&mut self.marks) {
            self.bring(self.small.ahead(AHEAD));
            weights.bring(self.small.ahead(AHEAD));
            let weight = weights.of(key);
            self.small_weight -= weight;
            let mark = &mut self.marks[key as usize];
            if *mark & COUNT >= PROMOTED_AT {
                *mark |= IN_MAIN;
                self.main.push_back(key);
            } else {
                *mark &= IN_GHOST | QUEUES;
                self.bury(key, weight);
                return Some(key);
            }
        }
        None
    }

    fn evict_main(&mut self, weights: &Weights) -> Option<Key> {
        while let Some(key) = self.main.pop_front(&mut self.marks) {
            self.bring(self.main.ahead(AHEAD));
            weights.bring(self.main.ahead(AHEAD));
            let mark = &mut self.marks[key as usize];
            // Each access buys one more round; the last one counts too.
            if *mark & COUNT > 0 {
                *mark -= 1;
                self.main.push_back(key);
            } else {
                *mark &= IN_GHOST | QUEUES;
                return Some(key);
            }
        }
        None
    }
}

impl Eviction for S3Fifo {
    fn found(&mut self, key: Key) {
        let mark = &mut self.marks[key as usize];
        if *mark & COUNT < MOST {
            *mark += 1;
        }
    }

    fn insert(&mut self, key: Key, weight: u64) {
        let mark = &mut self.marks[key as usize];
        if *mark & IN_GHOST != 0 {
            *mark = *mark & QUEUES | IN_GHOST | IN_MAIN;
            self.main.push_back(key);
        } else {
            *mark &= QUEUES;
            self.small_weight += weight;
            self.small.push_back(key);
        }
    }

    fn remove(&mut self, key: Key, weight: u64) {
        if self.marks[key as usize] & IN_MAIN != 0 {
            self.main.remove(&mut self.marks, key);
        } else {
            self.small_weight -= weight;
            self.small.remove(&mut self.marks, key);
        }
        self.marks[key as usize] &= IN_GHOST | QUEUES;
    }

    fn evict(&mut self, weights: &Weights) -> Option<Key> {
        if self.small_weight > self.small_capacity
            && let Some(key) = self.evict_small(weights)
        {
            return Some(key);
        }
        if let Some(key) = self.evict_main(weights) {
            return Some(key);
        }
        // Nothing in main: the small queue gives its oldest, whatever its count, and leaves no ghost.
        let key = self.small.pop_front(&mut self.marks)?;
        self.small_weight -= weights.of(key);
        self.marks[key as usize] &= IN_GHOST | QUEUES;
        Some(key)
    }
}
