//! `cdnlab simulate` as a command: its exit code, what it prints where, and the report that it writes.

use crate::support::scenario::{Scenario, printed};

const TWO: &str = "\
schema: 1
name: two
duration: 5s
content:
  pages: {path: '/pages/{id}.html', objects: 10, size: 1KiB, headers: {Cache-Control: max-age=60}}
pops:
  fra: {at: FRA}
clients:
  europe: {from: [FRA], rate: 40/s}
variants:
  cdn: {}
  direct: {routing: {mode: direct}}
expect:
  - cdn.request_hit_ratio > 0.5
  - direct.availability > 0.99
";

fn json(text: &[u8]) -> serde_json::Value {
    serde_json::from_slice(text).expect("JSON alone on standard output")
}

#[test]
fn json_on_standard_output_is_the_report_that_is_written() {
    let scenario = Scenario::new(TWO);
    let output = scenario.play("simulate", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let report = json(&output.stdout);
    assert_eq!(report, scenario.report());
    assert_eq!(report["manifest"]["driver"], "simulate");
    assert_eq!(report["variants"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["expectations"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_missed_expectation_is_exit_code_99() {
    let scenario =
        Scenario::new(&TWO.replace("cdn.request_hit_ratio >", "cdn.request_hit_ratio <"));
    let output = scenario.play("simulate", &["--quiet"]);
    assert_eq!(output.status.code(), Some(99), "{}", printed(&output));
    assert_eq!(
        output.stdout.split(|byte| *byte == b'\n').count(),
        2,
        "one line"
    );
    assert!(output.stderr.is_empty(), "{}", printed(&output));
    assert_eq!(scenario.report()["outcome"], "missed");
}

#[test]
fn one_variant_can_be_played_and_expectations_of_others_are_left_out() {
    let scenario = Scenario::new(TWO);
    let output = scenario.play(
        "simulate",
        &["--json", "--variant", "direct", "--seed", "7"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let report = json(&output.stdout);
    assert_eq!(report["variants"][0]["name"], "direct");
    assert_eq!(report["variants"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["expectations"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["manifest"]["seed"], 7);
}

#[test]
fn an_unknown_variant_is_named_with_those_that_exist() {
    let output = Scenario::new(TWO).play("simulate", &["--variant", "cdm"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("`cdm`") && text.contains("cdn, direct"),
        "{text}"
    );
}

#[test]
fn runs_that_begin_in_the_same_second_keep_both_reports() {
    let scenario = Scenario::new(TWO);
    let folder = tempfile::tempdir().expect("a temporary folder");
    for _ in 0..3 {
        let output = std::process::Command::new(crate::support::node::binary())
            .arg("simulate")
            .arg(scenario.path())
            .arg("--quiet")
            .current_dir(folder.path())
            .output()
            .expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    }
    let reports = std::fs::read_dir(folder.path().join("reports")).expect("a folder of reports");
    assert_eq!(reports.count(), 3);
}
