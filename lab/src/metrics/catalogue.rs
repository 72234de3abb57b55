//! The names of all metrics, each with its unit, its labels and its formula (METRICS, "Metrics").

use super::metric::Label::{self, Cause, Class, Edge, Path, Pop, Region, Window};
use super::metric::Stat::{Max, Mean, P50, P90, P99, P999};
use super::metric::{Metric, MetricInfo, Unit};

const CELL: &[Label] = &[Window, Region, Pop, Edge, Path];
const BY_CLASS: &[Label] = &[Window, Region, Pop, Edge, Path, Class];
const BY_CAUSE: &[Label] = &[Window, Region, Pop, Edge, Path, Cause];
const NODES: &[Label] = &[Window, Pop, Edge];
const ORIGIN: &[Label] = &[Window, Path];

const fn info(
    name: &'static str,
    metric: Metric,
    unit: Unit,
    labels: &'static [Label],
    formula: &'static str,
) -> MetricInfo {
    MetricInfo {
        name,
        metric,
        unit,
        labels,
        formula,
    }
}

const TTFB: &str =
    "from the intended send time to the first byte, complete answers; errors only with class=error";
const TOTAL: &str =
    "from the intended send time to the last byte, complete answers; errors only with class=error";
const STALE: &str = "how long past its freshness a stale answer was";
const OUTDATED: &str = "how long the served version had been superseded when the request was sent";

/// Every metric. `latency_*` is the time to first byte.
pub const METRICS: &[MetricInfo] = &[
    info(
        "request_hit_ratio",
        Metric::RequestHitRatio,
        Unit::Ratio,
        CELL,
        "hit* / (hit* + coalesced + revalidated + expired + miss)",
    ),
    info(
        "overall_hit_ratio",
        Metric::OverallHitRatio,
        Unit::Ratio,
        CELL,
        "hit* / all client requests",
    ),
    info(
        "cache_coverage",
        Metric::CacheCoverage,
        Unit::Ratio,
        CELL,
        "requests in cacheable classes / all",
    ),
    info(
        "byte_hit_ratio",
        Metric::ByteHitRatio,
        Unit::Ratio,
        CELL,
        "1 - upstream body bytes / client body bytes of cacheable classes; background refreshes count where no region or path is named",
    ),
    info(
        "origin_offload_requests",
        Metric::OriginOffloadRequests,
        Unit::Ratio,
        ORIGIN,
        "1 - requests that the origin counted / client requests",
    ),
    info(
        "origin_offload_bytes",
        Metric::OriginOffloadBytes,
        Unit::Ratio,
        ORIGIN,
        "1 - body bytes that the origin counted / body bytes of clients",
    ),
    info(
        "edge_hit_ratio",
        Metric::EdgeHitRatio,
        Unit::Ratio,
        NODES,
        "request_hit_ratio over the requests that nodes serving clients counted, background ones apart",
    ),
    info(
        "shield_hit_ratio",
        Metric::ShieldHitRatio,
        Unit::Ratio,
        NODES,
        "request_hit_ratio over the requests that inner nodes counted",
    ),
    info(
        "cdn_hit_ratio",
        Metric::CdnHitRatio,
        Unit::Ratio,
        CELL,
        "requests in cacheable classes that some cache on the way answered / requests in cacheable classes",
    ),
    info(
        "offered_hit_ratio",
        Metric::OfferedHitRatio,
        Unit::Ratio,
        CELL,
        "repeat requests to unexpired objects, per edge / requests in cacheable classes: what an infinite cache would reach with fresh answers alone (no ceiling where stale ones are allowed)",
    ),
    info(
        "coalescing_factor",
        Metric::CoalescingFactor,
        Unit::Factor,
        CELL,
        "(revalidated + expired + miss + coalesced) / (revalidated + expired + miss)",
    ),
    info(
        "stale_ratio",
        Metric::StaleRatio,
        Unit::Ratio,
        CELL,
        "answers past their freshness / answers",
    ),
    info(
        "stale_seconds_p50",
        Metric::StaleSeconds(P50),
        Unit::Seconds,
        CELL,
        STALE,
    ),
    info(
        "stale_seconds_max",
        Metric::StaleSeconds(Max),
        Unit::Seconds,
        CELL,
        STALE,
    ),
    info(
        "outdated_ratio",
        Metric::OutdatedRatio,
        Unit::Ratio,
        CELL,
        "answers older than the version current when the request was sent / answers whose version is known",
    ),
    info(
        "outdated_answers",
        Metric::OutdatedAnswers,
        Unit::Count,
        CELL,
        "answers older than the version current when the request was sent",
    ),
    info(
        "outdated_seconds_p50",
        Metric::OutdatedSeconds(P50),
        Unit::Seconds,
        CELL,
        OUTDATED,
    ),
    info(
        "outdated_seconds_max",
        Metric::OutdatedSeconds(Max),
        Unit::Seconds,
        CELL,
        OUTDATED,
    ),
    info(
        "convergence_seconds",
        Metric::ConvergenceSeconds,
        Unit::Seconds,
        &[Window, Region],
        "longest time from a fault's end or a publication until no outdated answer was served",
    ),
    info(
        "latency_p50",
        Metric::Ttfb(P50),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "latency_p90",
        Metric::Ttfb(P90),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "latency_p99",
        Metric::Ttfb(P99),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "latency_p999",
        Metric::Ttfb(P999),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "latency_max",
        Metric::Ttfb(Max),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "latency_mean",
        Metric::Ttfb(Mean),
        Unit::Seconds,
        BY_CLASS,
        TTFB,
    ),
    info(
        "total_p50",
        Metric::Total(P50),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "total_p90",
        Metric::Total(P90),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "total_p99",
        Metric::Total(P99),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "total_p999",
        Metric::Total(P999),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "total_max",
        Metric::Total(Max),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "total_mean",
        Metric::Total(Mean),
        Unit::Seconds,
        BY_CLASS,
        TOTAL,
    ),
    info(
        "misses",
        Metric::Misses,
        Unit::Count,
        BY_CAUSE,
        "requests of the classes expired, miss and (uncacheable) pass, by cause",
    ),
    info(
        "miss_share",
        Metric::MissShare,
        Unit::Ratio,
        BY_CAUSE,
        "misses of this cause / all misses",
    ),
    info(
        "availability",
        Metric::Availability,
        Unit::Ratio,
        CELL,
        "complete answers below 500 within the deadline / planned requests",
    ),
    info(
        "requests",
        Metric::Requests,
        Unit::Count,
        BY_CLASS,
        "planned requests",
    ),
    info(
        "class_share",
        Metric::ClassShare,
        Unit::Ratio,
        BY_CLASS,
        "requests of this class / all",
    ),
    info(
        "errors",
        Metric::Errors,
        Unit::Count,
        CELL,
        "requests of class error",
    ),
    info(
        "wrong_bodies",
        Metric::WrongBodies,
        Unit::Count,
        CELL,
        "answers whose body was not what the origin must have sent",
    ),
    info(
        "origin_fetches",
        Metric::OriginFetches,
        Unit::Count,
        ORIGIN,
        "requests that the origin counted",
    ),
    info(
        "origin_bytes",
        Metric::OriginBytes,
        Unit::Bytes,
        ORIGIN,
        "body bytes that the origin sent",
    ),
    info(
        "background_fetches",
        Metric::BackgroundFetches,
        Unit::Count,
        NODES,
        "requests that nodes made without a waiting client, as they counted them",
    ),
];
