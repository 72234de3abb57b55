//! Purges as epochs: a purge is a point in an order, and what was asked for before it is gone.
//! Knows nothing about the store, and never walks it.
//!
//! A stored response carries the [`Sequence`] taken before its upstream request was sent, so that a
//! fill under way when the purge comes does not survive it. A hit compares that stamp with
//! [`Purges::sequence`]; only if they differ is [`Purges::check`] asked, and the entry restamped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A point in the order of purges. Rises with each purge.
pub type Sequence = u64;

/// How a purge works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What is stored may not be used at all.
    Hard,
    /// What is stored is stale: it may be validated, or stand in where stale responses may.
    Soft,
}

/// What has become of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No purge concerns it: restamp it with this sequence.
    Current(Sequence),
    /// It is gone.
    Purged,
    /// It is stale since this instant, see [`crate::Stored::expired_at`]. Do not restamp it.
    Stale(Timestamp),
}

/// The purges of one selection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Epoch {
    hard: Sequence,
    /// Soft purges, rising: what is older than the sequence is stale since the instant. Several are
    /// kept, because it is the first one after a response that ends its lifetime: later ones must
    /// not stretch the windows that count from there.
    soft: Vec<(Sequence, Timestamp)>,
}

/// Soft purges of one selection that are told apart.
const MOST_SOFT: usize = 8;

impl Epoch {
    /// Adds a purge, the newest of all.
    fn mark(&mut self, at: Sequence, mode: Mode, now: Timestamp) {
        match mode {
            Mode::Hard => {
                self.hard = at;
                // What they made stale is gone.
                self.soft.clear();
            }
            Mode::Soft => self.soft.push((at, now)),
        }
        self.compact();
    }

    fn merge(&mut self, other: &Self) {
        self.hard = self.hard.max(other.hard);
        self.soft.extend(&other.soft);
        self.soft.sort_unstable();
        self.compact();
    }

    /// The newest two become one with the sequence of the later and the instant of the earlier: what
    /// was stored between them is stale from its birth, which errs on the safe side.
    fn compact(&mut self) {
        while self.soft.len() > MOST_SOFT
            && let (Some((last, _)), Some(before)) = (self.soft.pop(), self.soft.last_mut())
        {
            before.0 = last;
        }
    }

    fn newest(&self) -> Sequence {
        let soft = self.soft.last().map_or(0, |(sequence, _)| *sequence);
        self.hard.max(soft)
    }

    /// The first soft purge after a stamp.
    fn soft_after(&self, stamp: Sequence) -> Option<(Sequence, Timestamp)> {
        let first = self.soft.iter().find(|(sequence, _)| stamp < *sequence);
        first.copied()
    }
}

/// How many coarse epochs old ones are folded into: each stands for this share of all hashes.
const COARSE: u64 = 1024;

/// Epochs by hash. Beyond its limit the older half is folded into coarse epochs, which purge too
/// much: safe, and rare.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Table {
    exact: BTreeMap<u64, Epoch>,
    coarse: BTreeMap<u64, Epoch>,
}

impl Table {
    fn mark(&mut self, hash: u64, at: Sequence, mode: Mode, now: Timestamp, limit: usize) {
        self.exact.entry(hash).or_default().mark(at, mode, now);
        if self.exact.len() > limit {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let mut ages: Vec<Sequence> = self.exact.values().map(Epoch::newest).collect();
        ages.sort_unstable();
        let middle = ages.get(ages.len() / 2).copied().unwrap_or_default();
        let coarse = &mut self.coarse;
        self.exact.retain(|hash, epoch| {
            let keep = epoch.newest() > middle;
            if !keep {
                coarse.entry(hash % COARSE).or_default().merge(epoch);
            }
            keep
        });
    }

    fn of(&self, hash: u64) -> impl Iterator<Item = &Epoch> {
        let coarse = self.coarse.get(&(hash % COARSE));
        self.exact.get(&hash).into_iter().chain(coarse)
    }
}

/// All purges of a node. Plain data: a node with a disk tier writes it down before it acknowledges
/// a purge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Purges {
    sequence: Sequence,
    limit: usize,
    all: Epoch,
    keys: Table,
    tags: Table,
    /// The last purge of any tag.
    tagged: Sequence,
    prefixes: Vec<(Box<str>, Epoch)>,
}

