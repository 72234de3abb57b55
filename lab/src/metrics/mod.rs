//! Observations become figures: classes, ratios, latencies, the miss budget, reconciliation.
//!
//! [`Fold`] takes what a driver sees as it comes and keeps counters and histograms only; its memory grows with the size of
//! the plan (nodes, objects, labels), never with the number of requests. [`Measured`] answers for every [`Metric`]. The
//! module knows the plan's shape, and nothing of drivers, scenario files or tables on a terminal.

mod alike;
mod band;
mod border;
mod catalogue;
mod cell;
mod classify;
mod convergence;
mod driver;
mod evidence;
mod figure;
mod fresh_hit;
mod histogram;
mod measured;
mod memory;
mod metric;
mod ratios;
mod reconcile;
mod requests;
mod scene;
mod series;
mod shape;
mod show;
mod stretch;
#[cfg(test)]
pub(crate) mod testing;
mod tiers;

pub use catalogue::METRICS;
pub use cell::Cause;
pub(crate) use classify::judge;
pub(crate) use driver::LATE;
pub use driver::{Lateness, Validity};
pub use figure::Figure;
pub use histogram::Histogram;
pub use measured::{Measured, Selector, Span};
pub use metric::{Better, Label, Metric, MetricInfo, Stat, Unit};
pub(crate) use requests::Kept;
pub use show::NOT_AVAILABLE;

pub(crate) use cell::Cell;
use cell::Part;
pub(crate) use evidence::{Evidence, Example, Spent};
pub(crate) use figure::tidy;
pub(crate) use fresh_hit::{FreshHit, HitWaits};
pub(crate) use ratios::{hit_ratio, statistic};
#[cfg(test)]
pub(crate) use scene::Scene;
pub(crate) use series::{Bucket, RegionBucket, Served};
pub(crate) use shape::Shape;

use alike::Alike;
use border::Border;
use convergence::Convergence;
use memory::Memory;
use reconcile::Reconciliation;
use series::{Kind, SeriesFold};
use shape::{Effect, WARMUP};
use stretch::{Stretch, Stretches};
use tiers::Tiers;

use crate::observe::{NodeStats, Observation, OriginRecord, RequestClass};
use crate::plan::{Nanos, ObjectId, Plan};

/// The fold of one run.
#[derive(Debug)]
pub struct Fold {
    shape: Shape,
    stretches: Stretches,
    alike: Alike,
    border: Border,
    memory: Memory,
    evidence: Evidence,
    /// Single requests, where they were asked for.
    kept: Option<Box<Kept>>,
    series: SeriesFold,
    reconciliation: Reconciliation,
    tiers: Tiers,
    convergence: Convergence,
    lateness: Lateness,
    /// When each event took effect, by its index.
    happened: Vec<(usize, Nanos)>,
    /// What happened without the plan's wish, and when.
    unasked: Vec<(String, Nanos)>,
    boundaries: Vec<Nanos>,
}

