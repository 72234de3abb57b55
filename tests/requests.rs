//! `--requests`: single requests beside the report.

use serde_json::Value;

use crate::support::machine;
use crate::support::scenario::{Scenario, printed};

const SMALL: &str = "\
schema: 1
name: small
duration: 20s
warmup: 4s
content:
  pages: {path: '/pages/{id}.html', objects: 300, size: 8KiB, headers: {Cache-Control: max-age=600}}
pops:
  fra: {at: FRA}
  sin: {at: SIN}
routing: {mode: nearest}
clients:
  europe: {from: [FRA], rate: 60/s, zipf: 0.8}
  asia: {from: [SIN], rate: 30/s, zipf: 0.8}
variants: {one: {}, two: {defaults: {memory: 256KiB}}}
";

fn lines(scenario: &Scenario) -> Vec<Value> {
    let text = std::fs::read_to_string(scenario.out().join("requests.ndjson")).expect("a log");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

#[test]
fn all_of_a_short_run_agree_with_its_report() {
    let scenario = Scenario::new(SMALL);
    let output = scenario.play("simulate", &["--requests"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(printed(&output).contains("requests.ndjson ("));
    let (lines, report) = (lines(&scenario), scenario.report());
    for variant in report["variants"].as_array().expect("variants") {
        let here: Vec<&Value> = lines
            .iter()
            .filter(|line| line["variant"] == variant["name"])
            .collect();
        assert!(here.iter().map(|line| line["step"].as_u64()).is_sorted());
        let warmup = variant["warmup_seconds"].as_f64();
        for (group, late) in [("warmup", false), ("total", true)] {
            for (class, count) in variant[group]["classes"].as_object().expect("classes") {
                let of_class = here.iter().filter(|line| {
                    line["class"] == class.as_str()
                        && (line["due_seconds"].as_f64() >= warmup) == late
                });
                assert_eq!(
                    of_class.count() as u64,
                    count.as_u64().expect("a count"),
                    "{group} {class}"
                );
            }
        }
        let hit = here
            .iter()
            .find(|line| line["class"] == "hit")
            .expect("a hit");
        assert_eq!(hit["caches"][0]["hit"], true, "{hit}");
        assert!(
            hit["url"]
                .as_str()
                .is_some_and(|url| url.contains("/pages/")),
            "{hit}"
        );
        assert!(
            hit["ttfb_seconds"].as_f64() <= hit["total_seconds"].as_f64(),
            "{hit}"
        );
    }
}

#[test]
fn a_sample_is_drawn_by_the_seed_alone_and_changes_no_figure() {
    let play = |more: &[&str]| {
        let scenario = Scenario::new(SMALL);
        let output = scenario.play("simulate", &[&["--variant", "one"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
        scenario
    };
    let (one, two) = (
        play(&["--requests=50", "--threads", "1"]),
        play(&["--requests=50", "--threads", "2"]),
    );
    assert_eq!(lines(&one).len(), 50);
    assert_eq!(lines(&one), lines(&two));
    let all = lines(&play(&["--requests"]));
    assert!(lines(&one).iter().all(|line| all.contains(line)));
    let steps = |lines: &[Value]| {
        lines
            .iter()
            .map(|line| line["step"].clone())
            .collect::<Vec<_>>()
    };
    assert_ne!(
        steps(&lines(&play(&["--requests=50", "--seed", "9"]))),
        steps(&lines(&one))
    );
    let without = play(&[]);
    assert!(!without.out().join("requests.ndjson").exists());
    assert_eq!(without.report()["variants"], one.report()["variants"]);
}

#[test]
fn too_many_and_sweeps_are_refused() {
    for (more, told) in [
        (&["--requests=0"][..], "1..=1000000"),
        (&["--requests=1000001"], "1..=1000000"),
        (
            &["--requests", "--seeds", "2"],
            "a sweep keeps no single requests",
        ),
    ] {
        let output = Scenario::new(SMALL).play("simulate", more);
        let text = printed(&output);
        assert!(
            output.status.code() == Some(2) && text.contains(told),
            "{text}"
        );
    }
}

#[test]
fn a_live_run_draws_the_requests_that_the_simulator_draws() {
    let _machine = machine::alone();
    let scenario = Scenario::new(
        &SMALL
            .replace("duration: 20s", "duration: 4s")
            .replace("warmup: 4s", "warmup: 1s"),
    );
    let output = scenario.play("run", &["--variant", "one", "--requests=100"]);
    // A busy machine may make the driver late, and the run invalid; its requests are told all the same.
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        printed(&output)
    );
    assert!(printed(&output).contains("requests.ndjson ("));
    let (live, report) = (lines(&scenario), scenario.report());
    let output = scenario.play("simulate", &["--variant", "one", "--requests=100"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let steps = |lines: &[Value]| -> Vec<u64> {
        let step = |line: &Value| line["step"].as_u64().expect("a step");
        lines.iter().map(step).collect()
    };
    assert_eq!(live.len(), 100);
    assert_eq!(steps(&live), steps(&lines(&scenario)));
    for line in &live {
        assert_eq!(
            (&line["status"], &line["right"]),
            (&200.into(), &true.into()),
            "{line}"
        );
        assert_eq!(line["caches"][0]["node"], line["edge"], "{line}");
        assert_eq!(
            line["caches"][0]["hit"] == true,
            line["class"] == "hit",
            "{line}"
        );
        assert!(
            line["ttfb_seconds"].as_f64() <= line["total_seconds"].as_f64(),
            "{line}"
        );
    }

    // Where the time went: what was measured and what the model adds come to what the clients saw.
    let waterfall = report["variants"][0]["waterfall"]
        .as_array()
        .expect("a list");
    assert_eq!(
        waterfall.len(),
        2,
        "hits, and misses that the origin answered"
    );
    for one in waterfall {
        let parts = one["phases"].as_array().expect("a list");
        let sum: f64 = parts
            .iter()
            .filter_map(|part| part["seconds"].as_f64())
            .sum();
        let total = one["total_seconds"].as_f64().expect("a time");
        assert!((sum - total).abs() < 1e-6, "{one}");
        for part in parts {
            let of_the_model = ["client-to-edge", "cache-to-origin", "origin"];
            let modelled = of_the_model.iter().any(|what| part["what"] == *what);
            assert_eq!(part["modelled"], modelled, "{one}");
        }
    }
}

#[test]
fn hostile_names_stay_what_they_are_and_control_no_terminal() {
    let region = "</td>\u{202e}\u{9b}31m\u{1b}[31m\r\n=1+1,";
    let escaped = serde_json::to_string(region).expect("a string");
    let escaped = escaped
        .replace('\u{9b}', "\\u009b")
        .replace('\u{202e}', "\\u202e");
    let yaml = SMALL.replace("europe: {", &format!("europe: {{region: {escaped}, "));
    let scenario = Scenario::new(&yaml);
    let output = scenario.play("simulate", &["--requests=200"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let wild = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    let from_there = |line: &Value| line["region"] == region;
    assert!(lines(&scenario).iter().any(from_there));
    for file in ["requests.ndjson", "report.json"] {
        let text = std::fs::read_to_string(scenario.out().join(file)).expect("a file");
        assert!(!text.contains(wild), "{file}");
        assert!(text.contains("\\u009b31m"), "{file}");
    }
    assert!(!printed(&output).contains(wild));

    // An error may quote what is wrong.
    let wrong = Scenario::new(&yaml.replace("name: small", "name: \"a\\e]0;x\\a\\u202e\""));
    let output = wrong.play("simulate", &[]);
    assert_eq!(output.status.code(), Some(2), "{}", printed(&output));
    assert!(printed(&output).contains("is not a name"));
    assert!(!printed(&output).contains(wild), "{:?}", printed(&output));
}
