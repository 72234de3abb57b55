//! `comparison.html`: runs side by side, from what `comparison.json` holds.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, round_up};
use super::key::Key;
use super::number::value;
use super::summary::prose;
use super::tables::{cell, sortable};
use super::{document, terms};
use crate::metrics::{NOT_AVAILABLE, Unit};
use crate::report::compare::{
    Comparison, Course, Finding, Row, Side, letter, seeds, shown_difference,
};

/// The page of a comparison.
#[must_use]
pub fn comparison_page(comparison: &Comparison) -> String {
    let names: Vec<&str> = comparison
        .sides
        .iter()
        .map(|side| side.name.as_str())
        .collect();
    let names = names.join(" \u{2013} ");
    let (class, sign) = match (comparison.valid, comparison.failed) {
        (false, _) => ("verdict invalid", "!"),
        (true, true) => ("verdict missed", "✘"),
        (true, false) if comparison.conditions.is_empty() => ("verdict", ""),
        (true, false) => ("verdict met", "✔"),
    };
    let sections = [
        ("sides", "Sides", Some(sides(comparison))),
        ("conditions", "Conditions", conditions(comparison)),
        ("metrics", "Every metric", Some(metrics(comparison))),
        ("time", "What happened when", over_time(comparison)),
        ("latency", "Latency", distribution(comparison)),
    ];
    document(
        &format!("{names} \u{2013} comparison \u{2013} cdnlab"),
        html! {
            header {
                p.kicker { "cdnlab comparison" }
                h1 { (names) }
                p class=(class) {
                    @if !sign.is_empty() { span.sign aria-hidden="true" { (sign) } " " }
                    strong { (comparison.conclusion) }
                }
                p.meta { "cdnlab " (comparison.version) }
            }
            main id="main" { @for (id, title, body) in sections { @if let Some(body) = body {
                section id=(id) aria-labelledby={ (id) "-title" } { h2 id={ (id) "-title" } { (title) } (body) }
            } } }
            footer { p { "Every figure stands in comparison.json beside this file. Schema " (comparison.schema) "." } }
        },
    )
}

fn sides(comparison: &Comparison) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label="Sides" { table {
            thead { tr { @for name in ["", "name", "scenario", "variant", "how", "from"] { th scope="col" { (name) } } } }
            tbody { @for (index, side) in comparison.sides.iter().enumerate() { tr {
                td { span class={ "swatch c-" (style(index)) } aria-hidden="true" {} (letter(index)) }
                th scope="row" { (side.name) }
                td { (side.scenario) }
                td { (side.variant) }
                td { (side.driver.name()) ", " (seeds(side)) }
                td { code { (side.source) } }
            } } }
        } }
        @for side in comparison.sides.iter().filter(|side| !side.invalid.is_empty()) {
            ul.plain { @for reason in &side.invalid { li.missed { (side.name) " is invalid: " (reason) } } }
        }
    }
}

fn conditions(comparison: &Comparison) -> Option<Markup> {
    let key = Key::default().at("conditions");
    let rows: Vec<Markup> = comparison
        .conditions
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let row = one.condition.split_whitespace().next().unwrap_or_default();
            let unit = unit_of(comparison, row);
            let shown = |field: &str, number: Option<f64>| match (number, unit) {
                (Some(number), Some(unit)) => cell(
                    Some(number),
                    value(&key.at(index).at(field), Some(number), unit),
                ),
                _ => cell(None, html! {}),
            };
            html! { tr class=(if one.failed { "missed" } else { "met" }) {
                td { (if one.failed { "✘ failed" } else { "✔ passed" }) }
                th scope="row" { code { (one.condition) } }
                td { (one.side) }
                td.words { (one.finding) }
                (shown("value", one.value))
                (shown("limit", one.limit))
            } }
        })
        .collect();
    let heading = ["", "fails if", "side", "found", "value", "limit"];
    (!rows.is_empty()).then(|| sortable("For every side but the first", 4, &heading, &rows))
}

/// The unit of the metric that a condition begins with, short or long.
fn unit_of(comparison: &Comparison, name: &str) -> Option<Unit> {
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let long = format!("latency_{name}");
    let row = comparison.row(name).or_else(|| comparison.row(&long))?;
    Some(row.unit())
}

fn metrics(comparison: &Comparison) -> Markup {
    let mut heading = vec!["metric"];
    for (index, side) in comparison.sides.iter().enumerate() {
        heading.push(&side.name);
        if index > 0 {
            heading.extend(["difference", "finding"]);
        }
    }
    let known = comparison.metrics.iter().enumerate();
    let mut known: Vec<_> = known.filter(|(_, row)| row.is_known()).collect();
    // What differs comes first.
    known.sort_by_key(|(_, row)| {
        let mut findings = row.cells.iter().filter_map(|cell| cell.finding);
        !findings.any(|finding| finding != Finding::NoDifferenceShown)
    });
    let rows: Vec<Markup> = known
        .into_iter()
        .map(|(index, row)| {
            let key = Key::default().at("metrics").at(index).at("cells");
            html! { tr {
                th scope="row" { (name(row)) }
                @for (side, one) in row.cells.iter().enumerate() {
                    @let key = key.at(side);
                    (cell(one.value, value(&key.at("value"), one.value, row.unit())))
                    @if let Some(finding) = one.finding {
                        // On a narrow page the finding stands below the difference.
                        (cell(one.difference, html! { (difference(&key, row, side)) small.narrow class=(mark(finding)) { (finding.words()) } }))
                        td class={ "num " (mark(finding)) } data-sort=(rank(finding)) { (finding.words()) }
                    }
                }
            } }
        })
        .collect();
    html! {
        (sortable("All others against the first", 1, &heading, &rows))
        p.note { (prose(&comparison.about_noise())) }
    }
}

