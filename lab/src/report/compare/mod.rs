//! Runs side by side: each metric, how far it lies from that of the first side, and whether that is more than noise.
//!
//! Noise is known in two ways. Sides that were played with the same several seeds are compared seed by seed (Student's t).
//! Single runs are compared bucket by bucket of their time series (stationary bootstrap, [`crate::noise`]). Many metrics are
//! looked at at once, so each band is as wide as it takes for all of them to hold together with 99 % (Bonferroni): of a
//! hundred comparisons of like with like, one shows some difference by chance. The module knows reports alone.

mod bands;
mod conditions;
mod read;
mod text;

pub use conditions::Condition;
pub(crate) use text::{letter, seeds, shown_difference, value};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::terminal::escaped;
use super::{Driver, Manifest, VariantReport};
use crate::expect::Threshold;
use crate::metrics::{Better, METRICS, MetricInfo, Unit};

/// Version of the schema of a comparison. It rises when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// With this confidence all bands of a comparison hold at once.
pub const CONFIDENCE: f64 = 0.99;

/// One side as it was played.
#[derive(Debug, Clone)]
pub struct Played {
    /// What it is called here; sides should have different names.
    pub name: String,
    /// Where it comes from, as the user wrote it.
    pub source: String,
    /// What was run.
    pub manifest: Manifest,
    /// Its runs: one per seed, at least one.
    pub runs: Vec<(u64, VariantReport)>,
}

/// Everything that a comparison has to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Version of this schema: 1.
    pub schema: u32,
    /// Version of cdnlab that compared.
    pub version: String,
    /// What follows, in one sentence per side but the first.
    pub conclusion: String,
    /// Whether the figures of every side can be believed.
    pub valid: bool,
    /// Whether a condition for failing was met.
    pub failed: bool,
    /// How noise is known.
    pub noise: Noise,
    /// With this confidence all bands hold at once.
    pub confidence: f64,
    /// How many bands those are.
    pub bands: usize,
    /// The sides; all others are compared with the first.
    pub sides: Vec<Side>,
    /// Every metric, in the order of the catalogue.
    pub metrics: Vec<Row>,
    /// The conditions for failing, for each side but the first.
    pub conditions: Vec<Condition>,
}

/// How it is known how far chance alone would move a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// From differences seed by seed.
    Seeds,
    /// From the time series of the single runs.
    WithinRun,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// What it is called here.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Its scenario.
    pub scenario: String,
    /// SHA-256 of the scenario file, in hexadecimal.
    pub scenario_sha256: String,
    /// The variant.
    pub variant: String,
    /// The driver.
    pub driver: Driver,
    /// The seeds that it was played with.
    pub seeds: Vec<u64>,
    /// Why its figures cannot be believed; empty if they can.
    pub invalid: Vec<String>,
    /// Its first run over time.
    pub course: Course,
    /// How many answers of its first run had begun within which time.
    pub distribution: Distribution,
}

/// A run over time, warm-up included: one entry per bucket in each list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// Width of a bucket.
    pub bucket_seconds: f64,
    /// Requests that caches may answer.
    pub cacheable: Vec<u64>,
    /// Of them, answered from a cache.
    pub hits: Vec<u64>,
    /// Requests that the origin counted.
    pub origin_requests: Vec<u64>,
    /// Time to first byte, median, seconds.
    pub ttfb_p50: Vec<Option<f64>>,
    /// Time to first byte, 99th percentile, seconds.
    pub ttfb_p99: Vec<Option<f64>>,
}

/// A distribution of times to the first byte.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Shares of the answers, rising.
    pub shares: Vec<f64>,
    /// The time within which each share had begun, seconds.
    pub seconds: Vec<f64>,
}

/// One metric on every side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name in the catalogue.
    pub metric: String,
    /// `ratio`, `seconds`, `bytes`, `count` or `factor`.
    pub unit: String,
    /// Which values one wants.
    pub better: Better,
    /// By side.
    pub cells: Vec<Cell>,
}

