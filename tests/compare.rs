//! `cdnlab compare` with runs and scenarios, and `cdnlab report` of what it and a sweep write, as commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::node::binary;
use crate::support::scenario::printed;

/// A small cache, and more objects than it holds.
const LRU: &str = "\
schema: 1
name: policies
duration: 40s
warmup: 8s
content:
  pages: {path: '/p/{id}', objects: 1500, size: {median: 12KiB, sigma: 0.9, max: 512KiB}, headers: {Cache-Control: max-age=600}}
defaults: {memory: 3MiB, eviction: lru}
pops:
  fra: {at: FRA}
routing: {mode: nearest}
clients:
  europe: {from: [FRA], rate: 250/s, zipf: 0.9}
";

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a writable folder");
        };
        write("lru.yaml", LRU);
        write("s3fifo.yaml", &LRU.replace("lru", "s3fifo"));
        let variants = "variants:\n  old: {}\n  new: {defaults: {eviction: s3fifo}}\n";
        write("both.yaml", &format!("{LRU}{variants}"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(binary())
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .expect("the binary starts")
    }

    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[&["compare", "--quiet", "--json"], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", printed(&output)))
    }

    #[track_caller]
    fn refused(&self, words: &[&str], code: i32, told: &[&str]) {
        let output = self.run(&[&["compare", "--quiet"], words].concat());
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        for told in told {
            assert!(text.contains(told), "{told} in: {text}");
        }
    }
}

fn findings(comparison: &Value) -> Vec<(String, String)> {
    let rows = comparison["metrics"].as_array().expect("metrics");
    let text = |value: &Value| value.as_str().expect("a word").to_owned();
    rows.iter()
        .map(|row| (text(&row["metric"]), text(&row["cells"][1]["finding"])))
        .collect()
}

fn finding(comparison: &Value, metric: &str) -> String {
    let all = findings(comparison).into_iter();
    all.filter(|(name, _)| name == metric)
        .map(|(_, finding)| finding)
        .collect()
}

#[test]
fn the_better_policy_is_named_with_one_seed_and_with_several() {
    let world = World::new();
    for seeds in [&[][..], &["--seeds", "3"]] {
        let comparison = world.json(&[&["lru.yaml", "s3fifo.yaml"], seeds].concat());
        assert_eq!(
            finding(&comparison, "request_hit_ratio"),
            "better",
            "{comparison}"
        );
        assert_eq!(finding(&comparison, "origin_fetches"), "better");
        let turned = world.json(&[&["s3fifo.yaml", "lru.yaml"], seeds].concat());
        assert_eq!(finding(&turned, "request_hit_ratio"), "worse");
        let said = turned["conclusion"].as_str().unwrap_or_default();
        assert!(
            said.starts_with("lru against s3fifo: request_hit_ratio -"),
            "{said}"
        );
    }
}

#[test]
fn like_is_like_whatever_the_seed() {
    let world = World::new();
    for seed in ["1", "2", "3"] {
        let out = format!("run{seed}");
        world.run(&[
            "simulate", "lru.yaml", "--seed", seed, "--quiet", "--out", &out,
        ]);
    }
    for (left, right) in [
        ("run1", "run2"),
        ("run1", "run3/report.json"),
        ("run2", "run3"),
    ] {
        for (metric, finding) in findings(&world.json(&[left, right])) {
            assert_eq!(
                finding, "no-difference-shown",
                "{metric} of {left} and {right}"
            );
        }
    }
    // Played anew, both have the same seeds and differ in nothing.
    let anew = world.json(&["run1", "run2", "--seeds", "3"]);
    assert_eq!(anew["sides"][1]["seeds"], serde_json::json!([1, 2, 3]));
    for row in anew["metrics"].as_array().expect("metrics") {
        let difference = &row["cells"][1]["difference"];
        assert!(difference.is_null() || *difference == 0.0, "{row}");
    }
}

#[test]
fn a_run_is_played_anew_as_it_was_changed() {
    let world = World::new();
    let set = ["--set", "eviction=s3fifo", "--quiet", "--out", "changed"];
    world.run(&[&["simulate", "lru.yaml"][..], &set].concat());
    world.run(&["simulate", "s3fifo.yaml", "--quiet", "--out", "written"]);
    let comparison = world.json(&["changed", "written", "--seeds", "2"]);
    let rows = comparison["metrics"].as_array().expect("metrics");
    assert!(
        rows.iter()
            .all(|row| row["cells"][1]["difference"].as_f64().unwrap_or(0.0) == 0.0)
    );
}

#[test]
fn variants_of_one_report_and_of_several() {
    let world = World::new();
    world.run(&["simulate", "both.yaml", "--quiet", "--out", "both"]);
    let comparison = world.json(&["both"]);
    assert_eq!(comparison["sides"][0]["name"], "old");
    assert_eq!(finding(&comparison, "request_hit_ratio"), "better");
    let turned = world.json(&["both.yaml", "--variant", "new,old"]);
    assert_eq!(finding(&turned, "request_hit_ratio"), "worse");
    let one_each = world.json(&["both", "both.yaml", "--variant", "old,new"]);
    assert_eq!(finding(&one_each, "request_hit_ratio"), "better");
    world.refused(
        &["both", "lru.yaml"],
        2,
        &["both has several variants: old, new", "--variant"],
    );
    world.refused(
        &["both", "--variant", "nwe,old"],
        2,
        &["no variant `nwe`", "did you mean `new`?"],
    );
    world.refused(&["both", "--variant", "old"], 2, &["compared with nothing"]);
    world.refused(&["lru.yaml"], 2, &["compared with nothing"]);
}

