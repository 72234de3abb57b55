//! The disk tier of a real edge: what it keeps over a clean end and over kill -9, and what it never
//! gives back.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::support::machine;
use crate::support::node::Node;
use crate::support::scenario::{Scenario, printed};
use crate::support::upstream::{Request, Then, Upstream};
use crate::support::wire::{self, Response};

/// An object's bytes in one version: any two objects, versions and places differ.
fn body(path: &str, version: u64) -> Vec<u8> {
    let seed = path.bytes().fold(version, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    let length = 2_000 + seed % 60_000;
    (0..length.div_ceil(8))
        .flat_map(|word| {
            (seed ^ (word << 20))
                .wrapping_mul(0xD6E8_FEB8_6659_FD93)
                .to_le_bytes()
        })
        .take(length as usize)
        .collect()
}

/// What is published under each path, from version 1 on.
#[derive(Default)]
struct Site(Mutex<HashMap<String, u64>>);

impl Site {
    fn version(&self, path: &str) -> u64 {
        *self.0.lock().unwrap().entry(path.to_owned()).or_insert(1)
    }

    fn publish(&self, path: &str) {
        *self.0.lock().unwrap().entry(path.to_owned()).or_insert(1) += 1;
    }

    /// An origin that sends the head, then the body in two parts.
    fn origin(self: &Arc<Self>) -> Upstream {
        let site = Arc::clone(self);
        Upstream::start(move |request: &Request, stream| {
            let version = site.version(&request.target);
            let body = body(&request.target, version);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nCache-Control: max-age=3600\r\nX-Version: {version}\r\n\r\n",
                body.len()
            );
            let (one, two) = body.split_at(body.len() / 2);
            let sent = stream.write_all(head.as_bytes());
            let sent = sent.and_then(|()| stream.write_all(one));
            match sent.and_then(|()| stream.write_all(two)) {
                Ok(()) => Then::KeepOpen,
                Err(_) => Then::Close,
            }
        })
    }
}

/// The version of a response whose bytes, as far as they came, are that version's.
#[track_caller]
fn checked(path: &str, response: &Response) -> u64 {
    assert_eq!(response.status, 200, "{path}: {response:?}");
    let version = response.field("x-version").expect("a version");
    let version = version.parse().expect("a number");
    let expected = body(path, version);
    assert!(expected.starts_with(&response.body), "{path}: wrong bytes");
    assert!(
        !response.complete || response.body.len() == expected.len(),
        "{path}: cut"
    );
    version
}

fn edge(origin: &Upstream, folder: &Path, memory: &str) -> Node {
    let folder = folder.to_str().expect("a path in UTF-8");
    let disk = ["--disk", folder, "--disk-size", "16MiB", "--memory", memory];
    Node::edge(&origin.url(), &disk)
}

fn disk_stats(node: &Node) -> serde_json::Value {
    let response = wire::get(node.admin, "/stats", &[]);
    let stats: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
    stats["disk"].clone()
}

/// Returns when so many entries are on disk.
fn written(node: &Node, count: u64) {
    while disk_stats(node)["written"].as_u64().expect("a number") < count {}
}

fn get(node: &Node, path: &str) -> (u64, String) {
    let response = wire::get(node.listen, path, &[]);
    assert!(response.complete);
    let status = response.field("cache-status").expect("a status");
    (checked(path, &response), status)
}

fn purge(admin: SocketAddr, path: &str) -> Option<u16> {
    let target = format!("/purge?url=http://www.example.test{path}");
    let response = wire::attempt(admin, "POST", &target, &[]).ok()??;
    Some(response.status)
}

fn paths(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("/{n}")).collect()
}