/// One metric on one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Its value, or the mean over the seeds; `null`: not available.
    pub value: Option<f64>,
    /// By seed.
    pub values: Vec<Option<f64>>,
    /// The samples behind it, all seeds together.
    pub samples: u64,
    /// What it is more than on the first side; `null` there, or where one of both is not available.
    pub difference: Option<f64>,
    /// Half of the band around the difference; `null` where the noise is not known.
    pub half: Option<f64>,
    /// What follows; `null` on the first side.
    pub finding: Option<Finding>,
}

/// What a difference says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Better than the first side, beyond the noise.
    Better,
    /// Worse, beyond the noise.
    Worse,
    /// Higher, beyond the noise; neither better nor worse by itself.
    Higher,
    /// Lower, likewise.
    Lower,
    /// The difference is within the noise, or the noise is not known.
    NoDifferenceShown,
}

impl Finding {
    /// The words of it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NoDifferenceShown => "no difference shown",
        }
    }

    fn of(better: Better, difference: f64) -> Self {
        match (better, difference > 0.0) {
            (Better::Higher, true) | (Better::Lower, false) => Self::Better,
            (Better::Higher, false) | (Better::Lower, true) => Self::Worse,
            (Better::Neither, true) => Self::Higher,
            (Better::Neither, false) => Self::Lower,
        }
    }
}

impl Row {
    /// All about the metric; none of a file that names one which this version does not know.
    pub(crate) fn info(&self) -> Option<&'static MetricInfo> {
        crate::metrics::Metric::named(&self.metric)
    }

    pub(crate) fn unit(&self) -> Unit {
        self.info().map_or(Unit::Count, |info| info.unit)
    }

    /// Whether some side has a value.
    pub(crate) fn is_known(&self) -> bool {
        self.cells.iter().any(|cell| cell.value.is_some())
    }
}

impl Comparison {
    /// Compares `others` with `first`, all played with the same number of seeds, and asks the conditions.
    #[must_use]
    pub fn of(version: &str, first: &Played, others: &[Played], fail_if: &[Threshold]) -> Self {
        let all: Vec<&Played> = std::iter::once(first).chain(others).collect();
        // Any width will do to see which bands there are; their number says how wide they have to be.
        let bands = rows(&all, CONFIDENCE)
            .iter()
            .flat_map(|row| &row.cells)
            .filter(|cell| cell.half.is_some())
            .count();
        let metrics = rows(&all, crate::noise::at_once(CONFIDENCE, bands));
        let sides: Vec<Side> = all.iter().map(|played| side(played)).collect();
        let noise = match first.runs.len() {
            0 | 1 => Noise::WithinRun,
            _ => Noise::Seeds,
        };
        let mut comparison = Self {
            schema: SCHEMA,
            version: version.to_owned(),
            conclusion: String::new(),
            valid: sides.iter().all(|side| side.invalid.is_empty()),
            failed: false,
            noise,
            confidence: CONFIDENCE,
            bands,
            sides,
            metrics,
            conditions: Vec::new(),
        };
        comparison.conditions = conditions::asked(&comparison, fail_if);
        comparison.failed = comparison.conditions.iter().any(|one| one.failed);
        comparison.conclusion = text::conclusion(&comparison);
        comparison
    }

    /// `comparison.json`: indented, with a line break at its end.
    ///
    /// # Errors
    /// Only if a number is not finite, which no figure is.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| escaped(&text) + "\n")
    }

    /// The JSON Schema of `comparison.json`, as committed in `lab/comparison.schema.json`.
    ///
    /// # Errors
    /// None that is known: a schema is plain JSON.
    pub fn schema_text() -> serde_json::Result<String> {
        serde_json::to_string_pretty(&schemars::schema_for!(Self)).map(|text| text + "\n")
    }

    /// The row of a metric.
    #[must_use]
    pub fn row(&self, metric: &str) -> Option<&Row> {
        self.metrics.iter().find(|row| row.metric == metric)
    }
}

