//! The common observation, counted in few steps: a plain answer from the nearest cache, fresh. The fold of anything else
//! comes to the same figures; this one asks nothing that is known beforehand, and counts what is alike together
//! ([`super::alike`]).

use super::alike::Same;
use super::cell::Part;
use super::series::{Kind, Served};
use super::{Fold, RequestClass};
use crate::observe::{Cacheable, Observation, Phase, Verified};
use crate::plan::{Nanos, ObjectId};

/// What is counted of an [`Observation`] whose class is [`RequestClass::Hit`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreshHit {
    pub(crate) step: u64,
    pub(crate) place: u16,
    pub(crate) object: ObjectId,
    pub(crate) variant: u16,
    pub(crate) node: Option<u16>,
    pub(crate) due: Nanos,
    pub(crate) started: Nanos,
    pub(crate) first_byte: Nanos,
    pub(crate) done: Nanos,
    pub(crate) waits: HitWaits,
    /// Below 400.
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    /// Whether the version is known.
    pub(crate) versioned: bool,
    pub(crate) outdated_by: Option<Nanos>,
    pub(crate) late: Nanos,
}

/// What is known of the time before a hit's first byte, beside the link: small, since it is carried for each of millions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HitWaits {
    pub(crate) routing: Nanos,
    pub(crate) connect: Nanos,
    pub(crate) edge: Nanos,
    /// Whether all other time is the link's.
    pub(crate) whole: bool,
}

impl HitWaits {
    /// All time before the first byte was the link's.
    pub(crate) const LINK: Self = Self {
        routing: 0,
        connect: 0,
        edge: 0,
        whole: true,
    };

    pub(super) const fn of(seen: &Observation) -> Self {
        let phases = &seen.waits.phases;
        Self {
            routing: phases.of(Phase::Routing),
            connect: phases.of(Phase::ClientConnect),
            edge: phases.of(Phase::Edge),
            whole: seen.waits.whole,
        }
    }
}

impl FreshHit {
    /// What is counted of an observation, if it is such a hit, and nothing more is known of its answer.
    #[inline]
    pub(super) fn of(seen: &Observation) -> Option<Self> {
        let answer = seen.outcome.as_ref().ok()?;
        let plain = answer.status < 400
            && answer.path.is_plain_hit()
            && answer.cacheable == Cacheable::AsPlanned
            && answer.verified == Verified::Unchecked;
        plain.then_some(Self {
            step: seen.step,
            place: seen.place,
            object: seen.object,
            variant: seen.variant,
            node: seen.node,
            due: seen.due,
            started: seen.started,
            first_byte: seen.first_byte,
            done: seen.done,
            waits: HitWaits::of(seen),
            status: answer.status,
            bytes: answer.bytes,
            versioned: answer.version.is_some(),
            outdated_by: answer.outdated_by,
            late: seen.late,
        })
    }
}

impl Fold {
    /// As [`Fold::observe`] of such a hit.
    #[inline]
    pub(crate) fn hit(&mut self, hit: &FreshHit) {
        let at = match self.shape.sequential {
            true => hit.started,
            false => hit.due,
        };
        let offered = match hit.node {
            Some(node) => self.memory.hit(hit, node),
            None => false,
        };
        let plain = hit.versioned && hit.outdated_by.is_none() && hit.late == 0;
        if !plain || self.convergence.is_awaited() {
            self.evidence.hit(hit, at, &self.shape.scene);
            return self.hit_alone(hit, at, offered);
        }
        if !self.alike.holds(at) {
            self.count_alike();
            let (stretch, bucket) = (self.stretches.span(at), self.series.span(at));
            self.alike
                .begin(stretch.0.max(bucket.0), stretch.1.min(bucket.1));
        }
        let cell = self.shape.cell(hit.place, hit.node, hit.object.class);
        let Some(run) = self.alike.run(cell, hit) else {
            self.evidence.hit(hit, at, &self.shape.scene);
            return self.hit_alone(hit, at, offered);
        };
        let first_byte = hit.first_byte.saturating_sub(at);
        let done = hit.done.saturating_sub(at);
        if hit.waits == HitWaits::LINK && hit.started == at {
            run.linked.add(first_byte, done);
        } else {
            self.evidence.hit(hit, at, &self.shape.scene);
        }
        run.hits += 1;
        run.offered += u64::from(offered);
        run.bytes += hit.bytes;
        run.step = run.step.max(hit.step);
        let first = run.first.add(first_byte);
        let done = run.done.add(done);
        if first.is_some() || done.is_some() {
            self.latencies(cell, at, first, done);
        }
    }

