//! From what was measured to the tables of a report.

use std::collections::BTreeMap;

use super::course::{convergence, events, reconciliation, series};
use super::evidence;
use super::reasons;
use super::scene::LatencyCurve;
use super::tables::*;
use crate::metrics::{
    Cause, Cell, Figure, Histogram, LATE, Measured, Metric, Selector, Served, Span, Stat,
    hit_ratio, statistic, tidy,
};
use crate::observe::{Failure, RequestClass};
use crate::plan::Nanos;

impl VariantReport {
    /// The tables of one variant.
    #[must_use]
    pub fn of(name: &str, measured: &Measured) -> Self {
        let all = Selector::default();
        let shape = &measured.shape;
        let cell = measured.cell(&all);
        let windows = shape
            .windows
            .iter()
            .skip(2)
            .enumerate()
            .map(|(index, window)| {
                let span = Selector {
                    span: Span::Named(index),
                    ..all
                };
                let (regions, pops, _, paths) = groups(measured, &span);
                WindowReport {
                    from_seconds: seconds(window.from),
                    to_seconds: seconds(window.to),
                    total: group(measured, &window.name, &span),
                    regions,
                    pops,
                    paths,
                }
            });
        let (regions, pops, edges, paths) = groups(measured, &all);
        let failures = Failure::ALL
            .into_iter()
            .zip(cell.counts.failures)
            .filter(|(_, count)| *count > 0);
        Self {
            name: name.to_owned(),
            validity: measured.validity(),
            end_seconds: seconds(measured.end),
            warmup_seconds: seconds(shape.windows[0].to),
            total: group(measured, "all", &all),
            warmup: group(
                measured,
                "warmup",
                &Selector {
                    span: Span::Warmup,
                    ..all
                },
            ),
            windows: windows.collect(),
            regions,
            pops,
            edges,
            paths,
            latency: latencies(&cell),
            latency_curves: curves(&cell),
            waterfall: evidence::waterfall(measured),
            map: evidence::map(measured),
            misses: misses(measured, &cell),
            statuses: measured
                .statuses(Span::Measured)
                .into_iter()
                .map(|(status, answers)| StatusRow { status, answers })
                .collect(),
            failures: failures.collect(),
            origin: origin(measured),
            nodes: nodes(measured),
            convergence: convergence(measured),
            reconciliation: reconciliation(measured),
            driver: DriverReport {
                late: measured.lateness.late,
                bound_seconds: seconds(LATE),
                p50_seconds: statistic(&measured.lateness.micros, Stat::P50, 1e-6),
                p99_seconds: statistic(&measured.lateness.micros, Stat::P99, 1e-6),
                max_seconds: statistic(&measured.lateness.micros, Stat::Max, 1e-6),
            },
            events: events(measured),
            series: series(measured),
        }
    }
}

pub(super) fn seconds(nanos: Nanos) -> f64 {
    tidy(nanos as f64 / 1e9)
}

/// By region, PoP, edge and path class. Nodes that clients never ask are left out.
fn groups(measured: &Measured, all: &Selector) -> (Vec<Group>, Vec<Group>, Vec<Group>, Vec<Group>) {
    let shape = &measured.shape;
    let serving: Vec<_> = (0..shape.nodes.len())
        .filter(|node| shape.nodes[*node].serves_clients)
        .collect();
    let pop_serves = |pop: &usize| {
        serving
            .iter()
            .any(|node| usize::from(shape.nodes[*node].pop) == *pop)
    };
    let regions = shape.regions.iter().enumerate();
    let regions = regions.map(|(region, name)| {
        group(
            measured,
            name,
            &Selector {
                region: Some(region),
                ..*all
            },
        )
    });
    let pops = (0..shape.pops.len()).filter(pop_serves);
    let pops = pops.map(|pop| {
        group(
            measured,
            &shape.pops[pop],
            &Selector {
                pop: Some(pop),
                ..*all
            },
        )
    });
    let edges = serving.iter().map(|edge| {
        group(
            measured,
            &shape.nodes[*edge].name,
            &Selector {
                edge: Some(*edge),
                ..*all
            },
        )
    });
    let paths = shape.classes.iter().enumerate();
    let paths = paths.map(|(path, class)| {
        group(
            measured,
            &class.name,
            &Selector {
                path: Some(path),
                ..*all
            },
        )
    });
    (
        regions.collect(),
        pops.collect(),
        edges.collect(),
        paths.collect(),
    )
}

fn group(measured: &Measured, name: &str, selector: &Selector) -> Group {
    let cell = measured.cell(selector);
    let figure = |metric| cell.figure(metric, selector);
    Group {
        name: name.to_owned(),
        requests: cell.sum(|_| true),
        bytes: RequestClass::ALL
            .into_iter()
            .map(|class| cell.bytes(class))
            .sum(),
        classes: classes(|class| cell.requests(class)),
        request_hit_ratio: figure(Metric::RequestHitRatio),
        overall_hit_ratio: figure(Metric::OverallHitRatio),
        cache_coverage: figure(Metric::CacheCoverage),
        byte_hit_ratio: measured.figure(Metric::ByteHitRatio, selector),
        cdn_hit_ratio: figure(Metric::CdnHitRatio),
        offered_hit_ratio: figure(Metric::OfferedHitRatio),
        coalescing_factor: figure(Metric::CoalescingFactor),
        availability: figure(Metric::Availability),
        stale_ratio: figure(Metric::StaleRatio),
        stale_seconds_p50: figure(Metric::StaleSeconds(Stat::P50)),
        stale_seconds_max: figure(Metric::StaleSeconds(Stat::Max)),
        outdated_ratio: figure(Metric::OutdatedRatio),
        outdated_seconds_p50: figure(Metric::OutdatedSeconds(Stat::P50)),
        outdated_seconds_max: figure(Metric::OutdatedSeconds(Stat::Max)),
        wrong_bodies: figure(Metric::WrongBodies),
        ttfb: latency(&cell.latency(None, |tally| &tally.ttfb)),
        total: latency(&cell.latency(None, |tally| &tally.total)),
    }
}

