//! Conditions for failing, held against a comparison.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Comparison, Finding, Row};
use crate::expect::{Test, Threshold};
use crate::metrics::Unit;

/// What became of one condition for one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The condition as written.
    pub condition: String,
    /// The side.
    pub side: String,
    /// Whether it was met, so that the comparison fails. One that cannot be judged for want of samples is met.
    pub failed: bool,
    /// What was found, in words.
    pub finding: String,
    /// The side's value; `null` if none is asked for or available.
    pub value: Option<f64>,
    /// What it was held against.
    pub limit: Option<f64>,
}

/// Every condition for every side but the first.
pub(super) fn asked(comparison: &Comparison, fail_if: &[Threshold]) -> Vec<Condition> {
    let mut found = Vec::new();
    for threshold in fail_if {
        for (index, side) in comparison.sides.iter().enumerate().skip(1) {
            let (failed, finding, value, limit) = ask(comparison, &threshold.test, index);
            found.push(Condition {
                condition: threshold.text.clone(),
                side: side.name.clone(),
                failed,
                finding,
                value,
                limit,
            });
        }
    }
    found
}

type Answer = (bool, String, Option<f64>, Option<f64>);

fn ask(comparison: &Comparison, test: &Test, side: usize) -> Answer {
    match test {
        // Who asks about one metric wants to know; whoever asks about any, about those that can be judged.
        Test::Worse(Some(metric))
            if let Some(why) = unjudged(comparison.row(metric.name), side) =>
        {
            let finding = format!("{}: {why}, so it cannot be ruled out", metric.name);
            (true, finding, None, None)
        }
        Test::Worse(metric) => {
            let asked = comparison
                .metrics
                .iter()
                .filter(|row| metric.is_none_or(|metric| metric.name == row.metric));
            let worse: Vec<String> = asked
                .filter(|row| row.cells[side].finding == Some(Finding::Worse))
                .map(|row| difference(row, side))
                .collect();
            let finding = match worse.is_empty() {
                true => "nothing is worse beyond the noise".to_owned(),
                false => format!("worse: {}", worse.join(", ")),
            };
            (!worse.is_empty(), finding, None, None)
        }
        Test::Limit(metric, sign, limit) => {
            let show = |value: Option<f64>| {
                value.map_or_else(|| "n/a".to_owned(), |value| metric.unit.show(value))
            };
            let row = comparison.row(metric.name);
            let read = |index: usize| row.and_then(|row| row.cells[index].value);
            let (first, value) = (read(0), read(side));
            let limit = first.map(|first| limit.of(first));
            let found = format!("{} = {} against {}", metric.name, show(value), show(first));
            match (value, limit) {
                (Some(here), Some(bound)) => {
                    let holds = sign.holds(here, bound);
                    let limit = metric.unit.show(bound);
                    let relation = match holds {
                        true => format!("{found}: {} {limit}", sign.sign()),
                        false => format!("{found}: not {} {limit}", sign.sign()),
                    };
                    (holds, relation, value, Some(bound))
                }
                _ => (
                    true,
                    format!("{found}: no samples, so it cannot be ruled out"),
                    value,
                    limit,
                ),
            }
        }
    }
}

/// Why nothing can be said of a metric's difference.
fn unjudged(row: Option<&Row>, side: usize) -> Option<&'static str> {
    let cells = row.and_then(|row| Some((row.cells.first()?, row.cells.get(side)?)));
    match cells {
        Some((first, here)) if first.value.is_some() && here.value.is_some() => {
            let same = here.difference == Some(0.0);
            (here.half.is_none() && !same).then_some("its noise is not known (--seeds gives it)")
        }
        _ => Some("no samples"),
    }
}

/// A metric with its difference.
pub(super) fn difference(row: &Row, side: usize) -> String {
    let unit: Unit = row.unit();
    let cell = &row.cells[side];
    let shown = cell
        .difference
        .map(|difference| unit.show_difference(difference, cell.half));
    format!("{} {}", row.metric, shown.unwrap_or_default())
}
