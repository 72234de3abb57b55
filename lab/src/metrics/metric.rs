//! What a metric is: its kind, its unit and the labels that it can be narrowed to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::METRICS;
use Label::{Cause, Class, Edge, Path, Pop, Region, Window};

/// A statistic of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stat {
    /// The median.
    P50,
    /// 90 % lie at or below it.
    P90,
    /// 99 % lie at or below it.
    P99,
    /// 99.9 % lie at or below it.
    P999,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
}

/// One metric; [`METRICS`] has its name and formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Metric {
    RequestHitRatio,
    OverallHitRatio,
    CacheCoverage,
    ByteHitRatio,
    OriginOffloadRequests,
    OriginOffloadBytes,
    EdgeHitRatio,
    ShieldHitRatio,
    CdnHitRatio,
    OfferedHitRatio,
    CoalescingFactor,
    StaleRatio,
    StaleSeconds(Stat),
    OutdatedRatio,
    OutdatedAnswers,
    OutdatedSeconds(Stat),
    ConvergenceSeconds,
    Ttfb(Stat),
    Total(Stat),
    Misses,
    MissShare,
    Availability,
    Requests,
    ClassShare,
    Errors,
    WrongBodies,
    OriginFetches,
    OriginBytes,
    BackgroundFetches,
}

/// What a metric's value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share: 1 is 100 %.
    Ratio,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// So many times.
    Factor,
}

/// Which values of a metric one wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// High ones.
    Higher,
    /// Low ones.
    Lower,
    /// It depends.
    Neither,
}

/// What a metric can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// `warmup`, `measured` (where none is named), `all`, or a window of the scenario.
    Window,
    /// Region of the clients.
    Region,
    /// PoP that the client asked; for counters of nodes, their PoP.
    Pop,
    /// One node.
    Edge,
    /// Path class.
    Path,
    /// Request class.
    Class,
    /// Cause of a miss.
    Cause,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 7] = [Window, Region, Pop, Edge, Path, Class, Cause];

    /// The word in an expectation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Window => "window",
            Region => "region",
            Pop => "pop",
            Edge => "edge",
            Path => "path",
            Class => "class",
            Cause => "cause",
        }
    }
}

/// All about one metric.
#[derive(Debug, Clone, Copy)]
pub struct MetricInfo {
    /// Its name.
    pub name: &'static str,
    /// Which it is.
    pub metric: Metric,
    /// The unit of its value.
    pub unit: Unit,
    /// Which values one wants.
    pub better: Better,
    /// The labels that it can be narrowed to.
    pub labels: &'static [Label],
    /// How it is worked out, in one line.
    pub formula: &'static str,
}

impl Unit {
    /// The word for it in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Factor => "factor",
        }
    }
}

impl Metric {
    /// All about the metric of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static MetricInfo> {
        METRICS.iter().find(|info| info.name == name)
    }
}
