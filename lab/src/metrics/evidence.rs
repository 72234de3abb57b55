//! What is kept of single requests beside the sums: a few examples of each cause of misses, who asked whom, and where the time
//! of hits and misses went. A hit costs some additions.

use super::alike::Linked;
use super::cell::Cause;
use super::classify::Judged;
use super::fresh_hit::{FreshHit, HitWaits};
use super::memory::Remembered;
use super::scene::Scene;
use super::shape::{Shape, WARMUP};
use crate::observe::{Observation, Phase, Phases, RequestClass};
use crate::plan::Nanos;

/// Examples kept of each cause.
const EXAMPLES: usize = 3;

/// All of it; after the warm-up only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    warmup: Nanos,
    ends: usize,
    /// Requests from each place to each node (the last: to none), place by place.
    flows: Vec<u64>,
    /// By cause, those of the lowest ranks. Ranks are as good as random and follow from the number of the request alone, so
    /// the examples are a fair sample, and the same in whatever order requests end.
    examples: [Vec<Example>; Cause::COUNT],
    /// Where the time of hits went, and of misses that an inner tier or the origin answered.
    pub(crate) edge: Spent,
    pub(crate) shield: Spent,
    pub(crate) origin: Spent,
}

/// One miss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Example {
    rank: u64,
    pub(crate) observation: Observation,
    /// When its node had fetched it last, milliseconds since the start of the run.
    pub(crate) fetched: Option<u32>,
}

/// Sums over requests, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) requests: u64,
    /// Of them: those whose parts are known, every one.
    pub(crate) whole: u64,
    /// From the intended send time.
    pub(crate) first_byte: u64,
    pub(crate) done: u64,
    /// Before the first byte. Parts that were not measured are those of the model: as many round trips as there were links,
    /// and the origin's mean.
    pub(crate) phases: Phases,
}

impl Evidence {
    pub(crate) fn new(shape: &Shape) -> Self {
        let ends = shape.nodes.len() + 1;
        Self {
            warmup: shape.windows.get(WARMUP).map_or(0, |warmup| warmup.to),
            ends,
            flows: vec![0; shape.region_of.len() * ends],
            ..Self::default()
        }
    }

    /// One request, intended for `at`.
    #[inline]
    pub(crate) fn see(
        &mut self,
        seen: &Observation,
        at: Nanos,
        remembered: &Remembered,
        judged: &Judged,
        shape: &Shape,
    ) {
        self.flow(seen.place, seen.node, at, 1);
        if at < self.warmup {
            return;
        }
        if judged.class == RequestClass::Hit {
            let times = (seen.started, seen.first_byte, seen.done);
            let rtt = || shape.scene.client_rtt(seen.place, seen.node);
            self.edge.add_hit(at, times, &HitWaits::of(seen), rtt);
        }
        if let Some(cause) = remembered.cause {
            let reached_origin = judged.reached_origin;
            self.miss(seen, at, cause, remembered.fetched, reached_origin, shape);
        }
    }

    /// A fresh hit, intended for `at`.
    #[inline]
    pub(crate) fn hit(&mut self, hit: &FreshHit, at: Nanos, scene: &Scene) {
        self.flow(hit.place, hit.node, at, 1);
        if at >= self.warmup {
            let times = (hit.started, hit.first_byte, hit.done);
            let rtt = || scene.client_rtt(hit.place, hit.node);
            self.edge.add_hit(at, times, &hit.waits, rtt);
        }
    }

    /// Fresh hits, intended for about `at`, that took nothing but the time of their link.
    pub(super) fn linked(&mut self, place: u16, node: Option<u16>, at: Nanos, hits: &Linked) {
        self.flow(place, node, at, hits.hits);
        if at >= self.warmup {
            self.edge.requests += hits.hits;
            self.edge.whole += hits.hits;
            self.edge.first_byte += hits.first_byte;
            self.edge.done += hits.done;
            self.edge.phases.add(Phase::ClientToEdge, hits.first_byte);
        }
    }

