//! What is kept of single requests beside the sums: a few examples of each cause of misses, who asked whom, and what misses
//! waited for. A hit costs one addition.

use super::cell::Cause;
use super::memory::Remembered;
use super::shape::{Shape, WARMUP};
use crate::observe::Observation;
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
    /// What answered a miss: an inner tier, or the origin.
    pub(crate) shield: Waits,
    pub(crate) origin: Waits,
}

/// One miss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Example {
    rank: u64,
    pub(crate) observation: Observation,
    /// When its node had fetched it last, milliseconds since the start of the run.
    pub(crate) fetched: Option<u32>,
}

/// Sums over misses, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    pub(crate) requests: u64,
    /// From the intended send time.
    pub(crate) first_byte: u64,
    pub(crate) done: u64,
    /// Round trips by the model: client and edge, edge and shield, the last cache and the origin.
    pub(crate) client: u64,
    pub(crate) between: u64,
    pub(crate) origin: u64,
    /// The origin's own time.
    pub(crate) think: u64,
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
        reached_origin: bool,
        shape: &Shape,
    ) {
        self.flow(seen.place, seen.node, at);
        if let Some(cause) = remembered.cause.filter(|_| at >= self.warmup) {
            self.miss(seen, at, cause, remembered.fetched, reached_origin, shape);
        }
    }

    /// A request from a place to a node, intended for `at`.
    #[inline]
    pub(crate) fn flow(&mut self, place: u16, node: Option<u16>, at: Nanos) {
        if at < self.warmup {
            return;
        }
        let end = node.map_or(self.ends - 1, usize::from);
        if let Some(count) = self.flows.get_mut(usize::from(place) * self.ends + end) {
            *count += 1;
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
            let waits = if reached_origin {
                &mut self.origin
            } else {
                &mut self.shield
            };
            waits.add(seen, at, node, reached_origin, shape);
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

impl Waits {
    fn add(
        &mut self,
        seen: &Observation,
        at: Nanos,
        node: u16,
        reached_origin: bool,
        shape: &Shape,
    ) {
        let scene = &shape.scene;
        self.requests += 1;
        self.first_byte += seen.first_byte.saturating_sub(at);
        self.done += seen.done.saturating_sub(at);
        self.client += scene.client_rtt(seen.place, Some(node));
        let mut node = node;
        // As many tiers as a path can tell of.
        for _ in 0..crate::observe::Path::MOST {
            let Some(Some(upstream)) = scene.upstream.get(usize::from(node)) else {
                break;
            };
            self.between += scene.upstream_rtt(node);
            node = *upstream;
            if !reached_origin {
                return;
            }
        }
        self.origin += scene.upstream_rtt(node);
        let content = scene.content.get(usize::from(seen.object.class));
        self.think += content.map_or(0, |content| content.think);
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.first_byte += other.first_byte;
        self.done += other.done;
        self.client += other.client;
        self.between += other.between;
        self.origin += other.origin;
        self.think += other.think;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SECOND, by, forwarded, observation, shape};
    use super::*;
    use crate::observe::Fwd;

    fn seen(step: u64, at: Nanos) -> Observation {
        Observation {
            step,
            ..observation(1, at, Ok(by(forwarded(Fwd::UriMiss, None, true))))
        }
    }

    fn kept(steps: impl Iterator<Item = u64>) -> Evidence {
        let shape = shape();
        let mut evidence = Evidence::new(&shape);
        let remembered = Remembered {
            cause: Some(Cause::Cold),
            offered: false,
            fetched: None,
        };
        steps.for_each(|step| {
            evidence.see(
                &seen(step, 3 * SECOND),
                3 * SECOND,
                &remembered,
                true,
                &shape,
            )
        });
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
        evidence.see(&seen(1, SECOND), SECOND, &remembered, true, &shape);
        assert_eq!((evidence.flows().count(), steps(&evidence).len()), (0, 0));
    }
}
