//! What is asked first: the verdict, the expectations, the key figures.

use maud::{Markup, html};

use super::key::Key;
use super::number::{bar, count, figure, value, with_samples};
use super::terms::term;
use crate::metrics::{Figure, Unit};
use crate::report::{Outcome, Report, VariantReport};

/// Where a figure of a variant stands, and the figure.
type Reading = (
    &'static str,
    Unit,
    fn(&Key, &VariantReport) -> (Key, Figure),
);

/// The mark and the word of an outcome; the word says it to those who do not see the mark.
const fn mark(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Met => ("✔", "met"),
        Outcome::Missed => ("✘", "missed"),
        Outcome::Invalid => ("!", "invalid"),
    }
}

/// Title and verdict.
pub(super) fn header(report: &Report) -> Markup {
    let manifest = &report.manifest;
    let (sign, word) = mark(report.outcome);
    html! {
        header {
            p.kicker { "cdnlab report" }
            h1 { (manifest.scenario) }
            p class={ "verdict " (word) } {
                span.sign aria-hidden="true" { (sign) }
                strong { (report.verdict) }
            }
            @if let Some(about) = &manifest.about { p.about { (prose(about)) } }
            p.meta {
                (match manifest.driver { crate::report::Driver::Run => "Real processes", crate::report::Driver::Simulate => "Virtual time" })
                " · seed " (manifest.seed)
                @if !manifest.started.is_empty() { " · " time datetime=(manifest.started) { (manifest.started) } }
                " · took " (Unit::Seconds.show(manifest.wall_seconds))
                " · cdnlab " (manifest.version)
            }
        }
    }
}

