//! Claims held against figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bound, Expectation, Reading};
use crate::metrics::{Figure, Measured, Selector, Unit};

/// The verdict on one expectation for one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The expectation as written.
    pub expectation: String,
    /// The variant that it was judged for.
    pub variant: String,
    /// Whether it is met.
    pub met: bool,
    /// What was found, in words: both figures and their sample counts.
    pub finding: String,
    /// The left side.
    pub left: Quoted,
    /// The right side.
    pub right: Quoted,
}

/// One side of an expectation, as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quoted {
    /// What was read, such as `direct.latency_p50{region=europe}`; `null` for a plain number.
    pub reading: Option<String>,
    /// Its value and sample count. A number as written has no samples.
    pub figure: Figure,
    /// The value as people read it.
    pub shown: String,
}

/// Judges expectations over the variants of a run, in their order. A claim that names no variant is judged for each.
#[must_use]
pub fn evaluate(expectations: &[Expectation], variants: &[(&str, &Measured)]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for expectation in expectations {
        match &expectation.left.variant {
            Some(name) => verdicts.push(judge(expectation, &name.text, variants)),
            None => verdicts.extend(
                variants
                    .iter()
                    .map(|(variant, _)| judge(expectation, variant, variants)),
            ),
        }
    }
    verdicts
}

fn judge(expectation: &Expectation, variant: &str, variants: &[(&str, &Measured)]) -> Verdict {
    let unit = expectation.left.metric.unit;
    let named = variants.len() > 1;
    let left = quote(&expectation.left, variant, named, variants);
    let (factor, right) = match &expectation.right {
        Bound::Number(number) => {
            let figure = Figure {
                value: Some(*number),
                samples: 0,
            };
            (
                1.0,
                Quoted {
                    reading: None,
                    figure,
                    shown: unit.show(*number),
                },
            )
        }
        Bound::Times(factor, reading) => (*factor, quote(reading, variant, named, variants)),
    };
    let empty = left.figure.value.is_none() || right.figure.value.is_none();
    let met = match (left.figure.value, right.figure.value) {
        (Some(left), Some(right)) => expectation.comparison.holds(left, factor * right),
        _ => expectation.may_be_empty,
    };
    let sign = expectation.comparison.sign();
    let bound = match factor {
        1.0 => side(&right),
        factor => format!("{factor} * {}", side(&right)),
    };
    let note = match (empty, met) {
        (true, true) => "; no samples, which it may have",
        (true, false) => "; no samples: neither met nor refuted, so missed",
        _ => "",
    };
    // Where rounding makes both sides look alike, the difference still shows.
    let close = match (left.figure.value, right.figure.value) {
        (Some(l), Some(r)) if !met && l != factor * r && unit.show(l) == unit.show(factor * r) => {
            format!("; by {:.3e}", (l - factor * r).abs())
        }
        _ => String::new(),
    };
    let finding = format!("{} {sign} {bound}{note}{close}", side(&left));
    Verdict {
        expectation: expectation.text.clone(),
        variant: variant.to_owned(),
        met,
        finding,
        left,
        right,
    }
}

fn side(quoted: &Quoted) -> String {
    match &quoted.reading {
        None => quoted.shown.clone(),
        Some(reading) => {
            let samples = Unit::Count.show(quoted.figure.samples as f64);
            format!("{reading} = {} (n {samples})", quoted.shown)
        }
    }
}

fn quote(reading: &Reading, variant: &str, named: bool, variants: &[(&str, &Measured)]) -> Quoted {
    let variant = reading
        .variant
        .as_ref()
        .map_or(variant, |name| name.text.as_str());
    let measured = variants.iter().find(|(name, _)| *name == variant);
    let figure = measured.map_or(Figure::default(), |(_, measured)| {
        let mut selector = Selector::default();
        let known = reading
            .labels
            .iter()
            .all(|(label, name)| measured.narrow(&mut selector, *label, &name.text));
        // What this variant does not have, such as a PoP, has no samples.
        if known {
            measured.figure(reading.metric.metric, &selector)
        } else {
            Figure::default()
        }
    });
    let prefix = if named {
        format!("{variant}.")
    } else {
        String::new()
    };
    let labels: Vec<_> = reading
        .labels
        .iter()
        .map(|(label, name)| format!("{}={}", label.name(), name.text))
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(", "))
    };
    Quoted {
        reading: Some(format!("{prefix}{}{labels}", reading.metric.name)),
        shown: reading.metric.unit.show_figure(figure),
        figure,
    }
}