impl Fold {
    /// A fold for a run of this plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut fold = Self::of(Shape::of(plan));
        if plan.keep_requests > 0 {
            fold.kept = Some(Box::new(Kept::new(plan.keep_requests, plan.seed)));
        }
        fold
    }

    pub(crate) fn of(shape: Shape) -> Self {
        let cells = shape.cells();
        let edges = shape
            .windows
            .iter()
            .flat_map(|window| [window.from, window.to]);
        let mut boundaries: Vec<_> = edges.filter(|at| *at > 0 && *at < Nanos::MAX).collect();
        boundaries.sort_unstable();
        boundaries.dedup();
        Self {
            stretches: Stretches::new(&boundaries, cells, shape.classes.len()),
            alike: Alike::new(cells),
            border: Border::new(
                shape.windows.get(WARMUP).map_or(0, |warmup| warmup.to),
                shape.sequential,
            ),
            memory: Memory::new(&shape),
            evidence: Evidence::new(&shape),
            kept: None,
            series: SeriesFold::new(shape.duration, shape.regions.len()),
            reconciliation: Reconciliation::default(),
            tiers: Tiers::new(&shape),
            convergence: Convergence::default(),
            lateness: Lateness::default(),
            happened: Vec::new(),
            unasked: Vec::new(),
            boundaries,
            shape,
        }
    }

    /// One request is over. Exactly one call per planned request, in any order; no allocation once its cell exists.
    pub fn observe(&mut self, observation: &Observation) {
        if let Some(kept) = &mut self.kept {
            kept.see(observation);
        }
        match FreshHit::of(observation) {
            Some(hit) => self.hit(&hit),
            None => self.observe_any(observation),
        }
    }

    /// As [`Fold::observe`] of a plain miss, which its node has fetched by itself and stored, and [`Fold::origin`] of what the
    /// origin has counted of it, if it came so far: of this request neither side has anything more to tell.
    pub(crate) fn missed(&mut self, observation: &Observation, at_origin: Option<&OriginRecord>) {
        let judged = classify::plain_miss(observation, &self.shape, at_origin.is_some());
        debug_assert_eq!(judged, judge(observation, &self.shape));
        self.count(observation, judged);
        if let Some(record) = at_origin {
            self.count_at_origin(record);
            self.reconciliation.both(observation, &judged, record);
        }
    }

    fn observe_any(&mut self, observation: &Observation) {
        let judged = judge(observation, &self.shape);
        self.count(observation, judged);
        self.reconciliation.observe(observation, &judged);
    }

    fn count(&mut self, observation: &Observation, judged: classify::Judged) {
        let remembered = self.memory.visit(observation, &judged);
        let region = self.shape.region(observation.place);
        let at = if self.shape.sequential {
            observation.started
        } else {
            observation.due
        };
        let seen = Seen {
            observation,
            judged,
            remembered,
            micros: micros(observation, at),
        };

        let cell = self.shape.cell(
            observation.place,
            observation.node,
            observation.object.class,
        );
        seen.count(self.stretches.at(at), cell);
        self.in_time(at, region, &seen);
        self.evidence
            .see(observation, at, &remembered, &judged, &self.shape);
        self.border.due(observation.step, observation.due);
        self.lateness.record(observation.late);
    }

    /// The time series and the convergence after events.
    fn in_time(&mut self, at: Nanos, region: usize, seen: &Seen<'_>) {
        let class = seen.judged.class;
        let outcome = seen.observation.outcome.as_ref();
        let available = outcome.is_ok_and(|answer| answer.status < 500);
        let version = outcome.ok().filter(|answer| answer.version.is_some());
        let outdated = version.is_some_and(|answer| answer.outdated_by.is_some());
        let bucket = self.series.at(at);
        let kind = Kind::of(class, available, version.is_some(), outdated);
        bucket.count(region, kind, 1);
        if class != RequestClass::Error {
            bucket.ttfb[Served::of(class) as usize].record(seen.micros.0);
        }
        if version.is_some() && self.convergence.is_awaited() {
            let observation = seen.observation;
            self.convergence
                .see(region, observation.object, observation.started, outdated);
        }
    }

    /// Brings near in memory what is remembered of an object at a node, before an observation of it comes.
    #[inline]
    pub(crate) fn bring(&self, node: u16, object: ObjectId) {
        self.memory.bring(node, object);
    }

    /// One request that the origin counted; before or after the client's observation of it.
    pub fn origin(&mut self, record: &OriginRecord) {
        self.reconciliation.origin(record);
        self.count_at_origin(record);
    }

    fn count_at_origin(&mut self, record: &OriginRecord) {
        let path = record
            .object
            .map_or(self.shape.classes.len(), |object| usize::from(object.class));
        self.border.origin(record, path);
        self.stretches
            .at(record.at)
            .add_origin(path, record.body_bytes);
        let bucket = self.series.at(record.at);
        bucket.origin_requests += 1;
        bucket.origin_bytes += record.body_bytes;
    }

    /// The origin's log lost so many records.
    pub fn origin_lost(&mut self, records: u64) {
        self.reconciliation.lost(records);
    }

    /// Everything that happened before this instant has been folded, on both sides: requests by id that have no
    /// counterpart by now will have none. Call it now and then (live: after a poll of the origin's log, with the instant of
    /// the oldest request that was in flight when the poll began), so that memory stays bounded.
    pub fn settle(&mut self, before: Nanos) {
        self.reconciliation.settle(before);
    }

    /// As [`Fold::settle`], for a driver that knows it by number: every request below `before` is over on both sides.
    pub fn settle_steps(&mut self, before: u64) {
        self.reconciliation.settle_steps(before);
    }

    /// Whether so many requests are open that [`Fold::settle_steps`] is worth a call.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.reconciliation.is_unsettled()
    }

    /// A node's counters as they stand at `at`. Call it at each of [`Fold::boundaries`], or every second, and at the end.
    pub fn node_stats(&mut self, node: u16, stats: &NodeStats, at: Nanos) {
        self.tiers.tell(node, stats, at, &self.shape);
    }

    /// The event of this index in `Plan::events` took effect at `at`.
    pub fn event(&mut self, index: usize, at: Nanos) {
        self.happened.push((index, at));
        self.convergence.event(index, at, &self.shape);
        match self.shape.events.get(index).map(|event| &event.effect) {
            Some(Effect::Killed(node)) => self.tiers.killed(*node),
            Some(Effect::Emptied(node)) => self.memory.emptied(*node, at),
            Some(Effect::Purge {
                nodes,
                class,
                object,
            }) => self.memory.purged(nodes, *class, *object, at),
            _ => {}
        }
    }

    /// A process ended without the plan's wish, seen at `at`: `node` where it was a node, `what` in words.
    pub fn died(&mut self, node: Option<u16>, what: String, at: Nanos) {
        if let Some(node) = node {
            self.tiers.killed(node);
            self.memory.emptied(node, at);
        }
        self.unasked.push((what, at));
    }

    /// Adds another fold of the same plan: of all requests (with what the origin counted of them), each was told to one of
    /// the two, and of all nodes, the requests of each to one of the two; events and deaths were told to both. The sum is
    /// what one fold would have made of it all, to the last count.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert_eq!(self.happened, other.happened);
        self.count_alike();
        other.count_alike();
        self.stretches.merge(other.stretches);
        self.border.merge(other.border);
        self.memory.merge(other.memory);
        self.evidence.merge(other.evidence);
        if let Some((ours, theirs)) = self.kept.as_mut().zip(other.kept) {
            ours.merge(*theirs);
        }
        self.series.merge(other.series);
        self.reconciliation.merge(other.reconciliation);
        self.tiers.merge(&other.tiers);
        self.convergence.merge(&other.convergence);
        self.lateness.merge(&other.lateness);
    }

    /// The instants at which windows begin or end, in order.
    #[must_use]
    pub fn boundaries(&self) -> &[Nanos] {
        &self.boundaries
    }

    /// The run is over at `end`.
    #[must_use]
    pub fn finish(mut self, end: Nanos) -> Measured {
        self.count_alike();
        Measured {
            belated: self.border.settle(self.shape.classes.len()),
            shape: self.shape,
            stretches: self.stretches,
            evidence: self.evidence,
            kept: self.kept,
            series: self.series.finish(),
            sums: self.reconciliation.finish(),
            tiers: self.tiers,
            convergence: self.convergence,
            lateness: self.lateness.finish(),
            happened: self.happened,
            unasked: self.unasked,
            end,
        }
    }
}

