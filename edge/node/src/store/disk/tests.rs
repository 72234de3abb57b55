//! The disk tier over real files: what it keeps, what it must not give back, and damage to each of
//! its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use edge_core::{CacheKey, Digest, Lookup, ResponseHead, Stored, StoredHead, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode};
use tempfile::TempDir;

use super::*;
use crate::config::{Config, Disk as DiskConfig};
use crate::store::{Body, Response, Store};

const NOW: Timestamp = Timestamp(1_000);

pub(super) async fn open(folder: &Path, memory: u64) -> Store {
    open_with(Config::new("a", "http://b"), folder, memory).await
}

async fn open_with(mut config: Config, folder: &Path, memory: u64) -> Store {
    config.memory = memory;
    config.disk = Some(DiskConfig {
        folder: folder.to_owned(),
        size: LEAST,
    });
    Store::open(&config).await.expect("a usable folder")
}

pub(super) fn key(n: u32) -> CacheKey {
    CacheKey::from_text(&format!("http://a.test/{n}"))
}

/// Any two differ, in any version and at any place.
pub(super) fn body(n: u32, version: u32, length: usize) -> Vec<u8> {
    let line = format!("{n}.{version};");
    line.bytes().cycle().take(length).collect()
}

pub(super) fn store(store: &Store, key: CacheKey, bytes: Vec<u8>) {
    let head = ResponseHead {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
    };
    let response = Response {
        facts: Stored {
            digest: Digest::fresh_for(60_000),
            born: NOW,
        },
        head: StoredHead::new(&head),
        body: Body::new(vec![Bytes::from(bytes)]),
        trailers: None,
    };
    store.insert_response(key, store.stamp(), Arc::new(response));
}

pub(super) async fn find(store: &Store, key: &CacheKey, request: &HeaderMap) -> Option<Vec<u8>> {
    let found = store.look_up(key, request, NOW);
    let found = store.recall(found, key, request, NOW).await;
    let response = found.response?;
    assert!(matches!(found.lookup, Lookup::Hit(_)));
    Some(response.body.pieces().concat())
}

/// As kill -9 leaves it once the system has what was written: nothing is closed or flushed.
pub(super) async fn killed(store: Store) {
    settle(&store).await;
    drop(store);
}

pub(super) async fn settle(store: &Store) {
    store.disk.as_ref().unwrap().tier.settle().await;
}

/// Memory for nothing but the newest.
pub(super) const SMALL: u64 = 64 << 10;
pub(super) const LARGE: u64 = 64 << 20;

#[tokio::test]
async fn it_is_warm_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let before = open(folder.path(), LARGE).await;
    for n in 0..50 {
        store(&before, key(n), body(n, 1, 10_000));
    }
    store(&before, key(7), body(7, 2, 9_000));
    killed(before).await;
    let after = open(folder.path(), SMALL).await;
    let none = HeaderMap::new();
    for _ in 0..2 {
        for n in (0..50).filter(|n| *n != 7) {
            let found = find(&after, &key(n), &none).await;
            assert_eq!(found, Some(body(n, 1, 10_000)), "{n}");
        }
    }
    assert_eq!(find(&after, &key(7), &none).await, Some(body(7, 2, 9_000)));
    assert_eq!(find(&after, &key(50), &none).await, None);
    let stats = after.disk().unwrap();
    assert!(
        stats.hits >= 50 && stats.misses == 0 && !stats.failed,
        "{stats:?}"
    );
}

#[tokio::test]
async fn variants_are_found_again() {
    let folder = TempDir::new().unwrap();
    let before = open(folder.path(), LARGE).await;
    let request = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-kind", HeaderValue::from_static(value));
        headers
    };
    let mut varies = HeaderMap::new();
    varies.insert("vary", HeaderValue::from_static("x-kind"));
    for (n, kind) in ["a", "b"].into_iter().enumerate() {
        let (stamp, asked) = (before.stamp(), request(kind));
        let place = before.place(&key(1), stamp, &asked, &varies, |_| ());
        store(&before, place.key, body(1, n as u32, 5_000));
    }
    killed(before).await;
    let after = open(folder.path(), LARGE).await;
    for (n, kind) in ["a", "b"].into_iter().enumerate() {
        let found = find(&after, &key(1), &request(kind)).await;
        assert_eq!(found, Some(body(1, n as u32, 5_000)), "{kind}");
    }
    assert_eq!(find(&after, &key(1), &request("c")).await, None);
}

