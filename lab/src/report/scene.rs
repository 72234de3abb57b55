//! Maps, waterfalls, curves and example requests as data: the part of a variant's report that is for the eye.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::observe::Phase;

/// Where everything stands, and who asked whom after the warm-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapReport {
    /// Client places that asked for something.
    pub places: Vec<MapPlace>,
    /// The PoPs.
    pub pops: Vec<MapPop>,
    /// The origin; `null` in reports of older versions.
    pub origin: Option<MapSpot>,
    /// Requests from places to PoPs.
    pub flows: Vec<MapFlow>,
}

/// A point with a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSpot {
    /// Its name.
    pub name: String,
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// Longitude in degrees, east positive.
    pub lon: f64,
}

impl MapSpot {
    /// Where it is.
    pub(super) fn point(&self) -> geo_data::Point {
        geo_data::Point {
            lat: self.lat,
            lon: self.lon,
        }
    }
}

/// Where clients are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapPlace {
    /// Where.
    pub spot: MapSpot,
    /// Their region.
    pub region: String,
    /// Their requests.
    pub requests: u64,
}

/// A point of presence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapPop {
    /// Where.
    pub spot: MapSpot,
    /// False: an inner tier, such as a shield.
    pub serves_clients: bool,
    /// Index of the PoP that it fetches from; `null`: the origin.
    pub upstream: Option<usize>,
    /// Requests of clients.
    pub requests: u64,
}

/// Requests from one place to one PoP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapFlow {
    /// Index of the place.
    pub place: usize,
    /// Index of the PoP; `null`: the origin itself, or nobody.
    pub pop: Option<usize>,
    /// How many.
    pub requests: u64,
}

/// How many answers began within which time, from the intended send time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyCurve {
    /// `hit` (fresh), `stale`, `miss` (fetched, coalesced ones included) or `other`.
    pub of: String,
    /// Answers.
    pub samples: u64,
    /// Shares of them, rising.
    pub shares: Vec<f64>,
    /// The time within which each share began, seconds.
    pub seconds: Vec<f64>,
}

/// Where the time of a typical request goes, from its intended send time to the last byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waterfall {
    /// Who answered.
    pub by: AnsweredBy,
    /// On how many requests it rests.
    pub requests: u64,
    /// Mean time to the first byte, seconds.
    pub ttfb_seconds: f64,
    /// Mean time to the last byte, seconds.
    pub total_seconds: f64,
    /// What it is made of, in order; their sum is `total_seconds`.
    pub phases: Vec<Part>,
}

/// Who had the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// The edge, fresh from its store.
    Edge,
    /// An inner tier.
    Shield,
    /// The origin.
    Origin,
}

/// A part of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What.
    pub what: Phase,
    /// How long, mean, seconds.
    pub seconds: f64,
    /// Whether it is what the model of the network and the scenario say, and not what happened to these requests: in live
    /// runs, of what nodes and links do not tell.
    #[serde(default)]
    pub modelled: bool,
}

/// One miss, and why it was one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissExample {
    /// Number of the request in the plan.
    pub step: u64,
    /// When it was to be sent, seconds since the start of the run.
    pub at_seconds: f64,
    /// What was asked for.
    pub url: String,
    /// Status of the answer; `null` without one.
    pub status: Option<u16>,
    /// Time to the first byte from the intended send time, seconds; `null` without an answer.
    pub ttfb_seconds: Option<f64>,
    /// The chain of reasons, from the client on.
    pub chain: Vec<Reason>,
    /// What would have made a hit of it.
    pub remedy: String,
}

/// One link of a chain of reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What it is about: `routing`, `key`, `stored`, `lifetime`, `rule` or the name of a tier.
    pub about: String,
    /// What is to be said.
    pub text: String,
}
