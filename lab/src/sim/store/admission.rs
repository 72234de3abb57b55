//! Admission filters: which fetched responses are stored at all. They know keys and sizes, nothing of eviction.

use std::collections::VecDeque;

use super::Key;
use crate::plan::random::{Purpose, Stream};
use crate::plan::{Admission, History};

/// The filters of one node. Every answer depends on the keys asked about before and on the seed.
#[derive(Debug)]
pub struct Filter {
    rules: Admission,
    /// By key: whether it is remembered.
    refused: Vec<bool>,
    /// The remembered keys of a bounded history, oldest first.
    order: VecDeque<Key>,
    draws: Stream,
}

impl Filter {
    /// A filter for the keys `0..keys` with an empty history. It draws from the stream of `seed`
    /// that belongs to the node of this name.
    #[must_use]
    pub fn new(rules: Admission, keys: usize, seed: u64, node: &str) -> Self {
        Self {
            rules,
            refused: match rules.second_hit {
                Some(_) => vec![false; keys],
                None => Vec::new(),
            },
            order: VecDeque::new(),
            draws: Stream::new(seed, node, Purpose::Admission),
        }
    }

    /// Whether a response that is not stored now is to be stored; `bytes` is the length of its body.
    /// A refused key is remembered.
    pub fn admits(&mut self, key: Key, bytes: u64) -> bool {
        if self.rules.max_size.is_some_and(|most| bytes > most) {
            return false;
        }
        if let Some(history) = self.rules.second_hit
            && !std::mem::replace(&mut self.refused[key as usize], true)
        {
            if let History::Last(most) = history {
                if self.order.len() >= most as usize
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.refused[oldest as usize] = false;
                }
                self.order.push_back(key);
            }
            return false;
        }
        match self.rules.probability {
            Some(share) => self.draws.unit() <= share,
            None => true,
        }
    }

    /// Forgets its history, as a restart does. Its draws go on.
    pub fn clear(&mut self) {
        self.refused.fill(false);
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rules: Admission) -> Filter {
        Filter::new(rules, 10, 1, "fra-1")
    }

    #[test]
    fn the_second_fetch_is_admitted_as_far_as_memory_reaches() {
        let mut all = filter(Admission {
            second_hit: Some(History::Unlimited),
            ..Admission::ALL
        });
        let seen: Vec<bool> = [1, 2, 1, 1, 2].map(|key| all.admits(key, 1)).into();
        assert_eq!(seen, [false, false, true, true, true]);
        all.clear();
        assert!(!all.admits(1, 1));

        let mut two = filter(Admission {
            second_hit: Some(History::Last(2)),
            ..Admission::ALL
        });
        // 3 pushes 1 out of the history; 2 and 3 are still in it.
        let seen: Vec<bool> = [1, 2, 3, 2, 3, 1].map(|key| two.admits(key, 1)).into();
        assert_eq!(seen, [false, false, false, true, true, false]);
    }

    #[test]
    fn sizes_and_shares() {
        let mut small = filter(Admission {
            max_size: Some(10),
            ..Admission::ALL
        });
        assert!(small.admits(1, 10));
        assert!(!small.admits(1, 11));
        let share = |probability, node: &str| {
            let rules = Admission {
                probability: Some(probability),
                ..Admission::ALL
            };
            let mut filter = Filter::new(rules, 1, 7, node);
            (0..10_000).map(|_| filter.admits(0, 1)).collect::<Vec<_>>()
        };
        assert!(share(1.0, "fra-1").iter().all(|admitted| *admitted));
        let admitted = share(0.3, "fra-1").iter().filter(|a| **a).count();
        assert!((2_850..3_150).contains(&admitted), "{admitted}");
        assert_eq!(share(0.3, "fra-1"), share(0.3, "fra-1"));
        assert_ne!(share(0.3, "fra-1"), share(0.3, "fra-2"));
    }
}
