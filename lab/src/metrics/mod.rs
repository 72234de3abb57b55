//! Observations become figures: classes, ratios, latencies, the miss budget, reconciliation.
//!
//! [`Fold`] takes what a driver sees as it comes and keeps counters and histograms only; its memory grows with the size of
//! the plan (nodes, objects, labels), never with the number of requests. [`Measured`] answers for every metric. The module
//! knows the plan's shape, and nothing of drivers, scenario files or tables on a terminal.

use crate::observe::{NodeStats, Observation, OriginRecord};
use crate::plan::{Nanos, Plan};

/// The fold of one run.
#[derive(Debug)]
pub struct Fold {}

impl Fold {
    /// A fold for a run of this plan.
    #[must_use]
    pub fn new(_plan: &Plan) -> Self {
        Self {}
    }

    /// One request is over. Exactly one call per planned request, in any order; no allocation once its cell exists.
    pub fn observe(&mut self, _observation: &Observation) {}

    /// One request that the origin counted; before or after the client's observation of it.
    pub fn origin(&mut self, _record: &OriginRecord) {}

    /// The origin's log lost so many records.
    pub fn origin_lost(&mut self, _records: u64) {}

    /// Everything that happened before this instant has been folded, on both sides: requests by id that have no
    /// counterpart by now will have none. Call it now and then (live: after a poll of the origin's log, with the instant of
    /// the oldest request that was in flight when the poll began), so that memory stays bounded.
    pub fn settle(&mut self, _before: Nanos) {}

    /// A node's counters as they stand at `at`. Call it at each of [`Fold::boundaries`], or every second, and at the end.
    pub fn node_stats(&mut self, _node: u16, _stats: &NodeStats, _at: Nanos) {}

    /// The event of this index in `Plan::events` took effect at `at`.
    pub fn event(&mut self, _index: usize, _at: Nanos) {}

    /// The instants at which windows begin or end, in order.
    #[must_use]
    pub fn boundaries(&self) -> &[Nanos] {
        &[]
    }

    /// The run is over at `end`.
    #[must_use]
    pub fn finish(self, _end: Nanos) -> Measured {
        Measured {}
    }
}

/// All figures of one run.
#[derive(Debug, Clone)]
pub struct Measured {}
