//! How far chance alone would move a difference.

use super::{Played, read};
use crate::metrics::{Metric, Stat};
use crate::noise::{self, Band};
use crate::report::VariantReport;

/// A single run knows nothing of what another draw of popularities, sizes and publications brings. Between runs of different seeds
/// bands are so much wider: over 28 pairs of eight seeds of two scenarios, and 10 pairs of the others that are shipped, like
/// differed from like by at most 1.05 times the band without it.
const OTHER_DRAW: f64 = 1.25;
/// With fewer answers beyond it than this, a quantile is one of a handful of values.
const LEAST_BEYOND: f64 = 50.0;
/// Times are kept with this relative precision ([`crate::metrics::Histogram`]).
const PRECISION: f64 = 0.001;

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
    if first.runs.len() > 1 && first.runs.len() == other.runs.len() {
        let pairs = left.iter().zip(right);
        let differences: Option<Vec<f64>> = pairs.map(|(l, r)| Some((*r)? - (*l)?)).collect();
        return Band::with_confidence(&differences?, confidence).half;
    }
    let ((seed, left), (other_seed, right)) = (first.runs.first()?, other.runs.first()?);
    let wider = if seed == other_seed { 1.0 } else { OTHER_DRAW };
    if let Metric::Ttfb(stat @ (Stat::P50 | Stat::P90 | Stat::P99 | Stat::P999)) = metric {
        let (left, right) = (
            quantile(stat, left, confidence)?,
            quantile(stat, right, confidence)?,
        );
        return Some(wider * left.hypot(right));
    }
    let parts = (read::parts(metric, right)?, read::parts(metric, left)?);
    let half = noise::difference(&parts.0, &parts.1, confidence)?.half?;
    Some(wider * half)
}

/// Half of a quantile's band: that of the share which does not exceed it, read back through the distribution (Woodruff 1952,
/// "Confidence intervals for medians and other position measures", Journal of the American Statistical Association 47).
fn quantile(stat: Stat, v: &VariantReport, confidence: f64) -> Option<f64> {
    let (_, share) = read::quantile(stat)?;
    let parts = read::parts(Metric::Ttfb(stat), v)?;
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
