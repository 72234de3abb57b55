//! Latency: over time, and by class.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line};
use super::course::{marks, of_variant, span};
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
    let all = drawn()
        .flat_map(|(_, v)| v.series.ttfb_p50.iter().chain(&v.series.ttfb_p99))
        .flatten()
        .copied();
    let y = Axis::log_around(all, Unit::Seconds);
    Some(html! {
        p.note { "To the first byte, from the planned instant of a request: what a client waits, queues included." }
        h3 { "Over time" }
        div.charts { @for (index, v) in drawn() { (over_time(report, index, v, y)) } }
        (table(report))
    })
}

fn over_time(report: &Report, index: usize, v: &VariantReport, y: Axis) -> Markup {
    let key = Key::variant(index).at("series");
    let line = |name: &str, field: &str, style: &str, values: &[Option<f64>]| Line {
        name: name.to_owned(),
        style: style.to_owned(),
        key: key.at(field),
        x: None,
        y: values.to_vec(),
        of: None,
    };
    let title = of_variant(report, v, "time to the first byte");
    Chart {
        about: format!(
            "{title} over {}: median and 99th percentile, on a logarithmic scale.",
            Unit::Seconds.show(span(&v.series))
        ),
        title: &title,
        x: Axis::linear(0.0, span(&v.series), Unit::Seconds),
        y,
        step: v.series.bucket_seconds,
        merge: 1,
        stacked: false,
        lines: vec![
            line("all: p50", "ttfb_p50", "all", &v.series.ttfb_p50),
            line("all: p99", "ttfb_p99", "all p99", &v.series.ttfb_p99),
        ],
        marks: marks(v),
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
