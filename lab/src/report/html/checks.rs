//! Whether the figures can be believed: clients held against origin, and how well the driver kept to the plan.

use maud::{Markup, html};

use super::key::Key;
use super::number::{bytes, count, figure, seconds};
use super::tables::{cell, heading, sortable, variant};
use crate::metrics::{Figure, Unit};
use crate::report::{ReconciliationReport, Report};

pub(super) fn section(report: &Report) -> Option<Markup> {
    let mut sentences = Vec::new();
    let (mut rows, mut driver) = (Vec::new(), Vec::new());
    for (number, v) in report.variants.iter().enumerate() {
        let key = Key::variant(number);
        let sums = &v.reconciliation;
        let name = if report.variants.len() > 1 {
            format!("{}: ", v.name)
        } else {
            String::new()
        };
        sentences.push(html! { li class=(if sums.agrees { "met" } else { "missed" }) { (name) (sentence(sums)) } });
        for reason in &v.validity.reasons {
            sentences.push(html! { li.missed { (name) "✘ invalid: " (reason) } });
        }
        rows.push(row(report, v, &key.at("reconciliation"), sums));
        let at = key.at("driver");
        let lateness =
            |field: &str, one: Figure| cell(one.value, figure(&at.at(field), one, Unit::Seconds));
        driver.push(html! { tr {
            th scope="row" { (v.name) }
            (cell(Some(v.driver.late as f64), count(&at.at("late"), v.driver.late)))
            (cell(Some(v.driver.bound_seconds), seconds(&at.at("bound_seconds"), v.driver.bound_seconds)))
            (lateness("p50_seconds", v.driver.p50_seconds))
            (lateness("p99_seconds", v.driver.p99_seconds))
            (lateness("max_seconds", v.driver.max_seconds))
        } });
    }
    let columns = heading(
        report,
        &["side"],
        &[
            "claimed",
            "matched",
            "unseen",
            "unclaimed",
            "abandoned",
            "repeated",
            "background",
            "foreign",
            "lost",
            "records",
            "bytes",
            "differing",
            "difference",
        ],
    );
    Some(html! {
        ul.plain { @for one in &sentences { (one) } }
        details {
            summary { "All sums" }
            (sortable("Clients held against origin, warm-up included", 1 + usize::from(report.variants.len() > 1), &columns, &rows))
            (sortable("How late the driver was", 1, &["variant", "late requests", "bound", "p50", "p99", "max"], &driver))
        }
    })
}

/// What reconciliation says, in words.
fn sentence(sums: &ReconciliationReport) -> String {
    let n = |count: u64| Unit::Count.show(count as f64);
    let mut text = format!(
        "{} {} answers came from the origin by what the caches said; {} of them are in its log by id",
        if sums.agrees { "✔" } else { "✘" },
        n(sums.claimed),
        n(sums.matched),
    );
    let others = [
        (sums.background, "background requests of edges"),
        (sums.unseen, "that the origin did not see"),
        (sums.unclaimed, "that the origin saw and no client knew of"),
        (
            sums.abandoned,
            "given up, or answered stale after the origin had failed",
        ),
        (sums.repeated, "sent again"),
        (sums.foreign, "that nobody here made"),
        (sums.lost, "lost from the log"),
        (sums.differing, "whose bytes differ"),
    ];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("; {} {what}", n(count)));
    }
    text + "."
}

fn row(
    report: &Report,
    v: &crate::report::VariantReport,
    key: &Key,
    sums: &ReconciliationReport,
) -> Markup {
    let number = |name: &str, n: u64| cell(Some(n as f64), count(&key.at(name), n));
    html! { tr {
        th scope="row" { "clients and origin" }
        (variant(report, v))
        (number("claimed", sums.claimed))
        (number("matched", sums.matched))
        (number("unseen", sums.unseen))
        (number("unclaimed", sums.unclaimed))
        (number("abandoned", sums.abandoned))
        (number("repeated", sums.repeated))
        (number("background", sums.background))
        (number("foreign", sums.foreign))
        (number("lost", sums.lost))
        (number("records", sums.records))
        (cell(Some(sums.bytes as f64), bytes(&key.at("bytes"), sums.bytes)))
        (number("differing", sums.differing))
        (number("difference", sums.difference))
    } }
}
