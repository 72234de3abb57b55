//! What one cache node holds: entries by key, its store, its flights, its counters. It knows nothing of requests under way.

use std::collections::BTreeMap;

use edge_core::{Digest, Stored, Timestamp};
use rustc_hash::FxHashMap;

use super::super::facts::{Facts, Rules};
use super::super::slab::Id;
use super::super::store::{Filter, Policies, Store, UnknownPolicy};
use crate::observe::NodeStats;
use crate::plan::{Admission, NodePlan};

/// What a node knows of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Stored: the instant that its age counts from. Marked: until when.
    pub(super) born: i64,
    /// The `Date` field, seconds.
    pub(super) date: u32,
    pub(super) version: u32,
    pub(super) what: What,
    /// Some variant of this object has been stored; kept at the first variant's key.
    pub(super) seen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Nothing,
    /// Stored, with its class's digest.
    Stored,
    /// Stored, with a digest of its own.
    Special,
    /// A hit-for-miss mark.
    Mark,
}

impl Entry {
    /// Takes over what a response says.
    pub(super) fn fill(&mut self, born: Timestamp, facts: &Facts) {
        self.born = born.0;
        self.date = u32::try_from(facts.date).unwrap_or(0);
    }
}

pub(super) const NOTHING: Entry = Entry {
    born: 0,
    date: 0,
    version: 0,
    what: What::Nothing,
    seen: false,
};

/// One cache node.
#[derive(Debug)]
pub(in super::super) struct Node {
    pub(in super::super) up: bool,
    pub(in super::super) upstream: u32,
    pub(in super::super) rules: Rules,
    pub(in super::super) stats: NodeStats,
    pub(super) store: Store,
    pub(super) filter: Option<Filter>,
    pub(super) entries: Vec<Entry>,
    /// By key: the fetches under way that others may share.
    pub(super) flights: FxHashMap<u32, Id>,
    pub(super) special: BTreeMap<u32, Digest>,
    pub(super) background: u64,
}

impl Node {
    pub(in super::super) fn new(
        plan: &NodePlan,
        rules: Rules,
        upstream: u32,
        keys: usize,
        seed: u64,
        policies: &Policies,
    ) -> Result<Self, UnknownPolicy> {
        Ok(Self {
            up: true,
            upstream,
            rules,
            stats: NodeStats::default(),
            store: policies.store(
                &plan.eviction,
                plan.max_objects.unwrap_or(plan.memory),
                keys,
            )?,
            filter: (plan.admission != Admission::ALL)
                .then(|| Filter::new(plan.admission, keys, seed, &plan.name)),
            entries: vec![NOTHING; keys],
            flights: FxHashMap::default(),
            special: BTreeMap::new(),
            background: 0,
        })
    }

    /// Whether it is of this world's part of the CDN.
    pub(in super::super) fn is_here(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Tells the store when a key is asked for again.
    pub(in super::super) fn foretell(&mut self, key: u32, next: u32) {
        self.store.foretell(key, next);
    }

    /// Reads what is known of a key, so that it is near in memory when a request comes for it.
    pub(in super::super) fn look_at(&self, key: u32) -> u8 {
        let entry = self.entries.get(key as usize);
        entry.map_or(0, |entry| entry.what as u8)
    }

    /// Whether a fetched response is to be stored, as far as its filter goes.
    pub(super) fn admits(&mut self, key: u32, bytes: u64) -> bool {
        match &mut self.filter {
            Some(filter) => self.store.holds(key) || filter.admits(key, bytes),
            None => true,
        }
    }

    /// All that a process forgets when it ends.
    pub(in super::super) fn forget(&mut self) {
        self.store.clear();
        if let Some(filter) = &mut self.filter {
            filter.clear();
        }
        self.entries.fill(NOTHING);
        self.flights.clear();
        self.special.clear();
        self.stats = NodeStats::default();
        self.background = 0;
    }

    /// The counters as an admin listener would tell them.
    pub(in super::super) fn counters(&self) -> NodeStats {
        NodeStats {
            evictions: self.store.evictions(),
            stored_objects: self.store.entries(),
            stored_bytes: self.store.used(),
            ..self.stats
        }
    }

    pub(super) fn drop_key(&mut self, key: u32) {
        self.store.remove(key);
        let entry = &mut self.entries[key as usize];
        if entry.what == What::Special {
            self.special.remove(&key);
        }
        entry.what = What::Nothing;
    }

    /// Purges one key: gone, or stale from now on. `soft` carries the digest of the key's class.
    pub(in super::super) fn purge(&mut self, key: u32, soft: Option<(Option<Digest>, Timestamp)>) {
        let Some((planned, now)) = soft else {
            return self.drop_key(key);
        };
        let own = self.special.get(&key).copied();
        let Some(digest) = own.or(planned).filter(|_| self.store.holds(key)) else {
            return;
        };
        let stored = Stored {
            digest,
            born: Timestamp(self.entries[key as usize].born),
        };
        self.special.insert(key, stored.expired_at(now).digest);
        self.entries[key as usize].what = What::Special;
    }
}
