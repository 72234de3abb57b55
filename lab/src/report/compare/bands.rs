//! How far chance alone would move a difference.

use super::{Played, read};
use crate::metrics::{Metric, Stat};
use crate::noise::{self, Band};
use crate::report::VariantReport;

/// A single run knows nothing of what another draw of popularities, sizes and publications brings. Between runs of different seeds
/// bands are so much wider: over 28 pairs of eight seeds of two scenarios, and 10 pairs of each variant of the others that are
/// shipped, like differed from like by at most 1.05 times the band without it. The same holds for what several seeds scatter.
const OTHER_DRAW: f64 = 1.25;
/// With fewer answers beyond it than this, a quantile is one of a handful of values.
const LEAST_BEYOND: f64 = 50.0;
/// Times are kept with this relative precision ([`crate::metrics::Histogram`]).
const PRECISION: f64 = 0.001;

/// Runs whose lengths differ by no more than one part in so many are plays of the same traffic.
const LATE: usize = 20;

/// A band with this confidence reaches one standard error to each side.
const ONE_ERROR: f64 = 0.6827;
/// The noise within the runs tells the variance between seeds as well as so many further seeds (Smyth 2004, "Linear models and
/// empirical Bayes methods", Statistical Applications in Genetics and Molecular Biology 3, the moderated t).
const WORTH: f64 = 8.0;
/// It does not where their variance is more than so many times as large.
const CONTRADICTED: f64 = 4.0;

/// Half of the band around the difference of a metric; none where the noise is not known.
pub(super) fn half(
    metric: Metric,
    first: &Played,
    other: &Played,
    (left, right): (&[Option<f64>], &[Option<f64>]),
    confidence: f64,
) -> Option<f64> {
    // A wrong body is one too many, whatever chance had to do with it.
    if metric == Metric::WrongBodies {
        return Some(0.0);
    }
    let pairs = || first.runs.iter().zip(&other.runs);
    let within = |confidence: f64| -> Option<Vec<f64>> {
        let halves = pairs().map(|((seed, left), (other_seed, right))| {
            let wider = if seed == other_seed { 1.0 } else { OTHER_DRAW };
            Some(wider * single(metric, left, right, confidence)?)
        });
        halves.collect()
    };
    if first.runs.len() < 2 || first.runs.len() != other.runs.len() {
        return within(confidence)?.first().copied();
    }
    let differences = left.iter().zip(right).map(|(l, r)| Some((*r)? - (*l)?));
    let differences = differences.collect::<Option<Vec<f64>>>()?;
    let alone = Band::with_confidence(&differences, confidence);
    let Some(errors) = within(ONE_ERROR) else {
        return alone.half;
    };
    // A few seeds say little of their own scatter, and Student's t pays for that with very wide bands. The noise within the runs
    // says more, unless the seeds contradict it.
    let n = differences.len() as f64;
    let freedom = n - 1.0;
    let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let off: Vec<f64> = differences.iter().map(|one| one - alone.mean).collect();
    let scatter = squares(&off) / freedom;
    let expected = OTHER_DRAW.powi(2) * squares(&errors) / n;
    if scatter > CONTRADICTED * expected {
        return alone.half;
    }
    let moderated = (WORTH * expected + freedom * scatter) / (WORTH + freedom);
    let error = (moderated.max(scatter) / n).sqrt();
    let t = noise::student((WORTH + freedom) as usize, confidence);
    alone.half.map(|half| half.min(t * error))
}

/// Half of the band around the difference of two single runs.
pub(super) fn single(
    metric: Metric,
    left: &VariantReport,
    right: &VariantReport,
    confidence: f64,
) -> Option<f64> {
    if let Metric::Ttfb(stat @ (Stat::P50 | Stat::P90 | Stat::P99 | Stat::P999)) = metric {
        let (left, right) = (
            quantile(stat, left, confidence)?,
            quantile(stat, right, confidence)?,
        );
        return Some(left.hypot(right));
    }
    let (left_span, right_span) = spans(left, right);
    let parts = (
        read::parts(metric, right, right_span)?,
        read::parts(metric, left, left_span)?,
    );
    noise::difference(&parts.0, &parts.1, confidence)?.half
}

/// How many buckets each run is taken to have. The last answers of one play of some traffic may come a little later than those
/// of another: both then have as many, so that they are compared bucket by bucket.
fn spans(left: &VariantReport, right: &VariantReport) -> (usize, usize) {
    let (left_span, right_span) = (read::measured(left).len(), read::measured(right).len());
    let most = left_span.max(right_span);
    let alike = left.series.bucket_seconds == right.series.bucket_seconds
        && left_span.abs_diff(right_span) * LATE <= most;
    if alike {
        (most, most)
    } else {
        (left_span, right_span)
    }
}

/// Half of a quantile's band: that of the share which does not exceed it, read back through the distribution (Woodruff 1952,
/// "Confidence intervals for medians and other position measures", Journal of the American Statistical Association 47).
fn quantile(stat: Stat, v: &VariantReport, confidence: f64) -> Option<f64> {
    let (_, share) = read::quantile(stat)?;
    let parts = read::parts(Metric::Ttfb(stat), v, read::measured(v).len())?;
    let answers: f64 = parts.iter().map(|(_, answers)| answers).sum();
    if (1.0 - share) * answers < LEAST_BEYOND {
        return None;
    }
    let off = noise::ratio_at(confidence, &parts)?.half?;
    let distribution = read::distribution(v);
    let time = |share: f64| read::time_of(&distribution, share.clamp(0.0, 1.0));
    let (low, here, high) = (time(share - off)?, time(share)?, time(share + off)?);
    Some((high - here).max(here - low).max(PRECISION * here))
}
