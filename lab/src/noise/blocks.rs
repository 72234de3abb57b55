//! The stationary bootstrap: a series is drawn anew in blocks that begin anywhere and have geometric lengths, on the series
//! closed to a circle (Politis and Romano 1994, "The stationary bootstrap", Journal of the American Statistical Association
//! 89, 1303-1313). The mean length follows from the autocovariances (Politis and White 2004, "Automatic block-length
//! selection for the dependent bootstrap", Econometric Reviews 23, 53-70, as corrected by Patton, Politis and White 2009,
//! Econometric Reviews 28, 372-375).

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::Band;
use super::band::student;

/// Series shorter than this say nothing of their own dependence.
const LEAST: usize = 10;
/// Draws of the whole series: the band's width is right to about 3 % of itself.
const DRAWS: usize = 500;
const CONFIDENCE: f64 = 0.95;
/// Any will do; the same one makes the same band on every machine.
const SEED: [u8; 32] = *b"stationary bootstrap, 1994-2009.";

/// How one series is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blocks {
    buckets: usize,
    mean: f64,
}

impl Blocks {
    /// Blocks as long as this series depends on itself; none if it is too short to tell.
    #[must_use]
    pub fn of(series: &[f64]) -> Option<Self> {
        (series.len() >= LEAST).then(|| Self {
            buckets: series.len(),
            mean: block_length(series),
        })
    }

    /// Blocks of so many buckets on average: 1 draws each bucket alone, as if none depended on another.
    #[must_use]
    pub fn of_length(buckets: usize, mean: f64) -> Self {
        Self {
            buckets,
            mean: mean.clamp(1.0, buckets.max(1) as f64),
        }
    }

    /// The band of a figure: `value` of the series, and `drawn` from the buckets of a draw, by index. None where a draw has
    /// no figure.
    #[must_use]
    pub fn band(&self, value: f64, drawn: impl FnMut(&[usize]) -> Option<f64>) -> Option<Band> {
        self.band_at(CONFIDENCE, value, drawn)
    }

