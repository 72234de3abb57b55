//! A disk that is slow, or takes no more: it costs the node its disk tier, never an answer.

use std::sync::atomic::Ordering;

use http::HeaderMap;
use tempfile::TempDir;

use super::tests::{LARGE, SMALL, body, find, key, killed, open, settle, store};

/// So many fill memory of [`SMALL`] many times over.
const MANY: u32 = 60;

#[tokio::test]
async fn a_slow_disk_is_not_waited_for_again_and_again() {
    let folder = TempDir::new().unwrap();
    let node = open(folder.path(), SMALL).await;
    let none = HeaderMap::new();
    for n in 0..MANY {
        store(&node, key(n), body(n, 1, 10_000));
    }
    settle(&node).await;
    let tier = &node.disk.as_ref().unwrap().tier;
    let stuck = tier.engine.fault.stuck.clone().write_owned().await;
    // The first read is waited for, for a second; the others are not begun.
    assert_eq!(find(&node, &key(0), &none).await, None);
    assert_eq!(node.disk().unwrap().slow, 1);
    for n in 1..10 {
        assert_eq!(find(&node, &key(n), &none).await, None, "{n}");
    }
    let stats = node.disk().unwrap();
    assert_eq!((stats.slow, stats.hits), (10, 0), "{stats:?}");
    // What is new is served from memory meanwhile, and is written.
    store(&node, key(100), body(100, 1, 1_000));
    let new = Some(body(100, 1, 1_000));
    assert_eq!(find(&node, &key(100), &none).await, new);
    settle(&node).await;
    drop(stuck);
    assert_eq!(find(&node, &key(1), &none).await, None, "it rests");
    tier.wake();
    for n in 0..10 {
        let found = find(&node, &key(n), &none).await;
        assert_eq!(found, Some(body(n, 1, 10_000)), "{n}");
    }
}

#[tokio::test]
async fn a_disk_that_takes_no_more_leaves_memory_at_work() {
    let folder = TempDir::new().unwrap();
    let node = open(folder.path(), SMALL).await;
    let none = HeaderMap::new();
    for n in 0..MANY {
        store(&node, key(n), body(n, 1, 10_000));
    }
    settle(&node).await;
    let tier = &node.disk.as_ref().unwrap().tier;
    tier.engine.fault.loses.store(true, Ordering::Relaxed);
    store(&node, key(0), body(0, 2, 10_000));
    settle(&node).await;
    let stats = node.disk().unwrap();
    assert!(stats.failed && stats.dropped == 1, "{stats:?}");
    assert_eq!(find(&node, &key(0), &none).await, Some(body(0, 2, 10_000)));
    // Well again, but not trusted before the next start; what was there before is still read.
    tier.engine.fault.loses.store(false, Ordering::Relaxed);
    store(&node, key(1), body(1, 2, 10_000));
    for n in 200..200 + MANY {
        store(&node, key(n), body(n, 1, 10_000));
    }
    settle(&node).await;
    for n in 0..2 {
        // Where memory has lost the newer, the older must not show in its place.
        let found = find(&node, &key(n), &none).await;
        assert!(found.is_none_or(|found| found == body(n, 2, 10_000)), "{n}");
    }
    assert_eq!(find(&node, &key(2), &none).await, Some(body(2, 1, 10_000)));
    let stats = node.disk().unwrap();
    assert!(
        stats.failed && stats.written == u64::from(MANY),
        "{stats:?}"
    );
    killed(node).await;
    let after = open(folder.path(), LARGE).await;
    assert!(!after.disk().unwrap().failed);
    assert_eq!(find(&after, &key(2), &none).await, Some(body(2, 1, 10_000)));
    store(&after, key(1), body(1, 3, 10_000));
    settle(&after).await;
    assert_eq!(after.disk().unwrap().written, 1);
}
