//! Bands, and Student's t for means of few values.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::Serialize;

/// A value with its 95 % confidence band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The mean over the seeds, or the value of the one run.
    pub mean: f64,
    /// Half the width of the band; `null` where one value says nothing of noise.
    pub half: Option<f64>,
}

impl Band {
    /// The band of values, one per seed. `comparisons`: of so many bands all shall hold at once (Bonferroni).
    #[must_use]
    pub fn of(values: &[f64], comparisons: usize) -> Self {
        Self::with_confidence(values, at_once(0.95, comparisons))
    }

    /// The band of values, one per seed, that holds the true mean with this confidence.
    #[must_use]
    pub fn with_confidence(values: &[f64], confidence: f64) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let half = (values.len() > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let error = (squares / (n - 1.0) / n).sqrt();
            error * student(values.len() - 1, confidence)
        });
        Self { mean, half }
    }

    /// The band of differences, seed by seed: both sides have had the same traffic.
    #[must_use]
    pub fn of_difference(left: &[f64], right: &[f64], comparisons: usize) -> Self {
        let differences: Vec<f64> = left.iter().zip(right).map(|(l, r)| l - r).collect();
        Self::of(&differences, comparisons)
    }

    /// Whether the whole band lies above zero; never with a single seed.
    #[must_use]
    pub fn is_above_zero(self) -> bool {
        self.half.is_some_and(|half| self.mean - half > 0.0)
    }
}

/// The confidence that each of so many bands needs for all of them to hold at once with `confidence` (Bonferroni).
#[must_use]
pub fn at_once(confidence: f64, bands: usize) -> f64 {
    1.0 - (1.0 - confidence) / bands.max(1) as f64
}

/// The t that so large a share of Student's distribution lies within (both sides), by bisection.
#[must_use]
pub fn student(freedom: usize, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1e7);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if within(middle, freedom) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The share of Student's distribution within ±t (Abramowitz and Stegun 26.7.3 and 26.7.4).
fn within(t: f64, freedom: usize) -> f64 {
    let angle = libm::atan(t / (freedom as f64).sqrt());
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    let odd = freedom % 2 == 1;
    let (mut term, mut sum) = if odd { (cosine, cosine) } else { (1.0, 1.0) };
    // Odd: cos, 2/3 cos³, 2·4/(3·5) cos⁵ …; even: 1, 1/2 cos², 1·3/(2·4) cos⁴ …
    let mut step = if odd { 3 } else { 2 };
    while step + 2 <= freedom {
        term *= cosine * cosine * (step - 1) as f64 / step as f64;
        sum += term;
        step += 2;
    }
    match (odd, freedom) {
        (true, 1) => 2.0 * angle / PI,
        (true, _) => 2.0 / PI * (angle + sine * sum),
        (false, _) => sine * sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Two-sided 95 % and 99 %, as any table of Student's t has them.
        for (freedom, at_95, at_99) in [
            (1, 12.706, 63.657),
            (2, 4.303, 9.925),
            (3, 3.182, 5.841),
            (4, 2.776, 4.604),
            (5, 2.571, 4.032),
            (9, 2.262, 3.250),
            (10, 2.228, 3.169),
            (29, 2.045, 2.756),
        ] {
            assert!((student(freedom, 0.95) - at_95).abs() < 6e-4, "{freedom}");
            assert!((student(freedom, 0.99) - at_99).abs() < 6e-4, "{freedom}");
        }
    }

    #[test]
    fn bands() {
        let band = Band::of(&[1.0, 2.0, 3.0, 4.0, 5.0], 1);
        // s = 1.5811, s / √5 = 0.70711, t = 2.7764.
        assert!((band.mean - 3.0).abs() < 1e-12 && (band.half.unwrap() - 1.9632).abs() < 1e-3);
        assert!(Band::of(&[1.0], 1).half.is_none());
        assert!(Band::of(&[2.0, 2.0], 1).is_above_zero());
        assert!(!Band::of(&[2.0], 1).is_above_zero());
        let difference = Band::of_difference(&[5.0, 15.0, 10.0], &[4.0, 14.1, 8.9], 1);
        assert!(difference.is_above_zero(), "noise that both share cancels");
    }
}
