//! What a node keeps, as written: its eviction policy and its admission filters.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::units::Size;

/// Names of the eviction policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvictionName {
    /// First in, first out.
    Fifo,
    /// Least recently used.
    Lru,
    /// Least frequently used.
    Lfu,
    /// Three FIFO queues.
    S3fifo,
    /// SIEVE.
    Sieve,
    /// The optimum, which knows the future; only the simulator can.
    Belady,
}

/// An eviction policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvictionSpec {
    /// One that is built in.
    Named(EvictionName),
    /// One that a program registers with the simulator.
    Own(String),
}

impl<'de> Deserialize<'de> for EvictionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            own: String,
        }
        struct Policies;
        impl<'de> Visitor<'de> for Policies {
            type Value = EvictionSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an eviction policy such as `lru`, or {own: the name of a registered one}",
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<EvictionSpec, E> {
                EvictionName::deserialize(StrDeserializer::new(text)).map(EvictionSpec::Named)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EvictionSpec, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                Ok(EvictionSpec::Own(written.own))
            }
        }
        deserializer.deserialize_any(Policies)
    }
}

impl JsonSchema for EvictionSpec {
    fn schema_name() -> Cow<'static, str> {
        "Eviction".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let named = generator.subschema_for::<EvictionName>();
        let own = json_schema!({
            "type": "object",
            "description": "A policy that a program registers with the simulator under this name.",
            "properties": { "own": { "type": "string" } },
            "required": ["own"],
            "additionalProperties": false
        });
        json_schema!({ "anyOf": [named, own] })
    }
}

/// What counts against a node's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeighName {
    /// Bodies, heads, keys and book-keeping.
    All,
    /// Bodies alone.
    Bodies,
}

/// Which responses are stored at all; all of the conditions must hold.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdmissionSpec {
    /// Only what has been fetched before: `unlimited`, or how many refused keys are remembered.
    pub second_hit: Option<HistorySpec>,
    /// Only bodies up to this size.
    pub max_size: Option<Size>,
    /// Each response with this probability, above 0 and up to 1.
    pub probability: Option<f64>,
}

/// How many refused keys a second-hit filter remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistorySpec {
    /// All.
    Unlimited,
    /// So many.
    Last(u32),
}

impl<'de> Deserialize<'de> for HistorySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Histories;
        impl Visitor<'_> for Histories {
            type Value = HistorySpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`unlimited`, or a number of keys from 1 to 4,294,967,295")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<HistorySpec, E> {
                match text {
                    "unlimited" => Ok(HistorySpec::Unlimited),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_u64<E: de::Error>(self, keys: u64) -> Result<HistorySpec, E> {
                match u32::try_from(keys) {
                    Ok(keys) if keys > 0 => Ok(HistorySpec::Last(keys)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(keys), &self)),
                }
            }
        }
        deserializer.deserialize_any(Histories)
    }
}

impl JsonSchema for HistorySpec {
    fn schema_name() -> Cow<'static, str> {
        "History".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "unlimited" }, { "type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32 }] })
    }
}