fn name(row: &Row) -> Markup {
    let formula = row.info().map_or("", |info| info.formula);
    html! { (terms::word(&row.metric, formula)) }
}

/// The difference with its band; both lead to their places.
fn difference(key: &Key, row: &Row, side: usize) -> Markup {
    let one = &row.cells[side];
    html! {
        @match one.difference {
            Some(number) => data.n data-key=(key.at("difference")) value=(number) { (shown_difference(row, one)) },
            None => span.na { (NOT_AVAILABLE) },
        }
    }
}

const fn mark(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "better",
        Finding::Worse => "worse",
        Finding::Higher | Finding::Lower => "other",
        Finding::NoDifferenceShown => "same",
    }
}

/// Worse first, better last.
const fn rank(finding: Finding) -> i8 {
    match finding {
        Finding::Worse => -1,
        Finding::NoDifferenceShown => 0,
        Finding::Higher | Finding::Lower => 1,
        Finding::Better => 2,
    }
}

/// The style of a side's lines.
fn style(index: usize) -> String {
    format!("r{}", index % 6)
}

/// Charts over time, all sides in each; none where their buckets differ in width, since they could not be laid over each other.
fn over_time(comparison: &Comparison) -> Option<Markup> {
    let sides = &comparison.sides;
    let width = sides.first()?.course.bucket_seconds;
    if width <= 0.0 || sides.iter().any(|side| side.course.hits.is_empty()) {
        return None;
    }
    if sides.iter().any(|side| side.course.bucket_seconds != width) {
        return Some(html! { p.note {
            "The runs have time buckets of different widths, as runs of different lengths have: they are not drawn over each other."
        } });
    }
    let length = sides.iter().map(|side| side.course.hits.len()).max()?;
    let span = length as f64 * width;
    let counts = |list: &[u64]| {
        list.iter()
            .map(|count| Some(*count as f64))
            .collect::<Vec<_>>()
    };
    let lines = |of: &dyn Fn(&Course, &Key) -> Line| -> Vec<Line> {
        let line = |(index, side): (usize, &Side)| {
            let key = Key::default().at("sides").at(index).at("course");
            Line {
                name: side.name.clone(),
                style: style(index),
                ..of(&side.course, &key)
            }
        };
        sides.iter().enumerate().map(line).collect()
    };
    let plain = |key: Key, y: Vec<Option<f64>>| Line {
        name: String::new(),
        style: String::new(),
        key,
        x: None,
        y,
        of: None,
    };
    let chart = |title: &str, y: Axis, merge: usize, lines: Vec<Line>| {
        Chart {
            title,
            about: format!(
                "{title} over {}, one line per side.",
                Unit::Seconds.show(span)
            ),
            x: Axis::linear(0.0, span, Unit::Seconds),
            y,
            step: width,
            merge,
            stacked: false,
            lines,
            marks: Vec::new(),
        }
        .render()
    };
    let times = |of: fn(&Course) -> &Vec<Option<f64>>| {
        let all = sides.iter().flat_map(move |side| of(&side.course));
        Axis::log_around(all.flatten().copied(), Unit::Seconds)
    };
    let most = sides
        .iter()
        .flat_map(|side| &side.course.origin_requests)
        .max();
    let most = most.copied().unwrap_or(0) as f64;
    Some(html! {
        p.note { "The first run of each side." }
        div.charts {
            (chart("request hit ratio", Axis::linear(0.0, 1.0, Unit::Ratio), (length / 60).max(1), lines(&|course, key| Line {
                of: Some((key.at("cacheable"), course.cacheable.clone())),
                ..plain(key.at("hits"), counts(&course.hits))
            })))
            (chart("requests at the origin", Axis::linear(0.0, round_up(most), Unit::Count), 1, lines(&|course, key| {
                plain(key.at("origin_requests"), counts(&course.origin_requests))
            })))
            (chart("time to the first byte, p50", times(|course| &course.ttfb_p50), 1, lines(&|course, key| {
                plain(key.at("ttfb_p50"), course.ttfb_p50.clone())
            })))
            (chart("time to the first byte, p99", times(|course| &course.ttfb_p99), 1, lines(&|course, key| {
                plain(key.at("ttfb_p99"), course.ttfb_p99.clone())
            })))
        }
    })
}

/// How many answers had begun within which time, all sides in one chart.
fn distribution(comparison: &Comparison) -> Option<Markup> {
    let sides = || comparison.sides.iter().enumerate();
    if sides().all(|(_, side)| side.distribution.seconds.is_empty()) {
        return None;
    }
    let lines = sides().map(|(index, side)| {
        let key = Key::default().at("sides").at(index).at("distribution");
        Line {
            name: side.name.clone(),
            style: style(index),
            key: key.at("shares"),
            x: Some((key.at("seconds"), side.distribution.seconds.clone())),
            y: side.distribution.shares.iter().copied().map(Some).collect(),
            of: None,
        }
    });
    let times = sides().flat_map(|(_, side)| side.distribution.seconds.iter().copied());
    Some(html! { div.charts { (Chart {
        title: "share of answers that had begun",
        about: "Share of answers that had begun, over time on a logarithmic scale, one line per side.".to_owned(),
        x: Axis::log_around(times, Unit::Seconds),
        y: Axis::linear(0.0, 1.0, Unit::Ratio),
        step: 1.0,
        merge: 1,
        stacked: false,
        lines: lines.collect(),
        marks: Vec::new(),
    }.render()) } })
}
