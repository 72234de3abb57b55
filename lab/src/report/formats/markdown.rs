//! Summaries in Markdown, as for a pull request.

use super::line;
use crate::metrics::{Figure, Unit};
use crate::report::compare::{self, Comparison, Finding, Row};
use crate::report::{Group, Outcome, Report, VariantReport};

/// The verdict, the expectations, the key figures, the miss budget, and the figures by region and path class.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let sign = match report.outcome {
        Outcome::Met => "✔",
        Outcome::Missed => "✘",
        Outcome::Invalid => "⚠",
    };
    let manifest = &report.manifest;
    let mut text = format!("## {sign} {}\n\n", word(&report.verdict));
    text.push_str(&format!(
        "cdnlab {} {}, seed {}, {}\n",
        word(&manifest.version),
        manifest.driver.name(),
        manifest.seed,
        Unit::Seconds.show(manifest.wall_seconds)
    ));
    if !report.expectations.is_empty() {
        let rows = report.expectations.iter().map(|verdict| {
            let met = if verdict.met { "✔" } else { "✘ missed" };
            vec![
                met.to_owned(),
                verdict.expectation.clone(),
                verdict.variant.clone(),
                verdict.left.shown.clone(),
                verdict.right.shown.clone(),
            ]
        });
        text.push_str(&table(
            "Expectations",
            &["", "expectation", "variant", "found", "held against"],
            3,
            rows,
        ));
    }
    let names: Vec<&str> = std::iter::once("")
        .chain(report.variants.iter().map(|v| v.name.as_str()))
        .collect();
    type Row = (&'static str, fn(&VariantReport) -> String);
    let figures: [Row; 11] = [
        ("requests", |v| Unit::Count.show(v.total.requests as f64)),
        ("availability", |v| ratio(v.total.availability)),
        ("request hit ratio", |v| ratio(v.total.request_hit_ratio)),
        ("byte hit ratio", |v| ratio(v.total.byte_hit_ratio)),
        ("origin offload, requests", |v| {
            ratio(v.origin.offload_requests)
        }),
        ("origin offload, bytes", |v| ratio(v.origin.offload_bytes)),
        ("first byte p50", |v| time(v.total.ttfb.p50)),
        ("first byte p90", |v| time(v.total.ttfb.p90)),
        ("first byte p99", |v| time(v.total.ttfb.p99)),
        ("stale answers", |v| ratio(v.total.stale_ratio)),
        ("outdated answers", |v| ratio(v.total.outdated_ratio)),
    ];
    let rows = figures.iter().map(|(name, of)| {
        std::iter::once((*name).to_owned())
            .chain(report.variants.iter().map(of))
            .collect()
    });
    text.push_str(&table("Key figures", &names, 1, rows));
    let misses = report.variants.iter().flat_map(|v| {
        v.misses.iter().map(|row| {
            let cause = row.rule.as_ref().map_or_else(
                || row.cause.name().to_owned(),
                |rule| format!("{} ({rule})", row.cause.name()),
            );
            vec![
                cause,
                v.name.clone(),
                Unit::Count.show(row.requests as f64),
                ratio(row.share),
            ]
        })
    });
    text.push_str(&table(
        "Where misses come from",
        &["cause", "variant", "requests", "share"],
        2,
        misses,
    ));
    text.push_str(&groups(report, "By region", |v| &v.regions));
    text.push_str(&groups(report, "By path class", |v| &v.paths));
    text
}

