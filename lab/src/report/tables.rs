//! The tables of a report as data: what `report.json` holds for each variant. Times are in seconds, sizes in bytes, shares
//! between 0 and 1; a figure without samples is `null`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scene::{LatencyCurve, MapReport, MissExample, Waterfall};
use crate::metrics::{Cause, Figure, Validity};
use crate::observe::{Failure, RequestClass};

/// All figures of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantReport {
    /// Its name.
    pub name: String,
    /// Whether its figures can be believed.
    pub validity: Validity,
    /// When the run was over, in seconds since its start.
    pub end_seconds: f64,
    /// Length of the warm-up, which is apart from all tables but `warmup`, `reconciliation` and `series`.
    pub warmup_seconds: f64,
    /// Everything after the warm-up.
    pub total: Group,
    /// The warm-up.
    pub warmup: Group,
    /// Named windows.
    pub windows: Vec<WindowReport>,
    /// By region of the clients.
    pub regions: Vec<Group>,
    /// By PoP that clients asked.
    pub pops: Vec<Group>,
    /// By node that clients asked.
    pub edges: Vec<Group>,
    /// By path class.
    pub paths: Vec<Group>,
    /// Latencies by request class.
    pub latency: Vec<ClassLatency>,
    /// The same as curves: how many answers began within which time.
    #[serde(default)]
    pub latency_curves: Vec<LatencyCurve>,
    /// Where the time of a typical hit, of a miss and of a fetch from a shield goes.
    #[serde(default)]
    pub waterfall: Vec<Waterfall>,
    /// Where everything stands, and who asked whom.
    #[serde(default)]
    pub map: MapReport,
    /// Where misses came from.
    pub misses: Vec<MissRow>,
    /// Answers by status.
    pub statuses: Vec<StatusRow>,
    /// Requests without a complete answer, by what happened.
    pub failures: BTreeMap<Failure, u64>,
    /// What the origin counted.
    pub origin: OriginReport,
    /// What the nodes counted.
    pub nodes: Vec<NodeReport>,
    /// How long outdated answers went on after faults and publications.
    pub convergence: Vec<ConvergenceRow>,
    /// Clients held against origin.
    pub reconciliation: ReconciliationReport,
    /// How well the driver kept to the plan.
    pub driver: DriverReport,
    /// What happened when.
    pub events: Vec<EventRow>,
    /// The run over time.
    pub series: SeriesReport,
}

/// The figures of some part of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// Planned requests.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Requests by class; their sum is `requests`.
    pub classes: BTreeMap<RequestClass, u64>,
    /// hit* / (hit* + coalesced + revalidated + expired + miss).
    pub request_hit_ratio: Figure,
    /// hit* / all.
    pub overall_hit_ratio: Figure,
    /// Cacheable classes / all.
    pub cache_coverage: Figure,
    /// 1 - upstream bytes / client bytes.
    pub byte_hit_ratio: Figure,
    /// Cacheable requests that some cache answered / cacheable requests.
    pub cdn_hit_ratio: Figure,
    /// What an infinite cache would reach with fresh answers alone; no ceiling where stale ones are allowed.
    pub offered_hit_ratio: Figure,
    /// (leaders + followers) / leaders.
    pub coalescing_factor: Figure,
    /// Complete answers below 500 in time / planned requests.
    pub availability: Figure,
    /// Answers past their freshness / answers.
    pub stale_ratio: Figure,
    /// Median time past it.
    pub stale_seconds_p50: Figure,
    /// Longest time past it.
    pub stale_seconds_max: Figure,
    /// Answers older than the current version / answers of known version.
    pub outdated_ratio: Figure,
    /// Median time since they were superseded.
    pub outdated_seconds_p50: Figure,
    /// Longest time since they were superseded.
    pub outdated_seconds_max: Figure,
    /// Bodies that were not what the origin must have sent; samples: bodies checked.
    pub wrong_bodies: Figure,
    /// To the first byte, from the intended send time.
    pub ttfb: Latency,
    /// To the last byte.
    pub total: Latency,
}

/// A distribution of times, in seconds; complete answers only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Answers.
    pub samples: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

/// Latencies of one request class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassLatency {
    /// The class.
    pub class: RequestClass,
    /// Its requests.
    pub requests: u64,
    /// Its share of all requests.
    pub share: Figure,
    /// To the first byte.
    pub ttfb: Latency,
    /// To the last byte; of errors: until they were given up.
    pub total: Latency,
}

/// A named window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowReport {
    /// Its begin, seconds since the start of the run.
    pub from_seconds: f64,
    /// Its end.
    pub to_seconds: f64,
    /// Its requests.
    pub total: Group,
    /// By region.
    pub regions: Vec<Group>,
    /// By PoP that clients asked.
    pub pops: Vec<Group>,
    /// By path class.
    pub paths: Vec<Group>,
}

/// Misses of one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissRow {
    /// The cause.
    pub cause: Cause,
    /// Of uncacheable ones: the rule that keeps them from being stored.
    pub rule: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Share of all misses.
    pub share: Figure,
    /// A fair sample of these requests, and why each missed.
    #[serde(default)]
    pub examples: Vec<MissExample>,
}

/// Answers of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRow {
    /// The status.
    pub status: u16,
    /// Answers.
    pub answers: u64,
}

/// What the origin counted in the measured window, by its own account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginReport {
    /// Requests.
    pub requests: u64,
    /// Body bytes.
    pub bytes: u64,
    /// 1 - requests / clients' requests.
    pub offload_requests: Figure,
    /// 1 - bytes / clients' bytes.
    pub offload_bytes: Figure,
    /// Requests by path class.
    pub paths: Vec<OriginPath>,
}

