//! The stores of simulated nodes: exact eviction over dense keys, with a capacity in bytes or objects.
//!
//! The rules are foyer's, flat: look-ups and insertions allocate nothing (but for S3-FIFO's ghosts,
//! whose queue grows to its bound). A store knows keys and weights; it knows nothing of freshness,
//! heads or time.

mod admission;
mod belady;
mod bound;
mod lfu;
mod list;
mod policies;
mod queues;
mod ring;
mod s3fifo;
mod weights;

pub use self::admission::Filter;
pub(super) use self::bound::Bound;
use self::policies::Factory;
pub use self::policies::{Bounds, Policies, UnknownPolicy};
pub use self::weights::Weights;

use std::fmt::Debug;

use self::belady::Belady;
use self::lfu::Lfu;
use self::queues::{Fifo, Lru, Sieve};
use self::s3fifo::S3Fifo;
use crate::plan;

/// A dense key: index into every flat table of a node. A variant of an object has one key, the same
/// on all nodes and for the whole run.
pub type Key = u32;

/// The order in which a full store gives up its objects.
///
/// A policy is told of every key that is found, enters or is taken out, and chooses what goes. The
/// store keeps the books: a policy never sees a key that was not announced by [`insert`], and each
/// of its keys leaves once, by [`evict`] or by [`remove`]. Keys lie below [`Bounds::keys`], so that
/// flat tables can be made at the start and nothing need be allocated per request.
///
/// One insertion is: [`admit`], then [`evict`] until there is room, then [`remove`] if the key was
/// stored before and has not been evicted meanwhile, then [`insert`].
///
/// [`admit`]: Eviction::admit
/// [`evict`]: Eviction::evict
/// [`insert`]: Eviction::insert
/// [`remove`]: Eviction::remove
pub trait Eviction: Debug + Send {
    /// A stored key was looked up.
    fn found(&mut self, key: Key);

    /// A key that is not stored enters. Its weight stays until it leaves.
    fn insert(&mut self, key: Key, weight: u64);

    /// A stored key goes for another reason than eviction: replaced or removed.
    fn remove(&mut self, key: Key, weight: u64);

    /// Chooses the next key to go and forgets it. `None`: nothing goes, and the newcomer is not
    /// admitted.
    fn evict(&mut self, weights: &Weights) -> Option<Key>;

    /// Whether a response that could fit is stored at all; by default it is. If not, an older one
    /// under the same key goes.
    fn admit(&mut self, key: Key, weight: u64) -> bool {
        let _ = (key, weight);
        true
    }
}

#[derive(Debug)]
enum Queues {
    Fifo(Fifo),
    Lru(Lru),
    Lfu(Box<Lfu>),
    S3Fifo(Box<S3Fifo>),
    Sieve(Sieve),
    Belady(Box<Belady>),
    Own(Box<dyn Eviction>),
}

/// Calls a method of whichever policy is in use; a virtual call only for a policy from outside.
macro_rules! each {
    ($queues:expr, $policy:ident => $call:expr) => {
        match $queues {
            Queues::Fifo($policy) => $call,
            Queues::Lru($policy) => $call,
            Queues::Lfu($policy) => $call,
            Queues::S3Fifo($policy) => $call,
            Queues::Sieve($policy) => $call,
            Queues::Belady($policy) => $call,
            Queues::Own($policy) => $call,
        }
    };
}

/// A store of bounded weight.
#[derive(Debug)]
pub struct Store {
    queues: Queues,
    maker: Maker,
    weights: Weights,
    capacity: u64,
    used: u64,
    /// The sizes of all that is stored.
    bytes: u64,
    entries: u64,
    evictions: u64,
}

/// What makes a store's policy, at the start and after a restart.
#[derive(Debug, Clone)]
enum Maker {
    BuiltIn(plan::Eviction),
    Own(Factory),
}

impl Maker {
    fn make(&self, bounds: Bounds) -> Queues {
        let Bounds { keys, capacity } = bounds;
        match self {
            Self::BuiltIn(plan::Eviction::Fifo) => Queues::Fifo(Fifo::new(keys)),
            Self::BuiltIn(plan::Eviction::Lru) => Queues::Lru(Lru::new(keys)),
            Self::BuiltIn(plan::Eviction::Lfu) => Queues::Lfu(Box::new(Lfu::new(keys, capacity))),
            Self::BuiltIn(plan::Eviction::Sieve) => Queues::Sieve(Sieve::new(keys)),
            Self::BuiltIn(plan::Eviction::Belady) => Queues::Belady(Box::new(Belady::new(keys))),
            // A policy of one's own comes by its factory; `Policies` sees to it.
            Self::BuiltIn(plan::Eviction::S3Fifo | plan::Eviction::Own(_)) => {
                Queues::S3Fifo(Box::new(S3Fifo::new(keys, capacity)))
            }
            Self::Own(factory) => Queues::Own(factory.make(bounds)),
        }
    }
}