    /// So many requests from a place to a node, intended for `at`.
    #[inline]
    fn flow(&mut self, place: u16, node: Option<u16>, at: Nanos, times: u64) {
        if at < self.warmup {
            return;
        }
        let end = node.map_or(self.ends - 1, usize::from);
        if let Some(count) = self.flows.get_mut(usize::from(place) * self.ends + end) {
            *count += times;
        }
    }

    fn miss(
        &mut self,
        seen: &Observation,
        at: Nanos,
        cause: Cause,
        fetched: Option<u32>,
        reached_origin: bool,
        shape: &Shape,
    ) {
        let rank = mixed(seen.step);
        let kept = &mut self.examples[cause as usize];
        if kept.len() < EXAMPLES || kept.last().is_some_and(|last| rank < last.rank) {
            keep(
                kept,
                Example {
                    rank,
                    observation: *seen,
                    fetched,
                },
            );
        }
        if let (Ok(_), Some(node)) = (&seen.outcome, seen.node) {
            let spent = if reached_origin {
                &mut self.origin
            } else {
                &mut self.shield
            };
            spent.add_miss(seen, at, node, reached_origin, shape);
        }
    }

    /// Adds that of other requests of the same plan.
    pub(crate) fn merge(&mut self, other: Self) {
        self.flows
            .iter_mut()
            .zip(other.flows)
            .for_each(|(ours, theirs)| *ours += theirs);
        for (ours, theirs) in self.examples.iter_mut().zip(other.examples) {
            theirs.into_iter().for_each(|example| keep(ours, example));
        }
        self.edge.merge(&other.edge);
        self.shield.merge(&other.shield);
        self.origin.merge(&other.origin);
    }

    /// Examples of one cause.
    pub(crate) fn examples(&self, cause: Cause) -> &[Example] {
        &self.examples[cause as usize]
    }

    /// Who asked whom: place, node (`None`: the origin, or nobody), requests.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (usize, Option<usize>, u64)> {
        let ends = self.ends;
        let counted = self
            .flows
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        counted.map(move |(at, count)| {
            (
                at / ends,
                Some(at % ends).filter(|node| node + 1 < ends),
                *count,
            )
        })
    }
}

