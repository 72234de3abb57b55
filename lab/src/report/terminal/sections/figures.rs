//! Tables of figures.

use super::{ABREAST, Grid, NAME, VARIANT, bar, count, named, plain, quantiles, ratio, time};
use crate::metrics::{Figure, Unit};
use crate::observe::RequestClass;
use crate::report::{Group, MissRow, Report, VariantReport};

pub(in super::super) fn key_figures(report: &Report) -> String {
    type Row = (&'static str, fn(&VariantReport) -> String);
    let rows: [Row; 14] = [
        ("requests", |v| count(v.total.requests)),
        ("availability", |v| ratio(v.total.availability)),
        ("request hit ratio", |v| ratio(v.total.request_hit_ratio)),
        ("  fresh hits of an infinite cache", |v| {
            ratio(v.total.offered_hit_ratio)
        }),
        ("byte hit ratio", |v| ratio(v.total.byte_hit_ratio)),
        ("answered within the CDN", |v| ratio(v.total.cdn_hit_ratio)),
        ("origin offload, requests", |v| {
            ratio(v.origin.offload_requests)
        }),
        ("origin offload, bytes", |v| ratio(v.origin.offload_bytes)),
        ("requests at the origin", |v| count(v.origin.requests)),
        ("first byte p50", |v| time(v.total.ttfb.p50)),
        ("           p90", |v| time(v.total.ttfb.p90)),
        ("           p99", |v| time(v.total.ttfb.p99)),
        ("stale answers", |v| ratio(v.total.stale_ratio)),
        ("outdated answers", |v| ratio(v.total.outdated_ratio)),
    ];
    let tables = report.variants.chunks(ABREAST).map(|variants| {
        let names: Vec<_> = variants
            .iter()
            .map(|variant| plain(&variant.name, NAME))
            .collect();
        let heading: Vec<_> = std::iter::once("")
            .chain(names.iter().map(String::as_str))
            .collect();
        let mut grid = Grid::new("KEY FIGURES", 1, &heading);
        for (name, of) in rows {
            grid.row(
                std::iter::once(name.to_owned())
                    .chain(variants.iter().map(of))
                    .collect(),
            );
        }
        grid.text()
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// One line per name and variant.
pub(in super::super) fn groups(
    report: &Report,
    title: &str,
    of: fn(&VariantReport) -> &Vec<Group>,
) -> String {
    let (mut heading, many) = named(report, "");
    heading.extend([
        "requests",
        "hits",
        "byte hits",
        "p50",
        "p90",
        "p99",
        "available",
        "outdated",
    ]);
    let mut grid = Grid::new(title, 1 + usize::from(many), &heading);
    // Rows of the same name stand together.
    let names = report
        .variants
        .first()
        .map_or(&[][..], |variant| of(variant).as_slice());
    for (index, name) in names.iter().enumerate() {
        let rows = report
            .variants
            .iter()
            .filter_map(|variant| Some((variant, of(variant).get(index)?)));
        let rows = rows.filter(|(_, group)| group.name == name.name);
        for (number, (variant, group)) in rows.enumerate() {
            let mut row = vec![if number == 0 {
                plain(&group.name, NAME)
            } else {
                String::new()
            }];
            row.extend(many.then(|| plain(&variant.name, VARIANT)));
            row.extend([
                count(group.requests),
                ratio(group.request_hit_ratio),
                ratio(group.byte_hit_ratio),
            ]);
            row.extend(quantiles(&group.ttfb));
            row.extend([ratio(group.availability), ratio(group.outdated_ratio)]);
            grid.row(row);
        }
    }
    grid.text()
}

/// What the nodes counted themselves.
pub(in super::super) fn edges(report: &Report) -> String {
    let (mut heading, many) = named(report, "");
    heading.extend([
        "requests",
        "hits",
        "upstream",
        "refreshes",
        "evicted",
        "stored",
        "in bytes",
    ]);
    let mut grid = Grid::new(
        "BY NODE, as the nodes counted",
        1 + usize::from(many),
        &heading,
    );
    let most = report
        .variants
        .iter()
        .map(|variant| variant.nodes.len())
        .max()
        .unwrap_or(0);
    for index in 0..most {
        let rows = report
            .variants
            .iter()
            .filter_map(|variant| Some((variant, variant.nodes.get(index)?)));
        for (number, (variant, node)) in rows.enumerate() {
            let lost = if node.incomplete { " †" } else { "" };
            let mut row = vec![if number == 0 {
                plain(&node.name, NAME) + lost
            } else {
                lost.trim().to_owned()
            }];
            row.extend(many.then(|| plain(&variant.name, VARIANT)));
            row.extend([
                count(node.classes.values().sum()),
                ratio(node.hit_ratio),
                count(node.upstream_requests),
                count(node.background_requests),
                count(node.evictions),
                count(node.stored_objects),
                Unit::Bytes.show(node.stored_bytes as f64),
            ]);
            grid.row(row);
        }
    }
    let mut text = grid.text();
    if report
        .variants
        .iter()
        .flat_map(|variant| &variant.nodes)
        .any(|node| node.incomplete)
    {
        text.push_str("  † killed: what it counted last is lost\n");
    }
    text
}

pub(in super::super) fn latency(report: &Report) -> String {
    let (mut heading, many) = named(report, "");
    // The bar has room only where no column of variants stands.
    heading.extend(if many { &["share"][..] } else { &["share", ""] });
    heading.extend(["requests", "p50", "p90", "p99", "p99.9", "max"]);
    let mut grid = Grid::new(
        "LATENCY BY REQUEST CLASS, to the first byte",
        1 + usize::from(many),
        &heading,
    );
    for class in RequestClass::ALL {
        let rows = report.variants.iter().filter_map(|variant| {
            Some((
                variant,
                variant.latency.iter().find(|row| row.class == class)?,
            ))
        });
        for (number, (variant, row)) in rows.enumerate() {
            let mut cells = vec![if number == 0 {
                class.name().to_owned()
            } else {
                String::new()
            }];
            cells.extend(many.then(|| plain(&variant.name, VARIANT)));
            cells.push(ratio(row.share));
            cells.extend((!many).then(|| left_bar(row.share, 12)));
            cells.push(count(row.requests));
            // What was given up has no first byte, but the time until then.
            let times = if class == RequestClass::Error {
                &row.total
            } else {
                &row.ttfb
            };
            cells.extend(quantiles(times));
            cells.extend([time(times.p999), time(times.max)]);
            grid.row(cells);
        }
    }
    grid.text()
}

/// Causes as rows; variants side by side, or a bar where there is but one.
pub(in super::super) fn misses(report: &Report) -> String {
    if let [variant] = report.variants.as_slice() {
        let mut grid = Grid::new("WHERE MISSES CAME FROM", 1, &["", "requests", "share", ""]);
        for row in &variant.misses {
            grid.row(vec![
                cause(row),
                count(row.requests),
                ratio(row.share),
                left_bar(row.share, 30),
            ]);
        }
        return grid.text();
    }
    let tables = report.variants.chunks(ABREAST).map(|variants| {
        let names: Vec<_> = variants
            .iter()
            .map(|variant| plain(&variant.name, NAME))
            .collect();
        let heading: Vec<_> = std::iter::once("")
            .chain(names.iter().flat_map(|name| [name.as_str(), ""]))
            .collect();
        let mut grid = Grid::new("WHERE MISSES CAME FROM", 1, &heading);
        let mut causes: Vec<String> = Vec::new();
        for row in variants.iter().flat_map(|variant| &variant.misses) {
            let cause = cause(row);
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        for name in causes {
            let mut cells = vec![name.clone()];
            for variant in variants {
                let row = variant.misses.iter().find(|row| cause(row) == name);
                let none = || ["-".to_owned(), String::new()];
                cells.extend(row.map_or_else(none, |row| [count(row.requests), ratio(row.share)]));
            }
            grid.row(cells);
        }
        grid.text()
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn cause(row: &MissRow) -> String {
    match &row.rule {
        Some(rule) => format!("{} ({})", row.cause.name(), plain(rule, 30)),
        None => row.cause.name().to_owned(),
    }
}

/// A bar that grows to the right from its own left edge, in a column that is set to the right.
fn left_bar(share: Figure, columns: usize) -> String {
    format!("{:<columns$}", bar(share.value.unwrap_or(0.0), columns))
}

pub(in super::super) fn windows(report: &Report) -> String {
    let (mut heading, many) = named(report, "");
    heading.extend([
        "from",
        "to",
        "requests",
        "hits",
        "p50",
        "p99",
        "available",
        "stale",
        "outdated",
    ]);
    let mut grid = Grid::new("BY WINDOW", 1 + usize::from(many), &heading);
    for variant in &report.variants {
        for window in &variant.windows {
            let total = &window.total;
            let mut row = vec![plain(&total.name, NAME)];
            row.extend(many.then(|| plain(&variant.name, VARIANT)));
            row.extend([
                Unit::Seconds.show(window.from_seconds),
                Unit::Seconds.show(window.to_seconds),
                count(total.requests),
                ratio(total.request_hit_ratio),
                time(total.ttfb.p50),
                time(total.ttfb.p99),
                ratio(total.availability),
                ratio(total.stale_ratio),
                ratio(total.outdated_ratio),
            ]);
            grid.row(row);
        }
    }
    grid.text()
}
