use std::collections::VecDeque;

use super::super::{Policies, Store};
use super::*;
use crate::plan::Eviction;

fn bound(memory: u64, most: u64) -> Bound {
    Bound::new(memory, Some(most))
}

fn store(bound: Bound, eviction: &Eviction, keys: usize) -> Store {
    Policies::default()
        .bounded(eviction, bound, keys)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What leaves as these enter one after another.
fn gone(bound: Bound, sizes: &[u64]) -> Vec<u32> {
    let mut store = store(bound, &Eviction::Lru, sizes.len());
    let mut gone = Vec::new();
    for (key, &bytes) in (0..).zip(sizes) {
        store.insert(key, bytes, |key| gone.push(key));
    }
    gone
}

#[test]
fn small_ones_leave_by_number_and_large_ones_by_bytes() {
    assert_eq!(gone(bound(1_000_000, 3), &[9; 5]), [0, 1]);
    // A third of the memory does not divide it: three of 334 bytes are too much, of 333 they fit.
    assert_eq!(gone(bound(1_000, 3), &[333; 4]), [0]);
    assert_eq!(gone(bound(1_000, 3), &[334; 3]), [0]);
    // 1.1 shares each: nine of these are in the memory, not five.
    assert_eq!(gone(bound(10_000, 10), &[1_100; 10]), [0]);
}

proptest::proptest! {
    /// Neither bound is ever exceeded, and the same leave, in the same order, as from a plain list that measures each
    /// response by the larger of its shares, in exact arithmetic.
    #[test]
    fn both_bounds_hold_and_evictions_are_those_of_a_plain_list(
        memory in 100u64..5_000,
        most in 1u64..40,
        steps in proptest::collection::vec((0u32..60, 1u64..400), 1..400),
    ) {
        let bound = bound(memory, most);
        let mut store = store(bound, &Eviction::Lru, 60);
        let mut list: VecDeque<(u32, u64)> = VecDeque::new();
        // In parts of an object, rounded up one by one.
        let share = |bytes: u64| (bytes * most * 1024).div_ceil(memory).max(1024);
        let used = |list: &VecDeque<(u32, u64)>| list.iter().map(|(_, bytes)| share(*bytes)).sum::<u64>();
        for (key, bytes) in steps {
            if let Some(place) = list.iter().position(|(stored, _)| *stored == key) {
                assert!(store.find(key));
                let entry = list.remove(place);
                list.extend(entry);
                continue;
            }
            assert!(!store.find(key));
            let (mut left, mut expected) = (Vec::new(), Vec::new());
            let stored = store.insert(key, bytes, |key| left.push(key));
            assert_eq!(stored, share(bytes) <= most * 1024);
            if stored {
                while used(&list) + share(bytes) > most * 1024 {
                    expected.extend(list.pop_front().map(|(key, _)| key));
                }
                list.push_back((key, bytes));
            }
            assert_eq!(left, expected);
            assert!(list.iter().map(|(_, bytes)| bytes).sum::<u64>() <= memory);
            assert!(store.entries() <= most);
            assert_eq!(store.entries(), list.len() as u64);
        }
    }
}
