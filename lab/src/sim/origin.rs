//! The origin in virtual time: versions, think time, a limited number of requests at once, faults.
//!
//! It knows the catalogue and what is asked; it knows nothing of caches or links.

use std::collections::VecDeque;

use origin::{Catalogue, Faults, Selector, Versions};

use super::facts::Facts;
use super::slab::Id;
use crate::plan::{EPOCH_MS, Nanos, ObjectId, Plan};

const MS: Nanos = 1_000_000;
/// The text that the origin sends when it was told to fail.
const FAULT_BYTES: u64 = 28;

/// What the origin does with a request that it takes up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// `None`: the connection is closed without an answer.
    pub(super) facts: Option<Facts>,
    /// When it answers.
    pub(super) at: Nanos,
}

/// The origin's state.
#[derive(Debug)]
pub(super) struct Origin {
    catalogue: Catalogue,
    versions: Versions,
    pub(super) faults: Faults,
    /// By class: whether an object of it can have more than its first version.
    changing: Vec<bool>,
    busy: u32,
    waiting: VecDeque<Id>,
    taken: u64,
    /// When requests arrive for which a connection is being made, and the last of them.
    expected: Vec<Nanos>,
    last_expected: Nanos,
}

impl Origin {
    pub(super) fn new(plan: &Plan) -> Self {
        let catalogue = Catalogue {
            epoch_ms: EPOCH_MS,
            ..plan.origin.catalogue.clone()
        };
        let changes = |class: &origin::Class| class.changes_every_ms.is_some();
        Self {
            changing: catalogue.classes.iter().map(changes).collect(),
            versions: catalogue.versions(),
            catalogue,
            faults: Faults::default(),
            busy: 0,
            waiting: VecDeque::new(),
            taken: 0,
            expected: Vec::new(),
            last_expected: 0,
        }
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(super) fn versions(&self) -> &Versions {
        &self.versions
    }

    pub(super) fn publish(&mut self, selector: Selector, now: Nanos) {
        self.changing.fill(true);
        self.versions.publish(selector, now / MS);
    }

    /// Whether it takes up any request as soon as that arrives.
    #[inline]
    pub(super) fn takes_all(&self) -> bool {
        self.catalogue.concurrency.is_none()
    }

    /// A request for which a connection is being made will arrive at `arrives`.
    pub(super) fn expect(&mut self, arrives: Nanos, now: Nanos) {
        self.expected.retain(|other| *other >= now);
        self.expected.push(arrives);
        self.last_expected = self.last_expected.max(arrives);
    }

    /// Whether such a request arrives at this very instant.
    #[inline]
    pub(super) fn expects(&self, arrives: Nanos) -> bool {
        arrives <= self.last_expected && self.expected.contains(&arrives)
    }

    /// When the next request would be answered, if that arrives at `now`.
    #[inline]
    pub(super) fn answers_at(&self, object: ObjectId, now: Nanos) -> Nanos {
        let delay = self.faults.delay_ms.saturating_mul(MS);
        now + delay + self.catalogue.think(object, self.taken)
    }

    /// Whether a request that arrives now can be taken up at once; otherwise it stands in the queue.
    pub(super) fn admit(&mut self, request: Id) -> bool {
        if self
            .catalogue
            .concurrency
            .is_some_and(|most| self.busy >= most)
        {
            self.waiting.push_back(request);
            return false;
        }
        self.busy += 1;
        true
    }

    /// A request has been served: the next one of the queue takes its slot.
    pub(super) fn release(&mut self) -> Option<Id> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.busy = self.busy.saturating_sub(1);
        }
        next
    }

    /// Takes up a request: what it will answer, by the state of things now.
    pub(super) fn take(&mut self, object: ObjectId, validator: Option<u32>, now: Nanos) -> Service {
        if self.answers_well() {
            let (facts, at) = self.answer(object, validator, now);
            let facts = Some(facts);
            return Service { facts, at };
        }
        self.taken += 1;
        let facts = self.faults.status.filter(|_| !self.faults.refuse);
        Service {
            facts: facts.map(|status| Facts {
                status,
                date: date(now),
                bytes: FAULT_BYTES,
                ..Facts::NOTHING
            }),
            at: now + self.faults.delay_ms.saturating_mul(MS),
        }
    }

    /// Whether it gives every request what the catalogue says.
    #[inline]
    pub(super) fn answers_well(&self) -> bool {
        !self.faults.refuse && self.faults.status.is_none()
    }

    /// As [`Origin::take`] while it [answers well](Self::answers_well): what it answers, and when.
    pub(super) fn answer(
        &mut self,
        object: ObjectId,
        validator: Option<u32>,
        now: Nanos,
    ) -> (Facts, Nanos) {
        let at = self.answers_at(object, now);
        self.taken += 1;
        let version = match self.changing[usize::from(object.class)] {
            true => self.versions.version_at(object, now / MS),
            false => 1,
        };
        let status = self
            .catalogue
            .class(object)
            .map_or(404, |class| class.status);
        let unchanged = validator == Some(version) && (200..300).contains(&status);
        let facts = Facts {
            status: if unchanged { 304 } else { status },
            version: Some(version),
            date: date(now),
            bytes: match unchanged {
                true => 0,
                false => self.catalogue.size(object),
            },
            ..Facts::NOTHING
        };
        (facts, at)
    }

    /// How long `version` had been superseded at `at`; `None` if it was current.
    #[inline]
    pub(super) fn outdated_by(&self, object: ObjectId, version: u32, at: Nanos) -> Option<Nanos> {
        if !self.changing[usize::from(object.class)] {
            return None;
        }
        self.superseded_for(object, version, at)
    }

    fn superseded_for(&self, object: ObjectId, version: u32, at: Nanos) -> Option<Nanos> {
        if version >= self.versions.version_at(object, at / MS) {
            return None;
        }
        let superseded = self.versions.superseded_at(object, version)?;
        Some(at.saturating_sub(superseded.saturating_mul(MS)))
    }
}

/// The `Date` field of an answer, seconds.
fn date(now: Nanos) -> i64 {
    (EPOCH_MS + i64::try_from(now / MS).unwrap_or(0)).div_euclid(1000)
}