fn keep(kept: &mut Vec<Example>, example: Example) {
    let at = kept.partition_point(|other| other.rank < example.rank);
    kept.insert(at, example);
    kept.truncate(EXAMPLES);
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): a permutation without visible order.
pub(super) const fn mixed(step: u64) -> u64 {
    let mut z = step.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Spent {
    #[inline]
    fn add_hit(
        &mut self,
        at: Nanos,
        (started, first_byte, done): (Nanos, Nanos, Nanos),
        waits: &HitWaits,
        rtt: impl FnOnce() -> Nanos,
    ) {
        let late = started.saturating_sub(at);
        let before = first_byte.saturating_sub(at);
        let told = late + waits.routing + waits.connect + waits.edge;
        let link = match waits.whole {
            true => before.saturating_sub(told),
            false => rtt(),
        };
        self.requests += 1;
        self.whole += u64::from(waits.whole);
        self.first_byte += before;
        self.done += done.saturating_sub(at);
        self.phases.add(Phase::Late, late);
        self.phases.add(Phase::Routing, waits.routing);
        self.phases.add(Phase::ClientConnect, waits.connect);
        self.phases.add(Phase::ClientToEdge, link);
        self.phases.add(Phase::Edge, waits.edge);
    }

    fn add_miss(
        &mut self,
        seen: &Observation,
        at: Nanos,
        node: u16,
        reached_origin: bool,
        shape: &Shape,
    ) {
        self.requests += 1;
        self.whole += u64::from(seen.waits.whole);
        self.first_byte += seen.first_byte.saturating_sub(at);
        self.done += seen.done.saturating_sub(at);
        self.phases.merge(&seen.waits.phases);
        self.phases
            .add(Phase::Late, seen.started.saturating_sub(at));
        if seen.waits.whole {
            return;
        }
        let (scene, phases) = (&shape.scene, &mut self.phases);
        phases.add(
            Phase::ClientToEdge,
            scene.client_rtt(seen.place, Some(node)),
        );
        let mut node = node;
        // As many tiers as a path can tell of.
        for _ in 0..crate::observe::Path::MOST {
            let Some(Some(upstream)) = scene.upstream.get(usize::from(node)) else {
                break;
            };
            phases.add(Phase::EdgeToShield, scene.upstream_rtt(node));
            node = *upstream;
            if !reached_origin {
                return;
            }
        }
        phases.add(Phase::CacheToOrigin, scene.upstream_rtt(node));
        let content = scene.content.get(usize::from(seen.object.class));
        phases.add(Phase::Origin, content.map_or(0, |content| content.think));
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.whole += other.whole;
        self.first_byte += other.first_byte;
        self.done += other.done;
        self.phases.merge(&other.phases);
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::{MS, SECOND, by, forwarded, hit, observation, shape};
    use super::*;
    use crate::observe::Fwd;

    fn seen(step: u64, at: Nanos) -> Observation {
        Observation {
            step,
            ..observation(1, at, Ok(by(forwarded(Fwd::UriMiss, None, true))))
        }
    }

    fn see(evidence: &mut Evidence, seen: &Observation, remembered: &Remembered, shape: &Shape) {
        evidence.see(seen, seen.due, remembered, &judge(seen, shape), shape);
    }

    fn kept(steps: impl Iterator<Item = u64>) -> Evidence {
        let shape = shape();
        let mut evidence = Evidence::new(&shape);
        let remembered = Remembered {
            cause: Some(Cause::Cold),
            offered: false,
            fetched: None,
        };
        steps.for_each(|step| see(&mut evidence, &seen(step, 3 * SECOND), &remembered, &shape));
        evidence
    }

    fn steps(evidence: &Evidence) -> Vec<u64> {
        evidence
            .examples(Cause::Cold)
            .iter()
            .map(|example| example.observation.step)
            .collect()
    }

    #[test]
    fn examples_are_the_same_in_any_order_and_in_parts() {
        let whole = kept(0..1000);
        assert_eq!(steps(&whole).len(), EXAMPLES);
        assert_eq!(steps(&whole), steps(&kept((0..1000).rev())));
        let mut parts = kept((0..1000).filter(|step| step % 3 == 0));
        parts.merge(kept((0..1000).filter(|step| step % 3 != 0)));
        assert_eq!(steps(&whole), steps(&parts));
        assert_eq!(whole.flows().collect::<Vec<_>>(), [(0, Some(0), 1000)]);
        assert_eq!(
            (parts.flows().next(), parts.origin),
            (whole.flows().next(), whole.origin)
        );
        assert!(steps(&kept(0..2)).len() == 2 && steps(&whole).iter().any(|step| *step > 100));
    }

    #[test]
    fn the_warm_up_is_no_evidence() {
        let shape = shape();
        let mut evidence = Evidence::new(&shape);
        let remembered = Remembered {
            cause: Some(Cause::Cold),
            offered: false,
            fetched: None,
        };
        see(&mut evidence, &seen(1, SECOND), &remembered, &shape);
        assert_eq!((evidence.flows().count(), steps(&evidence).len()), (0, 0));
    }

    #[test]
    fn what_the_client_measured_stands_beside_the_rest_or_is_all_there_is() {
        let shape = shape();
        let mut evidence = Evidence::new(&shape);
        let nothing = Remembered {
            cause: None,
            offered: false,
            fetched: None,
        };
        let mut seen = observation(1, 3 * SECOND, Ok(by(hit(Some(5)))));
        seen.started += MS;
        seen.waits.phases.add(Phase::Routing, 2 * MS);
        seen.waits.phases.add(Phase::ClientConnect, 3 * MS);
        see(&mut evidence, &seen, &nothing, &shape);
        let edge = evidence.edge;
        assert_eq!(
            (edge.requests, edge.whole, edge.first_byte),
            (1, 0, 10 * MS)
        );
        // The link's time is the model's, which knows none here.
        assert_eq!(edge.phases.total(), 6 * MS);
        seen.waits.whole = true;
        see(&mut evidence, &seen, &nothing, &shape);
        let edge = evidence.edge;
        assert_eq!((edge.requests, edge.whole), (2, 1));
        assert_eq!(edge.phases.of(Phase::ClientToEdge), 4 * MS);
        assert_eq!(edge.phases.total(), 16 * MS);
    }
}
