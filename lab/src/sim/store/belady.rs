//! Belady's optimum (1966): what is asked for furthest in the future leaves. Newcomers always enter,
//! as in a cache that cannot pass by itself; with sizes it is the usual greedy ceiling, not a proof.
//!
//! It has to be told the future, key by key; its queue holds a few notes per stored key, and those
//! that no longer hold are swept out as they become the majority.

use std::collections::BinaryHeap;

use super::{Eviction, Key, Store, Weights};

/// Keys by their next request.
#[derive(Debug)]
pub(super) struct Belady {
    /// The number of each key's next request.
    next: Vec<u32>,
    stored: Vec<bool>,
    entries: usize,
    /// Notes of (next request, key); the first is the furthest. A note holds while the key is stored
    /// and its next request is still that one.
    furthest: BinaryHeap<(u32, Key)>,
}

impl Belady {
    /// A queue for the keys `0..keys`.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            next: vec![Store::NEVER; keys],
            stored: vec![false; keys],
            entries: 0,
            furthest: BinaryHeap::new(),
        }
    }

    /// The key's next request, from now on.
    pub(super) fn foretell(&mut self, key: Key, next: u32) {
        self.next[key as usize] = next;
        if self.stored[key as usize] {
            self.note(key);
        }
    }

    fn note(&mut self, key: Key) {
        self.furthest.push((self.next[key as usize], key));
        if self.furthest.len() > 64 + 4 * self.entries {
            let Self {
                next,
                stored,
                furthest,
                ..
            } = self;
            furthest.retain(|&(at, key)| stored[key as usize] && next[key as usize] == at);
        }
    }
}

impl Eviction for Belady {
    fn found(&mut self, _key: Key) {}

    fn insert(&mut self, key: Key, _weight: u64) {
        self.stored[key as usize] = true;
        self.entries += 1;
        self.note(key);
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        self.stored[key as usize] = false;
        self.entries -= 1;
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        while let Some((at, key)) = self.furthest.pop() {
            if self.stored[key as usize] && self.next[key as usize] == at {
                self.remove(key, 0);
                return Some(key);
            }
        }
        None
    }
}