impl Store {
    fn bounded(maker: Maker, bound: Bound, keys: usize) -> Self {
        let capacity = bound.capacity();
        let bounds = Bounds { keys, capacity };
        Self {
            queues: maker.make(bounds),
            maker,
            weights: Weights::new(bound, keys),
            capacity,
            used: 0,
            bytes: 0,
            entries: 0,
            evictions: 0,
        }
    }

    /// Tells the optimum when the key is asked for again: the number of that request, or
    /// [`Store::NEVER`]. Other policies don't know the future.
    pub fn foretell(&mut self, key: Key, next: u32) {
        if let Queues::Belady(belady) = &mut self.queues {
            belady.foretell(key, next);
        }
    }

    /// No further request.
    pub const NEVER: u32 = u32::MAX;

    /// Whether the key is stored; counts as an access.
    pub fn find(&mut self, key: Key) -> bool {
        let stored = self.holds(key);
        if stored {
            each!(&mut self.queues, policy => policy.found(key));
        }
        stored
    }

    /// Counts an access to a key that is stored.
    #[inline]
    pub(super) fn touch(&mut self, key: Key) {
        debug_assert!(self.holds(key));
        each!(&mut self.queues, policy => policy.found(key));
    }

    /// Brings near in memory what the policy notes at an access to a key.
    #[inline]
    pub(super) fn bring(&self, key: Key) {
        if let Queues::S3Fifo(queues) = &self.queues {
            queues.bring(key);
        }
    }

    /// Brings near in memory what it takes to store a key.
    #[inline]
    pub(super) fn bring_place(&self, key: Key) {
        self.weights.bring(key);
        self.bring(key);
    }

    /// The keys that leave next, as far as that is cheap to tell; some may be no keys.
    #[inline]
    pub(super) fn next(&self) -> [Key; 2] {
        match &self.queues {
            Queues::S3Fifo(queues) => queues.next(),
            _ => [ring::NONE; 2],
        }
    }

    /// Whether the key is stored, without counting as an access.
    pub fn holds(&self, key: Key) -> bool {
        self.weights.holds(key)
    }

    /// Stores a key, or replaces it under its new size; others leave as needed, and `gone` hears
    /// of each. A weight above the capacity is not admitted, nor is what the policy declines: then
    /// an old entry leaves too, and the answer is false.
    pub fn insert(&mut self, key: Key, size: u64, mut gone: impl FnMut(Key)) -> bool {
        let weight = self.weights.bound().weight(size);
        if weight > self.capacity || !each!(&mut self.queues, policy => policy.admit(key, weight)) {
            self.remove(key);
            return false;
        }
        // As foyer does: room is made first, and the old entry counts until it is replaced.
        while self.used > self.capacity - weight {
            let chosen = each!(&mut self.queues, policy => policy.evict(&self.weights));
            let Some(chosen) = chosen.filter(|chosen| self.forget(*chosen).is_some()) else {
                self.remove(key);
                return false;
            };
            self.evictions += 1;
            gone(chosen);
        }
        self.remove(key);
        self.weights.put(key, size);
        self.used += weight;
        self.bytes += size;
        self.entries += 1;
        each!(&mut self.queues, policy => policy.insert(key, weight));
        true
    }

    /// Takes a key out; false where it was not stored.
    pub fn remove(&mut self, key: Key) -> bool {
        let Some(weight) = self.forget(key) else {
            return false;
        };
        each!(&mut self.queues, policy => policy.remove(key, weight));
        true
    }

    /// A key leaves the books; its weight, if it was in them.
    #[inline]
    fn forget(&mut self, key: Key) -> Option<u64> {
        let size = self.weights.take(key)?;
        let weight = self.weights.bound().weight(size);
        self.used -= weight;
        self.bytes -= size;
        self.entries -= 1;
        Some(weight)
    }

    /// Empties the store, as a restart without a disk does. History goes too.
    pub fn clear(&mut self) {
        let (bound, keys) = (self.weights.bound(), self.weights.keys());
        *self = Self::bounded(self.maker.clone(), bound, keys);
    }

    /// The weight stored now.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The sizes of all that is stored now.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
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
