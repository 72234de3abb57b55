//! Populations of clients and how they find their edge, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::places::{From, Place};
use super::values::{Access, Named};
use crate::units::{Rate, Span};

/// A population of clients.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Where they are: a list of places, a map from places to weights, or `countries` (by internet users).
    pub from: From,
    /// The label in reports; default the population's name.
    pub region: Option<String>,
    /// Requests per second of all of them together, as a Poisson process.
    pub rate: Option<Rate>,
    /// Rates that follow one another; the last one holds until the end.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// A crowd, beside the rate.
    pub burst: Option<Burst>,
    /// Zipf exponent of the objects' popularity within a class; default 0.9. 0: all alike.
    #[serde(default = "zipf")]
    pub zipf: f64,
    /// The classes they ask for, by share; default all.
    pub content: Option<Vec<String>>,
    /// Their access network: fibre, cable, dsl, lte, none, or a round-trip time; default fibre.
    #[serde(default = "fibre")]
    pub access: Access,
    /// How long a client waits for a complete answer; default 10s.
    #[serde(default = "deadline")]
    pub deadline: Span,
    /// Request fields that they send.
    #[serde(default)]
    pub headers: Named<String>,
    /// A recorded trace, in place of rate, zipf and content.
    pub trace: Option<TraceSpec>,
}

fn zipf() -> f64 {
    0.9
}
fn fibre() -> Access {
    Access::Kind("fibre".to_owned())
}
fn deadline() -> Span {
    Span(10_000_000_000)
}

/// A span of time with a rate.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How long.
    #[serde(rename = "for")]
    pub length: Span,
    /// Requests per second.
    pub rate: Rate,
}

/// Many requests in a short time.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// When it begins.
    pub at: Span,
    /// How many requests, exactly.
    pub count: u64,
    /// The span that they are spread over, evenly at random; 0: all at once.
    pub within: Span,
}

/// A recorded trace.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSpec {
    /// A CSV file with the columns time (seconds), key and size (bytes), or the records of libCacheSim's oracleGeneral;
    /// either may be compressed with zstd. Relative to the scenario file.
    pub file: String,
    /// Whether its times count; default `paced`.
    #[serde(default)]
    pub mode: TraceMode,
    /// The content class that its keys become objects of; default a class `trace` made for it, with the sizes of the trace
    /// and fresh for a year.
    pub content: Option<String>,
    /// Whose sizes count: those of the `trace` (the default), or those of the content `class`.
    #[serde(default)]
    pub sizes: TraceSizes,
}

/// Whose sizes the objects of a trace have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TraceSizes {
    /// Those of the trace; an object keeps the first that it gives.
    #[default]
    Trace,
    /// Those of the content class.
    Class,
}

/// How a trace is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TraceMode {
    /// By its times.
    #[default]
    Paced,
    /// One request after the other.
    Sequential,
}

/// How clients find their edge.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Which way; default `router`.
    pub mode: RoutingModeName,
    /// How long a client keeps the router's answer; default 30s.
    pub ttl: Span,
    /// Where the router is; default at the origin.
    pub at: Option<Place>,
    /// How the router watches the edges.
    pub health: HealthSpec,
    /// The PoP for clients that cannot be located; default the first that serves clients.
    pub default: Option<String>,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            mode: RoutingModeName::default(),
            ttl: Span(30_000_000_000),
            at: None,
            health: HealthSpec::default(),
            default: None,
        }
    }
}

/// Ways to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoutingModeName {
    /// Ask the router as a resolver would, and keep the answer for its time to live.
    #[default]
    Router,
    /// Send each request to the router and follow its redirect.
    Redirect,
    /// The nearest PoP, always; no router runs and nothing fails over.
    Nearest,
    /// No CDN: straight to the origin.
    Direct,
}

/// How the router watches the edges.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSpec {
    /// Between two checks; default 1s.
    pub interval: Span,
    /// Until a check counts as failed; default 500ms.
    pub timeout: Span,
    /// Successes in a row until an edge is up; default 2.
    pub rise: u32,
    /// Failures in a row until an edge is down; default 3.
    pub fall: u32,
}

impl Default for HealthSpec {
    fn default() -> Self {
        Self {
            interval: Span(1_000_000_000),
            timeout: Span(500_000_000),
            rise: 2,
            fall: 3,
        }
    }
}