#[test]
fn conditions_decide_the_exit_code() {
    let world = World::new();
    let ask = |condition: &str| {
        let output = world.run(&[
            "compare",
            "s3fifo.yaml",
            "lru.yaml",
            "--quiet",
            "--fail-if",
            condition,
        ]);
        (output.status.code(), printed(&output))
    };
    for condition in [
        "request_hit_ratio < -1 points",
        "origin_fetches > 1.01x",
        "worse",
    ] {
        let (code, text) = ask(condition);
        assert!(
            code == Some(99) && text.contains("✘ failed"),
            "{condition}: {text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
    }
    for condition in [
        "p99 > max(1.3x, +50ms)",
        "availability worse",
        "request_hit_ratio < -50%",
    ] {
        let (code, text) = ask(condition);
        assert!(
            code == Some(0) && text.contains("✔ passed"),
            "{condition}: {text}"
        );
    }
    let wrong = |condition, told: &[&str]| {
        world.refused(
            &["lru.yaml", "s3fifo.yaml", "--fail-if", condition],
            2,
            told,
        );
    };
    wrong("p98 > 1x", &["there is no metric `p98`"]);
    wrong("p99 > fast", &["a limit is expected here", "column 7"]);
    wrong("p99", &["one of <"]);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let world = World::new();
    world.run(&["simulate", "lru.yaml", "--quiet", "--out", "run"]);
    let report = world.path("run/report.json");
    let mut value: Value =
        serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
    let save = |name: &str, value: &Value| {
        std::fs::write(world.path(name), value.to_string()).expect("a file");
    };
    value["manifest"]["scenario_text"] = Value::Null;
    save("textless.json", &value);
    value["schema"] = 7.into();
    save("future.json", &value);
    save("other.json", &serde_json::json!({"hello": 1}));
    std::fs::write(world.path("broken.json"), "{").expect("a file");
    std::fs::create_dir(world.path("empty")).expect("a folder");
    let check = |other: &str, told: &[&str]| world.refused(&["run", other], 2, told);
    check("future.json", &["schema 7, and this cdnlab reads schema 1"]);
    check("other.json", &["no report of a run"]);
    check("broken.json", &["no JSON"]);
    check("missing.json", &["cannot read missing.json"]);
    check("empty", &["folder without report.json"]);
    check("no-such-scenario", &["no-such-scenario"]);
    world.refused(
        &["run", "textless.json", "--seeds", "2"],
        2,
        &["does not hold its scenario"],
    );
    world.refused(
        &["run", "run", "--seed", "2"],
        2,
        &["--seed changes nothing", "--seeds"],
    );
}

#[test]
fn every_form_is_written_and_rendered_again() {
    let world = World::new();
    let output = world.run(&[
        "compare",
        "lru.yaml",
        "s3fifo.yaml",
        "--out",
        "out",
        "--markdown",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("## s3fifo against lru"), "{text}");
    assert_eq!(text, read(&world.path("out/comparison.md")));
    let page = read(&world.path("out/comparison.html"));
    std::fs::remove_file(world.path("out/comparison.html")).expect("a page");
    let again = world.run(&["report", "out/comparison.json", "--format", "html,markdown"]);
    assert_eq!(again.status.code(), Some(0), "{}", printed(&again));
    assert_eq!(read(&world.path("out/comparison.html")), page);
    let wrong = world.run(&["report", "out/comparison.json", "--format", "junit"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_sweep_is_rendered_again() {
    let world = World::new();
    world.run(&[
        "simulate",
        "lru.yaml",
        "--set",
        "eviction=lru,fifo",
        "--quiet",
        "--out",
        "sweep",
    ]);
    let page = read(&world.path("sweep/sweep.html"));
    std::fs::remove_file(world.path("sweep/sweep.html")).expect("a page");
    let again = world.run(&["report", "sweep/sweep.json"]);
    assert_eq!(again.status.code(), Some(0), "{}", printed(&again));
    assert_eq!(read(&world.path("sweep/sweep.html")), page);
    let wrong = world.run(&["report", "sweep/sweep.json", "--format", "csv"]);
    assert!(wrong.status.code() == Some(2) && printed(&wrong).contains("sweep.csv"));
    let json = read(&world.path("sweep/sweep.json"));
    for (file, text, told) in [
        (
            "s1.json",
            json.replacen("\"schema\": 1", "\"schema\": 9", 1),
            "schema 9",
        ),
        (
            "s2.json",
            json.replacen("\"cells\"", "\"sells\"", 1),
            "no sweep: missing field `cells`",
        ),
    ] {
        std::fs::write(world.path(file), text).expect("a file");
        let wrong = world.run(&["report", file]);
        assert!(
            wrong.status.code() == Some(2) && printed(&wrong).contains(told),
            "{}",
            printed(&wrong)
        );
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
