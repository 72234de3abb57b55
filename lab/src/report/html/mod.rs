//! A report as one HTML file: offline, printable, readable without JavaScript.
//!
//! Everything is rendered from [`Report`] alone, so that a saved report renders the same. Every figure carries `data-key`, the
//! JSON pointer (RFC 6901) of its place in `report.json`, and its value there; a test compares them. Text is escaped by
//! [`maud`]; on top of it a content security policy allows no request and no script but ours.
//!
//! Charts are drawn here ([`chart`]) instead of by a crate: those that write SVG fix colours and type sizes in the drawing,
//! so that neither a dark page nor a narrow one nor a legend that hides a series can be had from them.

mod chart;
mod checks;
mod compare;
mod course;
mod key;
mod latency;
mod map;
mod misses;
mod number;
mod sources;
mod summary;
mod sweep;
mod tables;
mod terms;
mod waterfall;

pub use compare::comparison_page;
pub use sweep::{SweepFile, sweep_page};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::Report;
use super::terminal::harmless;

const STYLE: &str = include_str!("../../../assets/report.css");
const SCRIPT: &str = include_str!("../../../assets/report.js");

/// A part of the page: its anchor, its name in the contents, its title and its content.
struct Section {
    id: &'static str,
    short: &'static str,
    title: &'static str,
    body: Markup,
}

/// The whole page.
#[must_use]
pub fn page(report: &Report) -> String {
    let sections = [
        (
            "expectations",
            "Expectations",
            "Expectations",
            summary::expectations(report),
        ),
        (
            "figures",
            "Figures",
            "Key figures",
            summary::figures(report),
        ),
        ("map", "Map", "Map", map::section(report)),
        (
            "time",
            "Over time",
            "What happened when",
            course::over_time(report),
        ),
        ("latency", "Latency", "Latency", latency::section(report)),
        (
            "waterfall",
            "Time",
            "Where the time goes",
            waterfall::section(report),
        ),
        (
            "misses",
            "Misses",
            "Where misses come from",
            misses::section(report),
        ),
        (
            "cuts",
            "Faults",
            "What faults and publications did",
            course::cuts(report),
        ),
        (
            "tables",
            "Tables",
            "By region, edge, path class and status",
            tables::section(report),
        ),
        (
            "checks",
            "Checks",
            "Can these figures be believed?",
            checks::section(report),
        ),
        ("words", "Words", "Words", terms::section()),
        (
            "scenario",
            "Scenario",
            "Scenario file",
            sources::scenario(report),
        ),
        (
            "manifest",
            "Manifest",
            "How this run was made",
            sources::manifest(report),
        ),
    ];
    let sections = sections.into_iter().filter_map(|(id, short, title, body)| {
        Some(Section {
            id,
            short,
            title,
            body: body?,
        })
    });
    let sections: Vec<Section> = sections.collect();
    let title = format!("{} \u{2013} cdnlab", report.manifest.scenario);
    document(
        &title,
        html! {
            (summary::header(report))
            (contents(&sections))
            main id="main" {
                @for section in &sections {
                    section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                        h2 id={ (section.id) "-title" } { (section.title) }
                        (section.body)
                    }
                }
            }
            footer { p { "Made by cdnlab " (report.manifest.version) ". Every figure stands in report.json beside this file." } }
        },
    )
}

/// A page of its own: nothing is asked for from anywhere.
pub(super) fn document(title: &str, body: Markup) -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // An icon of nothing: browsers ask for one otherwise.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    // Escaped or not, no character gets through that controls a terminal or turns the direction of text.
    let safe = |c: char| {
        if matches!(c, '\n' | '\t') {
            c
        } else {
            harmless(c)
        }
    };
    page.into_string().chars().map(safe).collect()
}

/// Where to go on the page.
fn contents(sections: &[Section]) -> Markup {
    html! {
        nav.contents aria-label="Contents" {
            ul { @for section in sections { li { a href={ "#" (section.id) } { (section.short) } } } }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