/// Text in which words between backticks are code, as scenarios write it.
pub(super) fn prose(text: &str) -> Markup {
    html! { @for (index, part) in text.split('`').enumerate() { @if index % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// The table of expectations.
pub(super) fn expectations(report: &Report) -> Option<Markup> {
    if report.expectations.is_empty() {
        return Some(
            html! { p { "The scenario expects nothing: there is nothing to be met or missed." } },
        );
    }
    let key = Key::default().at("expectations");
    Some(html! {
        div.scroll role="region" tabindex="0" aria-label="Expectations" {
            table.sortable.expectations {
                thead { tr { th scope="col" { "" } th scope="col" { "Expectation" } th scope="col" { "Variant" } th.num scope="col" { "Found" } th.num scope="col" { "Held against" } } }
                tbody { @for (index, verdict) in report.expectations.iter().enumerate() {
                    @let key = key.at(index);
                    tr class=(if verdict.met { "met" } else { "missed" }) {
                        td { (if verdict.met { "✔ met" } else { "✘ missed" }) }
                        th scope="row" title=(verdict.finding) { code { (verdict.expectation) } }
                        td { (verdict.variant) }
                        td.num data-sort=[verdict.left.figure.value] {
                            (quoted(&key.at("left"), &verdict.left))
                            " " small.samples { "n " (count(&key.at("left").at("figure").at("samples"), verdict.left.figure.samples)) }
                        }
                        td.num data-sort=[verdict.right.figure.value] { (quoted(&key.at("right"), &verdict.right)) }
                    }
                } }
            }
        }
    })
}

fn quoted(key: &Key, side: &crate::expect::Quoted) -> Markup {
    let key = key.at("figure").at("value");
    html! { data.n data-key=(key) value=[side.figure.value.map(|value| value.to_string())] { (side.shown) } }
}

fn latency(key: &Key, value: Option<f64>, samples: u64, stat: &str) -> (Key, Figure) {
    (
        key.at("total").at("ttfb").at(stat),
        Figure { value, samples },
    )
}

/// The figures that everybody asks for.
const FIRST: &[Reading] = &[
    ("request_hit_ratio", Unit::Ratio, |key, v| {
        (
            key.at("total").at("request_hit_ratio").at("value"),
            v.total.request_hit_ratio,
        )
    }),
    ("origin_offload_requests", Unit::Ratio, |key, v| {
        (
            key.at("origin").at("offload_requests").at("value"),
            v.origin.offload_requests,
        )
    }),
    ("availability", Unit::Ratio, |key, v| {
        (
            key.at("total").at("availability").at("value"),
            v.total.availability,
        )
    }),
    ("latency_p50", Unit::Seconds, |key, v| {
        latency(key, v.total.ttfb.p50, v.total.ttfb.samples, "p50")
    }),
    ("latency_p99", Unit::Seconds, |key, v| {
        latency(key, v.total.ttfb.p99, v.total.ttfb.samples, "p99")
    }),
    ("outdated_ratio", Unit::Ratio, |key, v| {
        (
            key.at("total").at("outdated_ratio").at("value"),
            v.total.outdated_ratio,
        )
    }),
];

/// Tiles of the first figures, then all of them as a table, variants side by side.
pub(super) fn figures(report: &Report) -> Option<Markup> {
    let many = report.variants.len() > 1;
    Some(html! {
        div.tiles { @for (name, unit, of) in FIRST {
            @let readings: Vec<_> = report.variants.iter().enumerate().map(|(index, v)| of(&Key::variant(index), v)).collect();
            @let most = readings.iter().filter_map(|(_, figure)| figure.value).fold(0.0, f64::max);
            div.tile {
                h3 { (term(name)) }
                @for (variant, (key, figure)) in report.variants.iter().zip(&readings) {
                    div class=(if many { "reading" } else { "reading alone" }) {
                        @if many { span.of { (variant.name) } }
                        (value(key, figure.value, *unit))
                        (bar(figure.value.map(|value| if *unit == Unit::Ratio { value } else { value / most.max(f64::MIN_POSITIVE) })))
                    }
                }
            }
        } }
        div.scroll role="region" tabindex="0" aria-label="All key figures" {
            table.figures {
                thead { tr { th scope="col" { "Figure" } @for variant in &report.variants { th.num scope="col" { (variant.name) } } } }
                tbody { @for (name, row) in rows() { tr {
                    th scope="row" { (term(name)) }
                    @for (index, variant) in report.variants.iter().enumerate() { td.num { (row(&Key::variant(index), variant)) } }
                } } }
            }
        }
        p.note { "After the warm-up. n: on how many samples a figure rests. n/a: nothing was there to count." }
    })
}

type Row = fn(&Key, &VariantReport) -> Markup;

fn rows() -> [(&'static str, Row); 23] {
    [
        ("requests", |k, v| {
            count(&k.at("total").at("requests"), v.total.requests)
        }),
        ("availability", |k, v| {
            with_samples(
                &k.at("total").at("availability"),
                v.total.availability,
                Unit::Ratio,
            )
        }),
        ("request_hit_ratio", |k, v| {
            with_samples(
                &k.at("total").at("request_hit_ratio"),
                v.total.request_hit_ratio,
                Unit::Ratio,
            )
        }),
        ("offered_hit_ratio", |k, v| {
            with_samples(
                &k.at("total").at("offered_hit_ratio"),
                v.total.offered_hit_ratio,
                Unit::Ratio,
            )
        }),
        ("byte_hit_ratio", |k, v| {
            with_samples(
                &k.at("total").at("byte_hit_ratio"),
                v.total.byte_hit_ratio,
                Unit::Ratio,
            )
        }),
        ("cdn_hit_ratio", |k, v| {
            with_samples(
                &k.at("total").at("cdn_hit_ratio"),
                v.total.cdn_hit_ratio,
                Unit::Ratio,
            )
        }),
        ("overall_hit_ratio", |k, v| {
            with_samples(
                &k.at("total").at("overall_hit_ratio"),
                v.total.overall_hit_ratio,
                Unit::Ratio,
            )
        }),
        ("cache_coverage", |k, v| {
            with_samples(
                &k.at("total").at("cache_coverage"),
                v.total.cache_coverage,
                Unit::Ratio,
            )
        }),
        ("origin_offload_requests", |k, v| {
            with_samples(
                &k.at("origin").at("offload_requests"),
                v.origin.offload_requests,
                Unit::Ratio,
            )
        }),
        ("origin_offload_bytes", |k, v| {
            with_samples(
                &k.at("origin").at("offload_bytes"),
                v.origin.offload_bytes,
                Unit::Ratio,
            )
        }),
        ("origin_fetches", |k, v| {
            count(&k.at("origin").at("requests"), v.origin.requests)
        }),
        ("origin_bytes", |k, v| {
            super::number::bytes(&k.at("origin").at("bytes"), v.origin.bytes)
        }),
        ("latency_p50", |k, v| {
            value(
                &k.at("total").at("ttfb").at("p50"),
                v.total.ttfb.p50,
                Unit::Seconds,
            )
        }),
        ("latency_p90", |k, v| {
            value(
                &k.at("total").at("ttfb").at("p90"),
                v.total.ttfb.p90,
                Unit::Seconds,
            )
        }),
        ("latency_p99", |k, v| {
            value(
                &k.at("total").at("ttfb").at("p99"),
                v.total.ttfb.p99,
                Unit::Seconds,
            )
        }),
        ("latency_p999", |k, v| {
            value(
                &k.at("total").at("ttfb").at("p999"),
                v.total.ttfb.p999,
                Unit::Seconds,
            )
        }),
        ("total_p50", |k, v| {
            value(
                &k.at("total").at("total").at("p50"),
                v.total.total.p50,
                Unit::Seconds,
            )
        }),
        ("total_p99", |k, v| {
            value(
                &k.at("total").at("total").at("p99"),
                v.total.total.p99,
                Unit::Seconds,
            )
        }),
        ("coalescing_factor", |k, v| {
            with_samples(
                &k.at("total").at("coalescing_factor"),
                v.total.coalescing_factor,
                Unit::Factor,
            )
        }),
        ("stale_ratio", |k, v| {
            with_samples(
                &k.at("total").at("stale_ratio"),
                v.total.stale_ratio,
                Unit::Ratio,
            )
        }),
        ("stale_seconds_max", |k, v| {
            figure(
                &k.at("total").at("stale_seconds_max"),
                v.total.stale_seconds_max,
                Unit::Seconds,
            )
        }),
        ("outdated_ratio", |k, v| {
            with_samples(
                &k.at("total").at("outdated_ratio"),
                v.total.outdated_ratio,
                Unit::Ratio,
            )
        }),
        ("outdated_seconds_max", |k, v| {
            figure(
                &k.at("total").at("outdated_seconds_max"),
                v.total.outdated_seconds_max,
                Unit::Seconds,
            )
        }),
    ]
}
