//! What the clients counted, held against what the origin counted: by request id, and bytes by id.
//!
//! Memory holds the requests that went to the origin since the last [`Reconciliation::settle`] (or
//! [`Reconciliation::settle_steps`]), and no others.

use rustc_hash::FxHashMap;

use super::classify::Judged;
use crate::observe::{Observation, OriginRecord, RequestClass, RequestId};
use crate::plan::Nanos;

/// What the client's side says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// The path says that it went to the origin, and that this many bytes came from there (if that can be said).
    Reached { bytes: Option<u64> },
    /// It failed, or a stale answer stood in: whether it came as far as the origin cannot be said.
    Unknown,
}

impl Claim {
    fn of(observation: &Observation, class: RequestClass) -> Self {
        match &observation.outcome {
            Err(_) => Self::Unknown,
            Ok(_) if matches!(class, RequestClass::Error | RequestClass::HitStaleError) => {
                Self::Unknown
            }
            Ok(answer) => {
                let whole = answer.status == 200 && class != RequestClass::Revalidated;
                Self::Reached {
                    bytes: whole.then_some(answer.bytes),
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// None: a cache answered it, as far as the client could see.
    claim: Option<Claim>,
    latest: Nanos,
    records: u32,
    bytes: u64,
    status: u16,
}

/// The sums of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Client requests whose path says that the origin answered.
    pub(crate) claimed: u64,
    /// Of these: the origin has a record with that id.
    pub(crate) matched: u64,
    /// Of these: it has none.
    pub(crate) unseen: u64,
    /// The origin has a record of a client's request that a cache is said to have answered.
    pub(crate) unclaimed: u64,
    /// The origin has a record of a client's request that failed or was answered stale.
    pub(crate) abandoned: u64,
    /// Further records of an id: sent again.
    pub(crate) repeated: u64,
    /// Records of the edges' own requests.
    pub(crate) background: u64,
    /// Records that neither the plan nor an edge made.
    pub(crate) foreign: u64,
    /// Records that the origin's log lost.
    pub(crate) lost: u64,
    /// All records.
    pub(crate) records: u64,
    /// Body bytes of all records.
    pub(crate) bytes: u64,
    /// Matched ids whose bytes differ, and by how much in all.
    pub(crate) differing: u64,
    pub(crate) difference: u64,
}

/// What a client has given up may reach the origin so much later: a cut holds it, and the sender's kernel goes on trying.
const ORPHANED: Nanos = 60_000_000_000;

/// So few open requests cost nothing.
const ENOUGH: usize = 2048;

/// The comparison under way.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    open: FxHashMap<u64, Open>,
    /// Fewer open requests than this are not looked through by number.
    enough: usize,
    sums: Sums,
}

impl Reconciliation {
    #[inline]
    pub(crate) fn observe(&mut self, observation: &Observation, judged: &Judged) {
        // What a cache answered is only of interest if the origin says otherwise.
        if judged.reached_origin || observation.outcome.is_err() {
            self.claim(observation, judged.class);
        }
    }

    /// As both of the others, of a request that each side has seen once and will not see again: nothing is kept of it.
    pub(crate) fn both(
        &mut self,
        observation: &Observation,
        judged: &Judged,
        record: &OriginRecord,
    ) {
        self.sums.records += 1;
        self.sums.bytes += record.body_bytes;
        let claims = judged.reached_origin || observation.outcome.is_err();
        self.sums.close(&Open {
            claim: claims.then(|| Claim::of(observation, judged.class)),
            latest: observation.done,
            records: 1,
            bytes: record.body_bytes,
            status: record.status,
        });
    }

    fn claim(&mut self, observation: &Observation, class: RequestClass) {
        let claim = Claim::of(observation, class);
        let open = self.open(observation.step);
        open.claim = Some(claim);
        open.latest = open.latest.max(observation.done);
    }
    pub(crate) fn origin(&mut self, record: &OriginRecord) {
        self.sums.records += 1;
        self.sums.bytes += record.body_bytes;
        match record.id {
            RequestId::Step(step) => {
                let open = self.open(step);
                open.records += 1;
                open.bytes += record.body_bytes;
                open.status = record.status;
                open.latest = open.latest.max(record.at);
            }
            RequestId::Background { .. } => self.sums.background += 1,
            RequestId::Foreign => self.sums.foreign += 1,
        }
    }

    pub(crate) fn lost(&mut self, records: u64) {
        self.sums.lost += records;
    }

    fn open(&mut self, step: u64) -> &mut Open {
        self.open.entry(step).or_insert(Open {
            claim: None,
            latest: 0,
            records: 0,
            bytes: 0,
            status: 0,
        })
    }

    /// Whatever lies before this instant is complete on both sides, but for requests that were given up.
    pub(crate) fn settle(&mut self, before: Nanos) {
        let sums = &mut self.sums;
        self.open.retain(|_, open| {
            let given_up = open.claim == Some(Claim::Unknown) && open.records == 0;
            let patience = if given_up { ORPHANED } else { 0 };
            let over = open.latest < before.saturating_sub(patience);
            if over {
                sums.close(open);
            }
            !over
        });
        // A burst must not leave its high-water mark behind.
        if self.open.capacity() > 4096 && self.open.len() < self.open.capacity() / 8 {
            self.open.shrink_to(self.open.len() * 2);
        }
    }

    /// Whether enough has gathered for settling to be worth it.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.open.len() >= self.enough
    }

    /// Requests numbered below this one are complete on both sides.
    pub(crate) fn settle_steps(&mut self, before: u64) {
        let sums = &mut self.sums;
        self.open.retain(|step, open| {
            let over = *step < before;
            if over {
                sums.close(open);
            }
            !over
        });
        self.enough = (self.open.len() * 3).max(ENOUGH);
    }

    /// Adds what the clients and the origin counted of other requests; of one request each side may be here or there, if
    /// neither has settled it.
    pub(crate) fn merge(&mut self, other: Self) {
        self.sums.merge(&other.sums);
        for (step, theirs) in other.open {
            let ours = self.open(step);
            ours.claim = ours.claim.or(theirs.claim);
            ours.latest = ours.latest.max(theirs.latest);
            ours.bytes += theirs.bytes;
            if theirs.records > 0 {
                ours.status = theirs.status;
            }
            ours.records += theirs.records;
        }
    }

    pub(crate) fn finish(mut self) -> Sums {
        self.settle(Nanos::MAX);
        self.sums
    }
}

impl Sums {
    fn close(&mut self, open: &Open) {
        self.repeated += u64::from(open.records.saturating_sub(1));
        match open.claim {
            Some(Claim::Reached { .. }) if open.records == 0 => {
                self.claimed += 1;
                self.unseen += 1;
            }
            Some(Claim::Reached { bytes }) => {
                self.claimed += 1;
                self.matched += 1;
                // Where an attempt was repeated or the answer is not a whole body, bytes cannot be compared by id.
                if let (Some(bytes), 1, 200) = (bytes, open.records, open.status)
                    && bytes != open.bytes
                {
                    self.differing += 1;
                    self.difference += bytes.abs_diff(open.bytes);
                }
            }
            Some(Claim::Unknown) => self.abandoned += u64::from(open.records > 0),
            // An id that no open claim knows was answered by a cache, as far as the client could see.
            None => self.unclaimed += u64::from(open.records > 0),
        }
    }

    fn merge(&mut self, other: &Self) {
        let Self {
            claimed,
            matched,
            unseen,
            unclaimed,
            abandoned,
            repeated,
            background,
            foreign,
            lost,
            records,
            bytes,
            differing,
            difference,
        } = other;
        self.claimed += claimed;
        self.matched += matched;
        self.unseen += unseen;
        self.unclaimed += unclaimed;
        self.abandoned += abandoned;
        self.repeated += repeated;
        self.background += background;
        self.foreign += foreign;
        self.lost += lost;
        self.records += records;
        self.bytes += bytes;
        self.differing += differing;
        self.difference += difference;
    }

    /// Whether both sides agree, to the last request and byte.
    pub(crate) fn agrees(&self) -> bool {
        self.unseen + self.unclaimed + self.foreign + self.lost + self.differing == 0
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
