//! `sweep.html`: a sweep's conclusion, its curves with their bands, and its table; from what `sweep.json` holds.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::chart::{Axis, Chart, Line, round_up};
use super::key::Key;
use super::number::value;
use super::tables::{cell, sortable};
use super::{document, sources, terms};
use crate::metrics::{Metric, Unit};
use crate::report::Manifest;

/// What the page needs of `sweep.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct SweepFile {
    manifest: Manifest,
    conclusion: String,
    seeds: Vec<u64>,
    axes: Vec<AxisOf>,
    cells: Vec<CellOf>,
    curves: Vec<CurveOf>,
}

#[derive(Debug, Clone, Deserialize)]
struct AxisOf {
    path: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct CellOf {
    variant: String,
    choice: Vec<usize>,
    metrics: BTreeMap<String, MetricOf>,
}

#[derive(Debug, Clone, Deserialize)]
struct MetricOf {
    band: Option<BandOf>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct BandOf {
    mean: f64,
    half: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
struct CurveOf {
    variant: String,
    axis: String,
    held: Vec<String>,
    points: Vec<PointOf>,
}

#[derive(Debug, Clone, Deserialize)]
struct PointOf {
    x: f64,
    value: String,
    request_miss_ratio: Option<BandOf>,
    byte_miss_ratio: Option<BandOf>,
}

/// Metrics in the table, in their order.
const COLUMNS: [&str; 8] = [
    "request_hit_ratio",
    "byte_hit_ratio",
    "origin_offload_requests",
    "origin_offload_bytes",
    "availability",
    "latency_p50",
    "latency_p99",
    "outdated_ratio",
];

/// The page of a sweep.
#[must_use]
pub fn sweep_page(sweep: &SweepFile) -> String {
    let title = format!("{} \u{2013} sweep \u{2013} cdnlab", sweep.manifest.scenario);
    let seeds = match sweep.seeds.len() {
        1 => "one seed, which says nothing of noise".to_owned(),
        n => format!("{n} seeds; bands and ± are 95 % confidence of the mean"),
    };
    let mut axes: Vec<&str> = Vec::new();
    for curve in &sweep.curves {
        if !axes.contains(&curve.axis.as_str()) {
            axes.push(&curve.axis);
        }
    }
    document(
        &title,
        html! {
            header {
                p.kicker { "cdnlab sweep" }
                h1 { (sweep.manifest.scenario) }
                p.verdict { strong { (sweep.conclusion) } }
                p.meta { "Virtual time · " (seeds) " · cdnlab " (sweep.manifest.version) }
            }
            main id="main" {
                @if !axes.is_empty() { section id="curves" aria-labelledby="curves-title" {
                    h2 id="curves-title" { "Curves" }
                    @for axis in axes {
                        h3 { "Over " code { (axis) } }
                        div.charts {
                            (curves(sweep, axis, ("request miss ratio", "request_miss_ratio"), |point| point.request_miss_ratio))
                            (curves(sweep, axis, ("byte miss ratio", "byte_miss_ratio"), |point| point.byte_miss_ratio))
                        }
                    }
                } }
                section id="cells" aria-labelledby="cells-title" { h2 id="cells-title" { "Every cell" } (table(sweep)) }
                section id="manifest" aria-labelledby="manifest-title" { h2 id="manifest-title" { "How this sweep was made" } (sources::facts(&sweep.manifest)) }
            }
        },
    )
}

fn curves(
    sweep: &SweepFile,
    axis: &str,
    (title, field): (&str, &str),
    of: fn(&PointOf) -> Option<BandOf>,
) -> Markup {
    // A variant without a cache has no miss ratio, and no curve.
    let here = || {
        let all = sweep.curves.iter().enumerate();
        all.filter(|(_, curve)| {
            curve.axis == axis && curve.points.iter().any(|point| of(point).is_some())
        })
    };
    if here().next().is_none() {
        return html! {};
    }
    let all = || here().flat_map(|(_, curve)| &curve.points);
    let most = all()
        .filter_map(of)
        .map(|band| band.mean + band.half.unwrap_or(0.0))
        .fold(0.0, f64::max);
    let (least, last) = all().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), point| (least.min(point.x), most.max(point.x)),
    );
    // Sizes are tried in factors, and so they are drawn.
    let log = least > 0.0 && last / least >= 8.0;
    let x = Axis {
        from: least,
        to: if last > least { last } else { least + 1.0 },
        log,
        unit: Unit::Count,
    };
    let lines = here().enumerate().map(|(number, (index, curve))| {
        // One number of each point.
        let key = Key::default().at("curves").at(index).at("points").at("*");
        let name = std::iter::once(curve.variant.as_str())
            .chain(curve.held.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(", ");
        Line {
            name,
            style: format!("r{}", number % 6),
            key: key.at(field).at("mean"),
            x: Some((
                key.at("x"),
                curve.points.iter().map(|point| point.x).collect(),
            )),
            y: curve
                .points
                .iter()
                .map(|point| of(point).map(|band| band.mean))
                .collect(),
            of: None,
        }
    });
    let bands = here().map(|(_, curve)| {
        curve
            .points
            .iter()
            .map(|point| of(point).and_then(|band| band.half))
            .collect()
    });
    let ticks = here().next().map(|(_, curve)| {
        curve
            .points
            .iter()
            .map(|point| (point.x, point.value.clone()))
            .collect()
    });
    let chart = Chart {
        about: format!("{title} over {axis}, with bands; the table below has the numbers."),
        title,
        x,
        y: Axis::linear(0.0, round_up(most).min(1.0), Unit::Ratio),
        step: 1.0,
        merge: 1,
        stacked: false,
        lines: lines.collect(),
        marks: Vec::new(),
    };
    chart.with_bands(bands.collect(), ticks.unwrap_or_default())
}

fn table(sweep: &SweepFile) -> Markup {
    let left = 1 + sweep.axes.len();
    let title = |name: &'static str| terms::title(name);
    let heading: Vec<&str> = std::iter::once("variant")
        .chain(sweep.axes.iter().map(|axis| axis.path.as_str()))
        .chain(COLUMNS.map(title))
        .collect();
    let rows: Vec<Markup> = sweep.cells.iter().enumerate().map(|(index, one)| {
        let key = Key::default().at("cells").at(index).at("metrics");
        html! { tr {
            th scope="row" { (one.variant) }
            @for (axis, choice) in sweep.axes.iter().zip(&one.choice) { td { (axis.values.get(*choice).map_or("", String::as_str)) } }
            @for name in COLUMNS {
                @let unit = Metric::named(name).map_or(Unit::Count, |info| info.unit);
                @let band = one.metrics.get(name).and_then(|metric| metric.band);
                @let key = key.at(name).at("band");
                (cell(band.map(|band| band.mean), html! {
                    @match band {
                        Some(band) => { (value(&key.at("mean"), Some(band.mean), unit)) @if let Some(half) = band.half { " " small.samples { "± " (value(&key.at("half"), Some(half), unit)) } } },
                        None => (value(&key, None, unit)),
                    }
                }))
            }
        } }
    }).collect();
    sortable("Means over the seeds", left, &heading, &rows)
}
