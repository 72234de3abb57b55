//! One figure from both drivers, and the rule by which it is judged.

use serde::Serialize;

use crate::metrics::{Figure, Histogram, Unit};

/// Shares may differ by so much beside the noise.
const POINT: f64 = 0.01;
/// Standard errors on either side that count as noise: 95 % of samples lie within.
const ERRORS: f64 = 1.96;
/// Medians of latency may differ by so much …
const SECONDS: f64 = 0.005;
/// … or by this share, whichever is more.
const SHARE: f64 = 0.05;

/// By what a share or a count is judged.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// A share of its samples.
    Share,
    /// A count, as a share of the requests.
    Count,
}

/// A share or a count from both drivers.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The metric.
    pub figure: String,
    /// In the live run.
    pub live: Figure,
    /// In the simulation.
    pub simulated: Figure,
    /// Simulated less live; none if either has no samples.
    pub difference: Option<f64>,
    /// How far they may lie apart.
    pub allowed: f64,
    /// Whether they agree; two figures without samples do.
    pub agrees: bool,
    #[serde(skip)]
    pub(super) unit: Unit,
}

/// A median of latency from both drivers, in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Median {
    /// The metric with its place and request class.
    pub figure: String,
    /// In the live run.
    pub live: Figure,
    /// In the simulation.
    pub simulated: Figure,
    /// Simulated less live.
    pub difference: f64,
    /// How far they may lie apart.
    pub allowed: f64,
    /// Whether they agree. `null` where there is no median to speak of: if its rank were off by one point and the sampling
    /// noise, which shares may be, the simulation's own median would move by more than is allowed.
    pub agrees: Option<bool>,
}

impl Row {
    pub(super) fn of(
        figure: &str,
        unit: Unit,
        rule: Rule,
        (live, simulated): (Figure, Figure),
        requests: u64,
    ) -> Self {
        let sides = live.value.zip(simulated.value);
        let difference = sides.map(|(live, simulated)| simulated - live);
        let value = live.value.unwrap_or(0.0);
        let requests = requests.max(1) as f64;
        let allowed = match rule {
            Rule::Share => POINT + noise(value, live.samples as f64),
            Rule::Count => requests * (POINT + noise(value / requests, requests)),
        };
        let agrees = match difference {
            Some(difference) => difference.abs() <= allowed,
            None => live.value.is_none() && simulated.value.is_none(),
        };
        Self {
            figure: figure.to_owned(),
            live,
            simulated,
            difference,
            allowed,
            agrees,
            unit,
        }
    }
}

impl Median {
    /// `latencies`: those of the simulation, in microseconds.
    pub(super) fn of(
        figure: String,
        (live, simulated): (Figure, Figure),
        latencies: Histogram,
    ) -> Self {
        let (there, here) = (live.value.unwrap_or(0.0), simulated.value.unwrap_or(0.0));
        let allowed = SECONDS.max(SHARE * there);
        let difference = here - there;
        let is_one = moves(&latencies) <= allowed;
        Self {
            figure,
            live,
            simulated,
            difference,
            allowed,
            agrees: is_one.then_some(difference.abs() <= allowed),
        }
    }
}

/// How far the median moves, in seconds, if its rank is off by one point and the sampling noise.
fn moves(latencies: &Histogram) -> f64 {
    let off = POINT + noise(0.5, latencies.samples() as f64);
    let at = |rank: f64| latencies.quantile(rank.clamp(0.0, 1.0)).unwrap_or(0) as f64 / 1e6;
    let median = at(0.5);
    (at(0.5 + off) - median).max(median - at(0.5 - off))
}

/// The sampling noise of a share: a binomial's standard error, as often as makes 95 %.
fn noise(share: f64, samples: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    ERRORS * (share * (1.0 - share) / samples.max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, samples: u64) -> Figure {
        Figure {
            value: Some(value),
            samples,
        }
    }

    #[track_caller]
    fn check(rule: Rule, live: (f64, u64), simulated: f64, agrees: bool) {
        let sides = (figure(live.0, live.1), figure(simulated, live.1));
        let row = Row::of("", Unit::Ratio, rule, sides, 10_000);
        assert_eq!(row.agrees, agrees, "{row:?}");
    }

    #[test]
    fn shares_agree_within_a_point_and_the_noise() {
        // Noise at one half of 10,000: 0.98 points.
        check(Rule::Share, (0.5, 10_000), 0.519, true);
        check(Rule::Share, (0.5, 10_000), 0.48, false);
        check(Rule::Share, (0.0, 10_000), 0.0099, true);
        check(Rule::Share, (0.0, 10_000), 0.0101, false);
    }

    #[test]
    fn counts_are_shares_of_the_requests() {
        check(Rule::Count, (0.0, 0), 99.0, true);
        check(Rule::Count, (0.0, 0), 101.0, false);
        check(Rule::Count, (5_000.0, 5_000), 5_190.0, true);
        check(Rule::Count, (5_000.0, 5_000), 5_210.0, false);
    }

    /// The median of latencies of which so many take 20 ms and the others 90 ms, held against a live one.
    fn median(fast: u64, of: u64, live: f64) -> Option<bool> {
        let mut latencies = Histogram::default();
        for n in 0..of {
            latencies.record(if n < fast { 20_000 } else { 90_000 });
        }
        let simulated = latencies.quantile(0.5).unwrap() as f64 / 1e6;
        let sides = (figure(live, of), figure(simulated, of));
        Median::of(String::new(), sides, latencies).agrees
    }

    #[test]
    fn medians_agree_within_milliseconds_or_a_share() {
        assert_eq!(median(1000, 1000, 0.0249), Some(true));
        assert_eq!(median(1000, 1000, 0.0251), Some(false));
        assert_eq!(median(0, 1000, 0.0855), Some(true));
        assert_eq!(median(0, 1000, 0.0952), Some(false));
    }

    #[test]
    fn between_two_crowds_there_is_no_median() {
        // At 1,000 samples the noise of the rank is 3.1 points, and one point is allowed.
        assert_eq!(median(545, 1000, 0.0905), Some(false));
        for fast in [470, 500, 530] {
            assert_eq!(median(fast, 1000, 0.0905), None, "{fast}");
        }
        assert_eq!(median(455, 1000, 0.0905), Some(true));
    }

    #[test]
    fn no_samples_agree_with_no_samples_only() {
        let (some, none) = (figure(0.0, 1), Figure::default());
        let agrees = |sides| Row::of("", Unit::Ratio, Rule::Share, sides, 1).agrees;
        assert!(agrees((none, none)) && !agrees((some, none)) && !agrees((none, some)));
    }
}