#[test]
fn it_is_warm_after_a_clean_restart_and_after_a_kill() {
    let folder = TempDir::new().unwrap();
    let site = Arc::new(Site::default());
    let origin = site.origin();
    let paths = paths(30);
    let node = edge(&origin, folder.path(), "64MiB");
    for path in &paths {
        assert!(get(&node, path).1.contains("fwd=uri-miss"));
    }
    // Ended before all is written: a clean end writes it.
    assert!(node.close_stdin());
    let node = edge(&origin, folder.path(), "64MiB");
    for path in &paths {
        let (_, status) = get(&node, path);
        assert!(
            status.contains("hit") && status.contains("detail=disk"),
            "{status}"
        );
        let (_, status) = get(&node, path);
        assert!(
            status.contains("hit") && !status.contains("disk"),
            "{status}"
        );
    }
    let more = "/more";
    get(&node, more);
    written(&node, 1);
    drop(node);
    // Memory for a few only: the rest comes from disk, again and again.
    let node = edge(&origin, folder.path(), "200KiB");
    for path in paths.iter().chain(&paths).map(String::as_str).chain([more]) {
        let (_, status) = get(&node, path);
        assert!(status.contains("hit"), "{path}: {status}");
    }
    assert_eq!(origin.requests(), 31);
    assert!(disk_stats(&node)["hits"].as_u64() >= Some(31));
}

#[test]
fn what_is_purged_or_invalidated_stays_so_after_a_kill() {
    let folder = TempDir::new().unwrap();
    let site = Arc::new(Site::default());
    let origin = site.origin();
    let node = edge(&origin, folder.path(), "64MiB");
    for path in ["/kept", "/purged", "/posted"] {
        get(&node, path);
    }
    written(&node, 3);
    for path in ["/kept", "/purged", "/posted"] {
        site.publish(path);
    }
    assert_eq!(purge(node.admin, "/purged"), Some(200));
    let posted = wire::send(node.listen, "POST", "/posted", &[("content-length", "0")]);
    assert_eq!(posted.status, 200);
    drop(node);
    for _ in 0..2 {
        let node = edge(&origin, folder.path(), "64MiB");
        assert_eq!(get(&node, "/kept").0, 1);
        assert_eq!(get(&node, "/purged").0, 2);
        assert_eq!(get(&node, "/posted").0, 2);
    }
}

#[test]
fn damaged_files_are_misses() {
    let folder = TempDir::new().unwrap();
    let site = Arc::new(Site::default());
    let origin = site.origin();
    let paths = paths(40);
    for round in 0..4_usize {
        let node = edge(&origin, folder.path(), "64MiB");
        for path in &paths {
            assert_eq!(get(&node, path).0, 1);
        }
        assert!(node.close_stdin());
        for folder in std::fs::read_dir(folder.path()).unwrap() {
            let folder = folder.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder).unwrap() {
                let file = file.unwrap().path();
                let mut bytes = std::fs::read(&file).unwrap();
                for at in (5_000 + round * 1_000..bytes.len()).step_by(100_003) {
                    bytes[at] ^= 0x10;
                }
                std::fs::write(&file, bytes).unwrap();
            }
        }
    }
    assert!(
        origin.requests() > paths.len(),
        "the damage has hit nothing"
    );
    assert!(origin.requests() < 4 * paths.len(), "nothing outlived it");
}

#[test]
fn a_folder_is_for_one_edge() {
    let folder = TempDir::new().unwrap();
    let origin = Upstream::always("HTTP/1.1 204 No Content\r\n\r\n");
    let _node = edge(&origin, folder.path(), "1MiB");
    let path = folder.path().to_str().unwrap();
    let arguments = [
        "edge",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        "http://127.0.0.1:1",
        "--disk",
        path,
    ];
    let second = std::process::Command::new(crate::support::node::binary())
        .args(arguments)
        .output()
        .expect("the binary starts");
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(
        error.contains("another edge uses it") && error.contains(path),
        "{error}"
    );
}

