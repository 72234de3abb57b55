//! The tables about the course of a run: events and what came of them, the series, and clients held against origin.

use super::build::seconds;
use super::tables::*;
use crate::metrics::{
    Bucket, Histogram, Measured, RegionBucket, Selector, Served, Stat, statistic,
};
use crate::observe::RequestClass;

pub(super) fn convergence(measured: &Measured) -> Vec<ConvergenceRow> {
    let mut rows = Vec::new();
    for mark in measured.marks() {
        for (region, since) in mark
            .regions
            .iter()
            .enumerate()
            .filter(|(_, since)| since.answers > 0)
        {
            rows.push(ConvergenceRow {
                event: measured
                    .shape
                    .events
                    .get(mark.event)
                    .map_or_else(String::new, |event| event.label.clone()),
                at_seconds: seconds(mark.at),
                region: measured
                    .shape
                    .regions
                    .get(region)
                    .cloned()
                    .unwrap_or_default(),
                answers: since.answers,
                outdated: since.outdated,
                seconds: since.time(mark.at).map(seconds),
            });
        }
    }
    rows
}

pub(super) fn reconciliation(measured: &Measured) -> ReconciliationReport {
    let sums = &measured.sums;
    let tiers = measured.shape.nodes.iter().zip(&measured.tiers.nodes);
    let mut in_front = tiers.filter(|(node, _)| node.asks_origin).peekable();
    let sent_by_nodes = in_front.peek().is_some().then_some(0);
    let sent_by_nodes = in_front.fold(sent_by_nodes, |sum, (_, counters)| {
        let complete = counters.told && !counters.incomplete;
        sum.filter(|_| complete)
            .map(|sum| sum + counters.whole().upstream_requests)
    });
    ReconciliationReport {
        agrees: sums.agrees(),
        claimed: sums.claimed,
        matched: sums.matched,
        unseen: sums.unseen,
        unclaimed: sums.unclaimed,
        abandoned: sums.abandoned,
        repeated: sums.repeated,
        background: sums.background,
        foreign: sums.foreign,
        lost: sums.lost,
        records: sums.records,
        bytes: sums.bytes,
        differing: sums.differing,
        difference: sums.difference,
        sent_by_nodes,
    }
}

pub(super) fn events(measured: &Measured) -> Vec<EventRow> {
    let what = |index: &usize| {
        measured
            .shape
            .events
            .get(*index)
            .map(|event| event.label.clone())
    };
    let rows = measured.happened.iter().filter_map(|(index, at)| {
        Some(EventRow {
            at_seconds: seconds(*at),
            what: what(index)?,
            planned: true,
        })
    });
    let unasked = measured.unasked.iter().map(|(what, at)| EventRow {
        at_seconds: seconds(*at),
        what: what.clone(),
        planned: false,
    });
    let mut rows: Vec<_> = rows.chain(unasked).collect();
    rows.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    rows
}

/// Quantiles of which the series tells how sure they are.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

pub(super) fn series(measured: &Measured) -> SeriesReport {
    let series = &measured.series;
    let buckets = &series.buckets;
    let list = |of: fn(&Bucket) -> u64| buckets.iter().map(of).collect::<Vec<_>>();
    let whole: Vec<Histogram> = buckets
        .iter()
        .map(|bucket| {
            let mut sum = Histogram::default();
            bucket.ttfb.iter().for_each(|part| sum.merge(part));
            sum
        })
        .collect();
    let ttfb = |stat| {
        let values = whole.iter().map(|sum| statistic(sum, stat, 1e-6).value);
        values.collect()
    };
    let latencies = measured.latency(&Selector::default());
    let within = QUANTILES.into_iter().filter_map(|(name, share)| {
        let at = latencies.quantile(share)?;
        let counts = whole.iter().map(|sum| sum.up_to(at)).collect();
        Some((name.to_owned(), counts))
    });
    let served = |part: Served| {
        let parts = || {
            buckets
                .iter()
                .map(move |bucket| &bucket.ttfb[part as usize])
        };
        let list = |stat| {
            parts()
                .map(|part| statistic(part, stat, 1e-6).value)
                .collect()
        };
        let lists = ServedSeries {
            p50: list(Stat::P50),
            p99: list(Stat::P99),
        };
        let any = parts().any(|part| part.samples() > 0);
        any.then(|| (part.name().to_owned(), lists))
    };
    let by_class = RequestClass::ALL.into_iter().map(|class| {
        (
            class,
            buckets
                .iter()
                .map(|bucket| bucket.classes[class as usize])
                .collect::<Vec<_>>(),
        )
    });
    let regions = measured
        .shape
        .regions
        .iter()
        .enumerate()
        .map(|(region, name)| {
            let list = |of: fn(&RegionBucket) -> u64| {
                buckets
                    .iter()
                    .map(|bucket| of(&bucket.regions[region]))
                    .collect()
            };
            let lists = RegionSeries {
                requests: list(|part| part.requests),
                hits: list(|part| part.hits),
                cacheable: list(|part| part.cacheable),
                available: list(|part| part.available),
                outdated: list(|part| part.outdated),
            };
            (name.clone(), lists)
        });
    SeriesReport {
        bucket_seconds: seconds(series.width),
        classes: by_class
            .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
            .collect(),
        available: list(|bucket| bucket.available),
        versioned: list(|bucket| bucket.versioned),
        outdated: list(|bucket| bucket.outdated),
        origin_requests: list(|bucket| bucket.origin_requests),
        origin_bytes: list(|bucket| bucket.origin_bytes),
        ttfb_p50: ttfb(Stat::P50),
        ttfb_p99: ttfb(Stat::P99),
        ttfb_mean: ttfb(Stat::Mean),
        answers: whole.iter().map(Histogram::samples).collect(),
        answers_within: within.collect(),
        ttfb: Served::ALL.into_iter().filter_map(served).collect(),
        regions: regions.collect(),
    }
}
