//! How far a figure of one run would lie elsewhere with other traffic of the same kind: from the buckets of its time series.

use super::{Bucket, Histogram, Measured, Metric, Selector, Stat};
use crate::noise::{self, Band};
use crate::observe::RequestClass;

impl Measured {
    /// The 95 % band of a metric over the measured window, by the stationary bootstrap over time ([`crate::noise`]). None
    /// for a metric that the time series does not hold (means, maxima, byte ratios, what nodes counted, convergence), for
    /// runs of fewer than ten buckets, and without samples.
    #[must_use]
    pub fn band(&self, metric: Metric) -> Option<Band> {
        let mean = self.figure(metric, &Selector::default()).value?;
        let band = match metric {
            Metric::OutdatedAnswers => noise::total(&self.sums(|bucket| bucket.outdated)),
            Metric::Requests => noise::total(&self.sums(requests)),
            Metric::Errors => {
                noise::total(&self.sums(|bucket| bucket.classes[RequestClass::Error as usize]))
            }
            Metric::OriginFetches => noise::total(&self.sums(|bucket| bucket.origin_requests)),
            Metric::OriginBytes => noise::total(&self.sums(|bucket| bucket.origin_bytes)),
            Metric::Ttfb(stat) => return self.band_of_quantile(mean, quantile(stat)?),
            _ => noise::ratio(&self.parts(metric)?),
        };
        Some(Band { mean, ..band? })
    }

    /// The (part, whole) of a ratio, by bucket of the measured window; none if the time series does not hold it. What
    /// [`noise::difference`] needs of two runs.
    #[must_use]
    pub fn parts(&self, metric: Metric) -> Option<Vec<(f64, f64)>> {
        let of = |part: fn(&Bucket) -> u64, whole: fn(&Bucket) -> u64| {
            let parts = self.sums(part).into_iter().zip(self.sums(whole));
            Some(parts.collect())
        };
        match metric {
            Metric::RequestHitRatio => of(hits, cacheable),
            Metric::OverallHitRatio => of(hits, requests),
            Metric::CacheCoverage => of(cacheable, requests),
            Metric::Availability => of(|bucket| bucket.available, requests),
            Metric::OutdatedRatio => of(|bucket| bucket.outdated, |bucket| bucket.versioned),
            // One less the ratio has the ratio's band.
            Metric::OriginOffloadRequests => of(|bucket| bucket.origin_requests, requests),
            _ => None,
        }
    }

    /// Buckets that begin within the measured window.
    fn measured_buckets(&self) -> &[Bucket] {
        let warmup = self.shape.windows.first().map_or(0, |window| window.to);
        let skipped = warmup.div_ceil(self.series.width.max(1));
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.series.buckets.get(skipped..).unwrap_or_default()
    }

    fn sums(&self, of: fn(&Bucket) -> u64) -> Vec<f64> {
        let buckets = self.measured_buckets().iter();
        buckets.map(|bucket| of(bucket) as f64).collect()
    }

    /// The band of the share that does not exceed the quantile, read back through the distribution (Woodruff 1952,
    /// "Confidence intervals for medians and other position measures", Journal of the American Statistical Association 47).
    fn band_of_quantile(&self, mean: f64, q: f64) -> Option<Band> {
        let latencies = self.latency(&Selector::default());
        let at = latencies.quantile(q)?;
        let buckets = self.measured_buckets().iter();
        let parts: Vec<(f64, f64)> = buckets
            .map(|bucket| {
                let sum = |of: &dyn Fn(&Histogram) -> u64| bucket.ttfb.iter().map(of).sum::<u64>();
                let part = sum(&|latencies| latencies.up_to(at));
                (part as f64, sum(&Histogram::samples) as f64)
            })
            .collect();
        let off = noise::ratio(&parts)?.half?;
        let value = |rank: f64| {
            let micros = latencies.quantile(rank.clamp(0.0, 1.0));
            micros.map(|micros| micros as f64 * 1e-6)
        };
        let half = (value(q + off)? - mean).max(mean - value(q - off)?);
        Some(Band {
            mean,
            half: Some(half),
        })
    }
}

fn requests(bucket: &Bucket) -> u64 {
    bucket.classes.iter().sum()
}

fn of_classes(bucket: &Bucket, fits: fn(RequestClass) -> bool) -> u64 {
    let classes = RequestClass::ALL.into_iter().zip(bucket.classes);
    classes
        .filter(|(class, _)| fits(*class))
        .map(|(_, requests)| requests)
        .sum()
}

fn hits(bucket: &Bucket) -> u64 {
    of_classes(bucket, RequestClass::is_hit)
}

fn cacheable(bucket: &Bucket) -> u64 {
    of_classes(bucket, RequestClass::is_cacheable)
}

fn quantile(stat: Stat) -> Option<f64> {
    match stat {
        Stat::P50 => Some(0.5),
        Stat::P90 => Some(0.9),
        Stat::P99 => Some(0.99),
        Stat::P999 => Some(0.999),
        Stat::Max | Stat::Mean => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::testing::{MS, SECOND, by, forwarded, hit, observation, shape};
    use crate::metrics::{Fold, Metric, Stat};
    use crate::observe::{Fwd, Observation};

    /// Every second request hits, in a pattern that does not depend on time; hits take 10 ms, others 30 ms and a little.
    #[test]
    fn bands_lie_about_the_figures_of_the_measured_window() {
        let mut fold = Fold::of(shape());
        for step in 0..4000_u64 {
            let hits = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 0;
            let outcome = match hits {
                true => by(hit(Some(5))),
                false => by(forwarded(Fwd::UriMiss, None, true)),
            };
            let mut seen = Observation {
                step,
                ..observation(0, step * 5 * MS, Ok(outcome))
            };
            if !hits {
                seen.first_byte += 20 * MS + step % 100 * MS / 10;
            }
            fold.observe(&seen);
        }
        let measured = fold.finish(20 * SECOND);
        let ratio = measured.band(Metric::RequestHitRatio).unwrap();
        let half = ratio.half.unwrap();
        // The golden ratio spreads more evenly than chance does: at most the binomial's 1.6 points.
        assert!(
            (ratio.mean - 0.5).abs() < 0.01 && half > 0.0 && half < 0.02,
            "{ratio:?}"
        );
        let coverage = measured.band(Metric::CacheCoverage).unwrap();
        assert_eq!((coverage.mean, coverage.half), (1.0, Some(0.0)));
        let p90 = measured.band(Metric::Ttfb(Stat::P90)).unwrap();
        assert!(
            (0.030..0.041).contains(&p90.mean) && p90.half.unwrap() < 0.005,
            "{p90:?}"
        );
        let requests = measured.band(Metric::Requests).unwrap();
        assert_eq!(requests.mean, 3600.0);
        assert_eq!(measured.band(Metric::Ttfb(Stat::Max)), None);
        assert_eq!(measured.band(Metric::ConvergenceSeconds), None);
    }
}
