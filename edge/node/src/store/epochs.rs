//! The purges of a node, and one number to compare instead of asking them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use edge_core::purge::{Check, Mode, Purges, Sequence};
use edge_core::{CacheKey, Timestamp};
use serde::{Deserialize, Serialize};

/// What a purge selects.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Selection {
    /// One resource with all its variants, by the hash of its primary key.
    Key(u64),
    /// A group, by its tag.
    Tag(u64),
    /// Everything.
    All,
}

impl Selection {
    pub(super) fn purge(self, purges: &mut Purges, mode: Mode, now: Timestamp) -> Sequence {
        match self {
            Self::Key(hash) => purges.purge_key(hash, mode, now),
            Self::Tag(tag) => purges.purge_tag(tag, mode, now),
            Self::All => purges.purge_all(mode, now),
        }
    }
}

/// The purges of a node.
pub(super) struct Epochs {
    purges: RwLock<Purges>,
    /// The sequence of `purges`, to be compared without its lock.
    sequence: AtomicU64,
}

impl Epochs {
    pub(super) fn new(purges: Purges) -> Self {
        Self {
            sequence: AtomicU64::new(purges.sequence()),
            purges: RwLock::new(purges),
        }
    }

    pub(super) fn sequence(&self) -> Sequence {
        self.sequence.load(Ordering::Acquire)
    }

    /// All of them, to be written down.
    pub(super) fn purges(&self) -> RwLockReadGuard<'_, Purges> {
        // No code that holds the lock leaves the purges half changed.
        self.purges.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has become of what was asked for at `stamp`.
    pub(super) fn check(&self, stamp: Sequence, primary: &CacheKey, tags: &[u64]) -> Check {
        self.purges()
            .check(stamp, primary.hash(), primary.as_str(), tags)
    }

    pub(super) fn purge(&self, selection: Selection, mode: Mode, now: Timestamp) -> Sequence {
        let mut purges = self.purges.write().unwrap_or_else(PoisonError::into_inner);
        let done = selection.purge(&mut purges, mode, now);
        // Under the lock, so that the sequence never runs back.
        self.sequence.store(purges.sequence(), Ordering::Release);
        done
    }
}
