//! Words of the report in plain English: shown where a word is hovered or focused, and as a list at the end.

use maud::{Markup, html};

use crate::metrics::{Cause, Metric};
use crate::observe::RequestClass;

/// A figure's name in the catalogue, its heading, and what it means to someone who has never run a CDN.
const FIGURES: &[(&str, &str, &str)] = &[
    (
        "requests",
        "Requests",
        "What clients asked for after the warm-up.",
    ),
    (
        "availability",
        "Availability",
        "How many requests got a complete answer, with a status below 500 and before their deadline.",
    ),
    (
        "request_hit_ratio",
        "Request hit ratio",
        "Of the requests that could be answered from a cache: how many were.",
    ),
    (
        "offered_hit_ratio",
        "Fresh hits of an infinite cache",
        "What a cache that never forgets would have reached with fresh answers alone. The gap to the request hit ratio is what a larger cache could win.",
    ),
    (
        "byte_hit_ratio",
        "Byte hit ratio",
        "Of the bytes that clients received: how many did not have to be fetched.",
    ),
    (
        "cdn_hit_ratio",
        "Answered within the CDN",
        "Of the requests that could be answered from a cache: how many needed no fetch of their own from the origin.",
    ),
    (
        "overall_hit_ratio",
        "Overall hit ratio",
        "Hits among all requests, those that no cache may answer included.",
    ),
    (
        "cache_coverage",
        "Cacheable requests",
        "How many requests a cache may answer at all.",
    ),
    (
        "origin_offload_requests",
        "Origin offload, requests",
        "How many requests the CDN kept away from the origin, by the origin's own count. Refreshes count, so it may be negative.",
    ),
    (
        "origin_offload_bytes",
        "Origin offload, bytes",
        "The same in bytes of bodies.",
    ),
    (
        "origin_fetches",
        "Requests at the origin",
        "What the origin itself counted.",
    ),
    (
        "origin_bytes",
        "Bytes from the origin",
        "Body bytes that the origin sent, by its own count.",
    ),
    (
        "latency_p50",
        "First byte, p50",
        "Half of the answers began within this time, counted from the planned instant of the request.",
    ),
    (
        "latency_p90",
        "First byte, p90",
        "Nine of ten answers began within this time.",
    ),
    (
        "latency_p99",
        "First byte, p99",
        "99 of 100 answers began within this time.",
    ),
    (
        "latency_p999",
        "First byte, p99.9",
        "999 of 1,000 answers began within this time.",
    ),
    (
        "total_p50",
        "Whole answer, p50",
        "Half of the answers were complete within this time.",
    ),
    (
        "total_p99",
        "Whole answer, p99",
        "99 of 100 answers were complete within this time.",
    ),
    (
        "coalescing_factor",
        "Requests per fetch",
        "How many requests shared one fetch, on average: 1 means that each fetched for itself.",
    ),
    (
        "stale_ratio",
        "Stale answers",
        "Answers that were past their lifetime when they were served.",
    ),
    (
        "stale_seconds_max",
        "Stale by at most",
        "The longest time past its lifetime.",
    ),
    (
        "outdated_ratio",
        "Outdated answers",
        "Answers older than the version that the origin had when the request was sent: the truth, whatever headers allowed.",
    ),
    (
        "outdated_seconds_max",
        "Outdated by at most",
        "The longest time that a served version had been superseded.",
    ),
    (
        "convergence_seconds",
        "Convergence",
        "Time from the end of a fault, or from a publication, until no outdated answer was served.",
    ),
    (
        "wrong_bodies",
        "Wrong bodies",
        "Answers whose bytes were not what the origin must have sent.",
    ),
];

