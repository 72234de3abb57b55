//! The metrics of the catalogue, read from the tables of a report.

use std::collections::BTreeMap;

use crate::metrics::{Figure, Metric, Stat};
use crate::observe::RequestClass;
use crate::report::{Latency, NodeReport, VariantReport};

/// A metric over the measured window, as [`crate::metrics::Measured::figure`] has it; none for shares of a class or cause, which are of
/// one that has to be named.
pub(super) fn figure(metric: Metric, v: &VariantReport) -> Option<Figure> {
    let total = &v.total;
    let requests = total.requests;
    Some(match metric {
        Metric::ClassShare | Metric::MissShare => return None,
        Metric::RequestHitRatio => total.request_hit_ratio,
        Metric::OverallHitRatio => total.overall_hit_ratio,
        Metric::CacheCoverage => total.cache_coverage,
        Metric::ByteHitRatio => total.byte_hit_ratio,
        Metric::OriginOffloadRequests => v.origin.offload_requests,
        Metric::OriginOffloadBytes => v.origin.offload_bytes,
        Metric::EdgeHitRatio => tier(v, true),
        Metric::ShieldHitRatio => tier(v, false),
        Metric::CdnHitRatio => total.cdn_hit_ratio,
        Metric::OfferedHitRatio => total.offered_hit_ratio,
        Metric::CoalescingFactor => total.coalescing_factor,
        Metric::StaleRatio => total.stale_ratio,
        Metric::StaleSeconds(Stat::P50) => total.stale_seconds_p50,
        Metric::StaleSeconds(_) => total.stale_seconds_max,
        Metric::OutdatedRatio => total.outdated_ratio,
        Metric::OutdatedAnswers => {
            let Figure { value, samples } = total.outdated_ratio;
            let outdated = (value.unwrap_or(0.0) * samples as f64).round();
            Figure {
                value: Some(outdated),
                samples,
            }
        }
        Metric::OutdatedSeconds(Stat::P50) => total.outdated_seconds_p50,
        Metric::OutdatedSeconds(_) => total.outdated_seconds_max,
        Metric::ConvergenceSeconds => convergence(v),
        Metric::Ttfb(stat) => time(&total.ttfb, stat),
        Metric::Total(stat) => time(&total.total, stat),
        Metric::Misses => Figure::count(v.misses.iter().map(|row| row.requests).sum(), requests),
        Metric::Availability => total.availability,
        Metric::Requests => Figure::count(requests, requests),
        Metric::Errors => Figure::count(of(&total.classes, RequestClass::Error), requests),
        Metric::WrongBodies => total.wrong_bodies,
        Metric::OriginFetches => Figure::count(v.origin.requests, v.origin.requests),
        Metric::OriginBytes => Figure::count(v.origin.bytes, v.origin.requests),
        Metric::BackgroundFetches if v.nodes.is_empty() => Figure::default(),
        Metric::BackgroundFetches => {
            let count = v.nodes.iter().map(|node| node.background_requests).sum();
            Figure::count(count, count)
        }
    })
}

fn of(classes: &BTreeMap<RequestClass, u64>, class: RequestClass) -> u64 {
    classes.get(&class).copied().unwrap_or(0)
}

fn time(latency: &Latency, stat: Stat) -> Figure {
    let value = match stat {
        Stat::P50 => latency.p50,
        Stat::P90 => latency.p90,
        Stat::P99 => latency.p99,
        Stat::P999 => latency.p999,
        Stat::Max => latency.max,
        Stat::Mean => latency.mean,
    };
    Figure {
        value,
        samples: latency.samples,
    }
}

/// What the nodes of a tier counted; a cache that tells no counters is measured on the wire.
fn tier(v: &VariantReport, serves_clients: bool) -> Figure {
    let here = |node: &&NodeReport| node.serves_clients == serves_clients;
    let nodes: Vec<&NodeReport> = v.nodes.iter().filter(here).collect();
    if nodes.is_empty() && serves_clients {
        return v.total.request_hit_ratio;
    }
    let sum = |fits: fn(RequestClass) -> bool| {
        let counts = nodes.iter().flat_map(|node| &node.classes);
        let counts = counts.filter(|(class, _)| fits(**class));
        counts.map(|(_, count)| count).sum::<u64>()
    };
    Figure::ratio(sum(RequestClass::is_hit), sum(RequestClass::is_cacheable))
}

fn convergence(v: &VariantReport) -> Figure {
    let rows = || {
        let after_warmup = v.convergence.iter();
        after_warmup.filter(|row| row.at_seconds >= v.warmup_seconds)
    };
    let longest = rows()
        .map(|row| row.seconds)
        .try_fold(0.0, |most: f64, one| one.map(|seconds| most.max(seconds)));
    Figure::of(longest, rows().map(|row| row.answers).sum())
}