    /// The same with another confidence than 95 %.
    fn band_at(
        &self,
        confidence: f64,
        value: f64,
        mut drawn: impl FnMut(&[usize]) -> Option<f64>,
    ) -> Option<Band> {
        let mut random = Pcg64::from_seed(SEED);
        let mut indices = vec![0; self.buckets];
        let mut values = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            self.draw(&mut random, &mut indices);
            values.push(drawn(&indices)?);
        }
        let mean = values.iter().sum::<f64>() / DRAWS as f64;
        let squares: f64 = values.iter().map(|drawn| (drawn - mean).powi(2)).sum();
        let error = (squares / (DRAWS - 1) as f64).sqrt();
        // As many independent parts as there are blocks.
        let freedom = (self.buckets as f64 / self.mean) as usize;
        let half = error * student(freedom.max(2) - 1, confidence);
        Some(Band {
            mean: value,
            half: Some(half),
        })
    }

    fn draw(&self, random: &mut Pcg64, indices: &mut [usize]) {
        let mut at = 0;
        let mut left = 0u64;
        for index in indices {
            if left == 0 {
                at = below(random, self.buckets);
                left = self.length(random);
            }
            *index = at;
            at = (at + 1) % self.buckets;
            left -= 1;
        }
    }

    /// Geometric with this mean: at least 1.
    fn length(&self, random: &mut Pcg64) -> u64 {
        let stay = 1.0 - 1.0 / self.mean;
        if stay <= 0.0 {
            return 1;
        }
        let unit = ((random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        1 + (libm::log(unit) / libm::log(stay)) as u64
    }
}

fn below(random: &mut Pcg64, n: usize) -> usize {
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

/// The band of the ratio of two sums over buckets, such as hits per request: (part, whole) by bucket.
#[must_use]
pub fn ratio(buckets: &[(f64, f64)]) -> Option<Band> {
    ratio_at(CONFIDENCE, buckets)
}

/// The same with another confidence than 95 %.
#[must_use]
pub fn ratio_at(confidence: f64, buckets: &[(f64, f64)]) -> Option<Band> {
    let value = quotient(buckets.iter().copied())?;
    Blocks::of(&residuals(buckets, value))?.band_at(confidence, value, |indices| {
        quotient(indices.iter().map(|index| buckets[*index]))
    })
}

/// The band of a sum over buckets, such as the requests that the origin counted.
#[must_use]
pub fn total(buckets: &[f64]) -> Option<Band> {
    let sum = buckets.iter().sum();
    let drawn = |indices: &[usize]| Some(indices.iter().map(|index| buckets[*index]).sum());
    Blocks::of(buckets)?.band(sum, drawn)
}

/// The band of `left` less `right`, both as for [`ratio`], that holds with this confidence. Series of equal length are taken to
/// be two plays of the same traffic, bucket by bucket: what is common to both cancels out. Others are independent.
#[must_use]
pub fn difference(left: &[(f64, f64)], right: &[(f64, f64)], confidence: f64) -> Option<Band> {
    if left.len() != right.len() {
        let (left, right) = (ratio_at(confidence, left)?, ratio_at(confidence, right)?);
        let half = left.half.zip(right.half);
        return Some(Band {
            mean: left.mean - right.mean,
            half: half.map(|(left, right)| left.hypot(right)),
        });
    }
    let sides = (
        quotient(left.iter().copied())?,
        quotient(right.iter().copied())?,
    );
    let residuals: Vec<f64> = residuals(left, sides.0)
        .iter()
        .zip(residuals(right, sides.1))
        .map(|(left, right)| left - right)
        .collect();
    Blocks::of(&residuals)?.band_at(confidence, sides.0 - sides.1, |indices| {
        let of = |side: &[(f64, f64)]| quotient(indices.iter().map(|index| side[*index]));
        Some(of(left)? - of(right)?)
    })
}

fn quotient(buckets: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let add = |sum: (f64, f64), one: (f64, f64)| (sum.0 + one.0, sum.1 + one.1);
    let (part, whole) = buckets.fold((0.0, 0.0), add);
    (whole > 0.0).then(|| part / whole)
}

/// What each bucket adds to the error of the ratio, to the first order.
fn residuals(buckets: &[(f64, f64)], ratio: f64) -> Vec<f64> {
    let mean = buckets.iter().map(|(_, whole)| whole).sum::<f64>() / buckets.len().max(1) as f64;
    let residual = |(part, whole): &(f64, f64)| (part - ratio * whole) / mean;
    buckets.iter().map(residual).collect()
}

/// The mean block length that the stationary bootstrap of a series' mean does best with (Politis and White 2004, section 3.2).
fn block_length(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    let mean = series.iter().sum::<f64>() / n;
    let covariance = |lag: usize| {
        let products = series.iter().zip(&series[lag..]);
        products.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n
    };
    let variance = covariance(0);
    if variance <= 0.0 {
        return 1.0;
    }
    // The first lag after which so many in a row are no more than noise.
    let quiet = (libm::log10(n).sqrt().ceil() as usize).max(5);
    let most = (n.sqrt().ceil() as usize + quiet).min(series.len() - 1);
    let noise = 2.0 * (libm::log10(n) / n).sqrt();
    let loud = |lag: &usize| (covariance(*lag) / variance).abs() >= noise;
    let silence = |lag: &usize| !(lag + 1..=(lag + quiet).min(most)).any(|lag| loud(&lag));
    let last = (1..=most).find(silence).unwrap_or(most);
    let reach = (2 * last).min(most);
    // The flat-top window: 1 up to half of its reach, then falling to 0.
    let weight = |lag: usize| (2.0 * (1.0 - lag as f64 / reach as f64)).clamp(0.0, 1.0);
    let (mut slope, mut density) = (0.0, variance);
    for lag in 1..=reach {
        let covariance = 2.0 * weight(lag) * covariance(lag);
        slope += lag as f64 * covariance;
        density += covariance;
    }
    if density <= 0.0 {
        return 1.0;
    }
    let best = libm::cbrt((slope / density).powi(2) * n);
    best.clamp(1.0, (3.0 * n.sqrt()).min(n / 3.0).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series in which each value keeps the share `phi` of the one before it; its innovations have variance 1/12.
    fn autoregressive(random: &mut Pcg64, phi: f64, buckets: usize) -> Vec<f64> {
        let mut unit = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut value = 0.0;
        let mut step = || {
            value = phi * value + unit() - 0.5;
            value
        };
        (0..200).for_each(|_| _ = step());
        (0..buckets).map(|_| step()).collect()
    }

    /// The variance of the mean of such a series (Anderson 1971, "The Statistical Analysis of Time Series", section 8.3).
    fn true_variance(phi: f64, buckets: usize) -> f64 {
        let n = buckets as f64;
        let variance = 1.0 / 12.0 / (1.0 - phi * phi);
        let lags = (1..buckets).map(|lag| (1.0 - lag as f64 / n) * phi.powi(lag as i32));
        variance / n * (1.0 + 2.0 * lags.sum::<f64>())
    }

    fn of_mean(series: &[f64], blocks: Blocks) -> Band {
        let mean = |indices: &[usize]| {
            indices.iter().map(|index| series[*index]).sum::<f64>() / indices.len() as f64
        };
        let all: Vec<usize> = (0..series.len()).collect();
        let drawn = |indices: &[usize]| Some(mean(indices));
        blocks.band(mean(&all), drawn).unwrap()
    }

    /// Half of the band of a series whose mean is known to vary so much, and how often the band holds the true mean, 0.
    #[test]
    fn bands_of_a_series_that_depends_on_itself_are_as_wide_as_its_variance_is_known_to_be() {
        let (phi, buckets, series) = (0.7, 400, 120);
        let mut random = Pcg64::from_seed([7; 32]);
        let (mut widths, mut holds, mut naive) = (0.0, 0, 0);
        for _ in 0..series {
            let values = autoregressive(&mut random, phi, buckets);
            let band = of_mean(&values, Blocks::of(&values).unwrap());
            let alone = of_mean(&values, Blocks::of_length(buckets, 1.0));
            let holds_zero = |band: Band| band.mean.abs() <= band.half.unwrap();
            widths += band.half.unwrap() / f64::from(series);
            holds += i32::from(holds_zero(band));
            naive += i32::from(holds_zero(alone));
        }
        let truth = 1.96 * true_variance(phi, buckets).sqrt();
        assert!((0.85..1.15).contains(&(widths / truth)), "{widths} {truth}");
        // 114 of 120 are expected; of bands that know nothing of dependence, 71.
        assert!(
            holds >= 105 && naive <= 90,
            "{holds} and {naive} of {series}"
        );
    }

    #[test]
    fn what_does_not_depend_on_itself_is_drawn_alone_and_what_does_in_blocks() {
        let mut random = Pcg64::from_seed([3; 32]);
        let mut mean = |phi| {
            let lengths = (0..40).map(|_| {
                let values = autoregressive(&mut random, phi, 400);
                Blocks::of(&values).unwrap().mean
            });
            lengths.sum::<f64>() / 40.0
        };
        let (alone, blocks) = (mean(0.0), mean(0.7));
        // By the formula: (2 phi / (1 - phi^2))^(2/3) n^(1/3) = 14.4 at 0.7, and 1 at 0.
        assert!(
            alone < 4.0 && (10.0..20.0).contains(&blocks),
            "{alone} {blocks}"
        );
    }

    #[test]
    fn a_ratio_of_independent_requests_has_the_binomial_band() {
        let mut random = Pcg64::from_seed([5; 32]);
        let mut bucket = |_| {
            let hits = (0..100).filter(|_| below(&mut random, 10) < 7).count();
            (hits as f64, 100.0)
        };
        let buckets: Vec<(f64, f64)> = (0..300).map(&mut bucket).collect();
        let band = ratio(&buckets).unwrap();
        let expected = 1.96 * (0.7 * 0.3 / 30_000.0f64).sqrt();
        let half = band.half.unwrap();
        assert!(
            (0.8..1.25).contains(&(half / expected)),
            "{half} {expected}"
        );
        assert!((band.mean - 0.7).abs() < 2.0 * expected);
        // The same traffic with one more hit in each bucket: what both share is no noise.
        let more: Vec<_> = buckets
            .iter()
            .map(|(part, whole)| (part + 1.0, *whole))
            .collect();
        let apart = difference(&more, &buckets, 0.95).unwrap();
        assert!((apart.mean - 0.01).abs() < 1e-12 && apart.half.unwrap() < 1e-9);
        let independent = difference(&more[1..], &buckets, 0.95).unwrap();
        assert!(independent.half.unwrap() > half);
        let surer = difference(&more[1..], &buckets, 0.999).unwrap();
        assert!(surer.half > independent.half && surer.mean == independent.mean);
        let sum = total(&buckets.iter().map(|(part, _)| *part).collect::<Vec<_>>()).unwrap();
        assert!((0.7..1.4).contains(&(sum.half.unwrap() / (30_000.0 * expected))));
    }

    #[test]
    fn nothing_follows_from_nothing() {
        assert_eq!(ratio(&[(1.0, 2.0); 9]), None);
        assert_eq!(ratio(&[(0.0, 0.0); 50]), None);
        assert_eq!(total(&[]), None);
        assert_eq!(ratio(&[(1.0, 2.0); 50]).unwrap().half, Some(0.0));
    }
}
