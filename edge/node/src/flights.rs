//! Collapsed forwarding: the requests that are under way upstream, and who waits for them.
//!
//! One table for all data threads of a node. An entry goes when its answer can be seen in the
//! store, or when the answer turns out to be for its leader alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge_core::purge::Sequence;
use edge_core::ranges::ByteRange;
use edge_core::{CacheKey, Landing, SelectingFields, Stored, StoredHead, UpstreamError};
use http::HeaderValue;
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::interim::Hints;
use crate::laggard::Resume;
use crate::store::Response;
use crate::transfer::Transfer;

const SHARDS: usize = 16;

/// What a flight has brought.
#[derive(Clone)]
pub(crate) struct Landed {
    /// What the core needs to know about it.
    pub(crate) landing: Landing,
    /// What a follower's reply is made of, if it may be shared.
    pub(crate) cargo: Cargo,
}

/// What a follower's reply is made of.
#[derive(Clone)]
pub(crate) enum Cargo {
    /// Nothing: the landing says it all.
    None,
    /// The leader's response, on its way.
    Arrived(Arc<Arrived>),
    /// The stored response, validated.
    Validated(Arc<Response>),
}

/// A response whose head is in and whose body is on its way.
pub(crate) struct Arrived {
    pub(crate) facts: Stored,
    pub(crate) head: StoredHead,
    pub(crate) transfer: Arc<Transfer>,
    /// The whole body's length, where upstream has said it.
    pub(crate) length: Option<u64>,
    /// Where in the whole body the transfer begins.
    pub(crate) offset: u64,
    /// Which part of it comes, if it is not the whole.
    pub(crate) part: Option<ByteRange>,
    /// It is a slice: who waits for the response finds its sheet in the store.
    pub(crate) slice: bool,
    /// How laggards go on, where they can.
    pub(crate) resume: Option<Resume>,
    /// Which requests it can answer: those that name this variant by these fields.
    pub(crate) varies: Option<(SelectingFields, CacheKey)>,
    /// The trailers that upstream has announced, as in `Trailer`.
    pub(crate) trailer: Option<HeaderValue>,
}

/// One request under way on behalf of all who ask the same.
pub(crate) struct Flight {
    /// The purge sequence from before its request was sent.
    stamp: Sequence,
    landed: watch::Sender<Option<Landed>>,
    hints: Arc<Hints>,
}

impl Flight {
    /// What comes before its response.
    pub(crate) fn hints(&self) -> &Arc<Hints> {
        &self.hints
    }

    /// What it brings: `None` as long as the head is not in.
    pub(crate) fn landed(&self) -> watch::Receiver<Option<Landed>> {
        self.landed.subscribe()
    }
}

/// What a request that wants to join finds.
pub(crate) enum Joined<F> {
    /// No flight: this request leads one now.
    Lead(Leading),
    /// A flight.
    Follow(Arc<Flight>),
    /// The store has changed since the request looked.
    Found(F),
}

type Table = FxHashMap<CacheKey, Arc<Flight>>;

/// The requests under way, by key.
pub(crate) struct Flights {
    shards: [Mutex<Table>; SHARDS],
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Flights {
    fn shard(&self, key: &CacheKey) -> MutexGuard<'_, Table> {
        // No code that holds the lock leaves the table half changed.
        self.shards[(key.hash() >> 32) as usize % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the flight of a key, or leads a new one.
    ///
    /// `current` says whether a flight with this stamp may still be shared, or has been purged.
    /// `look_again` looks into the store while no flight can begin or end: without it, a request
    /// could miss, see the flight end that would have served it, and lead a second one.
    pub(crate) fn join<F>(
        self: &Arc<Self>,
        key: &CacheKey,
        stamp: Sequence,
        current: impl FnOnce(Sequence) -> bool,
        look_again: impl FnOnce() -> Option<F>,
    ) -> Joined<F> {
        let mut table = self.shard(key);
        if let Some(flight) = table.get(key)
            && current(flight.stamp)
        {
            return Joined::Follow(Arc::clone(flight));
        }
        if let Some(found) = look_again() {
            return Joined::Found(found);
        }
        let flight = Arc::new(Flight {
            stamp,
            landed: watch::Sender::new(None),
            hints: Arc::default(),
        });
        table.insert(key.clone(), Arc::clone(&flight));
        Joined::Lead(Leading {
            flights: Arc::clone(self),
            key: key.clone(),
            flight,
        })
    }

    /// Whether a flight of this key is under way.
    pub(crate) fn contains(&self, key: &CacheKey) -> bool {
        self.shard(key).contains_key(key)
    }

    fn remove(&self, key: &CacheKey, flight: &Arc<Flight>) {
        let mut table = self.shard(key);
        // After a purge another flight may have taken the place.
        if table
            .get(key)
            .is_some_and(|there| Arc::ptr_eq(there, flight))
        {
            table.remove(key);
        }
    }
}

/// The lead of a flight. Dropping it takes the flight out of the table, and lands it as failed if
/// it has not landed: whoever waits is not left waiting when a leader dies.
pub(crate) struct Leading {
    flights: Arc<Flights>,
    key: CacheKey,
    flight: Arc<Flight>,
}

impl Leading {
    /// What comes before the response, for all who wait.
    pub(crate) fn hints(&self) -> &Arc<Hints> {
        self.flight.hints()
    }

    /// Tells those who follow, now that no body comes behind. The flight leaves the table first: a
    /// follower of a failure that joins again must not meet the same failure once more.
    pub(crate) fn end(self, landed: Landed) {
        self.flights.remove(&self.key, &self.flight);
        self.land(landed);
    }

    /// Tells those who follow and those still to come that a response is on its way.
    pub(crate) fn land(&self, landed: Landed) {
        self.flight.landed.send_replace(Some(landed));
    }

    /// The answer turned out to be that of a variant: whoever asks for this variant finds it under
    /// the variant's key from now on, and nobody under the old one.
    pub(crate) fn rekey(&mut self, key: CacheKey) {
        self.rekey_once(key, || {});
    }

    /// The same, and others learn meanwhile that it is there: `told` is called when the new key has it and the old one has it
    /// still.
    pub(crate) fn rekey_once(&mut self, key: CacheKey, told: impl FnOnce()) {
        if key == self.key {
            return told();
        }
        // A flight that is there already stays: it is as good.
        self.flights
            .shard(&key)
            .entry(key.clone())
            .or_insert_with(|| Arc::clone(&self.flight));
        told();
        let before = std::mem::replace(&mut self.key, key);
        self.flights.remove(&before, &self.flight);
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.flights.remove(&self.key, &self.flight);
        self.flight.landed.send_if_modified(|landed| {
            let dies = landed.is_none();
            landed.get_or_insert(Landed {
                landing: Landing::Failed(UpstreamError::Abandoned),
                cargo: Cargo::None,
            });
            dies
        });
    }
}
