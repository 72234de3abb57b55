//! What happened when: request classes, hits and availability over time, events, and what faults did.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, round_up};
use super::key::Key;
use super::number::{count, figure, seconds, value};
use super::tables::{cell, class_bar, heading, sortable, variant};
use crate::metrics::Unit;
use crate::report::{EventRow, Report, SeriesReport, VariantReport};

/// How long the series of a variant is, seconds: until the last step in which a request was due. What the origin counts after
/// that is the end of those before.
pub(super) fn span(series: &SeriesReport) -> f64 {
    let due = |counts: &Vec<u64>| counts.iter().rposition(|count| *count > 0);
    let last = series.classes.values().filter_map(due).max();
    let steps = last.map_or(series.available.len(), |last| last + 1);
    series.bucket_seconds * steps as f64
}

/// A chart of a variant's series, with its events: lines, unless the caller says otherwise. `what` is said of it to those who
/// do not see it.
pub(super) fn in_time<'a>(
    v: &VariantReport,
    title: &'a str,
    what: &str,
    y: Axis,
    lines: Vec<Line>,
) -> Chart<'a> {
    let span = span(&v.series);
    Chart {
        about: format!("{title} over {}{what}", Unit::Seconds.show(span)),
        title,
        x: Axis::linear(0.0, span, Unit::Seconds),
        y,
        step: v.series.bucket_seconds,
        merge: 1,
        stacked: false,
        lines,
        marks: v.events.iter().map(|event| event.at_seconds).collect(),
    }
}

/// A heading for one variant's charts, where there is more than one.
pub(super) fn of_variant(report: &Report, v: &VariantReport, what: &str) -> String {
    if report.variants.len() > 1 {
        format!("{}: {what}", v.name)
    } else {
        what.to_owned()
    }
}

pub(super) fn over_time(report: &Report) -> Option<Markup> {
    let drawn = || {
        report
            .variants
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.series.available.is_empty())
    };
    let most = drawn().flat_map(|(_, v)| {
        (0..v.series.available.len()).map(|bucket| {
            v.series
                .classes
                .values()
                .map(|counts| counts.get(bucket).copied().unwrap_or(0))
                .sum::<u64>()
        })
    });
    let top = round_up(most.max().unwrap_or(0) as f64);
    Some(html! {
        @if drawn().count() > 0 {
            h3 { "Requests by class" }
            p.note { "Each area is one class; all together are the requests of " (Unit::Seconds.show(report.variants[0].series.bucket_seconds)) ", warm-up included. Numbers on top are events, listed below." }
            div.charts { @for (index, v) in drawn() { (classes(report, index, v, top)) } }
            h3 { "Hits and availability by region" }
            div.charts { @for (index, v) in drawn() { (outcomes(report, index, v)) } }
        }
        (events(report))
        h3 { "All requests after the warm-up" }
        @for (index, v) in report.variants.iter().enumerate() {
            @if report.variants.len() > 1 { h4 { (v.name) } }
            (class_bar(&Key::variant(index).at("total"), &v.total))
        }
    })
}

fn classes(report: &Report, index: usize, v: &VariantReport, top: f64) -> Markup {
    let key = Key::variant(index).at("series").at("classes");
    let lines = v.series.classes.iter().map(|(class, counts)| Line {
        name: class.name().to_owned(),
        style: class.name().to_owned(),
        key: key.at(class.name()),
        x: None,
        y: counts.iter().map(|count| Some(*count as f64)).collect(),
        of: None,
    });
    let title = of_variant(report, v, "requests by class");
    Chart {
        stacked: true,
        ..in_time(
            v,
            &title,
            ", as stacked areas; the sums are in the bar below.",
            Axis::linear(0.0, top, Unit::Count),
            lines.collect(),
        )
    }
    .render()
}

/// Hit ratio and availability of each region, over steps that are coarse enough to be read.
fn outcomes(report: &Report, index: usize, v: &VariantReport) -> Markup {
    let key = Key::variant(index).at("series").at("regions");
    let mut lines = Vec::new();
    for (number, (name, region)) in v.series.regions.iter().enumerate() {
        let key = key.at(name);
        for (what, parts, of, wholes) in [
            ("hits", &region.hits, "cacheable", &region.cacheable),
            ("available", &region.available, "requests", &region.requests),
        ] {
            // Nothing to draw where no cache may answer anything.
            if wholes.iter().all(|whole| *whole == 0) {
                continue;
            }
            lines.push(Line {
                name: format!("{name}: {what}"),
                style: format!("r{} {what}", number % 6),
                key: key.at(what),
                x: None,
                y: parts.iter().map(|count| Some(*count as f64)).collect(),
                of: Some((key.at(of), wholes.clone())),
            });
        }
    }
    let title = of_variant(report, v, "request hit ratio and availability by region");
    Chart {
        merge: v.series.available.len().div_ceil(60).max(1),
        ..in_time(
            v,
            &title,
            ", as lines from 0 to 100 %.",
            Axis::linear(0.0, 1.0, Unit::Ratio),
            lines,
        )
    }
    .render()
}

