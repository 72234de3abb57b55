//! Sweeps: a scenario simulated with every combination of several values, each with the same seeds.
//!
//! [`sweep`] lays the values over the file, plays every cell with every seed on as many threads as it is given, and keeps
//! the figures alone. [`Sweep`] has them as a table, as tidy CSV, as JSON with miss-ratio curves, and in one sentence. The
//! order of threads changes nothing in it. It knows scenarios, plans, the simulator and metrics; never a live run.

mod conclude;
mod curves;
mod jobs;
mod measure;
mod table;
mod tidy;

use std::collections::BTreeMap;

use geo_data::Database;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

pub use curves::{Curve, Point};

use crate::metrics::Figure;
use crate::noise::Band;
use crate::report::Manifest;
use crate::report::terminal::escaped;
use crate::scenario::{Choice, PlanOptions, ScenarioError, ScenarioFile, Setting, SettingError};
use crate::sim::SimError;
use crate::units::{Rate, Size, Span};
use jobs::{Found, Job, play};
use measure::MEASURES;

/// Version of the shape of `sweep.json`. It rises when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// At most so many runs in one sweep.
const MOST_RUNS: usize = 100_000;

/// What to sweep over.
#[derive(Debug, Clone)]
pub struct Order {
    /// The settings; their values are combined.
    pub settings: Vec<Setting>,
    /// The variants, in the order of the file; at least one.
    pub variants: Vec<String>,
    /// The seeds; at least one.
    pub seeds: Vec<u64>,
    /// So many times the traffic.
    pub scale: Option<f64>,
    /// How many threads simulate; at least one.
    pub threads: usize,
}

/// Why there is no sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A setting cannot be laid over the file.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A plan cannot be made.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A plan cannot be simulated.
    #[error("with {cell}: {error}")]
    Sim {
        /// The settings and the seed.
        cell: String,
        /// Why.
        error: SimError,
    },
    /// Too much to ask.
    #[error("{0} runs are more than one sweep can have ({MOST_RUNS})")]
    TooMany(usize),
}

/// Everything that a sweep found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Sweep {
    /// Name of the scenario.
    pub scenario: String,
    /// One sentence: what follows from it.
    pub conclusion: String,
    /// The seeds that every cell was played with.
    pub seeds: Vec<u64>,
    /// The variants.
    pub variants: Vec<String>,
    /// What was varied.
    pub axes: Vec<Axis>,
    /// One cell per variant and combination of values, the last axis running fastest.
    pub cells: Vec<Cell>,
    /// Miss ratios over each axis of numbers.
    pub curves: Vec<Curve>,
}

/// `sweep.json`.
#[derive(Serialize, JsonSchema)]
struct File<'a> {
    /// Version of this schema: 1.
    schema: u32,
    /// What made the file.
    manifest: &'a Manifest,
    /// What was found.
    #[serde(flatten)]
    sweep: &'a Sweep,
}

/// One setting that was varied, or that has one value.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// The path.
    pub path: String,
    /// The values as written.
    pub values: Vec<String>,
    /// The same in bytes, seconds, per second or as plain numbers, if each of them is one.
    pub numbers: Option<Vec<f64>>,
}

/// One combination of values in one variant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The variant.
    pub variant: String,
    /// By axis, which of its values, counted from 0.
    pub choice: Vec<usize>,
    /// By metric.
    #[serde(rename = "metrics", serialize_with = "named")]
    #[schemars(with = "BTreeMap<String, Seeds>")]
    figures: Vec<Seeds>,
}

/// One metric of one cell.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seeds {
    /// Mean and noise over the seeds, or value and noise within the one run; `null` if some seed has no samples.
    band: Option<Band>,
    /// The values, by seed.
    values: Vec<Option<f64>>,
    /// The samples behind each of them.
    samples: Vec<u64>,
}

fn named<S: Serializer>(figures: &[Seeds], serializer: S) -> Result<S::Ok, S::Error> {
    let names = MEASURES.iter().map(|measure| measure.name);
    let map: BTreeMap<_, _> = names.zip(figures).collect();
    map.serialize(serializer)
}

