use super::*;
use crate::metrics::{Measured, Metric, Selector};
use crate::report::Report;
use crate::report::formats::compared;
use crate::report::html::comparison_page;
use crate::report::tests::{fits, hostile, played, two_variants};

fn side(name: &str, measured: &Measured, seed: u64) -> Played {
    Played {
        name: name.to_owned(),
        source: format!("{name}.yaml"),
        manifest: Manifest {
            scenario: name.to_owned(),
            seed,
            ..Manifest::default()
        },
        runs: vec![(seed, VariantReport::of("base", measured))],
    }
}

fn finding(comparison: &Comparison, metric: &str) -> Finding {
    comparison.row(metric).unwrap().cells[1].finding.unwrap()
}

/// A side of several seeds.
fn seeded(name: &str, every: &[u64]) -> Played {
    let mut played_all = side(name, &played(every[0]), 1);
    played_all.runs = every
        .iter()
        .enumerate()
        .map(|(seed, every)| (seed as u64, VariantReport::of("base", &played(*every))))
        .collect();
    played_all
}

#[test]
fn tables_hold_every_metric_of_the_catalogue() {
    let measured = played(4);
    let report = VariantReport::of("base", &measured);
    for info in METRICS {
        let expected = measured.figure(info.metric, &Selector::default());
        match read::figure(info.metric, &report) {
            Some(read) => assert_eq!(read.value, expected.value, "{}", info.name),
            None => assert!(matches!(
                info.metric,
                Metric::ClassShare | Metric::MissShare
            )),
        }
    }
}

#[test]
fn the_side_with_more_hits_is_named_and_like_is_like() {
    let (rare, often) = (side("rare", &played(10), 1), side("often", &played(2), 1));
    let comparison = Comparison::of("0", &often, std::slice::from_ref(&rare), &[]);
    assert_eq!(finding(&comparison, "request_hit_ratio"), Finding::Better);
    assert_eq!(finding(&comparison, "origin_fetches"), Finding::Better);
    assert_eq!(finding(&comparison, "latency_mean"), Finding::Better);
    assert!(
        comparison
            .conclusion
            .starts_with("rare against often: request_hit_ratio +")
    );
    let comparison = Comparison::of("0", &rare, std::slice::from_ref(&often), &[]);
    assert_eq!(finding(&comparison, "request_hit_ratio"), Finding::Worse);
    assert!(
        comparison.conclusion.contains("(worse)"),
        "{}",
        comparison.conclusion
    );

    let again = side("again", &played(10), 2);
    let comparison = Comparison::of("0", &rare, &[again], &[]);
    for row in &comparison.metrics {
        assert_eq!(
            row.cells[1].finding,
            Some(Finding::NoDifferenceShown),
            "{}",
            row.metric
        );
    }
    assert_eq!(
        comparison.conclusion,
        "again against rare: no difference shown."
    );
}

#[test]
fn a_play_whose_last_answer_comes_later_is_still_compared_bucket_by_bucket() {
    let half = |other: &VariantReport| {
        let left = VariantReport::of("base", &played(4));
        bands::single(Metric::Requests, &left, other, CONFIDENCE).unwrap()
    };
    let mut later = VariantReport::of("base", &played(4));
    assert_eq!(half(&later), 0.0);
    let series = &mut later.series;
    series.available.push(0);
    series.classes.values_mut().for_each(|list| list.push(0));
    assert_eq!(half(&later), 0.0);
    later.series.bucket_seconds *= 2.0;
    assert!(half(&later) > 0.0);
}

#[test]
fn bands_are_as_wide_as_it_takes_for_all_to_hold() {
    let (left, right) = (
        seeded("left", &[10, 9, 8, 10]),
        seeded("right", &[8, 8, 8, 9]),
    );
    let comparison = Comparison::of("0", &left, &[right], &[]);
    assert_eq!(comparison.noise, Noise::Seeds);
    let confidence = crate::noise::at_once(CONFIDENCE, comparison.bands);
    let student = |metric: &str| {
        let row = comparison.row(metric).unwrap();
        let pairs = row.cells[0].values.iter().zip(&row.cells[1].values);
        let differences: Vec<f64> = pairs.map(|(l, r)| r.unwrap() - l.unwrap()).collect();
        let alone = crate::noise::Band::of(&differences, 1).half.unwrap();
        let all = crate::noise::Band::with_confidence(&differences, confidence);
        assert!(all.half.unwrap() > 2.0 * alone, "{metric}");
        (row.cells[1].half.unwrap(), all.half.unwrap())
    };
    assert!(comparison.bands > 15);
    // The series does not hold times to the last byte: the seeds alone tell their noise.
    let (half, all) = student("total_mean");
    assert!((half - all).abs() < 1e-9, "{half} {all}");
    // Of hits it does.
    let (half, all) = student("request_hit_ratio");
    assert!(half > 0.0 && half < all + 1e-9, "{half} {all}");
}

