//! Where the time of a typical hit, of a miss and of a fetch from a shield goes.

use maud::{Markup, html};

use super::key::Key;
use super::number::{count, seconds};
use super::terms::word;
use crate::report::{AnsweredBy, PhaseName, Report, Waterfall};

const fn title(by: AnsweredBy) -> &'static str {
    match by {
        AnsweredBy::Edge => "a hit at the edge",
        AnsweredBy::Shield => "a miss that the shield answered",
        AnsweredBy::Origin => "a miss that went to the origin",
    }
}

/// Name, style and meaning.
const fn of(what: PhaseName) -> (&'static str, &'static str, &'static str) {
    match what {
        PhaseName::ClientToEdge => (
            "client to edge",
            "ph0",
            "one round trip on the client's link, by the model of the network",
        ),
        PhaseName::EdgeToShield => (
            "edge to shield",
            "ph1",
            "one round trip between the edge and the inner tier, by the model",
        ),
        PhaseName::CacheToOrigin => (
            "cache to origin",
            "ph2",
            "one round trip between the last cache and the origin, by the model",
        ),
        PhaseName::Origin => (
            "origin",
            "ph3",
            "the origin's own time, as the scenario says",
        ),
        PhaseName::Rest => (
            "the rest",
            "ph4",
            "what else was measured before the first byte: routing, new connections and their handshakes, waiting",
        ),
        PhaseName::Body => (
            "body",
            "ph5",
            "from the first to the last byte, as measured",
        ),
    }
}

const PHASES: [PhaseName; 6] = [
    PhaseName::ClientToEdge,
    PhaseName::EdgeToShield,
    PhaseName::CacheToOrigin,
    PhaseName::Origin,
    PhaseName::Rest,
    PhaseName::Body,
];

pub(super) fn section(report: &Report) -> Option<Markup> {
    let longest = report
        .variants
        .iter()
        .flat_map(|v| &v.waterfall)
        .map(|one| one.total_seconds)
        .fold(0.0, f64::max);
    if longest == 0.0 {
        return None;
    }
    let present = |what: &PhaseName| {
        report
            .variants
            .iter()
            .flat_map(|v| &v.waterfall)
            .flat_map(|one| &one.phases)
            .any(|phase| phase.what == *what)
    };
    Some(html! {
        p.note { "Mean times from the planned instant of a request to its last byte. Round trips and the origin's time are those of the model; what remains of the measured time is shown as the rest." }
        ul.legend { @for what in PHASES.iter().filter(|what| present(what)) { @let (name, style, meaning) = of(*what); li { span class={ "swatch c-" (style) } aria-hidden="true" {} (word(name, meaning)) } } }
        @for (number, v) in report.variants.iter().enumerate() {
            @if report.variants.len() > 1 && !v.waterfall.is_empty() { h3 { (v.name) } }
            @for (index, one) in v.waterfall.iter().enumerate() { (bar(&Key::variant(number).at("waterfall").at(index), one, longest)) }
        }
    })
}

fn bar(key: &Key, one: &Waterfall, longest: f64) -> Markup {
    let mut from = 0.0;
    let spans: Vec<_> = one
        .phases
        .iter()
        .map(|phase| {
            let span = (
                from / longest * 100.0,
                phase.seconds / longest * 100.0,
                phase,
            );
            from += phase.seconds;
            span
        })
        .collect();
    html! {
        div.waterfall {
            p { strong { (title(one.by)) } ": " (seconds(&key.at("total_seconds"), one.total_seconds)) ", first byte after " (seconds(&key.at("ttfb_seconds"), one.ttfb_seconds)) " " small.samples { "n " (count(&key.at("requests"), one.requests)) } }
            ol { @for (index, (from, width, phase)) in spans.iter().enumerate() {
                @let (name, style, _) = of(phase.what);
                li {
                    span.name { (name) }
                    span.track aria-hidden="true" { span class={ "c-" (style) } style={ "margin-left:" (format!("{from:.2}")) "%;width:" (format!("{width:.2}")) "%" } {} }
                    (seconds(&key.at("phases").at(index).at("seconds"), phase.seconds))
                }
            } }
        }
    }
}
