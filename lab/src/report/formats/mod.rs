//! A report in the forms that other programs read: tidy CSV, Markdown, JUnit XML.
//!
//! Names come from scenarios, traces and servers; each form makes them harmless in its own way, and none lets a character
//! pass that controls a terminal.

mod junit;
mod markdown;
mod tidy;

pub use junit::junit;
pub use markdown::{compared, markdown};
pub use tidy::csv;

use super::terminal::harmless;

/// Text on one line, without characters that control anything.
fn line(text: &str) -> String {
    text.chars().map(harmless).collect()
}

/// A cell of CSV on one line. What a spreadsheet would run as a formula is shown instead (OWASP, "CSV Injection").
pub(crate) fn guarded(word: &str) -> String {
    let word = line(word);
    match word.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}') => {
            format!("'{word}")
        }
        _ => word,
    }
}

#[cfg(test)]
mod tests;
