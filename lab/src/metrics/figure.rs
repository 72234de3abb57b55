//! One number of a report, with the count of samples behind it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value with its sample count; no value without samples, so that `n/a` is never mistaken for 0 % or 100 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The value: a ratio between 0 and 1 (an offload may be negative), seconds, bytes or a count. `null`: not available.
    pub value: Option<f64>,
    /// How many samples it rests on.
    pub samples: u64,
}

impl Figure {
    /// `part / whole`, or not available if `whole` is 0.
    #[must_use]
    pub fn ratio(part: u64, whole: u64) -> Self {
        Self::of((whole > 0).then(|| part as f64 / whole as f64), whole)
    }

    /// `1 - part / whole`, or not available if `whole` is 0.
    #[must_use]
    pub fn saved(part: u64, whole: u64) -> Self {
        Self::of((whole > 0).then(|| 1.0 - part as f64 / whole as f64), whole)
    }

    /// A count, which needs no samples: none is 0.
    #[must_use]
    pub fn count(count: u64, samples: u64) -> Self {
        Self {
            value: Some(count as f64),
            samples,
        }
    }

    /// A value if there is one and samples behind it.
    #[must_use]
    pub fn of(value: Option<f64>, samples: u64) -> Self {
        Self {
            value: value.filter(|_| samples > 0).map(tidy),
            samples,
        }
    }

    /// This value in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            value: self.value.map(|value| value * factor),
            samples: self.samples,
        }
    }
}

/// Twelve significant digits: more than any figure means, and few enough that every JSON reader gives back the same number.
pub(crate) fn tidy(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}
