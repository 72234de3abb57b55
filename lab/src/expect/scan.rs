//! The characters of an expectation, with their columns.

use super::{ExpectError, Name};

/// A position in the text of an expectation.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    /// Bytes consumed.
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips white space; then the column, in characters from 1.
    pub(super) fn column(&mut self) -> usize {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.text[..self.at].chars().count() + 1
    }

    pub(super) fn error(&mut self, message: impl Into<String>) -> ExpectError {
        let column = self.column();
        self.error_at(column, message)
    }

    pub(super) fn error_at(&self, column: usize, message: impl Into<String>) -> ExpectError {
        ExpectError {
            text: self.text.to_owned(),
            column,
            message: message.into(),
        }
    }

    /// Takes a sign if it comes next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        self.column();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Takes the longest run of characters that fit.
    pub(super) fn run(&mut self, fits: impl Fn(char) -> bool) -> Name {
        let column = self.column();
        let rest = self.rest();
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        Name {
            text: rest[..end].to_owned(),
            column,
        }
    }

    /// Takes a name of letters, digits, `_` and `-`; empty if none comes next.
    pub(super) fn name(&mut self) -> Name {
        self.run(|c| c.is_alphanumeric() || c == '_' || c == '-')
    }

    /// What comes next, for a message.
    pub(super) fn found(&mut self) -> String {
        self.column();
        match self.rest().chars().next() {
            None => "the end".to_owned(),
            Some(c) => format!("`{}`", c.escape_debug()),
        }
    }
}
