//! A report as text for a terminal: the verdict first, then tables that fit 100 columns, variants side by side.
//!
//! Colour is asked for by the caller, who knows whether this is a terminal; it is painted on afterwards, so that it never
//! changes a layout. The tables' own text comes from [`text::plain`].

mod grid;
mod sections;
mod text;

use super::{Outcome, Report};

pub(crate) use grid::Grid;
pub(crate) use text::{WIDTH, plain, wrapped};
pub use text::{escaped, harmless, harmless_lines};

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours.
    pub colour: bool,
}

/// The whole report as text, with a line break at its end.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let parts = [
        sections::verdict(report),
        sections::key_figures(report),
        sections::groups(report, "BY REGION", |variant| &variant.regions),
        sections::groups(report, "BY PATH CLASS", |variant| &variant.paths),
        sections::edges(report),
        sections::latency(report),
        sections::misses(report),
        sections::windows(report),
        sections::over_time(report),
        sections::convergence(report),
        sections::reconciliation(report),
        sections::expectations(report),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let text = parts.join("\n");
    if style.colour {
        paint(&text, report.outcome)
    } else {
        text
    }
}

/// Bold titles and verdict, green and red marks, dimmed rules.
fn paint(text: &str, outcome: Outcome) -> String {
    let verdict = match outcome {
        Outcome::Met => "\u{1b}[1;32m",
        Outcome::Missed => "\u{1b}[1;31m",
        Outcome::Invalid => "\u{1b}[1;33m",
    };
    let mut painted = String::with_capacity(text.len() + 1024);
    for (number, line) in text.lines().enumerate() {
        let title = line.chars().next().is_some_and(|c| c.is_ascii_uppercase());
        let coloured = match () {
            () if number == 0 => format!("{verdict}{line}\u{1b}[0m"),
            () if title => format!("\u{1b}[1m{line}\u{1b}[0m"),
            () => line
                .replace('✔', "\u{1b}[32m✔\u{1b}[0m")
                .replace('✘', "\u{1b}[1;31m✘\u{1b}[0m")
                .replace("n/a", "\u{1b}[2mn/a\u{1b}[0m"),
        };
        let rule = line.trim_start().starts_with('─');
        painted.push_str(&if rule {
            format!("\u{1b}[2m{line}\u{1b}[0m")
        } else {
            coloured
        });
        painted.push('\n');
    }
    painted
}
