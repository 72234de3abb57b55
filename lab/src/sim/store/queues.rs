//! The eviction orders of one queue: FIFO, LRU and SIEVE.

use super::list::{Links, List, NONE};
use super::{Eviction, Key, Weights};

/// First in, first out.
#[derive(Debug)]
pub(super) struct Fifo {
    links: Links,
    queue: List,
}

impl Fifo {
    /// A queue for the keys `0..keys`.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            links: Links::new(keys),
            queue: List::new(),
        }
    }
}

impl Eviction for Fifo {
    fn found(&mut self, _key: Key) {}

    fn insert(&mut self, key: Key, _weight: u64) {
        self.queue.push_back(&mut self.links, key);
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        self.queue.remove(&mut self.links, key);
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        self.queue.pop_front(&mut self.links)
    }
}

/// Least recently used, exact: as foyer's with a high-priority pool of 0 and one shard.
#[derive(Debug)]
pub(super) struct Lru {
    links: Links,
    queue: List,
}

impl Lru {
    /// A queue for the keys `0..keys`.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            links: Links::new(keys),
            queue: List::new(),
        }
    }
}

impl Eviction for Lru {
    fn found(&mut self, key: Key) {
        self.queue.remove(&mut self.links, key);
        self.queue.push_back(&mut self.links, key);
    }

    fn insert(&mut self, key: Key, _weight: u64) {
        self.queue.push_back(&mut self.links, key);
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        self.queue.remove(&mut self.links, key);
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        self.queue.pop_front(&mut self.links)
    }
}

/// SIEVE (Zhang et al., NSDI 2024), with foyer's hand: it stands on the next candidate, and falls
/// back to the oldest key when that one is removed.
#[derive(Debug)]
pub(super) struct Sieve {
    links: Links,
    queue: List,
    visited: Vec<bool>,
    hand: u32,
}

impl Sieve {
    /// A queue for the keys `0..keys`.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            links: Links::new(keys),
            queue: List::new(),
            visited: vec![false; keys],
            hand: NONE,
        }
    }
}

impl Eviction for Sieve {
    fn found(&mut self, key: Key) {
        self.visited[key as usize] = true;
    }

    fn insert(&mut self, key: Key, _weight: u64) {
        self.visited[key as usize] = false;
        self.queue.push_back(&mut self.links, key);
    }

    fn remove(&mut self, key: Key, _weight: u64) {
        if self.hand == key {
            self.hand = NONE;
        }
        self.queue.remove(&mut self.links, key);
    }

    fn evict(&mut self, _weights: &Weights) -> Option<Key> {
        let mut candidate = if self.hand == NONE {
            self.queue.front()
        } else {
            self.hand
        };
        while candidate != NONE && self.visited[candidate as usize] {
            self.visited[candidate as usize] = false;
            let next = self.links.after(candidate);
            candidate = if next == NONE {
                self.queue.front()
            } else {
                next
            };
        }
        if candidate == NONE {
            return None;
        }
        self.hand = self.links.after(candidate);
        self.queue.remove(&mut self.links, candidate);
        Some(candidate)
    }
}
