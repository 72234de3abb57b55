//! Counters for one (region, node, path class) of one span. Every label combination is a sum of cells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::observe::{Answer, Failure, RequestClass, Verified};

/// Why a cache had to go upstream.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The node had never stored it, or lost everything in a restart.
    Cold,
    /// It was stored, and its lifetime had passed.
    Expired,
    /// It was stored and would have been fresh.
    Evicted,
    /// Other variants were stored, not this one.
    Vary,
    /// It was stored under another cache key. No driver tells keys apart yet.
    Key,
    /// It was purged since.
    Purged,
    /// It could have been stored when it was fetched before, and was not.
    NotStored,
    /// It must not be stored.
    Uncacheable,
}

impl Cause {
    /// How many causes there are.
    pub const COUNT: usize = 8;

    /// All of them, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Cold,
        Self::Expired,
        Self::Evicted,
        Self::Vary,
        Self::Key,
        Self::Purged,
        Self::NotStored,
        Self::Uncacheable,
    ];

    /// The word that reports and expectations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Expired => "expired",
            Self::Evicted => "evicted",
            Self::Vary => "vary",
            Self::Key => "key",
            Self::Purged => "purged",
            Self::NotStored => "not-stored",
            Self::Uncacheable => "uncacheable",
        }
    }
}

/// Requests of one class.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) bytes: u64,
    /// Microseconds from the intended send time to the first byte; complete answers only.
    pub(crate) ttfb: Histogram,
    /// The same to the last byte; for errors, until they were given up. Every request has one.
    pub(crate) total: Histogram,
}

/// What requests add beside their class.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Complete, below 500, before the deadline.
    pub(crate) available: u64,
    /// In a cacheable class, and some cache on the way answered.
    pub(crate) spared_origin: u64,
    /// In a cacheable class, and an infinite cache at this node would have had it fresh.
    pub(crate) offered: u64,
    /// Answers whose version is known.
    pub(crate) versioned: u64,
    /// Milliseconds past its freshness.
    pub(crate) stale: Histogram,
    /// Milliseconds since the served version was superseded.
    pub(crate) outdated: Histogram,
    /// Bodies held against the truth, and those found wrong.
    pub(crate) checked: u64,
    pub(crate) wrong: u64,
    pub(crate) causes: [u64; Cause::COUNT],
    pub(crate) failures: [u64; Failure::ALL.len()],
}

/// One class of one cell, as it is folded: all that one request touches lies together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) tally: Tally,
    pub(crate) counts: Counts,
}

/// A sum of parts, from which figures follow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// By request class; absent where no request fell.
    classes: [Option<Box<Tally>>; RequestClass::COUNT],
    pub(crate) counts: Counts,
}

impl Tally {
    pub(crate) fn requests(&self) -> u64 {
        self.total.samples()
    }

    fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.ttfb.merge(&other.ttfb);
        self.total.merge(&other.total);
    }
}

impl Counts {
    /// What a complete answer adds.
    #[inline]
    pub(crate) fn answer(&mut self, answer: &Answer, stale_ms: Option<u64>) {
        self.available += u64::from(answer.status < 500);
        self.versioned += u64::from(answer.version.is_some());
        if let Some(millis) = stale_ms {
            self.stale.record(millis);
        }
        if let Some(by) = answer.outdated_by.filter(|_| answer.version.is_some()) {
            self.outdated.record(by / 1_000_000);
        }
        self.checked += u64::from(answer.verified != Verified::Unchecked);
        self.wrong += u64::from(answer.verified == Verified::Wrong);
    }

    fn merge(&mut self, other: &Self) {
        self.available += other.available;
        self.spared_origin += other.spared_origin;
        self.offered += other.offered;
        self.versioned += other.versioned;
        self.stale.merge(&other.stale);
        self.outdated.merge(&other.outdated);
        self.checked += other.checked;
        self.wrong += other.wrong;
        self.causes
            .iter_mut()
            .zip(other.causes)
            .for_each(|(ours, theirs)| *ours += theirs);
        self.failures
            .iter_mut()
            .zip(other.failures)
            .for_each(|(ours, theirs)| *ours += theirs);
    }
}

impl Part {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.counts.merge(&other.counts);
    }
}

impl Cell {
    /// Adds one class of one cell.
    pub(crate) fn add(&mut self, class: usize, part: &Part) {
        if let Some(sum) = self.classes.get_mut(class) {
            sum.get_or_insert_default().merge(&part.tally);
        }
        self.counts.merge(&part.counts);
    }

    /// Those classes into which requests fell, by index.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (usize, &Tally)> {
        let tallies = self.classes.iter().enumerate();
        tallies.filter_map(|(class, tally)| Some((class, tally.as_deref()?)))
    }

    pub(crate) fn requests(&self, class: RequestClass) -> u64 {
        self.classes[class as usize]
            .as_ref()
            .map_or(0, |tally| tally.requests())
    }

    pub(crate) fn bytes(&self, class: RequestClass) -> u64 {
        self.classes[class as usize]
            .as_ref()
            .map_or(0, |tally| tally.bytes)
    }

    /// Requests of all classes that fit.
    pub(crate) fn sum(&self, fits: impl Fn(RequestClass) -> bool) -> u64 {
        RequestClass::ALL
            .into_iter()
            .filter(|class| fits(*class))
            .map(|class| self.requests(class))
            .sum()
    }
}
