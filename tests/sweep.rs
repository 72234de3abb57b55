//! `cdnlab simulate` with several values or seeds, `--set` and `--scale`, as commands.

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
  europe: {from: [FRA], rate: 80/s, zipf: 0.8}
  asia: {from: [SIN], rate: 40/s, zipf: 0.8}
";

const SETTINGS: [&str; 6] = [
    "--set",
    "pops.*.memory=256KiB,1MiB,16MiB",
    "--set",
    "eviction=lru,sieve",
    "--seeds",
    "3",
];

fn read(scenario: &Scenario, file: &str) -> String {
    std::fs::read_to_string(scenario.out().join(file)).expect("a file of the sweep")
}

/// `sweep.json` without what says when and how it was made.
fn figures(scenario: &Scenario) -> serde_json::Value {
    let mut json: serde_json::Value =
        serde_json::from_str(&read(scenario, "sweep.json")).expect("a sweep in JSON");
    json.as_object_mut().expect("a map").remove("manifest");
    json
}

#[test]
fn a_sweep_prints_a_table_and_writes_csv_and_json_alike_on_any_number_of_threads() {
    let (one, two) = (Scenario::new(SMALL), Scenario::new(SMALL));
    let settings = |threads| [&SETTINGS[..], &["--threads", threads]].concat();
    let output = one.play("simulate", &settings("1"));
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    for word in ["256KiB", "16MiB", "sieve", "6 cells", "18 runs", " ± "] {
        assert!(table.contains(word), "{word} in:\n{table}");
    }
    let first = table.lines().next().unwrap_or_default();
    assert!(first.contains("reaches 95 % of the ceiling"), "{first}");

    let output = two.play("simulate", &settings("4"));
    assert_eq!(output.stdout, table.as_bytes(), "{}", printed(&output));
    assert_eq!(figures(&one), figures(&two));
    assert_eq!(read(&one, "sweep.csv"), read(&two, "sweep.csv"));
    let heading =
        "variant,pops.*.memory,pops.*.memory (number),eviction,seed,metric,unit,value,samples";
    let csv = read(&one, "sweep.csv");
    assert_eq!(csv.lines().next(), Some(heading));
    let row = "base,16MiB,16777216,sieve,3,request_miss_ratio,ratio,";
    assert!(csv.lines().any(|line| line.starts_with(row)), "{row}");
    assert_eq!(figures(&one)["curves"].as_array().map(Vec::len), Some(2));
}

#[test]
fn one_value_and_one_seed_make_a_report() {
    let scenario = Scenario::new(SMALL);
    let more = [
        "--set",
        "clients.asia.rate=20/s",
        "--scale",
        "0.5",
        "--quiet",
    ];
    let output = scenario.play("simulate", &more);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let requests = &scenario.report()["variants"][0]["total"]["requests"];
    let requests = requests["value"]
        .as_f64()
        .or(requests.as_f64())
        .expect("a count");
    // 40 + 10 a second for 16 s, within four standard errors of Poisson's noise.
    assert!((requests - 800.0).abs() < 120.0, "{requests}");
}

#[test]
fn settings_that_lead_nowhere_are_named_with_the_nearest() {
    let scenario = Scenario::new(SMALL);
    let refused = |door: &str, setting: &str, words: &[&str]| {
        let output = scenario.play(door, &["--set", setting]);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        for word in words {
            assert!(text.contains(word), "{word} in: {text}");
        }
    };
    refused(
        "simulate",
        "pops.*.memry=1MiB,2MiB",
        &["memry", "did you mean `memory`?"],
    );
    refused(
        "simulate",
        "pops.fro.memory=1MiB",
        &["`pops` has no `fro`", "did you mean `fra`?"],
    );
    refused(
        "simulate",
        "eviction=lru,clock-pro",
        &["eviction=clock-pro"],
    );
    refused(
        "simulate",
        "pops.fra.memory=1MiB,12Mib",
        &["pops.fra.memory=12Mib", "unknown unit `Mib`"],
    );
    refused("simulate", "memory", &["pops.*.memory=16MiB,64MiB"]);
    refused(
        "run",
        "memory=1MiB,2MiB",
        &["several values", "cdnlab simulate"],
    );
}