/// Prefixes are compared one after the other, so there are few; the oldest become "everything".
const MOST_PREFIXES: usize = 64;

impl Default for Purges {
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl Purges {
    /// No purges yet; keeps at most `limit` epochs of single keys, and as many of tags.
    pub fn new(limit: usize) -> Self {
        Self {
            sequence: 1,
            limit: limit.max(1),
            all: Epoch::default(),
            keys: Table::default(),
            tags: Table::default(),
            tagged: 0,
            prefixes: Vec::new(),
        }
    }

    /// Goes on after a restart: sequences rise beyond `last`, the highest that was ever given out.
    pub fn resume(&mut self, last: Sequence) {
        self.sequence = self.sequence.max(last.saturating_add(1));
    }

    /// The sequence to stamp a response with: taken before its upstream request, or its
    /// validation, is sent.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Purges one resource, all its variants with it: the hash is that of the key without variant.
    pub fn purge_key(&mut self, hash: u64, mode: Mode, now: Timestamp) -> Sequence {
        let at = self.next();
        self.keys.mark(hash, at, mode, now, self.limit);
        at
    }

    /// Purges all that carry a tag (its hash).
    pub fn purge_tag(&mut self, tag: u64, mode: Mode, now: Timestamp) -> Sequence {
        let at = self.next();
        self.tags.mark(tag, at, mode, now, self.limit);
        self.tagged = at;
        at
    }

    /// Purges all whose key begins so.
    pub fn purge_prefix(&mut self, prefix: &str, mode: Mode, now: Timestamp) -> Sequence {
        let at = self.next();
        match self
            .prefixes
            .iter_mut()
            .find(|(known, _)| **known == *prefix)
        {
            Some((_, epoch)) => epoch.mark(at, mode, now),
            None => {
                let mut epoch = Epoch::default();
                epoch.mark(at, mode, now);
                self.prefixes.push((prefix.into(), epoch));
            }
        }
        if self.prefixes.len() > MOST_PREFIXES {
            let (_, oldest) = self.prefixes.remove(0);
            self.all.merge(&oldest);
        }
        at
    }

    /// Purges everything.
    pub fn purge_all(&mut self, mode: Mode, now: Timestamp) -> Sequence {
        let at = self.next();
        self.all.mark(at, mode, now);
        if mode == Mode::Hard {
            // What came before is covered, so that the tables are small again.
            self.keys = Table::default();
            self.tags = Table::default();
            self.prefixes.clear();
        }
        at
    }

    /// What has become of a response with this stamp, primary key (hash and text) and tags.
    pub fn check(&self, stamp: Sequence, hash: u64, key: &str, tags: &[u64]) -> Check {
        if stamp >= self.sequence {
            return Check::Current(self.sequence);
        }
        let tagged = tags.iter().flat_map(|tag| self.tags.of(*tag));
        let prefixed = self
            .prefixes
            .iter()
            .filter_map(|(prefix, epoch)| key.starts_with(&**prefix).then_some(epoch));
        let (mut hard, mut soft) = (0, None::<(Sequence, Timestamp)>);
        for epoch in self
            .keys
            .of(hash)
            .chain(tagged)
            .chain(prefixed)
            .chain([&self.all])
        {
            hard = hard.max(epoch.hard);
            soft = match (soft, epoch.soft_after(stamp)) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
        match soft {
            _ if stamp < hard => Check::Purged,
            Some((_, at)) => Check::Stale(at),
            None => Check::Current(self.sequence),
        }
    }

    /// Whether no purge can concern a response with this stamp and primary key, whatever its tags:
    /// they are not known before it is there.
    pub fn untouched(&self, stamp: Sequence, hash: u64, key: &str) -> bool {
        stamp >= self.tagged && matches!(self.check(stamp, hash, key, &[]), Check::Current(_))
    }

    fn next(&mut self) -> Sequence {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }
}

#[cfg(test)]
mod tests;
