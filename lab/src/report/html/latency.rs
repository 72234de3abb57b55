//! Latency: over time, and by class.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line};
use super::course::{in_time, of_variant};
use super::key::Key;
use super::number::{count, figure, value};
use super::tables::{cell, heading, sortable, variant};
use super::terms::class_word;
use crate::metrics::Unit;
use crate::observe::RequestClass;
use crate::report::{Report, VariantReport};

pub(super) fn section(report: &Report) -> Option<Markup> {
    let drawn = || {
        report
            .variants
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.series.available.is_empty())
    };
    let all = drawn().flat_map(|(_, v)| {
        let served = v.series.ttfb.values();
        let served = served.flat_map(|parts| parts.p50.iter().chain(&parts.p99));
        served.chain(&v.series.ttfb_p50).chain(&v.series.ttfb_p99)
    });
    let all = all.flatten().copied();
    let y = Axis::log_around(all, Unit::Seconds);
    let times = report
        .variants
        .iter()
        .flat_map(|v| &v.latency_curves)
        .flat_map(|curve| &curve.seconds)
        .copied();
    let x = Axis::log_around(times, Unit::Seconds);
    Some(html! {
        p.note { "To the first byte, from the planned instant of a request: what a client waits, queues included." }
        h3 { "Over time" }
        div.charts { @for (index, v) in drawn() { (over_time(report, index, v, y)) } }
        h3 { "How many answers began within which time" }
        div.charts { @for (index, v) in report.variants.iter().enumerate() { (curves(report, index, v, x)) } }
        (table(report))
    })
}

fn over_time(report: &Report, index: usize, v: &VariantReport, y: Axis) -> Markup {
    let key = Key::variant(index).at("series");
    let line = |name: String, key: Key, style: String, values: &[Option<f64>]| Line {
        name,
        style,
        key,
        x: None,
        y: values.to_vec(),
        of: None,
    };
    let mut lines = Vec::new();
    // What no cache may answer is beside the point where caches answer.
    let told = |of: &str| of != "other" || v.series.ttfb.len() == 1;
    for (of, parts) in v.series.ttfb.iter().filter(|(of, _)| told(of)) {
        let key = key.at("ttfb").at(of);
        lines.push(line(
            format!("{of}: p50"),
            key.at("p50"),
            style(of).to_owned(),
            &parts.p50,
        ));
        lines.push(line(
            format!("{of}: p99"),
            key.at("p99"),
            format!("{} p99", style(of)),
            &parts.p99,
        ));
    }
    if lines.is_empty() {
        lines.push(line(
            "all: p50".to_owned(),
            key.at("ttfb_p50"),
            "all".to_owned(),
            &v.series.ttfb_p50,
        ));
        lines.push(line(
            "all: p99".to_owned(),
            key.at("ttfb_p99"),
            "all p99".to_owned(),
            &v.series.ttfb_p99,
        ));
    }
    let title = of_variant(report, v, "time to the first byte");
    let what = ": median and 99th percentile, on a logarithmic scale.";
    in_time(v, &title, what, y, lines).render()
}

/// The style of a curve: that of the class that stands for it.
fn style(of: &str) -> &'static str {
    match of {
        "hit" => "hit",
        "stale" => "hit-stale-error",
        "miss" => "miss",
        _ => "pass",
    }
}

fn curves(report: &Report, index: usize, v: &VariantReport, x: Axis) -> Markup {
    let title = of_variant(report, v, "share of answers that had begun");
    let lines = v.latency_curves.iter().enumerate().map(|(at, curve)| {
        let key = Key::variant(index).at("latency_curves").at(at);
        Line {
            name: format!(
                "{} (n {})",
                curve.of,
                Unit::Count.show(curve.samples as f64)
            ),
            style: style(&curve.of).to_owned(),
            key: key.at("shares"),
            x: Some((key.at("seconds"), curve.seconds.clone())),
            y: curve.shares.iter().copied().map(Some).collect(),
            of: None,
        }
    });
    Chart {
        about: format!(
            "{title}, hits, stale answers and misses apart, over time on a logarithmic scale."
        ),
        title: &title,
        x,
        y: Axis::linear(0.0, 1.0, Unit::Ratio),
        step: 1.0,
        merge: 1,
        stacked: false,
        lines: lines.collect(),
        marks: Vec::new(),
    }
    .render()
}

fn table(report: &Report) -> Markup {
    let mut rows = Vec::new();
    for class in RequestClass::ALL {
        for (number, v) in report.variants.iter().enumerate() {
            let Some((index, row)) = v
                .latency
                .iter()
                .enumerate()
                .find(|(_, row)| row.class == class)
            else {
                continue;
            };
            let key = Key::variant(number).at("latency").at(index);
            // What was given up has no first byte, but the time until then.
            let (field, times) = if class == RequestClass::Error {
                ("total", &row.total)
            } else {
                ("ttfb", &row.ttfb)
            };
            let time = |name: &str, one: Option<f64>| {
                cell(one, value(&key.at(field).at(name), one, Unit::Seconds))
            };
            rows.push(html! { tr {
                th scope="row" { (class_word(class)) }
                (variant(report, v))
                (cell(Some(row.requests as f64), count(&key.at("requests"), row.requests)))
                (cell(row.share.value, figure(&key.at("share"), row.share, Unit::Ratio)))
                (time("mean", times.mean))
                (time("p50", times.p50))
                (time("p90", times.p90))
                (time("p99", times.p99))
                (time("p999", times.p999))
                (time("max", times.max))
            } });
        }
    }
    let heading = heading(
        report,
        &["class"],
        &[
            "requests", "share", "mean", "p50", "p90", "p99", "p99.9", "max",
        ],
    );
    sortable(
        "By class of request",
        1 + usize::from(report.variants.len() > 1),
        &heading,
        &rows,
    )
}