#[test]
fn conditions_hold_a_side_against_the_first() {
    let (rare, often) = (side("rare", &played(10), 1), side("often", &played(2), 1));
    let ask = |text: &str| {
        let threshold = text.parse().unwrap();
        let comparison = Comparison::of("0", &rare, std::slice::from_ref(&often), &[threshold]);
        assert_eq!(comparison.failed, comparison.conditions[0].failed);
        comparison.conditions[0].clone()
    };
    assert!(ask("request_hit_ratio < -10 points").failed);
    assert!(!ask("request_hit_ratio < -60 points").failed);
    assert!(ask("latency_mean > max(1.3x, +5ms)").failed);
    assert!(!ask("latency_mean > max(1.3x, +500ms)").failed);
    assert!(ask("worse").failed && ask("request_hit_ratio worse").failed);
    assert!(!ask("availability worse").failed);
    let unknown = ask("byte_hit_ratio worse");
    assert!(
        unknown.failed && unknown.finding.contains("noise is not known"),
        "{unknown:?}"
    );
    let none = ask("shield_hit_ratio < 1x");
    let shield = crate::report::compare::read::figure(Metric::ShieldHitRatio, &rare.runs[0].1);
    if shield.unwrap().value.is_none() {
        assert!(
            none.failed && none.finding.contains("no samples"),
            "{none:?}"
        );
        let none = ask("shield_hit_ratio worse");
        assert!(
            none.failed && none.finding.contains("no samples"),
            "{none:?}"
        );
    }
    let told = ask("origin_fetches > 1.5x").finding;
    assert!(
        told.starts_with("origin_fetches = ") && told.contains(": > "),
        "{told}"
    );
}

#[test]
fn everything_fits_the_terminal_and_hostile_names_stay_text() {
    let report = hostile();
    let side = |index: usize| Played {
        name: report.variants[index].name.clone(),
        source: report.manifest.scenario.repeat(5),
        manifest: report.manifest.clone(),
        runs: vec![(1, report.variants[index].clone())],
    };
    let comparison = Comparison::of(
        "0",
        &side(0),
        &[side(1), side(0)],
        &["worse".parse().unwrap()],
    );
    let text = comparison.text();
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    let outputs = [text, compared(&comparison), comparison_page(&comparison)];
    for output in &outputs {
        for bad in ["\u{1b}", "\u{7}", "\u{202e}"] {
            assert!(!output.contains(bad), "{bad:?}");
        }
    }
    for tag in ["<b>", "<img", "[31m"] {
        assert!(
            !outputs[1].contains(tag) && !outputs[2].contains(tag),
            "{tag}"
        );
    }
}

#[test]
fn every_figure_of_the_page_is_that_of_the_json() {
    let report: Report = two_variants();
    let side = |index: usize| Played {
        name: report.variants[index].name.clone(),
        source: "report.json".to_owned(),
        manifest: report.manifest.clone(),
        runs: vec![(1, report.variants[index].clone())],
    };
    let condition = "p99 > max(1.3x, +50ms)".parse().unwrap();
    let comparison = Comparison::of("0", &side(0), &[side(1)], &[condition]);
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json().unwrap()).unwrap();
    let (figures, numbers) =
        crate::report::html::tests::held_against(&comparison_page(&comparison), &json);
    assert!(
        figures > 90 && numbers > 100,
        "{figures} figures, {numbers} numbers in charts"
    );
    let saved: Comparison = serde_json::from_value(json).unwrap();
    assert_eq!(comparison_page(&saved), comparison_page(&comparison));
}

const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/comparison.schema.json");

/// `UPDATE_SCHEMA=1 cargo test -p lab schema` writes the file anew.
#[test]
fn the_committed_schema_of_comparisons_is_current() {
    let text = Comparison::schema_text().unwrap();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(SCHEMA_FILE, &text).unwrap();
    }
    let committed = std::fs::read_to_string(SCHEMA_FILE).unwrap_or_default();
    assert!(
        committed == text,
        "run UPDATE_SCHEMA=1 cargo test -p lab schema, and tell CHANGELOG"
    );
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (left, right) = (side("left", &played(10), 1), side("right", &played(2), 1));
    let comparison = Comparison::of("0", &left, &[right], &["worse".parse().unwrap()]);
    let mut value: serde_json::Value =
        serde_json::from_str(&comparison.to_json().unwrap()).unwrap();
    fits(&schema, &schema, &value, "comparison").unwrap();
    value["metrics"][0]["cells"][1]["half"] = "wide".into();
    assert!(fits(&schema, &schema, &value, "comparison").is_err());
}
