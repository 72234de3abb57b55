//! Expectations: what a scenario claims about its figures, parsed and judged.
//!
//! ```text
//! cdn.request_hit_ratio{window=cut} >= 60 %
//! ap: availability >= 0.99
//! cdn.latency_p50{pop=fra} < 0.5 * direct.latency_p50{region=europe}
//! outdated_ratio{region=asia} == 0 may be empty
//! ```
//!
//! A claim without a variant holds for each variant; on the right side, for the same one. Knows metrics and their labels, and
//! nothing of scenario files: the names that a scenario defines come in as [`Known`].

mod judge;
mod known;
mod parse;
mod scan;
mod threshold;

pub use judge::{Quoted, Verdict, evaluate};
pub use known::Known;
pub use parse::parse;
pub use threshold::{Limit, Term, Test, Threshold};

use crate::metrics::{Label, MetricInfo};

/// One claim.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// As written.
    pub text: String,
    /// What is claimed about.
    pub left: Reading,
    /// How it relates to the right side.
    pub comparison: Comparison,
    /// What it is held against.
    pub right: Bound,
    /// Whether the claim is met if there are no samples.
    pub may_be_empty: bool,
}

/// A metric of one variant, narrowed by labels.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The variant, if one is named.
    pub variant: Option<Name>,
    /// The metric.
    pub metric: &'static MetricInfo,
    /// Labels and the names that they are narrowed to.
    pub labels: Vec<(Label, Name)>,
}

/// A name and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its column, from 1.
    pub column: usize,
}

/// How two values relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// The right side of a claim.
#[derive(Debug, Clone)]
pub enum Bound {
    /// A number in the metric's base unit (a share, seconds, bytes, a count).
    Number(f64),
    /// So many times another reading.
    Times(f64, Reading),
}

/// Why an expectation cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (column {column} of `{text}`)")]
pub struct ExpectError {
    /// The expectation as written.
    pub text: String,
    /// Where in it, counted in characters from 1.
    pub column: usize,
    /// What is wrong, with the nearest known name where there is one.
    pub message: String,
}

impl Comparison {
    /// All of them, the longer signs first.
    pub const ALL: [Self; 6] = [
        Self::AtMost,
        Self::AtLeast,
        Self::Equal,
        Self::Unequal,
        Self::Less,
        Self::More,
    ];

    /// As written.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }

    /// Whether it holds. Equality allows for the rounding of a division.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        let equal = (left - right).abs() <= 1e-9 * left.abs().max(right.abs());
        match self {
            Self::Less => left < right && !equal,
            Self::AtMost => left < right || equal,
            Self::More => left > right && !equal,
            Self::AtLeast => left > right || equal,
            Self::Equal => equal,
            Self::Unequal => !equal,
        }
    }
}

#[cfg(test)]
mod tests;
