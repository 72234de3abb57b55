//! One variant of a scenario as written: plain types with every key of the language, none of them checked against another.
//!
//! Times count from the start of the run, warm-up included. What a key does is said on its field; editors show it through
//! the JSON Schema.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::clients::{Clients, Routing};
use super::events::{EventSpec, WindowSpec};
use super::places::Place;
use super::topology::{Network, NodeDefaults, Pop};
use super::values::{Named, ObjectSize, OneOrMany};
use crate::units::{Size, Span};

/// A scenario file of cdnlab: a CDN, its origin, its clients, what happens to them, and what is expected.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this language; 1.
    pub schema: u32,
    /// Name of the scenario: lower-case letters, digits and dashes.
    pub name: String,
    /// One paragraph: what it teaches.
    #[serde(default)]
    pub about: String,
    /// Seed of everything that is drawn; default 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// How long traffic lasts, warm-up included. A trace may end earlier.
    pub duration: Span,
    /// The first part of the traffic, kept apart from the measured rest; default 0.
    #[serde(default)]
    pub warmup: Span,
    /// Which drivers may play it; default both.
    #[serde(default)]
    pub drivers: Drivers,
    /// The host that clients ask for; default `www.example.test`.
    #[serde(default = "site")]
    pub site: String,
    /// The origin; default a synthetic one at IAD.
    #[serde(default)]
    pub origin: OriginSpec,
    /// Classes of content that the synthetic origin serves.
    #[serde(default)]
    pub content: Named<Content>,
    /// Points of presence.
    pub pops: Named<Pop>,
    /// What holds for every PoP that does not say otherwise.
    #[serde(default)]
    pub defaults: NodeDefaults,
    /// Populations of clients.
    pub clients: Named<Clients>,
    /// How clients find their edge.
    #[serde(default)]
    pub routing: Routing,
    /// Delays between places.
    #[serde(default)]
    pub network: Network,
    /// What happens during the run.
    #[serde(default)]
    pub events: Vec<EventSpec>,
    /// Named spans of the run, which expectations can ask for.
    #[serde(default)]
    pub windows: Named<WindowSpec>,
    /// Named overlays on this file: maps merge, a null removes a key, anything else replaces.
    #[serde(default)]
    pub variants: Named<Overlay>,
    /// What must hold, such as `cdn.request_hit_ratio{pop=fra} >= 0.6`.
    #[serde(default)]
    pub expect: Vec<String>,
}

fn one() -> u64 {
    1
}

fn site() -> String {
    "www.example.test".to_owned()
}

/// An overlay; its content is read by laying it on the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlay;

impl<'de> Deserialize<'de> for Overlay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Overlay {
    fn schema_name() -> Cow<'static, str> {
        "Overlay".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "Keys of the file, laid over it." })
    }
}

/// Which drivers may play a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Drivers {
    /// `run` and `simulate`.
    #[default]
    Both,
    /// One of them, and why.
    Only(OnlyDriver),
}

impl Drivers {
    /// Why `driver` may not play the scenario; `None` if it may.
    #[must_use]
    pub fn refusal(&self, driver: Driver) -> Option<&str> {
        match self {
            Self::Only(only) if only.only != driver => Some(&only.because),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Drivers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = Drivers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[run, simulate] or {only: …, because: …}")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Drivers, A::Error> {
                let mut found = [false; 2];
                while let Some(driver) = seq.next_element::<Driver>()? {
                    found[driver as usize] = true;
                }
                if found == [true; 2] {
                    return Ok(Drivers::Both);
                }
                Err(de::Error::custom(
                    "a scenario for one driver says why: {only: simulate, because: …}",
                ))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Drivers, A::Error> {
                OnlyDriver::deserialize(MapAccessDeserializer::new(map)).map(Drivers::Only)
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

impl JsonSchema for Drivers {
    fn schema_name() -> Cow<'static, str> {
        "Drivers".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (driver, only) = (
            generator.subschema_for::<Driver>(),
            generator.subschema_for::<OnlyDriver>(),
        );
        json_schema!({ "anyOf": [{ "type": "array", "items": driver, "minItems": 2, "uniqueItems": true }, only] })
    }
}

/// One driver and the reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnlyDriver {
    /// The driver.
    pub only: Driver,
    /// Why not the other one.
    pub because: String,
}

/// The drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// Real processes.
    Run,
    /// Virtual time.
    Simulate,
}

/// The origin.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OriginSpec {
    /// Where it is; default IAD.
    pub at: Place,
    /// How many requests it works on at once; further ones queue. Default: no limit.
    pub concurrency: Option<u32>,
    /// The URL of your own application, to be used instead of the synthetic origin.
    pub url: Option<String>,
    /// The `Host` to send to it; default its own authority.
    pub host: Option<String>,
    /// A path of it that answers below 500 once it is ready.
    pub ready: Option<String>,
}

impl Default for OriginSpec {
    fn default() -> Self {
        Self {
            at: Place::Iata("IAD".to_owned()),
            concurrency: None,
            url: None,
            host: None,
            ready: None,
        }
    }
}

/// A class of content.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Path, with `{id}` for the number of the object: `/img/{id}.jpg`.
    pub path: String,
    /// How many objects; default 1.
    #[serde(default = "one_object")]
    pub objects: u32,
    /// How large they are; default 1 KiB.
    #[serde(default = "kibibyte")]
    pub size: ObjectSize,
    /// Response fields. A value may be a list, for a field that is repeated.
    #[serde(default)]
    pub headers: Named<OneOrMany>,
    /// How long the origin thinks before it answers; default 0.
    #[serde(default)]
    pub think: Span,
    /// How often each object gets a new version; default never.
    pub changes: Option<Changes>,
    /// Weight among the classes that a population asks for; default 1.
    #[serde(default = "weight")]
    pub share: f64,
    /// Variants by a request field.
    pub vary: Option<Vary>,
    /// Status of the answers; default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// Whether answers carry an ETag; default true.
    #[serde(default = "yes")]
    pub etag: bool,
    /// Whether answers carry Last-Modified; default true.
    #[serde(default = "yes")]
    pub last_modified: bool,
    /// Whether bodies go out in chunked coding, without Content-Length; default false.
    #[serde(default)]
    pub chunked: bool,
}

fn one_object() -> u32 {
    1
}
fn kibibyte() -> ObjectSize {
    ObjectSize::Fixed(Size(1024))
}
fn weight() -> f64 {
    1.0
}
fn ok() -> u16 {
    200
}
fn yes() -> bool {
    true
}

/// How often objects change.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Between two versions of one object.
    pub every: Span,
}

/// Variants of a class by a request field.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vary {
    /// Name of the request field.
    pub header: String,
    /// The values that clients send, equally often.
    pub values: Vec<String>,
}
