//! On which side of the warm-up's end a request at the origin counts: on that of the client's request that it serves.
//!
//! A request reaches the origin some time after it was due. By the origin's clock alone, those under way when the warm-up
//! ends would count as measured there, and as warm-up at the clients: without any cache, the origin would seem to have
//! served more than was asked for.

use crate::observe::{OriginRecord, RequestId};
use crate::plan::Nanos;

/// Longer than a request stays under way; what comes later counts by the origin's clock. Bounds what is held back.
const UNDER_WAY: Nanos = 10_000_000_000;

/// Records from just after the warm-up, kept until it is known when their requests were due.
#[derive(Debug, Default)]
pub(super) struct Border {
    /// The end of the warm-up; none where nothing is due, as in a sequential plan.
    end: Option<Nanos>,
    /// Steps below this one were due in the warm-up: steps follow each other as they are due.
    warm: u64,
    held: Vec<Held>,
}

/// One record, as far as sums need it.
#[derive(Debug, Clone, Copy)]
struct Held {
    step: u64,
    /// Index of its path class.
    path: usize,
    bytes: u64,
}

impl Border {
    pub(super) fn new(end: Nanos, sequential: bool) -> Self {
        Self {
            end: Some(end).filter(|end| *end > 0 && !sequential),
            ..Self::default()
        }
    }

    /// A client's request was due at `due`.
    #[inline]
    pub(super) fn due(&mut self, step: u64, due: Nanos) {
        if self.end.is_some_and(|end| due < end) {
            self.warm = self.warm.max(step + 1);
        }
    }

    /// The origin counted a request.
    pub(super) fn origin(&mut self, record: &OriginRecord, path: usize) {
        let (Some(end), RequestId::Step(step)) = (self.end, record.id) else {
            return;
        };
        if (end..end.saturating_add(UNDER_WAY)).contains(&record.at) {
            let bytes = record.body_bytes;
            self.held.push(Held { step, path, bytes });
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.warm = self.warm.max(other.warm);
        self.held.extend(other.held);
    }

    /// What came after the warm-up and belongs to it: requests and bytes, by path class of so many (and the unknown one).
    pub(super) fn settle(self, paths: usize) -> Vec<(u64, u64)> {
        let mut belated = vec![(0, 0); paths + 1];
        for held in self.held.iter().filter(|held| held.step < self.warm) {
            if let Some((requests, bytes)) = belated.get_mut(held.path) {
                *requests += 1;
                *bytes += held.bytes;
            }
        }
        belated
    }
}