/// The events of all variants; those that all share once.
fn events(report: &Report) -> Markup {
    let planned = |v: &VariantReport| {
        v.events
            .iter()
            .map(|event| (event.what.clone(), event.planned))
            .collect::<Vec<_>>()
    };
    let same = report
        .variants
        .windows(2)
        .all(|pair| planned(&pair[0]) == planned(&pair[1]));
    let shown = if same {
        &report.variants[..report.variants.len().min(1)]
    } else {
        &report.variants[..]
    };
    html! { @for (index, v) in shown.iter().enumerate() { @if !v.events.is_empty() {
        h3 { (if same { "Events".to_owned() } else { of_variant(report, v, "events") }) }
        ol.events { @for (number, event) in v.events.iter().enumerate() { (one_event(&Key::variant(index).at("events").at(number), event)) } }
    } } }
}

fn one_event(key: &Key, event: &EventRow) -> Markup {
    html! { li { "at " (seconds(&key.at("at_seconds"), event.at_seconds)) ": " (event.what) @if !event.planned { strong { " (not planned)" } } } }
}

/// What a cut or another fault did, per region, and how long outdated answers went on.
pub(super) fn cuts(report: &Report) -> Option<Markup> {
    let many = report.variants.len() > 1;
    let (mut rows, mut windows) = (Vec::new(), Vec::new());
    for (number, v) in report.variants.iter().enumerate() {
        for (index, row) in v.convergence.iter().enumerate() {
            let key = Key::variant(number).at("convergence").at(index);
            rows.push(html! { tr {
                th scope="row" { (row.event) }
                (variant(report, v))
                td { (row.region) }
                (cell(Some(row.at_seconds), seconds(&key.at("at_seconds"), row.at_seconds)))
                (cell(Some(row.answers as f64), count(&key.at("answers"), row.answers)))
                (cell(Some(row.outdated as f64), count(&key.at("outdated"), row.outdated)))
                (cell(row.seconds, value(&key.at("seconds"), row.seconds, Unit::Seconds)))
            } });
        }
        for (index, window) in v.windows.iter().enumerate() {
            for (at, region) in window.regions.iter().enumerate() {
                let key = Key::variant(number)
                    .at("windows")
                    .at(index)
                    .at("regions")
                    .at(at);
                let ratio = |name: &str, one: crate::metrics::Figure| {
                    cell(one.value, figure(&key.at(name), one, Unit::Ratio))
                };
                windows.push(html! { tr {
                    th scope="row" { (window.total.name) }
                    (variant(report, v))
                    td { (region.name) }
                    (cell(Some(region.requests as f64), count(&key.at("requests"), region.requests)))
                    (ratio("availability", region.availability))
                    (ratio("request_hit_ratio", region.request_hit_ratio))
                    (ratio("stale_ratio", region.stale_ratio))
                    (ratio("outdated_ratio", region.outdated_ratio))
                    (cell(region.outdated_seconds_max.value, figure(&key.at("outdated_seconds_max"), region.outdated_seconds_max, Unit::Seconds)))
                } });
            }
        }
    }
    if rows.is_empty() && windows.is_empty() {
        return None;
    }
    let left = 2 + usize::from(many);
    let by_window = heading(
        report,
        &["window"],
        &[
            "region",
            "requests",
            "available",
            "hit ratio",
            "stale",
            "outdated",
            "outdated by at most",
        ],
    );
    let by_event = heading(
        report,
        &["event"],
        &[
            "region",
            "at",
            "answers after it",
            "outdated",
            "until the last outdated",
        ],
    );
    Some(html! {
        p { "Availability and truth, side by side: an edge that keeps serving while it is cut off stays available and answers with what it has." }
        (sortable("By window and region", left, &by_window, &windows))
        (sortable("Convergence: until no outdated answer was served", left, &by_event, &rows))
    })
}