#[tokio::test]
async fn what_is_purged_does_not_come_back() {
    let folder = TempDir::new().unwrap();
    let before = open(folder.path(), LARGE).await;
    for n in 0..4 {
        store(&before, key(n), body(n, 1, 5_000));
    }
    settle(&before).await;
    let one = Selection::Key(key(1).hash());
    let purge = |mode, promise| before.purge(one, mode, NOW, promise);
    purge(Mode::Hard, Promise::Synced).await.unwrap();
    assert_eq!(find(&before, &key(1), &HeaderMap::new()).await, None);
    let two = Selection::Key(key(2).hash());
    let written = before.purge(two, Mode::Hard, NOW, Promise::Written);
    written.await.unwrap();
    // A fill that was under way when the purge came.
    let stamp = before.stamp();
    let three = Selection::Key(key(3).hash());
    before
        .purge(three, Mode::Hard, NOW, Promise::Synced)
        .await
        .unwrap();
    let late = Arc::new(Response {
        facts: Stored {
            digest: Digest::fresh_for(60_000),
            born: NOW,
        },
        head: StoredHead::new(&ResponseHead {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
        }),
        body: Body::new(Vec::new()),
        trailers: None,
    });
    before.insert_response(key(3), stamp, late);
    killed(before).await;
    for _ in 0..2 {
        let after = open(folder.path(), LARGE).await;
        let none = HeaderMap::new();
        assert_eq!(find(&after, &key(0), &none).await, Some(body(0, 1, 5_000)));
        for n in 1..4 {
            assert_eq!(find(&after, &key(n), &none).await, None, "{n}");
        }
        killed(after).await;
    }
    let last = open(folder.path(), LARGE).await;
    last.purge(Selection::All, Mode::Hard, NOW, Promise::Synced)
        .await
        .unwrap();
    killed(last).await;
    let empty = open(folder.path(), LARGE).await;
    assert_eq!(find(&empty, &key(0), &HeaderMap::new()).await, None);
}

#[tokio::test]
async fn without_its_journal_nothing_is_trusted() {
    let folder = TempDir::new().unwrap();
    let before = open(folder.path(), LARGE).await;
    store(&before, key(1), body(1, 1, 5_000));
    killed(before).await;
    fs::remove_file(folder.path().join("purges.log")).unwrap();
    let after = open(folder.path(), LARGE).await;
    assert_eq!(find(&after, &key(1), &HeaderMap::new()).await, None);
}

#[tokio::test]
async fn under_other_rules_for_keys_nothing_is_found() {
    let folder = TempDir::new().unwrap();
    let mut config = Config::new("a", "http://b");
    config.policy.key.query = edge_core::QueryRule::None;
    let before = open_with(config, folder.path(), LARGE).await;
    // Of any query: a request without one is not the same once queries count.
    store(&before, key(1), body(1, 1, 5_000));
    killed(before).await;
    let after = open(folder.path(), LARGE).await;
    assert_eq!(find(&after, &key(1), &HeaderMap::new()).await, None);
}

/// The oldest make room, at each restart too, and nothing is ever another's.
#[tokio::test]
async fn a_full_disk_goes_on_being_written() {
    let folder = TempDir::new().unwrap();
    let none = HeaderMap::new();
    for life in 0..4 {
        let node = open(folder.path(), SMALL).await;
        // Twice the disk.
        for n in 0..800 {
            store(&node, key(n), body(n, life, 20_000));
            if n % 100 == 99 {
                settle(&node).await;
            }
        }
        let mut there = 0;
        for n in 0..800 {
            if let Some(found) = find(&node, &key(n), &none).await {
                assert_eq!(found, body(n, life, 20_000), "{n} in life {life}");
                there += 1;
            }
        }
        let stats = node.disk().unwrap();
        assert!(!stats.failed && stats.dropped == 0, "{stats:?}");
        assert!(
            (250..400).contains(&there),
            "{there} on disk in life {life}"
        );
        killed(node).await;
    }
}