/// What a class of requests means.
pub(super) const fn class(class: RequestClass) -> &'static str {
    match class {
        RequestClass::Hit => "answered from the store while fresh",
        RequestClass::HitStaleSwr => {
            "answered from the store though stale, while a refresh runs in the background"
        }
        RequestClass::HitStaleError => {
            "answered from the store though stale, because the origin failed or could not be reached"
        }
        RequestClass::HitNegative => "an error answer from the store",
        RequestClass::Coalesced => "shared a fetch that another request had under way",
        RequestClass::Revalidated => "stale; the origin said that it has not changed (304)",
        RequestClass::Expired => "stale; the origin sent a new one",
        RequestClass::Miss => "nothing stored could answer it",
        RequestClass::Pass => "no cache may answer it",
        RequestClass::Synthetic => "made by the edge itself",
        RequestClass::Error => "no complete answer in time, or a status of 500 and above",
    }
}

/// What a cause of misses means, and what would have made a hit of it.
pub(super) const fn cause(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Cold => (
            "nobody had asked this edge for it before",
            "Fetch it before it is asked for, share one cache between more clients (fewer edges or a shield), or leave the warm-up longer.",
        ),
        Cause::Expired => (
            "it was stored, but its lifetime was over",
            "Give it a longer lifetime (s-maxage), or let stale-while-revalidate answer while a refresh runs.",
        ),
        Cause::Evicted => (
            "it was stored and fresh, but had to make room for something else",
            "Give the edge more memory, or try another eviction policy (cdnlab simulate --set eviction=…).",
        ),
        Cause::Vary => (
            "it was stored, but for another variant (Vary)",
            "Let it vary by fewer values: normalise the field that Vary names.",
        ),
        Cause::Key => (
            "it was stored under another address",
            "Normalise the address: order and choice of query parameters, case, port.",
        ),
        Cause::Purged => (
            "it had been purged",
            "Purge less, or only what has changed.",
        ),
        Cause::NotStored => (
            "it could have been stored and was not",
            "Look at the largest object the edge stores (max_object), its memory, and its admission rule.",
        ),
        Cause::Uncacheable => (
            "the origin's answer says that it must not be stored",
            "If it is the same for all clients, let the origin say so: Cache-Control: public, s-maxage=….",
        ),
    }
}

/// Heading and meaning of a figure.
fn of(name: &str) -> (&'static str, &'static str) {
    FIGURES
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or(("", ""), |(_, title, meaning)| (title, meaning))
}

/// A figure's heading.
pub(super) fn title(name: &str) -> &'static str {
    of(name).0
}

/// A figure's heading; hovered or focused, it says what it means and how it is worked out.
pub(super) fn term(name: &str) -> Markup {
    let (title, meaning) = of(name);
    let formula = Metric::named(name).map(|info| info.formula);
    html! {
        span.term tabindex="0" {
            (title)
            span.tip role="tooltip" { (meaning) @if let Some(formula) = formula { " " span.formula { (formula) } } }
        }
    }
}

/// A word; hovered or focused, it says what it means.
pub(super) fn word(word: &str, meaning: &str) -> Markup {
    html! { span.term tabindex="0" { (word) span.tip role="tooltip" { (meaning) } } }
}

/// A class with its colour.
pub(super) fn class_word(of: RequestClass) -> Markup {
    html! { span class={ "swatch c-" (of.name()) } aria-hidden="true" {} (word(of.name(), class(of))) }
}

/// All of them, for paper and for those who read on.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn section() -> Option<super::Markup> {
    Some(html! {
        div.columns {
            div {
                h3 { "Figures" }
                dl { @for (name, title, meaning) in FIGURES {
                    dt { (title) }
                    dd { (meaning) @if let Some(info) = Metric::named(name) { " " span.formula { (info.formula) } } }
                } }
            }
            div {
                h3 { "Classes of requests" }
                dl { @for one in RequestClass::ALL {
                    dt { span class={ "swatch c-" (one.name()) } aria-hidden="true" {} (one.name()) }
                    dd { (class(one)) }
                } }
                h3 { "Causes of misses" }
                dl { @for one in Cause::ALL { dt { (one.name()) } dd { (cause(one).0) } } }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_one_of_the_catalogue() {
        for (name, ..) in FIGURES {
            assert!(Metric::named(name).is_some(), "{name}");
        }
    }
}
