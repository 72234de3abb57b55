//! The counts of one link, added to by all its connections. It knows nothing of sockets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::control::{Carried, Stats};

/// Counters that many tasks add to; each is right by itself, a reading of all is not of one instant.
#[derive(Debug, Default)]
pub(super) struct Counts {
    open: AtomicU64,
    accepted: AtomicU64,
    reset: AtomicU64,
    refused: AtomicU64,
    pub(super) to: Way,
    pub(super) from: Way,
}

/// The counters of one direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    read: AtomicU64,
    delivered: AtomicU64,
    held: AtomicU64,
}

impl Counts {
    /// Another connection; its number, from 0.
    pub(super) fn accepted(&self) -> u64 {
        self.open.fetch_add(1, Relaxed);
        self.accepted.fetch_add(1, Relaxed)
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn reset(&self) {
        self.reset.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Grows whenever bytes move or a connection comes.
    pub(super) fn moved(&self) -> u64 {
        [
            &self.accepted,
            &self.to.read,
            &self.to.delivered,
            &self.from.read,
            &self.from.delivered,
        ]
        .iter()
        .map(|count| count.load(Relaxed))
        .sum()
    }

    /// Bytes under way in both directions.
    pub(super) fn held(&self) -> u64 {
        self.to.held.load(Relaxed) + self.from.held.load(Relaxed)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            open: self.open.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            reset: self.reset.load(Relaxed),
            refused: self.refused.load(Relaxed),
            to: self.to.carried(),
            from: self.from.carried(),
        }
    }
}

impl Way {
    pub(super) fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Relaxed);
        self.held.fetch_add(bytes, Relaxed);
    }

    pub(super) fn delivered(&self, bytes: u64) {
        self.delivered.fetch_add(bytes, Relaxed);
        self.held.fetch_sub(bytes, Relaxed);
    }

    /// Held bytes whose connection has ended.
    pub(super) fn lost(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Relaxed);
    }

    fn carried(&self) -> Carried {
        Carried {
            read: self.read.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            held: self.held.load(Relaxed),
        }
    }
}
