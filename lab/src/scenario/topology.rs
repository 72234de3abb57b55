//! Edges and the network between places, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::places::Place;
use super::storage::{AdmissionSpec, EvictionSpec, WeighName};
use super::values::Named;
use crate::units::{BitRate, Size, Span};

/// A point of presence.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pop {
    /// Where it is.
    pub at: Place,
    /// How many edge nodes; default 1.
    #[serde(default = "one_node")]
    pub nodes: u16,
    /// Memory of each node for stored responses; default 64MiB.
    pub memory: Option<Size>,
    /// Stored responses of each node at most, beside the memory; default no limit. Neither is exceeded: a response counts with the
    /// larger of its part of the memory and of the number, so that one larger than `memory / max_objects` takes the place of
    /// several. Only numbers count where the memory is ample.
    pub max_objects: Option<u64>,
    /// A disk tier of each node, which outlives its kill and restart within the run; default none. (Only live: the simulator
    /// has no disk.)
    pub disk: Option<DiskSpec>,
    /// Which stored response leaves first; default s3fifo.
    pub eviction: Option<EvictionSpec>,
    /// What counts against the memory: `all` that is held, or the `bodies` alone, as papers and trace simulators count;
    /// default `all`. (`bodies` only in the simulator.)
    pub weigh: Option<WeighName>,
    /// Which responses are stored at all; default all that fit. (Only the simulator has such filters.)
    pub admission: Option<AdmissionSpec>,
    /// Another PoP that it fetches from (a shield), or `origin`; default `origin`.
    pub upstream: Option<String>,
    /// False for a shield: clients are not routed to it. Default true.
    #[serde(default = "yes")]
    pub serves_clients: bool,
    /// Rules of its caches.
    #[serde(default)]
    pub cache: CacheSpec,
}

/// A disk tier.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskSpec {
    /// How much it holds, 8MiB at least.
    pub size: Size,
}

fn yes() -> bool {
    true
}
fn one_node() -> u16 {
    1
}

/// What holds for every PoP that does not say otherwise.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeDefaults {
    /// Memory of each node for stored responses; default 64MiB.
    pub memory: Option<Size>,
    /// Stored responses of each node at most, beside the memory; default no limit. Neither is exceeded: a response counts with the
    /// larger of its part of the memory and of the number, so that one larger than `memory / max_objects` takes the place of
    /// several. Only numbers count where the memory is ample.
    pub max_objects: Option<u64>,
    /// A disk tier of each node, which outlives its kill and restart within the run; default none. (Only live: the simulator
    /// has no disk.)
    pub disk: Option<DiskSpec>,
    /// Which stored response leaves first; default s3fifo.
    pub eviction: Option<EvictionSpec>,
    /// What counts against the memory: `all` that is held, or the `bodies` alone, as papers and trace simulators count;
    /// default `all`. (`bodies` only in the simulator.)
    pub weigh: Option<WeighName>,
    /// Which responses are stored at all; default all that fit. (Only the simulator has such filters.)
    pub admission: Option<AdmissionSpec>,
    /// Rules of the caches.
    pub cache: CacheSpec,
}

/// Rules of a node's cache; what is absent is as the edge has it by itself.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSpec {
    /// Whether requests for one key share one upstream request; default true.
    pub collapse: Option<bool>,
    /// How long a follower waits for the leader's head; default 10s.
    pub collapse_wait: Option<Span>,
    /// How far past its lifetime a response may be served when the upstream gives no answer; default 24h.
    pub stale_if_unreachable: Option<Span>,
    /// The stale-if-error window of responses that name none; default 0.
    pub stale_if_error: Option<Span>,
    /// Whether a response's stale-while-revalidate counts; default true.
    pub stale_while_revalidate: Option<bool>,
    /// Lifetime of responses that say nothing; default none.
    pub default_ttl: Option<Span>,
    /// Lifetime of error answers that say nothing; default none.
    pub negative_ttl: Option<Span>,
    /// How long requests pass each by itself after an answer that could not be shared; default 10s.
    pub hit_for_miss: Option<Span>,
    /// Whether the client's Cache-Control counts; default false.
    pub request_directives: Option<bool>,
    /// Fields that take the place of Cache-Control and Expires, the first one first (RFC 9213); default CDN-Cache-Control.
    pub targeted_fields: Option<Vec<String>>,
    /// Whether targeted fields are passed on to clients; default true.
    pub pass_targeted_fields: Option<bool>,
    /// Whether the client's If-None-Match and If-Modified-Since go upstream where nothing is stored; default true.
    pub forward_conditions: Option<bool>,
    /// Whether a stored response in the language that a request wants most answers it, whatever else its
    /// Accept-Language says; default true. (The simulator tells variants apart by their fields alone.)
    pub match_language: Option<bool>,
    /// Whether an explicit stale-while-revalidate or stale-if-error counts beside s-maxage; default false.
    pub stale_beside_s_maxage: Option<bool>,
    /// Lifetime of responses that say nothing but Last-Modified, as a share of the time since then, in percent; default 10.
    pub heuristic_percent: Option<u8>,
    /// Such a lifetime is at most this; default 24h.
    pub heuristic_max: Option<Span>,
    /// Whether Cache-Status shows the cache key; default false.
    pub status_key: Option<bool>,
    /// Larger bodies are not stored; default no limit.
    pub max_object: Option<Size>,
    /// Patience with the upstream, for the connection and again for the first byte; default 5s and 30s.
    pub upstream_timeout: Option<Span>,
    /// Patience for a connection; default `upstream_timeout`.
    pub connect_timeout: Option<Span>,
    /// Patience for the first byte; default `upstream_timeout`.
    pub first_byte_timeout: Option<Span>,
    /// Patience between two pieces of a body; default 30s.
    pub idle_timeout: Option<Span>,
}

/// Delays between places.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `distance`: round-trip times grow with the great circle. `none`: no delays at all.
    pub model: NetworkModel,
    /// The parameters of `distance`.
    pub rtt: RttSpec,
    /// Round-trip times of pairs, in place of what the model says; access networks included.
    pub overrides: Vec<Override>,
    /// Round-trip times of access networks; defaults: fibre 24ms, cable 32ms, dsl 49ms, lte 55ms.
    pub access: Named<Span>,
    /// What one connection gets on links to clients; default no limit.
    pub client_rate: Option<BitRate>,
    /// What one connection gets on links between nodes and to the origin; default no limit.
    pub backbone_rate: Option<BitRate>,
    /// The handshake of new connections between clients and edges; default `tcp`.
    pub handshake: HandshakeName,
}

/// Models of delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkModel {
    /// By distance.
    #[default]
    Distance,
    /// None.
    None,
}

/// Handshakes of new connections, as round trips before the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HandshakeName {
    /// One.
    #[default]
    Tcp,
    /// Two.
    Tls13,
    /// Three.
    Tls12,
    /// One.
    Quic,
}

/// How round-trip times grow with distance.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RttSpec {
    /// At distance zero; default 5ms.
    pub base: Span,
    /// Per 1,000 km of great circle; default 15.5ms.
    pub per_1000km: Span,
}

impl Default for RttSpec {
    fn default() -> Self {
        Self {
            base: Span(5_000_000),
            per_1000km: Span(15_500_000),
        }
    }
}

/// A round-trip time of one pair.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Two of: a population, a PoP, a node, `origin`, `router`, `clients`, `edges`.
    pub between: [String; 2],
    /// Its round-trip time.
    pub rtt: Span,
}
