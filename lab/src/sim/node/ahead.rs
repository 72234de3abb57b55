//! What is read of requests inside a node ahead of their events ([`super::super::ahead`]).

use super::*;

impl Flight {
    /// See [`Job::look_at`].
    #[inline]
    pub(in super::super) fn look_at(&self) -> u64 {
        self.followers.len() as u64
    }
}

impl Job {
    /// Something that differs with the memory of each part, so that reading it brings that near.
    #[inline]
    pub(in super::super) fn look_at(&self) -> u64 {
        let facts = self.facts.map_or(0, |facts| facts.bytes);
        let born = self.answered.map_or(0, |(_, born)| born.0);
        let stored = self.exchange.stored().map_or(0, |stored| stored.born.0);
        facts ^ (born ^ stored ^ self.found.born) as u64 ^ u64::from(self.key) ^ self.spent.total()
    }

    /// The exchange and the flight that wait for it.
    #[inline]
    pub(in super::super) fn waiting(&self) -> (Option<Id>, Option<Id>) {
        (self.incoming, self.flight)
    }
}