/// A comparison: its conclusion, its conditions, what differs, and all metrics folded away.
#[must_use]
pub fn compared(comparison: &Comparison) -> String {
    let sign = match (comparison.valid, comparison.failed) {
        (false, _) => "⚠ ",
        (true, true) => "✘ ",
        (true, false) if comparison.conditions.is_empty() => "",
        (true, false) => "✔ ",
    };
    let mut text = format!("## {sign}{}\n", word(&comparison.conclusion));
    let sides = comparison.sides.iter().map(|side| {
        vec![
            side.name.clone(),
            side.scenario.clone(),
            side.variant.clone(),
            format!("{}, {}", side.driver.name(), compare::seeds(side)),
            side.invalid.join("; "),
        ]
    });
    let heading = ["side", "scenario", "variant", "how", "invalid since"];
    text.push_str(&table("Sides", &heading, 5, sides));
    let conditions = comparison.conditions.iter().map(|one| {
        let met = if one.failed { "✘ failed" } else { "✔" };
        vec![
            met.to_owned(),
            one.condition.clone(),
            one.side.clone(),
            one.finding.clone(),
        ]
    });
    let heading = ["", "fails if", "side", "found"];
    text.push_str(&table("Conditions", &heading, 4, conditions));
    let differs = |row: &&Row| {
        let findings = row.cells.iter().filter_map(|cell| cell.finding);
        findings
            .into_iter()
            .any(|one| one != Finding::NoDifferenceShown)
    };
    let rows = || comparison.metrics.iter();
    text.push_str(&metrics(
        comparison,
        "What differs",
        &mut rows().filter(differs),
    ));
    let all = metrics(
        comparison,
        "All metrics",
        &mut rows().filter(|row| row.is_known()),
    );
    text.push_str(&format!(
        "\n<details><summary>All metrics</summary>\n{all}\n</details>\n\n{}\n",
        word(&comparison.about_noise())
    ));
    text
}

fn metrics(comparison: &Comparison, title: &str, rows: &mut dyn Iterator<Item = &Row>) -> String {
    let mut heading = vec!["metric".to_owned()];
    for (index, side) in comparison.sides.iter().enumerate() {
        heading.push(side.name.clone());
        if index > 0 {
            heading.extend(["difference".to_owned(), "finding".to_owned()]);
        }
    }
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let rows = rows.map(|row| {
        let mut cells = vec![row.metric.clone()];
        for cell in &row.cells {
            cells.push(compare::value(row, cell));
            if let Some(finding) = cell.finding {
                cells.extend([
                    compare::shown_difference(row, cell),
                    finding.words().to_owned(),
                ]);
            }
        }
        cells
    });
    table(title, &heading, 1, rows)
}

fn groups(report: &Report, title: &str, of: fn(&VariantReport) -> &Vec<Group>) -> String {
    let rows = report.variants.iter().flat_map(|v| {
        of(v).iter().map(|group| {
            vec![
                group.name.clone(),
                v.name.clone(),
                Unit::Count.show(group.requests as f64),
                ratio(group.request_hit_ratio),
                time(group.ttfb.p50),
                time(group.ttfb.p99),
                ratio(group.availability),
                ratio(group.outdated_ratio),
            ]
        })
    });
    table(
        title,
        &[
            "",
            "variant",
            "requests",
            "hit ratio",
            "p50",
            "p99",
            "available",
            "outdated",
        ],
        2,
        rows,
    )
}

fn ratio(figure: Figure) -> String {
    Unit::Ratio.show_figure(figure)
}

fn time(seconds: Option<f64>) -> String {
    seconds.map_or_else(
        || crate::metrics::NOT_AVAILABLE.to_owned(),
        |seconds| Unit::Seconds.show(seconds),
    )
}

/// A table; its first `left` columns are words. Nothing without rows.
fn table(
    title: &str,
    heading: &[&str],
    left: usize,
    rows: impl Iterator<Item = Vec<String>>,
) -> String {
    let row = |cells: &mut dyn Iterator<Item = String>| {
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let body: String = rows
        .map(|cells| row(&mut cells.iter().map(|cell| word(cell))))
        .collect();
    if body.is_empty() {
        return body;
    }
    let rules =
        (0..heading.len()).map(|column| if column < left { ":--" } else { "--:" }.to_owned());
    format!(
        "\n### {title}\n\n{}{}{body}",
        row(&mut heading.iter().map(|cell| word(cell))),
        row(&mut { rules })
    )
}

/// Text that stays text: whatever Markdown or GitHub would make something of (tags, links, mentions) is a character reference.
fn word(text: &str) -> String {
    let mut out = String::new();
    for c in line(text).chars() {
        match c {
            ' ' | ',' | '.' | '-' | '(' | ')' | '%' | '/' | '=' | '+' => out.push(c),
            c if c.is_ascii_punctuation() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