/// Parts and wholes of a ratio by bucket of the measured window, for the noise of a metric within its run; a count is a ratio
/// whose wholes add up to 1. The list has `span` buckets: nothing happened in those after the run. None where the time series
/// does not hold the metric.
pub(super) fn parts(metric: Metric, v: &VariantReport, span: usize) -> Option<Vec<(f64, f64)>> {
    let series = &v.series;
    let buckets = measured(v);
    let spread = |within: Vec<f64>| {
        let mut all = within;
        all.resize(span, 0.0);
        all
    };
    let count = |list: &[u64]| {
        let list = list.get(buckets.clone()).unwrap_or_default();
        spread(list.iter().map(|count| *count as f64).collect())
    };
    let classes = |fits: &dyn Fn(RequestClass) -> bool| {
        let mut sums = vec![0.0; span];
        let lists = series.classes.iter().filter(|(class, _)| fits(**class));
        for (_, list) in lists {
            let pairs = sums.iter_mut().zip(count(list));
            pairs.for_each(|(sum, count)| *sum += count);
        }
        sums
    };
    let all = || classes(&|_| true);
    let hits = || classes(&RequestClass::is_hit);
    let cacheable = || classes(&RequestClass::is_cacheable);
    let any = |list: &'static [RequestClass]| classes(&|class| list.contains(&class));
    let share = |parts: Vec<f64>, wholes: Vec<f64>| parts.into_iter().zip(wholes).collect();
    let sum = |parts: Vec<f64>| {
        let n = parts.len() as f64;
        parts.into_iter().map(|part| (part * n, 1.0)).collect()
    };
    use RequestClass::{
        Coalesced, Error, Expired, HitStaleError, HitStaleSwr, Miss, Pass, Revalidated,
    };
    let found: Vec<(f64, f64)> = match metric {
        Metric::RequestHitRatio | Metric::EdgeHitRatio => share(hits(), cacheable()),
        Metric::OverallHitRatio => share(hits(), all()),
        Metric::CacheCoverage => share(cacheable(), all()),
        Metric::Availability => share(count(&series.available), all()),
        Metric::StaleRatio => share(
            any(&[HitStaleSwr, HitStaleError]),
            classes(&|class| class != Error),
        ),
        Metric::OutdatedRatio => share(count(&series.outdated), count(&series.versioned)),
        Metric::CoalescingFactor => share(
            any(&[Revalidated, Expired, Miss, Coalesced]),
            any(&[Revalidated, Expired, Miss]),
        ),
        // One less the ratio has the ratio's noise.
        Metric::OriginOffloadRequests => share(count(&series.origin_requests), all()),
        Metric::OutdatedAnswers => sum(count(&series.outdated)),
        Metric::Requests => sum(all()),
        Metric::Errors => sum(any(&[Error])),
        Metric::Misses => sum(any(&[Expired, Miss, Pass])),
        Metric::OriginFetches => sum(count(&series.origin_requests)),
        Metric::OriginBytes => sum(count(&series.origin_bytes)),
        Metric::Ttfb(Stat::Mean) => {
            let answers = count(&series.answers);
            let means = series.ttfb_mean.get(buckets).unwrap_or_default().iter();
            let sums = means.zip(&answers);
            let sums = sums.map(|(mean, answers)| mean.unwrap_or(0.0) * answers);
            share(spread(sums.collect()), answers.clone())
        }
        Metric::Ttfb(stat) => {
            let (name, _) = quantile(stat)?;
            share(
                count(series.answers_within.get(name)?),
                count(&series.answers),
            )
        }
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// The name and the share of a quantile.
pub(super) const fn quantile(stat: Stat) -> Option<(&'static str, f64)> {
    match stat {
        Stat::P50 => Some(("p50", 0.5)),
        Stat::P90 => Some(("p90", 0.9)),
        Stat::P99 => Some(("p99", 0.99)),
        Stat::P999 => Some(("p999", 0.999)),
        Stat::Max | Stat::Mean => None,
    }
}

/// Buckets that begin within the measured window.
pub(super) fn measured(v: &VariantReport) -> std::ops::Range<usize> {
    let buckets = v.series.available.len();
    let warmup = v.warmup_seconds / v.series.bucket_seconds.max(f64::MIN_POSITIVE);
    // A whole number of buckets may come out a little more.
    let skipped = (warmup - 1e-6).ceil().max(0.0) as usize;
    skipped.min(buckets)..buckets
}

/// How many answers had begun within which time, all classes together: shares and seconds, both rising.
pub(super) fn distribution(v: &VariantReport) -> Vec<(f64, f64)> {
    let curves = &v.latency_curves;
    let all: f64 = curves.iter().map(|curve| curve.samples as f64).sum();
    let mut times: Vec<f64> = curves.iter().flat_map(|c| c.seconds.clone()).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let share_at = |time: f64| {
        let parts = curves.iter().map(|curve| {
            let points: Vec<(f64, f64)> = curve
                .seconds
                .iter()
                .copied()
                .zip(curve.shares.iter().copied())
                .collect();
            curve.samples as f64 * read_off(&points, time)
        });
        parts.sum::<f64>() / all.max(1.0)
    };
    times
        .into_iter()
        .map(|time| (share_at(time), time))
        .collect()
}

/// Where a curve that rises from 0 to 1 stands at `x`.
fn read_off(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at <= x);
    match (
        after.checked_sub(1).and_then(|at| points.get(at)),
        points.get(after),
    ) {
        (None, _) => 0.0,
        (Some((_, y)), None) => *y,
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
    }
}

/// The time within which such a share had begun.
pub(super) fn time_of(distribution: &[(f64, f64)], share: f64) -> Option<f64> {
    let after = distribution.partition_point(|(at, _)| *at < share);
    let (_, last) = distribution.last()?;
    let Some((share1, time1)) = distribution.get(after) else {
        return Some(*last);
    };
    let Some((share0, time0)) = after.checked_sub(1).and_then(|at| distribution.get(at)) else {
        return Some(*time1);
    };
    Some(time0 + (time1 - time0) * (share - share0) / (share1 - share0))
}