#[tokio::test]
async fn what_is_too_large_for_a_region_is_dropped_and_takes_the_older_along() {
    let folder = TempDir::new().unwrap();
    let node = open(folder.path(), LARGE).await;
    store(&node, key(1), body(1, 1, 5_000));
    settle(&node).await;
    store(&node, key(1), body(1, 2, 1 << 20));
    assert_eq!(node.disk().unwrap().dropped, 1);
    killed(node).await;
    let after = open(folder.path(), LARGE).await;
    assert_eq!(find(&after, &key(1), &HeaderMap::new()).await, None);
}

fn region_files(folder: &Path) -> Vec<PathBuf> {
    let regions = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let regions = regions.filter(|path| path.is_dir());
    let files = regions.flat_map(|path| fs::read_dir(path).unwrap());
    files.map(|entry| entry.unwrap().path()).collect()
}

/// Damage to the files between two lives: each answer is right or missing, and what comes after is
/// kept as ever.
async fn damaged(how: impl Fn(&Path, usize)) {
    let folder = TempDir::new().unwrap();
    let none = HeaderMap::new();
    for life in 0..3 {
        let node = open(folder.path(), LARGE).await;
        for n in 0..60 {
            if let Some(found) = find(&node, &key(n), &none).await {
                let known = (0..life).any(|version| found == body(n, version, 10_000));
                assert!(known, "{n} in life {life}");
            }
        }
        for n in 0..60 {
            store(&node, key(n), body(n, life, 10_000));
        }
        settle(&node).await;
        let stats = node.disk().unwrap();
        assert!(!stats.failed, "{stats:?}");
        killed(node).await;
        for (number, path) in region_files(folder.path()).iter().enumerate() {
            how(path, number);
        }
    }
}

#[tokio::test]
async fn flipped_bytes_are_misses() {
    damaged(|path, number| {
        let mut bytes = fs::read(path).unwrap();
        let mut at = number * 37 % 1000;
        while at < bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            at += 7_001;
        }
        fs::write(path, bytes).unwrap();
    })
    .await;
}

#[tokio::test]
async fn truncated_files_are_misses() {
    damaged(|path, number| {
        let length = fs::metadata(path).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(length / (number as u64 % 5 + 2)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn files_that_are_gone_are_misses() {
    damaged(|path, number| {
        if number % 3 == 0 {
            fs::remove_file(path).unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn files_in_each_others_place_are_misses() {
    damaged(|path, number| {
        let other = path.with_file_name("foyer-storage-direct-fs-00000000");
        if number % 2 == 0 && path != other && other.exists() {
            let between = path.with_extension("swap");
            fs::rename(path, &between).unwrap();
            fs::rename(&other, path).unwrap();
            fs::rename(&between, &other).unwrap();
        }
    })
    .await;
}

/// A file that shrinks while the node runs: reads fail, answers stay right.
#[tokio::test]
async fn damage_under_a_running_node_is_a_miss() {
    let folder = TempDir::new().unwrap();
    let node = open(folder.path(), SMALL).await;
    for n in 0..60 {
        store(&node, key(n), body(n, 1, 10_000));
    }
    settle(&node).await;
    for path in region_files(folder.path()) {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(100_000).unwrap();
    }
    let none = HeaderMap::new();
    let mut missing = 0;
    for n in 0..60 {
        match find(&node, &key(n), &none).await {
            Some(found) => assert_eq!(found, body(n, 1, 10_000)),
            None => missing += 1,
        }
    }
    assert!(missing > 0, "the files were cut for nothing");
}
