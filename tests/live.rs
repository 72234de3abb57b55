//! `cdnlab run` against real processes: what it measures, and that nothing outlives it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::support::machine;
use crate::support::scenario::{Scenario, printed};

/// Three regions' worth of a small site through two tiers.
const TWO_TIERS: &str = "\
schema: 1
name: two-tiers
duration: 6s
content:
  pages: {path: '/pages/{id}.html', objects: 40, size: 2KiB, headers: {Cache-Control: max-age=60}}
pops:
  fra: {at: FRA, upstream: shield}
  lhr: {at: LHR, upstream: shield}
  shield: {at: IAD, serves_clients: false}
clients:
  germany: {from: [FRA], rate: 40/s}
  britain: {from: [LHR], rate: 40/s}
";

/// Ids of the processes whose command line contains `word` (Linux; elsewhere none).
fn processes_with(word: &str) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            // A zombie has an empty command line: it has ended, only its parent has not looked yet.
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(word)
        })
        .collect()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn two_tiers_live_and_simulated_agree_and_reconcile() {
    let _machine = machine::alone();
    let scenario = Scenario::new(TWO_TIERS);
    let output = scenario.play("run", &["--quiet"]);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        printed(&output)
    );
    let live = scenario.report()["variants"][0].clone();
    let output = scenario.play("simulate", &["--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let simulated = scenario.report()["variants"][0].clone();

    assert_eq!(live["total"]["requests"], simulated["total"]["requests"]);
    assert_eq!(number(&live["total"]["availability"]["value"]), 1.0);
    assert_eq!(
        number(&live["total"]["wrong_bodies"]["value"]),
        0.0,
        "{}",
        live["total"]["wrong_bodies"]
    );
    let ratio = |variant: &Value| number(&variant["total"]["request_hit_ratio"]["value"]);
    assert!(
        (ratio(&live) - ratio(&simulated)).abs() < 0.01,
        "{} and {}",
        ratio(&live),
        ratio(&simulated)
    );
    assert_eq!(
        live["reconciliation"]["agrees"], true,
        "{}",
        live["reconciliation"]
    );
    // The shield fetches each object once; both edges get it from there.
    let fetches = number(&live["origin"]["requests"]);
    assert!(
        (30.0..=40.0).contains(&fetches),
        "{fetches} origin fetches for 40 objects"
    );
}

#[test]
fn an_edge_that_is_killed_is_failed_over_and_shown() {
    let _machine = machine::alone();
    let yaml = "\
schema: 1
name: killed
duration: 9s
content:
  pages: {path: '/pages/{id}.html', objects: 10, size: 1KiB, headers: {Cache-Control: max-age=60}}
pops:
  fra: {at: FRA}
  lhr: {at: LHR}
clients:
  germany: {from: [FRA], rate: 40/s}
routing: {mode: router, at: FRA, ttl: 500ms, health: {interval: 200ms, timeout: 200ms, rise: 1, fall: 2}}
events:
  - {at: 3s, kill: fra-1}
windows:
  before: {from: 0s, to: 2s}
  after: {from: 5s, to: 9s}
";
    let scenario = Scenario::new(yaml);
    let output = scenario.play("run", &[]);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        printed(&output)
    );
    let report = scenario.report();
    let variant = &report["variants"][0];
    let window = |name: &str| {
        let windows = variant["windows"].as_array().expect("windows");
        let found = windows
            .iter()
            .map(|window| &window["total"])
            .find(|total| total["name"] == name);
        found.expect("a window of the scenario").clone()
    };
    assert_eq!(number(&window("before")["availability"]["value"]), 1.0);
    assert_eq!(
        number(&window("after")["availability"]["value"]),
        1.0,
        "the router sends clients to lhr"
    );
    let whole = number(&variant["total"]["availability"]["value"]);
    assert!(
        whole < 1.0,
        "requests between the kill and the failover failed, and are counted: {whole}"
    );
    assert!(printed(&output).contains("fra-1"), "{}", printed(&output));
}

/// A run of a minute whose traffic flows; one of its edges is called `WORD-1`, as no other process is. The reader must
/// live as long as the lab, which writes its progress there.
fn under_way(word: &str) -> (Scenario, Child, BufReader<ChildStderr>) {
    let yaml = TWO_TIERS
        .replace("fra:", &format!("{word}:"))
        .replace("duration: 6s", "duration: 60s");
    let scenario = Scenario::new(&yaml);
    let mut command = scenario.command("run", &[]);
    let mut lab = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(lab.stderr.take().expect("a piped stderr"));
    let sending = stderr
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("sending"));
    assert!(sending, "the run began");
    let edge = processes_with(&format!("{word}-1"));
    assert!(
        cfg!(not(target_os = "linux")) || !edge.is_empty(),
        "the edge runs as a process of its own"
    );
    (scenario, lab, stderr)
}

#[test]
fn nothing_outlives_a_lab_that_is_killed() {
    let _machine = machine::shared();
    let (_scenario, mut lab, _stderr) = under_way("kkill9");
    lab.kill().expect("kill -9");
    lab.wait().expect("a dead lab");
    // Its stdin is closed by the kernel; the node needs a moment to see that, and the test looks until it has.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !processes_with("kkill9-1").is_empty() {
        assert!(
            std::time::Instant::now() < deadline,
            "still running: {:?}",
            processes_with("kkill9-1")
        );
        std::thread::yield_now();
    }
}

#[test]
fn interrupting_a_run_takes_everything_down() {
    let _machine = machine::shared();
    let (_scenario, mut lab, _stderr) = under_way("ksigint");
    let killed = Command::new("kill")
        .args(["-INT", &lab.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    assert!(!lab.wait().expect("an ended lab").success());
    assert_eq!(
        processes_with("ksigint-1"),
        Vec::<u32>::new(),
        "the lab waits for its children"
    );
}

#[test]
fn a_real_trace_through_a_real_edge() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/traces/web07.csv");
    if !trace.exists() {
        println!(
            "skipped: {} is not there (the trace is not part of the repository)",
            trace.display()
        );
        return;
    }
    let _machine = machine::alone();
    // The first part of the trace, so that the test stays short; benches/web07.sh plays the whole of it.
    let text = std::fs::read_to_string(&trace).expect("a readable trace");
    let scenario = Scenario::new(&web07("part.csv"));
    let part: String = text
        .lines()
        .take(10_001)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(scenario.path().with_file_name("part.csv"), part).expect("a writable folder");

    let mut misses = Vec::new();
    for door in ["simulate", "run"] {
        let output = scenario.play(door, &["--quiet"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{door}: {}",
            printed(&output)
        );
        let total = scenario.report()["variants"][0]["total"].clone();
        assert_eq!(total["requests"], 10_000, "{door}");
        misses.push(total["classes"]["miss"].clone());
    }
    assert_eq!(
        misses[0], misses[1],
        "simulated and live misses of LRU at 1,000 objects, one request at a time"
    );
}

/// One edge with LRU and room for 1,000 objects, asked one request after the other.
fn web07(file: &str) -> String {
    format!(
        "\
schema: 1
name: web07
duration: 10m
content:
  shop: {{path: '/shop/{{id}}', size: 1KiB, headers: {{Cache-Control: 'max-age=86400'}}}}
pops:
  fra: {{at: FRA, eviction: lru, max_objects: 1000}}
clients:
  shoppers: {{from: [FRA], trace: {{file: {file}, mode: sequential}}}}
network: {{model: none}}
routing: {{mode: nearest}}
"
    )
}
