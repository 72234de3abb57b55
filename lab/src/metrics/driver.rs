//! Whether the driver kept to the plan: its lateness, and what makes a run invalid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::metric::Unit;
use crate::plan::Nanos;

/// A request sent later than this counts as late.
pub(crate) const LATE: Nanos = 10_000_000;
/// More late requests than this share make a run invalid.
pub(crate) const LATE_SHARE: f64 = 0.01;

/// How late the driver was, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Lateness {
    pub(crate) micros: Histogram,
    pub(crate) late: u64,
    /// Requests that were not late at all, and not in `micros` yet: the sim has no others.
    punctual: u64,
}

/// Whether a run's figures can be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Whether they can.
    pub valid: bool,
    /// Why not.
    pub reasons: Vec<String>,
}

impl Lateness {
    #[inline]
    pub(crate) fn record(&mut self, late: Nanos) {
        if late == 0 {
            self.punctual += 1;
            return;
        }
        self.micros.record(late / 1000);
        self.late += u64::from(late > LATE);
    }

    /// So many requests were not late at all.
    pub(crate) fn punctual(&mut self, requests: u64) {
        self.punctual += requests;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.micros.merge(&other.micros);
        self.late += other.late;
        self.punctual += other.punctual;
    }

    /// All requests are recorded.
    pub(crate) fn finish(mut self) -> Self {
        self.micros
            .record_times(0, std::mem::take(&mut self.punctual));
        self
    }

    /// The verdict on the driver. A run without any request is invalid, too: it has measured nothing.
    pub(crate) fn validity(&self) -> Validity {
        let mut reasons = Vec::new();
        let all = self.micros.samples();
        if all == 0 {
            reasons.push("no request was made".to_owned());
        } else if self.late as f64 > LATE_SHARE * all as f64 {
            let share = 100.0 * self.late as f64 / all as f64;
            reasons.push(format!(
                "the driver was late: {share:.1} % of {} requests left more than {} ms after their planned instant \
                 (at most {:.0} % may)",
                Unit::Count.show(all as f64),
                LATE / 1_000_000,
                LATE_SHARE * 100.0
            ));
        }
        Validity {
            valid: reasons.is_empty(),
            reasons,
        }
    }
}
