//! What the nodes counted themselves, by window: inner tiers and background requests never reach a client's wire.

use super::shape::{Shape, WindowShape};
use crate::observe::NodeStats;
use crate::plan::Nanos;

/// One node's counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeCounters {
    /// Sums of the lives before the present one.
    before: NodeStats,
    /// The latest counters of the present life.
    latest: NodeStats,
    /// By window: sums at its begin and its end.
    windows: Vec<(NodeStats, NodeStats)>,
    /// Whether any were told.
    pub(crate) told: bool,
    /// It died without telling its last counters.
    pub(crate) incomplete: bool,
}

impl NodeCounters {
    fn tell(&mut self, stats: &NodeStats, at: Nanos, windows: &[WindowShape]) {
        self.windows.resize(windows.len(), Default::default());
        let requests =
            |stats: &NodeStats| stats.classes.iter().sum::<u64>() + stats.upstream_requests;
        if requests(stats) < requests(&self.latest) {
            self.restarted();
        }
        self.told = true;
        self.latest = *stats;
        let sum = combine(&self.before, stats, u64::saturating_add);
        for (window, (begin, end)) in windows.iter().zip(&mut self.windows) {
            if at <= window.from {
                *begin = sum;
            }
            if at <= window.to {
                *end = sum;
            }
        }
    }

    /// Adds what another fold was told of the same node at the same instants.
    fn merge(&mut self, other: &Self) {
        self.before = added(&self.before, &other.before);
        self.latest = added(&self.latest, &other.latest);
        let windows = self.windows.len().max(other.windows.len());
        self.windows.resize(windows, Default::default());
        for (ours, theirs) in self.windows.iter_mut().zip(&other.windows) {
            *ours = (added(&ours.0, &theirs.0), added(&ours.1, &theirs.1));
        }
        self.told |= other.told;
        self.incomplete |= other.incomplete;
    }

    fn restarted(&mut self) {
        self.before = combine(&self.before, &self.latest, u64::saturating_add);
        self.latest = NodeStats::default();
    }

    /// What was counted within a window. Levels (stored objects, memory) are those at its end.
    pub(crate) fn within(&self, window: usize) -> NodeStats {
        let Some((begin, end)) = self.windows.get(window) else {
            return NodeStats::default();
        };
        let mut within = combine(end, begin, u64::saturating_sub);
        within.stored_objects = end.stored_objects;
        within.stored_bytes = end.stored_bytes;
        within.resident_bytes = end.resident_bytes;
        within
    }

    /// What was counted in the whole run.
    pub(crate) fn whole(&self) -> NodeStats {
        combine(&self.before, &self.latest, u64::saturating_add)
    }
}

/// All nodes.
#[derive(Debug, Clone)]
pub(crate) struct Tiers {
    pub(crate) nodes: Vec<NodeCounters>,
}

impl Tiers {
    pub(crate) fn new(shape: &Shape) -> Self {
        Self {
            nodes: vec![NodeCounters::default(); shape.nodes.len()],
        }
    }

    pub(crate) fn tell(&mut self, node: u16, stats: &NodeStats, at: Nanos, shape: &Shape) {
        if let Some(counters) = self.nodes.get_mut(usize::from(node)) {
            counters.tell(stats, at, &shape.windows);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.nodes.iter_mut().zip(&other.nodes) {
            ours.merge(theirs);
        }
    }

    /// The node was killed: what it had counted since it last told is lost.
    pub(crate) fn killed(&mut self, node: u16) {
        if let Some(counters) = self.nodes.get_mut(usize::from(node)) {
            counters.restarted();
            counters.incomplete = true;
        }
    }
}

/// Field by field, levels too.
fn added(a: &NodeStats, b: &NodeStats) -> NodeStats {
    NodeStats {
        stored_objects: a.stored_objects + b.stored_objects,
        stored_bytes: a.stored_bytes + b.stored_bytes,
        resident_bytes: a.resident_bytes + b.resident_bytes,
        ..combine(a, b, u64::saturating_add)
    }
}

/// Field by field. Levels take the latter's value where both have one.
pub(crate) fn combine(a: &NodeStats, b: &NodeStats, with: fn(u64, u64) -> u64) -> NodeStats {
    let mut classes = a.classes;
    classes
        .iter_mut()
        .zip(b.classes)
        .for_each(|(ours, theirs)| *ours = with(*ours, theirs));
    NodeStats {
        classes,
        downstream_bytes: with(a.downstream_bytes, b.downstream_bytes),
        upstream_requests: with(a.upstream_requests, b.upstream_requests),
        upstream_bytes: with(a.upstream_bytes, b.upstream_bytes),
        background_requests: with(a.background_requests, b.background_requests),
        background_bytes: with(a.background_bytes, b.background_bytes),
        retries: with(a.retries, b.retries),
        evictions: with(a.evictions, b.evictions),
        stored_objects: b.stored_objects,
        stored_bytes: b.stored_bytes,
        resident_bytes: b.resident_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_take_differences_and_restarts_add_up() {
        let window = |from, to| WindowShape {
            name: String::new(),
            from,
            to,
        };
        let windows = [window(0, 10), window(10, Nanos::MAX)];
        let stats = |upstream_requests| NodeStats {
            upstream_requests,
            ..NodeStats::default()
        };
        let mut node = NodeCounters::default();
        for (at, count) in [(5, 3), (10, 4), (15, 9), (20, 2), (25, 6)] {
            node.tell(&stats(count), at, &windows);
        }
        assert_eq!(node.within(0).upstream_requests, 4);
        assert_eq!(node.within(1).upstream_requests, 5 + 6);
        assert_eq!(node.whole().upstream_requests, 15);
    }
}
