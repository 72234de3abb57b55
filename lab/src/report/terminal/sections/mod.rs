//! The sections of a report, each as text or nothing.

mod checks;
mod figures;

pub(super) use checks::{convergence, expectations, over_time, reconciliation};
pub(super) use figures::{edges, groups, key_figures, latency, misses, windows};

use super::grid::Grid;
use super::text::{bar, plain, sparkline, wrapped};
use crate::metrics::{Figure, NOT_AVAILABLE, Unit};
use crate::report::{Latency, Outcome, Report};

/// Characters of a name in a table.
const NAME: usize = 18;
/// Characters of a variant's name beside other columns.
const VARIANT: usize = 12;
/// Variants that stand side by side as columns; further ones go into further tables.
const ABREAST: usize = 4;

pub(super) fn verdict(report: &Report) -> String {
    let mark = match report.outcome {
        Outcome::Met => "✔ ",
        Outcome::Missed => "✘ ",
        Outcome::Invalid => "! ",
    };
    let manifest = &report.manifest;
    let length = report
        .variants
        .first()
        .map_or(0.0, |variant| variant.end_seconds);
    let variants = match report.variants.len() {
        0 | 1 => String::new(),
        number => format!(", {number} variants"),
    };
    let circumstances = format!(
        "cdnlab {} {}, seed {}, {}{variants}; {} {}, {} CPUs; {}",
        manifest.version,
        manifest.driver.name(),
        manifest.seed,
        Unit::Seconds.show(length),
        manifest.machine.os,
        manifest.machine.arch,
        manifest.machine.cpus,
        manifest.started
    );
    let mut text = wrapped(mark, &plain(&report.verdict, 400), 2);
    text.push_str(&wrapped("  ", &plain(&circumstances, 400), 2));
    for variant in report
        .variants
        .iter()
        .filter(|variant| !variant.validity.valid)
    {
        for reason in &variant.validity.reasons {
            text.push_str(&wrapped(
                "  ! ",
                &plain(&format!("{}: {reason}", variant.name), 400),
                4,
            ));
        }
    }
    text
}

/// The heading's first columns, and whether there is more than one variant.
fn named<'a>(report: &Report, first: &'a str) -> (Vec<&'a str>, bool) {
    let many = report.variants.len() > 1;
    (
        if many {
            vec![first, "variant"]
        } else {
            vec![first]
        },
        many,
    )
}

fn ratio(figure: Figure) -> String {
    Unit::Ratio.show_figure(figure)
}

fn count(number: u64) -> String {
    Unit::Count.show(number as f64)
}

fn quantiles(latency: &Latency) -> [String; 3] {
    [latency.p50, latency.p90, latency.p99].map(time)
}

fn time(value: Option<f64>) -> String {
    value.map_or_else(
        || NOT_AVAILABLE.to_owned(),
        |value| Unit::Seconds.show(value),
    )
}