/// Plays all of it. `told` hears how many runs of how many are over.
///
/// # Errors
/// Before the first run, if any cell cannot be planned; later, if one cannot be simulated.
pub fn sweep(
    file: &ScenarioFile,
    order: &Order,
    geo: &Database,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Sweep, SweepError> {
    let axes: Vec<Axis> = order.settings.iter().map(Axis::of).collect();
    let combinations = combinations(&axes)?;
    let runs = combinations.len() * order.variants.len() * order.seeds.len();
    if runs > MOST_RUNS {
        return Err(SweepError::TooMany(runs));
    }
    let mut files = Vec::new();
    for combination in &combinations {
        let choices: Vec<Choice> = order
            .settings
            .iter()
            .zip(combination)
            .filter_map(|(setting, index)| setting.choice(*index))
            .collect();
        files.push(file.changed(&choices, order.scale)?);
    }
    let mut cells = Vec::new();
    let mut jobs = Vec::new();
    for variant in &order.variants {
        for (file, combination) in files.iter().zip(&combinations) {
            for seed in &order.seeds {
                jobs.push(Job {
                    cell: cells.len(),
                    file,
                    variant,
                    seed: *seed,
                    alone: order.seeds.len() == 1,
                });
            }
            // A mistake in the last cell should not cost the time of the others.
            file.plan(
                variant,
                &PlanOptions {
                    seed: order.seeds.first().copied(),
                    geo,
                },
            )?;
            cells.push(Cell {
                variant: variant.clone(),
                choice: combination.clone(),
                figures: Vec::new(),
            });
        }
    }
    let figures = play(&jobs, order.threads, geo, told)?;
    for (index, cell) in cells.iter_mut().enumerate() {
        let of_cell: Vec<&Vec<Found>> = jobs
            .iter()
            .zip(&figures)
            .filter(|(job, _)| job.cell == index)
            .map(|(_, figures)| figures)
            .collect();
        cell.figures = (0..MEASURES.len())
            .map(|measure| match of_cell.as_slice() {
                [only] => Seeds::of_one(only[measure]),
                all => Seeds::of(all.iter().map(|figures| figures[measure].0)),
            })
            .collect();
    }
    let mut sweep = Sweep {
        scenario: file.name.clone(),
        conclusion: String::new(),
        seeds: order.seeds.clone(),
        variants: order.variants.clone(),
        axes,
        cells,
        curves: Vec::new(),
    };
    sweep.curves = curves::of(&sweep);
    sweep.conclusion = conclude::sentence(&sweep);
    Ok(sweep)
}

/// Every combination of values, the last axis running fastest.
fn combinations(axes: &[Axis]) -> Result<Vec<Vec<usize>>, SweepError> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let count = all.len().saturating_mul(axis.values.len());
        if count > MOST_RUNS {
            return Err(SweepError::TooMany(count));
        }
        let longer = |combination: &Vec<usize>| {
            let combination = combination.clone();
            (0..axis.values.len()).map(move |index| {
                combination
                    .iter()
                    .copied()
                    .chain([index])
                    .collect::<Vec<_>>()
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    Ok(all)
}

impl Axis {
    fn of(setting: &Setting) -> Self {
        let values = setting.values().to_vec();
        Self {
            path: setting.path(),
            numbers: values.iter().map(|value| number(value)).collect(),
            values,
        }
    }
}

/// A value as a number in its base unit.
fn number(text: &str) -> Option<f64> {
    let plain = text.parse::<f64>().ok().filter(|number| number.is_finite());
    plain
        .or_else(|| text.parse::<Size>().ok().map(|size| size.0 as f64))
        .or_else(|| text.parse::<Span>().ok().map(|span| span.0 as f64 / 1e9))
        .or_else(|| text.parse::<Rate>().ok().map(|rate| rate.0))
}

impl Seeds {
    /// Of a single seed: the band is that within its run.
    fn of_one((figure, half): Found) -> Self {
        let one = Self::of([figure].into_iter());
        Self {
            band: one.band.map(|band| Band { half, ..band }),
            ..one
        }
    }

    fn of(figures: impl Iterator<Item = Figure> + Clone) -> Self {
        let values: Vec<Option<f64>> = figures.clone().map(|figure| figure.value).collect();
        let all: Option<Vec<f64>> = values.iter().copied().collect();
        Self {
            band: all.map(|values| Band::of(&values, 1)),
            values,
            samples: figures.map(|figure| figure.samples).collect(),
        }
    }
}

impl Sweep {
    /// `sweep.json`: indented, with a line break at its end.
    ///
    /// # Errors
    /// Only if a number is not finite, which no figure is.
    pub fn to_json(&self, manifest: &Manifest) -> serde_json::Result<String> {
        let file = File {
            schema: SCHEMA,
            manifest,
            sweep: self,
        };
        serde_json::to_string_pretty(&file).map(|text| escaped(&text) + "\n")
    }

    /// The JSON Schema of `sweep.json`, as committed in `lab/sweep.schema.json`.
    ///
    /// # Errors
    /// None that is known: a schema is plain JSON.
    pub fn schema_text() -> serde_json::Result<String> {
        serde_json::to_string_pretty(&schemars::schema_for!(File<'_>)).map(|text| text + "\n")
    }

    /// The values of a cell, as `path=value`.
    fn settings<'a>(&'a self, cell: &'a Cell) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.axes.iter().zip(&cell.choice).map(|(axis, index)| {
            (
                axis.path.as_str(),
                axis.values.get(*index).map_or("", String::as_str),
            )
        })
    }
}

impl Cell {
    /// A metric over the seeds.
    fn seeds(&self, name: &str) -> Option<&Seeds> {
        let index = MEASURES.iter().position(|measure| measure.name == name)?;
        self.figures.get(index)
    }

    /// Mean and noise of a metric; none without samples.
    #[must_use]
    pub fn band(&self, name: &str) -> Option<Band> {
        self.seeds(name)?.band
    }

    /// A metric by seed; none if some seed has no samples.
    fn values(&self, name: &str) -> Option<Vec<f64>> {
        self.seeds(name)?.values.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;
