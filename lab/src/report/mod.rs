//! Reports: what was measured, as `report.json` and as text for a terminal.
//!
//! [`Report`] is plain data with a published schema (`lab/report.schema.json`). The module knows figures and verdicts, and
//! nothing of scenario files or drivers.

mod build;
pub mod compare;
mod course;
mod evidence;
pub mod formats;
pub mod html;
mod manifest;
mod reasons;
mod requests;
mod scene;
mod tables;
pub mod terminal;

pub use manifest::{Driver, Machine, Manifest};
pub use requests::write_requests;
pub use scene::*;
pub use tables::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expect::{Expectation, Verdict, evaluate};
use crate::metrics::Measured;
use terminal::escaped;

/// Version of the schema of `report.json`. It rises when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Everything that a run has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of this schema: 1.
    pub schema: u32,
    /// Whether expectations were met.
    pub outcome: Outcome,
    /// The outcome in one line.
    pub verdict: String,
    /// What was run.
    pub manifest: Manifest,
    /// Expectations with their verdicts, in the order of the scenario.
    pub expectations: Vec<Verdict>,
    /// The variants, in the order of the scenario.
    pub variants: Vec<VariantReport>,
}

/// How a run came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every expectation was met.
    Met,
    /// An expectation was missed, or a body was wrong.
    Missed,
    /// The figures cannot be believed.
    Invalid,
}

impl Outcome {
    /// The exit status of the command that made the report (DESIGN 13).
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed => 99,
            Self::Invalid => 3,
        }
    }
}

impl Report {
    /// The report of a run: its variants in their order, and the scenario's expectations.
    #[must_use]
    pub fn new(
        manifest: Manifest,
        variants: &[(&str, &Measured)],
        expectations: &[Expectation],
    ) -> Self {
        let verdicts = evaluate(expectations, variants);
        let variants: Vec<_> = variants
            .iter()
            .map(|(name, measured)| VariantReport::of(name, measured))
            .collect();
        let (outcome, verdict) = outcome(&manifest.scenario, &verdicts, &variants);
        Self {
            schema: SCHEMA,
            outcome,
            verdict,
            manifest,
            expectations: verdicts,
            variants,
        }
    }

    /// `report.json`: indented, with a line break at its end.
    ///
    /// # Errors
    /// Only if a number is not finite, which no figure is.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| escaped(&text) + "\n")
    }

    /// The JSON Schema of `report.json`, as committed in `lab/report.schema.json`.
    ///
    /// # Errors
    /// None that is known: a schema is plain JSON.
    pub fn schema_text() -> serde_json::Result<String> {
        serde_json::to_string_pretty(&schemars::schema_for!(Self)).map(|text| text + "\n")
    }
}

fn outcome(scenario: &str, verdicts: &[Verdict], variants: &[VariantReport]) -> (Outcome, String) {
    let invalid: Vec<_> = variants
        .iter()
        .filter(|variant| !variant.validity.valid)
        .collect();
    if let Some(first) = invalid.first() {
        let which = if variants.len() > 1 {
            format!(" ({})", first.name)
        } else {
            String::new()
        };
        return (
            Outcome::Invalid,
            format!(
                "{scenario}: invalid run{which}: {}",
                first.validity.reasons.join("; ")
            ),
        );
    }
    let wrong: f64 = variants
        .iter()
        .filter_map(|variant| variant.total.wrong_bodies.value)
        .sum();
    let missed = verdicts.iter().filter(|verdict| !verdict.met).count();
    let claims = match (missed, verdicts.len()) {
        (_, 0) => "no expectations".to_owned(),
        (0, 1) => "the expectation is met".to_owned(),
        (0, all) => format!("all {all} expectations met"),
        (missed, all) => format!("{missed} of {all} expectations missed"),
    };
    if wrong > 0.0 {
        return (
            Outcome::Missed,
            format!("{scenario}: {wrong} wrong bodies; {claims}"),
        );
    }
    let outcome = if missed > 0 {
        Outcome::Missed
    } else {
        Outcome::Met
    };
    (outcome, format!("{scenario}: {claims}"))
}

#[cfg(test)]
mod merge_tests;
#[cfg(test)]
pub(crate) mod tests;