/// Classes without requests are left out.
fn classes(count: impl Fn(RequestClass) -> u64) -> BTreeMap<RequestClass, u64> {
    RequestClass::ALL
        .into_iter()
        .map(|class| (class, count(class)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn latency(micros: &Histogram) -> Latency {
    let value = |stat| statistic(micros, stat, 1e-6).value;
    Latency {
        samples: micros.samples(),
        mean: value(Stat::Mean),
        p50: value(Stat::P50),
        p90: value(Stat::P90),
        p99: value(Stat::P99),
        p999: value(Stat::P999),
        max: value(Stat::Max),
    }
}

fn latencies(cell: &Cell) -> Vec<ClassLatency> {
    let all = cell.sum(|_| true);
    let present = RequestClass::ALL
        .into_iter()
        .filter(|class| cell.requests(*class) > 0);
    let rows = present.map(|class| ClassLatency {
        class,
        requests: cell.requests(class),
        share: Figure::ratio(cell.requests(class), all),
        ttfb: latency(&cell.latency(Some(class), |tally| &tally.ttfb)),
        total: latency(&cell.latency(Some(class), |tally| &tally.total)),
    });
    rows.collect()
}

/// Shares of answers at which a curve has its points.
const SHARES: [f64; 33] = [
    0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75,
    0.8, 0.84, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998, 0.999,
    1.0,
];

/// Hits, stale answers, fetched ones and others apart.
fn curves(cell: &Cell) -> Vec<LatencyCurve> {
    let curve = |served: Served| {
        let mut micros = Histogram::default();
        let classes = RequestClass::ALL.into_iter();
        for class in
            classes.filter(|class| *class != RequestClass::Error && Served::of(*class) == served)
        {
            micros.merge(&cell.latency(Some(class), |tally| &tally.ttfb));
        }
        let seconds = SHARES.map(|share| {
            micros
                .quantile(share)
                .map(|micros| tidy(micros as f64 * 1e-6))
        });
        (micros.samples() > 0).then(|| LatencyCurve {
            of: served.name().to_owned(),
            samples: micros.samples(),
            shares: SHARES.to_vec(),
            seconds: seconds.into_iter().flatten().collect(),
        })
    };
    Served::ALL.into_iter().filter_map(curve).collect()
}

fn misses(measured: &Measured, cell: &Cell) -> Vec<MissRow> {
    let all = cell.counts.causes.iter().sum();
    let row = |cause, rule, requests| MissRow {
        cause,
        rule,
        requests,
        share: Figure::ratio(requests, all),
        examples: Vec::new(),
    };
    let mut rows: Vec<_> = Cause::ALL
        .into_iter()
        .filter(|cause| *cause != Cause::Uncacheable)
        .map(|cause| row(cause, None, cell.counts.causes[cause as usize]))
        .collect();
    // The rule of an uncacheable response is that of its path class, where the plan knows one.
    let mut rules: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for (path, class) in measured.shape.classes.iter().enumerate() {
        let part = measured.cell(&Selector {
            path: Some(path),
            ..Selector::default()
        });
        *rules.entry(class.lifetime.clone().err()).or_default() +=
            part.counts.causes[Cause::Uncacheable as usize];
    }
    rows.extend(
        rules
            .into_iter()
            .map(|(rule, requests)| row(Cause::Uncacheable, rule, requests)),
    );
    rows.retain(|row| row.requests > 0);
    for row in &mut rows {
        row.examples = reasons::examples(measured, row.cause, row.rule.as_deref());
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.requests));
    rows
}

fn origin(measured: &Measured) -> OriginReport {
    let all = Selector::default();
    let (requests, bytes) = measured.origin(&all);
    let paths = measured
        .shape
        .classes
        .iter()
        .enumerate()
        .map(|(path, class)| {
            let (requests, bytes) = measured.origin(&Selector {
                path: Some(path),
                ..all
            });
            OriginPath {
                name: class.name.clone(),
                requests,
                bytes,
            }
        });
    OriginReport {
        requests,
        bytes,
        offload_requests: measured.figure(Metric::OriginOffloadRequests, &all),
        offload_bytes: measured.figure(Metric::OriginOffloadBytes, &all),
        paths: paths.collect(),
    }
}

fn nodes(measured: &Measured) -> Vec<NodeReport> {
    let shape = &measured.shape;
    let told = shape
        .nodes
        .iter()
        .enumerate()
        .filter(|(index, _)| measured.tiers.nodes[*index].told);
    let rows = told.map(|(index, node)| {
        let (stats, _) = measured.nodes(
            &Selector {
                edge: Some(index),
                ..Selector::default()
            },
            |_| true,
        );
        NodeReport {
            name: node.name.clone(),
            pop: shape
                .pops
                .get(usize::from(node.pop))
                .cloned()
                .unwrap_or_default(),
            serves_clients: node.serves_clients,
            incomplete: measured.tiers.nodes[index].incomplete,
            classes: classes(|class| stats.classes[class as usize]),
            hit_ratio: hit_ratio(&stats.classes),
            downstream_bytes: stats.downstream_bytes,
            upstream_requests: stats.upstream_requests,
            upstream_bytes: stats.upstream_bytes,
            background_requests: stats.background_requests,
            retries: stats.retries,
            evictions: stats.evictions,
            stored_objects: stats.stored_objects,
            stored_bytes: stats.stored_bytes,
            resident_bytes: stats.resident_bytes,
        }
    });
    rows.collect()
}
