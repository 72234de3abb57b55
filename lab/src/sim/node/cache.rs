//! What one cache node holds: entries by key, its store, its flights, its counters. It knows nothing of requests under way.

use std::collections::BTreeMap;

use edge_core::{Digest, Stored, Timestamp};
use rustc_hash::FxHashMap;

use super::super::facts::{Facts, Rules};
use super::super::slab::Id;
use super::super::store::{Filter, Policies, Store, UnknownPolicy};
use crate::near;
use crate::observe::NodeStats;
use crate::plan::{Admission, NodePlan};

/// What a node knows of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Nothing yet: a plain miss fetches it ([`super::fill`]).
    Filling,
}

impl Entry {
    /// The plain miss that fetches it, if one does.
    #[inline]
    pub(super) fn fill(&self) -> Option<Id> {
        (self.what == What::Filling).then_some(Id {
            index: self.version,
            serial: self.date,
        })
    }

    /// A plain miss fetches it from now on.
    #[inline]
    pub(super) fn begin_fill(&mut self, fill: Id) {
        self.what = What::Filling;
        (self.version, self.date) = (fill.index, fill.serial);
    }

    /// Takes over what a response says.
    pub(super) fn take_over(&mut self, born: Timestamp, facts: &Facts) {
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

/// The entries of all keys, packed into 16 bytes each. [`NOTHING`] is all zeros, so that a table of keys that nobody asks for
/// takes neither time nor memory.
#[derive(Debug)]
pub(super) struct Entries(Vec<[u64; 2]>);

impl Entries {
    /// For the keys `0..keys`, with nothing known of any.
    fn new(keys: usize) -> Self {
        Self(vec![[0; 2]; keys])
    }

    #[inline]
    pub(super) fn get(&self, key: u32) -> Entry {
        let [instant, head] = self.0[key as usize];
        Entry {
            born: instant as i64 >> 4,
            date: (head >> 32) as u32,
            version: head as u32,
            what: match instant & 7 {
                0 => What::Nothing,
                1 => What::Stored,
                2 => What::Special,
                3 => What::Mark,
                _ => What::Filling,
            },
            seen: instant & 8 != 0,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, key: u32, entry: Entry) {
        let marks = entry.what as u64 | u64::from(entry.seen) << 3;
        self.0[key as usize] = [
            (entry.born << 4) as u64 | marks,
            u64::from(entry.date) << 32 | u64::from(entry.version),
        ];
    }

    /// What is known of a key changes.
    #[inline]
    pub(super) fn change(&mut self, key: u32, change: impl FnOnce(&mut Entry)) {
        let mut entry = self.get(key);
        change(&mut entry);
        self.set(key, entry);
    }

    /// Whatever was stored under a key, or marked, is no more.
    #[inline]
    pub(super) fn empty(&mut self, key: u32) {
        self.0[key as usize][0] &= !7;
    }

    /// Brings what is known of a key near in memory.
    #[inline]
    fn bring(&self, key: u32) {
        near::bring_place(&self.0, key as usize);
    }
}

/// One cache node.
#[derive(Debug)]
pub(in super::super) struct Node {
    pub(in super::super) up: bool,
    pub(in super::super) upstream: u32,
    pub(in super::super) rules: Rules,
    pub(in super::super) stats: NodeStats,
    pub(super) store: Store,
    pub(super) filter: Option<Filter>,
    pub(super) entries: Entries,
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
            stats: NodeStats::default(),
            store: policies.bounded(&plan.eviction, rules.bound, keys)?,
            filter: (plan.admission != Admission::ALL)
                .then(|| Filter::new(plan.admission, keys, seed, &plan.name)),
            entries: Entries::new(keys),
            flights: FxHashMap::default(),
            special: BTreeMap::new(),
            background: 0,
            rules,
        })
    }

    /// Whether it is of this world's part of the CDN.
    pub(in super::super) fn is_here(&self) -> bool {
        !self.entries.0.is_empty()
    }

    /// Tells the store when a key is asked for again.
    pub(in super::super) fn foretell(&mut self, key: u32, next: u32) {
        self.store.foretell(key, next);
    }

    /// Brings what is known of a key near in memory, before a request comes for it.
    #[inline]
    pub(in super::super) fn bring(&self, key: u32) {
        self.entries.bring(key);
        self.store.bring(key);
    }

    /// Brings near what a key needs that will be stored.
    #[inline]
    pub(in super::super) fn bring_place(&self, key: u32) {
        self.entries.bring(key);
        self.store.bring_place(key);
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
        self.entries.0.fill([0; 2]);
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
            stored_bytes: self.store.bytes(),
            ..self.stats
        }
    }

    /// Stores a response of so many bytes, or replaces it; others leave as needed. False where it is not admitted: then
    /// nothing is stored under the key.
    pub(super) fn keep(&mut self, key: u32, bytes: u64) -> bool {
        debug_assert!(self.entries.get(key).what != What::Filling);
        let Self {
            store,
            special,
            entries,
            ..
        } = self;
        let stored = store.insert(key, bytes, |gone| {
            if entries.get(gone).what == What::Special {
                special.remove(&gone);
            }
            entries.empty(gone);
        });
        // The next one to be stored will push them out.
        store
            .next()
            .into_iter()
            .for_each(|key| self.bring_place(key));
        stored
    }

    pub(super) fn drop_key(&mut self, key: u32) {
        debug_assert!(self.entries.get(key).what != What::Filling);
        self.store.remove(key);
        if self.entries.get(key).what == What::Special {
            self.special.remove(&key);
        }
        self.entries.empty(key);
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
            born: Timestamp(self.entries.get(key).born),
        };
        self.special.insert(key, stored.expired_at(now).digest);
        self.entries.change(key, |entry| entry.what = What::Special);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_out_as_it_went_in() {
        let mut entries = Entries::new(2);
        assert_eq!(entries.get(1), NOTHING);
        let times = [0, -1, 1, i64::MAX >> 4, i64::MIN >> 4];
        for (born, what) in times.into_iter().zip([
            What::Stored,
            What::Special,
            What::Mark,
            What::Nothing,
            What::Filling,
        ]) {
            let entry = Entry {
                born,
                date: u32::MAX,
                version: 7,
                what,
                seen: born < 0,
            };
            entries.set(1, entry);
            assert_eq!(entries.get(1), entry);
            entries.empty(1);
            let what = What::Nothing;
            assert_eq!(entries.get(1), Entry { what, ..entry });
        }
        assert_eq!(entries.get(0), NOTHING);
    }
}
