//! The miss lane: the short way of the plain miss, for which nothing is stored, which nobody else fetches, and whose answer
//! will be as the plan says. One compact record takes the place of a client, a request inside the node, its flight and an
//! exchange over each link; what it comes to was worked out once for all of its kind
//! ([`PlainMiss`](super::super::facts::PlainMiss)).
//!
//! Between tiers one fill waits for the next. Whatever is not that simple *leaves* the lane for the full path exactly where it
//! stands, with all that wait for it ([`leave`]): somebody joins the fetch, a client's deadline or a timeout would come first,
//! or something happens that could touch it. Both ways come to the same observations.

mod course;
mod leave;

use super::super::lane::Ride;
use super::super::slab::Slab;
use super::super::wire::Connection;
use super::*;
use crate::observe::Phase;
use crate::plan::Nanos;

/// Who waits for a fill.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// A client, by the way on which it came.
    Client(usize, Ride),
    /// The fill of a node below.
    Fill(Id),
}

/// What is fetched, and where.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    step: u64,
    object: ObjectId,
    population: u16,
    node: u16,
    key: u32,
}

/// How far a fill has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its request is on its way to another node, or that node fetches in turn.
    Asking,
    /// The answer is on its way.
    Coming,
    /// The head of the answer has come, and has been passed on.
    Headed,
}

/// Where the time before the head went. A plain miss waits in no queue and for no new connection, and nodes take no time.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    between_tiers: Nanos,
    to_origin: Nanos,
    origin: Nanos,
}

impl Spent {
    fn total(&self) -> Nanos {
        self.between_tiers + self.to_origin + self.origin
    }

    fn phases(&self) -> Phases {
        let mut phases = Phases::default();
        phases.add(Phase::EdgeToShield, self.between_tiers);
        phases.add(Phase::CacheToOrigin, self.to_origin);
        phases.add(Phase::Origin, self.origin);
        phases
    }
}

/// An answer, as it leaves the far end of a fill's link.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Nanos,
    facts: Facts,
    /// When its last byte is there.
    complete: Nanos,
    spent: Spent,
    /// When the origin took the request up, if it did.
    at_origin: Option<Nanos>,
}

/// One plain miss at one node.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Fill {
    asked: Asked,
    wanted: Wanted,
    stage: Stage,
    /// When its request came to the node and went on at once, and when that is at its far end.
    sent: Nanos,
    arrives: Nanos,
    /// A head that comes then or later comes too late for somebody.
    limit: Nanos,
    connection: Connection,
    to_origin: bool,
    /// The answer, and when its first and last byte arrive.
    facts: Facts,
    first: Nanos,
    whole: Nanos,
    /// Where the time went beyond the link.
    beyond: Spent,
    /// When the origin took the request up, until that is told.
    at_origin: Option<Nanos>,
    /// The fill at the node that was asked.
    upper: Option<Id>,
    /// The exchange over its link that goes on in its place since it has left the lane: what was to happen to it happens there.
    left: Option<Id>,
}

impl Fill {
    /// Where the time went until the head came.
    fn spent(&self) -> Spent {
        let on_the_way = self
            .first
            .saturating_sub(self.sent)
            .saturating_sub(self.beyond.total());
        let mut spent = self.beyond;
        match self.to_origin {
            true => spent.to_origin += on_the_way,
            false => spent.between_tiers += on_the_way,
        }
        spent
    }

    /// The instant that the age of what has come counts from.
    fn born(&self) -> Timestamp {
        let (sent, received) = (timestamp(self.sent), timestamp(self.first));
        let (date, age) = (Some(self.facts.date), u64::from(self.facts.age));
        received.minus(corrected_initial_age(date, age, sent, received))
    }
}

/// All plain misses under way.
#[derive(Debug, Default)]
pub(in super::super) struct Fills {
    slab: Slab<Fill>,
    /// Of them, those that have not left; and those of them whose client has no answer yet.
    here: usize,
    unanswered: usize,
}

impl Fills {
    /// Whether none is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.here == 0
    }

    /// Whether no client waits for one.
    pub(in super::super) fn is_answered(&self) -> bool {
        self.unanswered == 0
    }

    /// How many there have ever been.
    #[cfg(test)]
    pub(in super::super) fn ever(&self) -> usize {
        self.slab.ever()
    }

    fn insert(&mut self, fill: Fill) -> Id {
        self.here += 1;
        self.unanswered += usize::from(matches!(fill.asked, Asked::Client(..)));
        self.slab.insert(fill)
    }

    /// One is over, or what went on in its place no longer needs it.
    fn remove(&mut self, id: Id) {
        if let Some(fill) = self.slab.get(id) {
            self.here -= usize::from(fill.left.is_none());
            self.slab.discard(id);
        }
    }
}
