//! The stores of simulated nodes: exact eviction over dense keys, with a capacity in bytes or objects.
//!
//! The rules are foyer's, flat: look-ups and insertions allocate nothing (but for S3-FIFO's ghosts,
//! whose queue grows to its bound). A store knows keys and weights; it knows nothing of freshness,
//! heads or time.

mod lfu;
mod list;
mod queues;
mod s3fifo;

use self::lfu::Lfu;
use self::queues::{Fifo, Lru, Sieve};
use self::s3fifo::S3Fifo;
use crate::plan;

/// A dense key: index into every flat table of a node.
pub type Key = u32;

/// The order in which a full store gives up its objects.
///
/// A policy is told of every key that enters, is found, or is taken out, and chooses what goes.
/// Keys are below the number that it was made for.
pub trait Eviction {
    /// A stored key was looked up.
    fn found(&mut self, key: Key);
    /// A key that was not stored enters.
    fn insert(&mut self, key: Key, weight: u64);
    /// A stored key goes for another reason than eviction: replaced or removed.
    fn remove(&mut self, key: Key, weight: u64);
    /// Chooses the next key to go and forgets it; `None` when nothing is stored.
    fn evict(&mut self, weight_of: impl Fn(Key) -> u64) -> Option<Key>;
}

#[derive(Debug)]
enum Queues {
    Fifo(Fifo),
    Lru(Lru),
    Lfu(Box<Lfu>),
    S3Fifo(Box<S3Fifo>),
    Sieve(Sieve),
}

/// Calls a method of whichever policy is in use, without a virtual call.
macro_rules! each {
    ($queues:expr, $policy:ident => $call:expr) => {
        match $queues {
            Queues::Fifo($policy) => $call,
            Queues::Lru($policy) => $call,
            Queues::Lfu($policy) => $call,
            Queues::S3Fifo($policy) => $call,
            Queues::Sieve($policy) => $call,
        }
    };
}

/// The weight of a key that is not stored.
const ABSENT: u64 = u64::MAX;

/// A store of bounded weight.
#[derive(Debug)]
pub struct Store {
    queues: Queues,
    order: plan::Eviction,
    weights: Vec<u64>,
    capacity: u64,
    used: u64,
    entries: u64,
    evictions: u64,
}

impl Store {
    /// A store for the keys `0..keys` that holds a total weight of `capacity`: bytes, or objects
    /// where each weighs 1.
    pub fn new(order: plan::Eviction, capacity: u64, keys: usize) -> Self {
        let queues = match order {
            plan::Eviction::Fifo => Queues::Fifo(Fifo::new(keys)),
            plan::Eviction::Lru => Queues::Lru(Lru::new(keys)),
            plan::Eviction::Lfu => Queues::Lfu(Box::new(Lfu::new(keys, capacity))),
            plan::Eviction::S3Fifo => Queues::S3Fifo(Box::new(S3Fifo::new(keys, capacity))),
            plan::Eviction::Sieve => Queues::Sieve(Sieve::new(keys)),
        };
        Self {
            queues,
            order,
            weights: vec![ABSENT; keys],
            capacity,
            used: 0,
            entries: 0,
            evictions: 0,
        }
    }

    /// Whether the key is stored; counts as an access.
    pub fn find(&mut self, key: Key) -> bool {
        let stored = self.weights[key as usize] != ABSENT;
        if stored {
            each!(&mut self.queues, policy => policy.found(key));
        }
        stored
    }

    /// Whether the key is stored, without counting as an access.
    pub fn holds(&self, key: Key) -> bool {
        self.weights[key as usize] != ABSENT
    }

    /// Stores a key, or replaces it under its new weight; others leave as needed, and `gone` hears
    /// of each. A weight above the capacity is not admitted: then an old entry leaves too, and the
    /// answer is false.
    pub fn insert(&mut self, key: Key, weight: u64, mut gone: impl FnMut(Key)) -> bool {
        if weight > self.capacity {
            self.remove(key);
            return false;
        }
        // As foyer does: room is made first, and the old entry counts until it is replaced.
        while self.used > self.capacity - weight {
            let weights = &self.weights;
            let felt = |key: Key| weights[key as usize];
            let chosen = each!(&mut self.queues, policy => policy.evict(felt));
            let Some(chosen) = chosen else { break };
            self.used -= self.weights[chosen as usize];
            self.weights[chosen as usize] = ABSENT;
            self.entries -= 1;
            self.evictions += 1;
            gone(chosen);
        }
        self.remove(key);
        self.weights[key as usize] = weight;
        self.used += weight;
        self.entries += 1;
        each!(&mut self.queues, policy => policy.insert(key, weight));
        true
    }

    /// Takes a key out; false where it was not stored.
    pub fn remove(&mut self, key: Key) -> bool {
        let weight = self.weights[key as usize];
        if weight == ABSENT {
            return false;
        }
        each!(&mut self.queues, policy => policy.remove(key, weight));
        self.weights[key as usize] = ABSENT;
        self.used -= weight;
        self.entries -= 1;
        true
    }

    /// Empties the store, as a restart without a disk does. History goes too.
    pub fn clear(&mut self) {
        *self = Self::new(self.order, self.capacity, self.weights.len());
    }

    /// The weight stored now.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The number of keys stored now.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How many keys have been evicted.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
