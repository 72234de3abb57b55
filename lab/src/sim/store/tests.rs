use std::collections::HashMap;
use std::path::PathBuf;

use super::*;
use crate::plan::Eviction as Order;

/// Plays look-ups of unit weight, inserts on each miss, and gives the misses.
fn misses(order: Order, capacity: u64, keys: usize, trace: &[Key]) -> u64 {
    let mut store = Store::new(order, capacity, keys);
    let mut missed = 0;
    for &key in trace {
        if !store.find(key) {
            missed += 1;
            store.insert(key, 1, |_| {});
        }
        assert!(store.used() <= capacity);
    }
    missed
}

/// What remains of the keys after the accesses, sorted.
#[track_caller]
fn check(order: Order, capacity: u64, trace: &[Key], expected: &[Key]) {
    let keys = trace.iter().max().map_or(0, |&key| key as usize + 1);
    let mut store = Store::new(order, capacity, keys);
    for &key in trace {
        if !store.find(key) {
            store.insert(key, 1, |_| {});
        }
    }
    let left: Vec<Key> = (0..).take(keys).filter(|&key| store.holds(key)).collect();
    assert_eq!(left, expected, "{order:?}");
    assert_eq!(store.entries(), expected.len() as u64);
}

#[test]
fn fifo_forgets_the_oldest_whatever_is_used() {
    check(Order::Fifo, 3, &[0, 1, 2, 0, 0, 3], &[1, 2, 3]);
}

#[test]
fn lru_forgets_what_was_used_longest_ago() {
    check(Order::Lru, 3, &[0, 1, 2, 0, 0, 3], &[0, 2, 3]);
}

#[test]
fn sieve_spares_what_was_visited_and_keeps_its_hand() {
    // 0 is visited and spared, 1 goes, the hand stands on 2, which goes next.
    check(Order::Sieve, 3, &[0, 1, 2, 0, 3, 4], &[0, 3, 4]);
}

#[test]
fn s3_fifo_brings_a_ghost_back_into_main() {
    // Capacity 10: the small queue holds 1. 0 goes as the eleventh comes, its ghost brings it to
    // main, so that eleven further newcomers do not push it out.
    let mut trace: Vec<Key> = (0..11).collect();
    trace.push(0);
    trace.extend(11..22);
    let mut store = Store::new(Order::S3Fifo, 10, 22);
    for &key in &trace {
        if !store.find(key) {
            store.insert(key, 1, |_| {});
        }
    }
    assert!(store.holds(0));
    assert!(!store.holds(1));
}

#[test]
fn lfu_keeps_what_is_asked_for_often() {
    let mut trace = Vec::new();
    for round in 0..200 {
        trace.push(0);
        trace.push(1 + round);
    }
    let mut store = Store::new(Order::Lfu, 10, 201);
    for &key in &trace {
        if !store.find(key) {
            store.insert(key, 1, |_| {});
        }
    }
    assert!(store.holds(0));
}

#[test]
fn what_is_too_large_is_not_admitted_and_disturbs_nobody() {
    for order in [
        Order::Fifo,
        Order::Lru,
        Order::Lfu,
        Order::S3Fifo,
        Order::Sieve,
    ] {
        let mut store = Store::new(order, 10, 3);
        assert!(store.insert(0, 6, |_| {}));
        assert!(!store.insert(1, 11, |_| {}));
        assert!(store.holds(0));
        let mut gone = Vec::new();
        assert!(store.insert(2, 5, |key| gone.push(key)));
        assert_eq!(gone, [0]);
        assert_eq!(
            (store.used(), store.entries(), store.evictions()),
            (5, 1, 1)
        );
        assert!(store.remove(2));
        assert!(!store.remove(2));
        assert_eq!((store.used(), store.entries()), (0, 0));
    }
}

proptest::proptest! {
    /// Whatever happens, the books are right and the bound holds.
    #[test]
    fn weights_add_up(
        capacity in 1u64..60,
        steps in proptest::collection::vec((0u32..16, 0u8..4, 1u64..20), 0..400),
    ) {
        for order in [Order::Fifo, Order::Lru, Order::Lfu, Order::S3Fifo, Order::Sieve] {
            let mut store = Store::new(order, capacity, 16);
            let mut truth: HashMap<Key, u64> = HashMap::new();
            for &(key, what, weight) in &steps {
                match what {
                    0 => assert_eq!(store.remove(key), truth.remove(&key).is_some()),
                    1 => assert_eq!(store.find(key), truth.contains_key(&key)),
                    _ => {
                        let stored = store.insert(key, weight, |gone| { truth.remove(&gone); });
                        truth.remove(&key);
                        if stored {
                            truth.insert(key, weight);
                        }
                        assert_eq!(stored, weight <= capacity);
                    }
                }
                assert_eq!(store.used(), truth.values().sum::<u64>());
                assert!(store.used() <= capacity);
                assert_eq!(store.entries(), truth.len() as u64);
            }
        }
    }
}

/// The real trace stands beside the project's repository, not in it.
fn web07() -> Option<(Vec<Key>, usize)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    // A clone has the data beside it, a worktree one level further up.
    let path = [
        "../shared/data/traces/web07.csv",
        "../../shared/data/traces/web07.csv",
    ]
    .iter()
    .map(|path| root.join(path))
    .find(|path| path.is_file());
    let Some(path) = path else {
        println!("SKIPPED: ../shared/data/traces/web07.csv is not there");
        return None;
    };
    let mut reader = csv::Reader::from_path(path).unwrap();
    let mut dense = HashMap::new();
    let mut trace = Vec::new();
    for row in reader.records() {
        let next = Key::try_from(dense.len()).unwrap();
        trace.push(*dense.entry(row.unwrap()[1].to_owned()).or_insert(next));
    }
    let keys = dense.len();
    Some((trace, keys))
}

#[test]
fn web07_misses_are_those_of_independent_simulators() {
    let Some((trace, keys)) = web07() else { return };
    assert_eq!((trace.len(), keys), (76_118, 20_484));
    for (capacity, lru, fifo) in [
        (100, 50_691, 52_399),
        (1_000, 37_750, 39_818),
        (10_000, 23_599, 24_913),
    ] {
        assert_eq!(
            misses(Order::Lru, capacity, keys, &trace),
            lru,
            "LRU at {capacity}"
        );
        assert_eq!(
            misses(Order::Fifo, capacity, keys, &trace),
            fifo,
            "FIFO at {capacity}"
        );
    }
    // The newer policies exist to be better than LRU on such traces.
    for order in [Order::Sieve, Order::S3Fifo, Order::Lfu] {
        let missed = misses(order, 1_000, keys, &trace);
        println!("{order:?} at 1,000: {missed}");
        assert!(missed < 37_750, "{order:?}: {missed}");
    }
}
