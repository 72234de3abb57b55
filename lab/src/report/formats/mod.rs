//! A report in the forms that other programs read: tidy CSV, Markdown, JUnit XML.
//!
//! Names come from scenarios, traces and servers; each form makes them harmless in its own way, and none lets a character
//! pass that controls a terminal.

mod junit;
mod markdown;
mod tidy;

pub use junit::junit;
pub use markdown::markdown;
pub use tidy::csv;

use super::terminal::harmless;

/// Text on one line, without characters that control anything.
fn line(text: &str) -> String {
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests;