/// One observation with all that was made of it.
struct Seen<'a> {
    observation: &'a Observation,
    judged: classify::Judged,
    remembered: memory::Remembered,
    /// From the intended send time to the first and the last byte.
    micros: (u64, u64),
}

impl Seen<'_> {
    /// Counts it in its stretch of time.
    #[inline]
    fn count(&self, stretch: &mut Stretch, cell: usize) {
        let class = self.judged.class;
        let Some(Part { tally, counts }) = stretch.part(cell, class) else {
            return;
        };
        tally.total.record(self.micros.1);
        if class.is_cacheable() {
            counts.spared_origin += u64::from(!self.judged.reached_origin);
            counts.offered += u64::from(self.remembered.offered);
        }
        if let Some(cause) = self.remembered.cause {
            counts.causes[cause as usize] += 1;
        }
        match &self.observation.outcome {
            Err(failure) => counts.failures[*failure as usize] += 1,
            Ok(answer) => {
                tally.bytes += answer.bytes;
                tally.ttfb.record(self.micros.0);
                counts.answer(answer, self.judged.stale_ms);
                stretch.status(answer.status, 1);
            }
        }
    }
}

/// Latency counts from the intended send time (open loop).
fn micros(observation: &Observation, intended: Nanos) -> (u64, u64) {
    let since = |at: Nanos| at.saturating_sub(intended) / 1000;
    (since(observation.first_byte), since(observation.done))
}

#[cfg(test)]
mod tests;