    /// A hit that is not counted together with others.
    fn hit_alone(&mut self, hit: &FreshHit, at: Nanos, offered: bool) {
        let since = |instant: Nanos| instant.saturating_sub(at) / 1000;
        let (first_byte, done) = (since(hit.first_byte), since(hit.done));
        let outdated = hit.versioned && hit.outdated_by.is_some();

        let cell = self.shape.cell(hit.place, hit.node, hit.object.class);
        let stretch = self.stretches.at(at);
        if let Some(Part { tally, counts }) = stretch.part(cell, RequestClass::Hit) {
            tally.total.record(done);
            tally.ttfb.record(first_byte);
            tally.bytes += hit.bytes;
            counts.spared_origin += 1;
            counts.offered += u64::from(offered);
            counts.available += 1;
            counts.versioned += u64::from(hit.versioned);
            if let (true, Some(by)) = (outdated, hit.outdated_by) {
                counts.outdated.record(by / 1_000_000);
            }
            stretch.status(hit.status, 1);
        }

        let region = self.shape.region(hit.place);
        let bucket = self.series.at(at);
        let kind = Kind::of(RequestClass::Hit, true, hit.versioned, outdated);
        bucket.count(region, kind, 1);
        bucket.ttfb[Served::Hit as usize].record(first_byte);
        if hit.versioned && self.convergence.is_awaited() {
            self.convergence
                .see(region, hit.object, hit.started, outdated);
        }
        self.border.due(hit.step, hit.due);
        self.lateness.record(hit.late);
    }

    /// Counts latencies of hits in a cell that were intended for about `at`.
    fn latencies(&mut self, cell: usize, at: Nanos, first: Option<Same>, done: Option<Same>) {
        let part = self.stretches.at(at).part(cell, RequestClass::Hit);
        if let (Some(part), Some(Same { latency, times })) = (part, done) {
            part.tally.total.record_times(latency / 1000, times);
        }
        let Some(Same { latency, times }) = first else {
            return;
        };
        if let Some(part) = self.stretches.at(at).part(cell, RequestClass::Hit) {
            part.tally.ttfb.record_times(latency / 1000, times);
        }
        let bucket = self.series.at(at);
        bucket.ttfb[Served::Hit as usize].record_times(latency / 1000, times);
    }

    /// Adds the hits that were counted together to all sums.
    pub(super) fn count_alike(&mut self) {
        let at = self.alike.from();
        let kind = Kind::of(RequestClass::Hit, true, true, false);
        for (cell, run) in self.alike.take() {
            self.latencies(cell, at, run.first.some(), run.done.some());
            self.evidence.linked(run.place, run.node, at, &run.linked);
            let stretch = self.stretches.at(at);
            if let Some(Part { tally, counts }) = stretch.part(cell, RequestClass::Hit) {
                tally.bytes += run.bytes;
                counts.spared_origin += run.hits;
                counts.offered += run.offered;
                counts.available += run.hits;
                counts.versioned += run.hits;
                stretch.status(run.status, run.hits);
            }
            let bucket = self.series.at(at);
            bucket.count(self.shape.region(run.place), kind, run.hits);
            self.border.due(run.step, at);
            self.lateness.punctual(run.hits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MS, SECOND, by, hit, observation, shape};
    use super::*;
    use crate::metrics::Measured;
    use crate::observe::Answer;
    use std::fmt::Write;

    /// All that can be told of a run; parts came into being in another order where hits were counted together.
    fn told(measured: &Measured) -> String {
        let mut text = String::new();
        for stretch in measured.stretches.iter() {
            let mut parts: Vec<_> = stretch.parts().collect();
            parts.sort_by_key(|(cell, class, _)| (*cell, *class));
            write!(text, "{parts:?} {:?}", stretch.statuses).unwrap();
        }
        let Measured {
            evidence,
            series,
            sums,
            convergence,
            lateness,
            belated,
            ..
        } = measured;
        write!(
            text,
            "{evidence:?} {series:?} {sums:?} {convergence:?} {lateness:?} {belated:?}"
        )
        .unwrap();
        text
    }

    #[test]
    fn it_counts_what_the_fold_of_any_observation_counts() {
        let [mut long, mut short] = [shape(), shape()].map(Fold::of);
        for step in 0..4000_u64 {
            let answer = Answer {
                outdated_by: (step % 7 == 0).then_some(step * MS),
                version: (step % 5 != 0).then_some(1),
                verified: Verified::Unchecked,
                ..by(hit(Some(5)))
            };
            let mut seen = observation(0, step * 5 * MS, Ok(answer));
            seen.place = (step % 3) as u16;
            seen.step = step;
            seen.object.object = (step % 11) as u32;
            seen.object.class = u16::from(step % 13 == 0);
            seen.node = (step % 17 != 0).then_some((step % 2) as u16);
            seen.done += step % 19 * MS;
            seen.waits.whole = step % 2 == 0;
            seen.waits.phases.add(Phase::Routing, step % 3 * MS);
            seen.waits.phases.add(Phase::ClientConnect, step % 4 * MS);
            let plain = FreshHit::of(&seen).expect("a plain hit");
            short.hit(&plain);
            long.observe_any(&seen);
        }
        assert_eq!(
            told(&long.finish(20 * SECOND)),
            told(&short.finish(20 * SECOND))
        );
    }
}