/// What the origin counted of one path class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginPath {
    /// Its name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Body bytes.
    pub bytes: u64,
}

/// What one node counted in the measured window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// Its PoP.
    pub pop: String,
    /// False: an inner tier, such as a shield.
    pub serves_clients: bool,
    /// Whether a kill took counters with it that it had not told.
    pub incomplete: bool,
    /// Requests answered, background ones apart, by class.
    pub classes: BTreeMap<RequestClass, u64>,
    /// Their hit ratio.
    pub hit_ratio: Figure,
    /// Body bytes sent.
    pub downstream_bytes: u64,
    /// Requests sent upstream.
    pub upstream_requests: u64,
    /// Body bytes received from there.
    pub upstream_bytes: u64,
    /// Of those: requests without a waiting client.
    pub background_requests: u64,
    /// Of those: sent again after a failed connection.
    pub retries: u64,
    /// Responses that had to make room.
    pub evictions: u64,
    /// Stored responses at the end.
    pub stored_objects: u64,
    /// Bytes of the store at the end.
    pub stored_bytes: u64,
    /// Resident memory at the end; 0 where unknown.
    pub resident_bytes: u64,
}

/// Convergence after one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvergenceRow {
    /// The event.
    pub event: String,
    /// When it took effect, seconds since the start of the run.
    pub at_seconds: f64,
    /// The region; every region with answers has a row.
    pub region: String,
    /// Answers of known version to requests sent after it.
    pub answers: u64,
    /// Of these: outdated ones.
    pub outdated: u64,
    /// Time until the last outdated one was asked for; `null`: no current answer came after it.
    pub seconds: Option<f64>,
}

/// Clients held against origin, over the whole run, warm-up included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconciliationReport {
    /// Whether both sides agree to the last request and byte.
    pub agrees: bool,
    /// Client requests whose answers came from the origin, by what the caches said.
    pub claimed: u64,
    /// Of these: the origin has them by id.
    pub matched: u64,
    /// Of these: it does not.
    pub unseen: u64,
    /// Records of client requests that a cache is said to have answered.
    pub unclaimed: u64,
    /// Records of client requests that failed or were answered stale after the origin had failed.
    pub abandoned: u64,
    /// Further records of the same id.
    pub repeated: u64,
    /// Records of the edges' own requests.
    pub background: u64,
    /// Records that nobody here made.
    pub foreign: u64,
    /// Records that the origin's log lost.
    pub lost: u64,
    /// All records.
    pub records: u64,
    /// Their body bytes.
    pub bytes: u64,
    /// Matched requests whose bytes differ.
    pub differing: u64,
    /// By how many bytes in all.
    pub difference: u64,
    /// What the nodes in front of the origin say to have sent there; `null` if some did not tell.
    pub sent_by_nodes: Option<u64>,
}

/// How well the driver kept to the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverReport {
    /// Requests later than the bound.
    pub late: u64,
    /// The bound, seconds.
    pub bound_seconds: f64,
    /// Median lateness.
    pub p50_seconds: Figure,
    /// 99th percentile.
    pub p99_seconds: Figure,
    /// Largest.
    pub max_seconds: Figure,
}

/// One event: of the scenario, or a process that died without its wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRow {
    /// When it took effect, or was seen; seconds since the start of the run.
    pub at_seconds: f64,
    /// What.
    pub what: String,
    /// Whether the scenario asked for it.
    pub planned: bool,
}

/// The run over time, warm-up included: one entry per bucket in each list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesReport {
    /// Width of a bucket.
    pub bucket_seconds: f64,
    /// Requests by class, by their intended send time.
    pub classes: BTreeMap<RequestClass, Vec<u64>>,
    /// Complete answers below 500 in time.
    pub available: Vec<u64>,
    /// Answers of known version.
    pub versioned: Vec<u64>,
    /// Outdated answers.
    pub outdated: Vec<u64>,
    /// Requests that the origin counted, by their arrival there.
    pub origin_requests: Vec<u64>,
    /// Body bytes that the origin sent.
    pub origin_bytes: Vec<u64>,
    /// Time to first byte, median.
    pub ttfb_p50: Vec<Option<f64>>,
    /// Time to first byte, 99th percentile.
    pub ttfb_p99: Vec<Option<f64>>,
    /// Time to first byte, mean.
    #[serde(default)]
    pub ttfb_mean: Vec<Option<f64>>,
    /// Complete answers that these times are of.
    #[serde(default)]
    pub answers: Vec<u64>,
    /// Of them, by `p50`, `p90`, `p99` and `p999` of the whole measured window: those that began within it. How evenly they
    /// are spread tells how sure the quantile is.
    #[serde(default)]
    pub answers_within: BTreeMap<String, Vec<u64>>,
    /// Median and 99th percentile apart for `hit` (fresh), `stale`, `miss` (fetched, coalesced ones included) and `other` answers.
    #[serde(default)]
    pub ttfb: BTreeMap<String, ServedSeries>,
    /// By region.
    pub regions: BTreeMap<String, RegionSeries>,
}

/// Time to first byte of some answers over time, seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServedSeries {
    /// Median.
    pub p50: Vec<Option<f64>>,
    /// 99th percentile.
    pub p99: Vec<Option<f64>>,
}

/// One region over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionSeries {
    /// Planned requests.
    pub requests: Vec<u64>,
    /// Hits of all kinds.
    pub hits: Vec<u64>,
    /// Requests in cacheable classes.
    pub cacheable: Vec<u64>,
    /// Complete answers below 500 in time.
    pub available: Vec<u64>,
    /// Outdated answers.
    pub outdated: Vec<u64>,
}
