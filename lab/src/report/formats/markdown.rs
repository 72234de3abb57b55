//! A summary in Markdown, as for a pull request.

use super::line;
use crate::metrics::{Figure, Unit};
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