/// Rounds of the test below: more in `.ci/run`.
fn rounds() -> usize {
    let asked = std::env::var("CDNLAB_KILL_ROUNDS").ok();
    asked.map_or(10, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Kill -9 in the middle of fills, writes and purges, again and again over one folder. Each byte
/// that any client gets is right, and older than an acknowledged purge is nothing ever.
#[test]
fn killed_again_and_again_it_serves_no_wrong_byte_and_nothing_purged() {
    let folder = TempDir::new().unwrap();
    let site = Arc::new(Site::default());
    let origin = site.origin();
    // More than the disk tier holds, so that regions are reused too.
    let paths = paths(900);
    // The version below which nothing may come any more.
    let least: Vec<AtomicU64> = paths.iter().map(|_| AtomicU64::new(1)).collect();
    let (answers, from_disk, purges) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let mut dice = 1_u64;
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        dice >> 33
    };
    for round in 0..rounds() {
        let node = edge(&origin, folder.path(), "1MiB");
        let (listen, admin) = (node.listen, node.admin);
        let ended = AtomicBool::new(false);
        let served = AtomicUsize::new(0);
        let until = 40 + roll() as usize % 160;
        std::thread::scope(|scope| {
            for client in 0..3 {
                let start = roll() as usize;
                let (paths, least, ended, served) = (&paths, &least, &ended, &served);
                let (answers, from_disk, purges, site) = (&answers, &from_disk, &purges, &site);
                scope.spawn(move || {
                    for step in 0.. {
                        if ended.load(Ordering::SeqCst) {
                            return;
                        }
                        // Near the start often, far from it now and then.
                        let number = (start + step * step % 97 + step % 3 * 300) % paths.len();
                        let (path, least) = (&paths[number], &least[number]);
                        if client == 0 && step % 8 == 7 {
                            site.publish(path);
                            let new = site.version(path);
                            if purge(admin, path) == Some(200) {
                                least.fetch_max(new, Ordering::SeqCst);
                                purges.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                        let before = least.load(Ordering::SeqCst);
                        let Ok(Some(response)) = wire::attempt(listen, "GET", path, &[]) else {
                            continue;
                        };
                        let version = checked(path, &response);
                        assert!(version >= before, "{path}: purged version {version} is back in round {round}, {before} was due");
                        let status = response.field("cache-status").unwrap_or_default();
                        from_disk.fetch_add(usize::from(status.contains("detail=disk")), Ordering::SeqCst);
                        answers.fetch_add(1, Ordering::SeqCst);
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            while served.load(Ordering::SeqCst) < until {
                std::thread::yield_now();
            }
            drop(node);
            ended.store(true, Ordering::SeqCst);
        });
    }
    let counts = (
        answers.into_inner(),
        from_disk.into_inner(),
        purges.into_inner(),
    );
    println!(
        "{} rounds: (answers, of them from disk, purges) = {counts:?}",
        rounds()
    );
    assert!(counts.0 > 0 && counts.1 > 0 && counts.2 > 0, "{counts:?}");
}

/// A PoP with a disk tier comes back warm from a kill within a run.
#[test]
fn a_node_of_a_run_comes_back_with_its_disk_tier() {
    let _machine = machine::alone();
    let scenario = Scenario::new(
        "\
schema: 1
name: disk
duration: 8s
content:
  pages: {path: '/pages/{id}.html', objects: 30, size: 10KiB, headers: {Cache-Control: max-age=600}}
pops:
  fra: {at: FRA, disk: {size: 16MiB}}
clients:
  germany: {from: [FRA], rate: 60/s}
events:
  - {at: 4s, kill: fra}
  - {at: 5s, restart: fra}
",
    );
    let output = scenario.play("run", &["--quiet"]);
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 3)), "{}", printed(&output));
    let total = scenario.report()["variants"][0]["total"].clone();
    let misses = total["classes"]["miss"].as_u64().expect("a count");
    // Each page once; without a disk most of them twice.
    assert!((20..=30).contains(&misses), "{total}");
    let output = scenario.play("simulate", &["--quiet"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(
        printed(&output).contains("`fra-1` has a disk tier"),
        "{}",
        printed(&output)
    );
}