fn rows(sides: &[&Played], confidence: f64) -> Vec<Row> {
    let rows = METRICS.iter().filter_map(|info| {
        let mut cells = Vec::new();
        for (index, side) in sides.iter().enumerate() {
            let figures: Option<Vec<_>> = side
                .runs
                .iter()
                .map(|(_, run)| read::figure(info.metric, run))
                .collect();
            let figures = figures?;
            let values: Vec<Option<f64>> = figures.iter().map(|figure| figure.value).collect();
            let known: Option<Vec<f64>> = values.iter().copied().collect();
            let known = known.filter(|known| !known.is_empty());
            let value = known.map(|known| known.iter().sum::<f64>() / known.len() as f64);
            cells.push(Cell {
                value: value.map(crate::metrics::tidy),
                values,
                samples: figures.iter().map(|figure| figure.samples).sum(),
                difference: None,
                half: None,
                finding: (index > 0).then_some(Finding::NoDifferenceShown),
            });
        }
        let (first, others) = cells.split_first_mut()?;
        for (cell, side) in others.iter_mut().zip(&sides[1..]) {
            let Some((here, there)) = cell.value.zip(first.value) else {
                continue;
            };
            // What rounding leaves of two equal figures is no difference.
            let rounding = 1e-9 * here.abs().max(there.abs());
            let difference = Some(here - there).filter(|difference| difference.abs() > rounding);
            let difference = crate::metrics::tidy(difference.unwrap_or(0.0));
            let half = bands::half(
                info.metric,
                sides[0],
                side,
                (&first.values, &cell.values),
                confidence,
            );
            cell.difference = Some(difference);
            cell.half = half.map(crate::metrics::tidy);
            if half.is_some_and(|half| difference.abs() > half) {
                cell.finding = Some(Finding::of(info.better, difference));
            }
        }
        Some(Row {
            metric: info.name.to_owned(),
            unit: info.unit.word().to_owned(),
            better: info.better,
            cells,
        })
    });
    rows.collect()
}

fn side(played: &Played) -> Side {
    let mut invalid: Vec<String> = Vec::new();
    for (seed, run) in &played.runs {
        let reasons = run.validity.reasons.iter();
        invalid.extend(reasons.map(|reason| format!("seed {seed}: {reason}")));
        if !run.validity.valid && run.validity.reasons.is_empty() {
            invalid.push(format!("seed {seed}: the run says so"));
        }
    }
    let shown = played.runs.first().map(|(_, run)| run);
    Side {
        name: played.name.clone(),
        source: played.source.clone(),
        scenario: played.manifest.scenario.clone(),
        scenario_sha256: played.manifest.scenario_sha256.clone(),
        variant: shown.map_or(String::new(), |run| run.name.clone()),
        driver: played.manifest.driver,
        seeds: played.runs.iter().map(|(seed, _)| *seed).collect(),
        invalid,
        course: shown.map_or_else(Course::default, course),
        distribution: shown.map_or_else(Distribution::default, |run| {
            let (shares, seconds) = read::distribution(run)
                .into_iter()
                .map(|(share, time)| (crate::metrics::tidy(share), time))
                .unzip();
            Distribution { shares, seconds }
        }),
    }
}

fn course(run: &VariantReport) -> Course {
    let series = &run.series;
    let sum = |fits: fn(crate::observe::RequestClass) -> bool| {
        let mut sums = vec![0; series.available.len()];
        let lists = series.classes.iter().filter(|(class, _)| fits(**class));
        for (_, list) in lists {
            sums.iter_mut()
                .zip(list)
                .for_each(|(sum, count)| *sum += count);
        }
        sums
    };
    Course {
        bucket_seconds: series.bucket_seconds,
        cacheable: sum(crate::observe::RequestClass::is_cacheable),
        hits: sum(crate::observe::RequestClass::is_hit),
        origin_requests: series.origin_requests.clone(),
        ttfb_p50: series.ttfb_p50.clone(),
        ttfb_p99: series.ttfb_p99.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
