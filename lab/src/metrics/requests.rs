//! Single requests, kept one by one where someone asked for them: all of a short run, a fair sample of a long one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::evidence::mixed;
use crate::observe::Observation;

/// Requests that are kept: those of the lowest ranks. A rank is as good as random and follows from the seed and the number of
/// the request alone, so the sample is fair, and the same in whatever order requests end.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    most: usize,
    seed: u64,
    lowest: BinaryHeap<One>,
}

#[derive(Debug, Clone)]
struct One {
    rank: u64,
    observation: Observation,
}

impl Kept {
    /// None yet, and at most so many.
    pub(super) fn new(most: usize, seed: u64) -> Self {
        Self {
            most,
            seed: mixed(seed),
            lowest: BinaryHeap::new(),
        }
    }

    pub(super) fn see(&mut self, observation: &Observation) {
        self.add(One {
            rank: mixed(observation.step ^ self.seed),
            observation: *observation,
        });
    }

    fn add(&mut self, one: One) {
        if self.lowest.len() < self.most {
            self.lowest.push(one);
        } else if let Some(mut last) = self.lowest.peek_mut().filter(|last| one < **last) {
            *last = one;
        }
    }

    /// Adds those of other requests of the same plan.
    pub(super) fn merge(&mut self, other: Self) {
        other.lowest.into_iter().for_each(|one| self.add(one));
    }

    /// The requests in the order of the plan.
    pub(crate) fn in_order(&self) -> Vec<&Observation> {
        let mut all: Vec<_> = self.lowest.iter().map(|one| &one.observation).collect();
        all.sort_unstable_by_key(|one| one.step);
        all
    }
}

impl Ord for One {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank, self.observation.step).cmp(&(other.rank, other.observation.step))
    }
}

impl PartialOrd for One {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for One {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for One {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::testing::{MS, by, hit, observation};

    fn kept(steps: impl Iterator<Item = u64>, most: usize, seed: u64) -> Kept {
        let mut kept = Kept::new(most, seed);
        for step in steps {
            let seen = observation(0, step * MS, Ok(by(hit(Some(1)))));
            kept.see(&Observation { step, ..seen });
        }
        kept
    }

    fn steps(kept: &Kept) -> Vec<u64> {
        kept.in_order().iter().map(|one| one.step).collect()
    }

    #[test]
    fn the_sample_is_fair_and_the_same_in_any_order() {
        let all = steps(&kept(0..10_000, 1000, 7));
        assert_eq!(all.len(), 1000);
        assert!(all.is_sorted());
        assert_eq!(steps(&kept((0..10_000).rev(), 1000, 7)), all);
        let mut parts = kept((0..10_000).step_by(2), 1000, 7);
        parts.merge(kept((1..10_000).step_by(2), 1000, 7));
        assert_eq!(steps(&parts), all);
        assert_ne!(steps(&kept(0..10_000, 1000, 8)), all);
        // A binomial of 1000 and one half strays by 16; this is six times that.
        let early = all.iter().filter(|step| **step < 5000).count();
        assert!((400..600).contains(&early), "{early}");
        assert_eq!(steps(&kept(0..10, 1000, 7)), (0..10).collect::<Vec<_>>());
    }
}
