//! Where the time of a typical hit, of a miss and of a fetch from a shield goes.

use maud::{Markup, html};

use super::key::Key;
use super::number::{count, seconds};
use super::terms::word;
use crate::observe::Phase;
use crate::report::{AnsweredBy, Report, Waterfall};

const fn title(by: AnsweredBy) -> &'static str {
    match by {
        AnsweredBy::Edge => "a hit at the edge",
        AnsweredBy::Shield => "a miss that the shield answered",
        AnsweredBy::Origin => "a miss that went to the origin",
    }
}

/// Name, style and meaning.
const fn of(what: Phase) -> (&'static str, &'static str, &'static str) {
    match what {
        Phase::Late => (
            "sent late",
            "late",
            "The lab itself sent the request later than planned.",
        ),
        Phase::Routing => (
            "routing",
            "routing",
            "Until the client knew whom to ask: its resolver's question to the router, or the router's redirect. Most requests find an answer that is still valid.",
        ),
        Phase::ClientConnect => (
            "connect to edge",
            "client-connect",
            "New connections from clients to edges: the handshakes of TCP and, where the scenario has it, of TLS. Most requests find a connection that is open.",
        ),
        Phase::ClientToEdge => (
            "client to edge",
            "client-to-edge",
            "On the link between client and edge, there and back.",
        ),
        Phase::Edge => (
            "edge",
            "edge",
            "Within the edge: above all, waiting for a fetch that another request had under way.",
        ),
        Phase::ShieldConnect => (
            "connect to shield",
            "shield-connect",
            "New connections from edges to the inner tier.",
        ),
        Phase::EdgeToShield => (
            "edge to shield",
            "edge-to-shield",
            "On the links between the tiers of the CDN, there and back.",
        ),
        Phase::Shield => (
            "shield",
            "shield",
            "Within the inner tier: above all, waiting for a fetch that another request had under way.",
        ),
        Phase::OriginConnect => (
            "connect to origin",
            "origin-connect",
            "New connections from the last cache to the origin.",
        ),
        Phase::CacheToOrigin => (
            "cache to origin",
            "cache-to-origin",
            "On the link between the last cache and the origin, there and back.",
        ),
        Phase::OriginQueue => (
            "origin's queue",
            "origin-queue",
            "At the origin, until it had a slot for the request.",
        ),
        Phase::Origin => (
            "origin",
            "origin-time",
            "The origin's own work on the answer.",
        ),
        Phase::Rest => (
            "the rest",
            "rest",
            "What else was measured before the first byte and is not told apart: the caches themselves, their new connections, queues, this machine.",
        ),
        Phase::Body => (
            "transfer",
            "transfer",
            "From the first to the last byte: bandwidth, and TCP's slow start.",
        ),
    }
}

pub(super) fn section(report: &Report) -> Option<Markup> {
    let bars = || report.variants.iter().flat_map(|v| &v.waterfall);
    let longest = bars().map(|one| one.total_seconds).fold(0.0, f64::max);
    if longest == 0.0 {
        return None;
    }
    let modelled = bars().flat_map(|one| &one.phases).any(|part| part.modelled);
    Some(html! {
        p.note {
            "Mean times from the planned instant of a request to its last byte; the parts add up to the total. "
            @if modelled {
                "Parts marked with * are those of the model of the network and of the scenario, since nodes do not tell of single requests; all others were measured."
            } @else {
                "All parts were followed request by request."
            }
        }
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
        .map(|part| {
            let span = (from / longest * 100.0, part.seconds / longest * 100.0, part);
            from += part.seconds;
            span
        })
        .collect();
    html! {
        div.waterfall {
            p { strong { (title(one.by)) } ": " (seconds(&key.at("total_seconds"), one.total_seconds)) ", first byte after " (seconds(&key.at("ttfb_seconds"), one.ttfb_seconds)) " " small.samples { "n " (count(&key.at("requests"), one.requests)) } }
            ol { @for (index, (from, width, part)) in spans.iter().enumerate() {
                @let (name, style, meaning) = of(part.what);
                li {
                    span.name { (word(name, meaning)) @if part.modelled { abbr title="by the model" { "*" } } }
                    span.track aria-hidden="true" { span class={ "c-" (style) } style={ "margin-left:" (format!("{from:.2}")) "%;width:" (format!("{width:.2}")) "%" } {} }
                    (seconds(&key.at("phases").at(index).at("seconds"), part.seconds))
                }
            } }
        }
    }
}
