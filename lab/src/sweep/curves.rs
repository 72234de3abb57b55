//! Miss-ratio curves: miss ratios over an axis of numbers, all else held.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Cell, Sweep};
use crate::noise::Band;

/// One curve.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The variant.
    pub variant: String,
    /// What it runs along.
    pub axis: String,
    /// What is held, as `path=value`.
    pub held: Vec<String>,
    /// Its points, by rising x.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The axis' value in bytes, seconds, per second or as a plain number.
    pub x: f64,
    /// The same as written.
    pub value: String,
    /// Misses per cacheable request.
    pub request_miss_ratio: Option<Band>,
    /// Upstream bytes per byte sent to clients, of cacheable classes.
    pub byte_miss_ratio: Option<Band>,
}

/// All curves: along every axis of at least two numbers, in the order of axes, variants and held values.
pub(super) fn of(sweep: &Sweep) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (axis, spec) in sweep.axes.iter().enumerate() {
        let Some(numbers) = spec.numbers.as_ref().filter(|numbers| numbers.len() > 1) else {
            continue;
        };
        for first in sweep.cells.iter().filter(|cell| cell.choice[axis] == 0) {
            let mut points: Vec<Point> = along(sweep, first, axis)
                .map(|cell| {
                    let index = cell.choice[axis];
                    Point {
                        x: numbers[index],
                        value: spec.values[index].clone(),
                        request_miss_ratio: cell.band("request_miss_ratio"),
                        byte_miss_ratio: cell.band("byte_miss_ratio"),
                    }
                })
                .collect();
            points.sort_by(|one, other| one.x.total_cmp(&other.x));
            let held = sweep.settings(first).enumerate();
            let held = held.filter(|(index, _)| *index != axis);
            curves.push(Curve {
                variant: first.variant.clone(),
                axis: spec.path.clone(),
                held: held
                    .map(|(_, (path, value))| format!("{path}={value}"))
                    .collect(),
                points,
            });
        }
    }
    curves
}

/// The cells that differ from one in one axis alone, itself among them.
pub(super) fn along<'a>(
    sweep: &'a Sweep,
    cell: &'a Cell,
    axis: usize,
) -> impl Iterator<Item = &'a Cell> {
    sweep.cells.iter().filter(move |other| {
        let choices = other.choice.iter().zip(&cell.choice).enumerate();
        other.variant == cell.variant
            && choices
                .filter(|(index, _)| *index != axis)
                .all(|(_, (a, b))| a == b)
    })
}
