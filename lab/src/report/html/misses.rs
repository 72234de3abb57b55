//! The miss budget: where misses come from, and what would have made hits of them.

use maud::{Markup, html};

use super::key::Key;
use super::number::{bar, count, figure};
use super::number::{seconds, value};
use super::tables::{cell, heading, variant};
use super::terms::{cause, word};
use crate::metrics::Unit;
use crate::report::{MissExample, Report};

pub(super) fn section(report: &Report) -> Option<Markup> {
    let any = report.variants.iter().any(|v| !v.misses.is_empty());
    if !any {
        return Some(html! { p { "There were none." } });
    }
    let left = 1 + usize::from(report.variants.len() > 1);
    let heading = heading(
        report,
        &["cause"],
        &["requests", "share", "", "what would have made hits of them"],
    );
    Some(html! {
        p.note { "Requests that went upstream for want of a usable stored response, by why there was none. The largest cause is what to change first." }
        div.scroll role="region" tabindex="0" aria-label="Causes of misses" {
            table.sortable {
                thead { tr { @for (index, name) in heading.iter().enumerate() {
                    th.num[index >= left && index < left + 2] scope="col" { (name) }
                } } }
                tbody { @for (number, v) in report.variants.iter().enumerate() { @for (index, row) in v.misses.iter().enumerate() {
                    @let key = Key::variant(number).at("misses").at(index);
                    @let (meaning, remedy) = cause(row.cause);
                    tr {
                        th scope="row" { (word(row.cause.name(), meaning)) @if let Some(rule) = &row.rule { " (" (rule) ")" } }
                        (variant(report, v))
                        (cell(Some(row.requests as f64), count(&key.at("requests"), row.requests)))
                        (cell(row.share.value, figure(&key.at("share"), row.share, Unit::Ratio)))
                        td.wide { (bar(row.share.value)) }
                        td.words { (remedy) }
                    }
                } } }
            }
        }
        @for (number, v) in report.variants.iter().enumerate() { @if v.misses.iter().any(|row| !row.examples.is_empty()) {
            h3 { (super::course::of_variant(report, v, "examples, drawn by lot from all requests of each cause")) }
            @for (index, row) in v.misses.iter().enumerate() { @for (at, example) in row.examples.iter().enumerate() {
                (told(&Key::variant(number).at("misses").at(index).at("examples").at(at), row.cause.name(), example))
            } }
        } }
    })
}

/// One example: closed it is a line, open it is the chain of reasons.
fn told(key: &Key, cause: &str, example: &MissExample) -> Markup {
    html! {
        details.example {
            summary {
                strong { (cause) } " " code { (example.url) }
                span.meta { " at " (seconds(&key.at("at_seconds"), example.at_seconds)) ", first byte after " (value(&key.at("ttfb_seconds"), example.ttfb_seconds, Unit::Seconds)) @if let Some(status) = example.status { ", " (status) } }
            }
            ol.chain { @for reason in &example.chain { li { strong { (reason.about) } " " (reason.text) } } }
            p.remedy { strong { "What would have made a hit of it: " } (example.remedy) "." }
        }
    }
}
