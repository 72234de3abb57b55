//! Values that may be written in more than one way: sizes of objects, access networks, one name or several.
//!
//! Each has a hand-written visitor instead of an untagged enum, which would answer every mistake with "did not match any
//! variant".

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::units::{Size, Span};

/// A map from names, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    /// The value of a name.
    pub fn find(&self, name: &str) -> Option<&T> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
    /// Where a name stands in the order of the file.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }
    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(Named(named))
            }
        }
        deserializer.deserialize_map(Names(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// How large the objects of a class are.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectSize {
    /// All the same.
    Fixed(Size),
    /// Evenly spread between two sizes, both included.
    Uniform(UniformSize),
    /// Lognormal.
    Lognormal(LognormalSize),
}

/// Sizes evenly spread.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformSize {
    /// Smallest size.
    pub min: Size,
    /// Largest size.
    pub max: Size,
}

/// Lognormal sizes.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LognormalSize {
    /// Half of the objects are smaller.
    pub median: Size,
    /// Standard deviation of the logarithm; default 1.
    #[serde(default = "one")]
    pub sigma: f64,
    /// Larger ones are cut to this.
    pub max: Size,
}

fn one() -> f64 {
    1.0
}

impl<'de> Deserialize<'de> for ObjectSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            min: Option<Size>,
            median: Option<Size>,
            sigma: Option<f64>,
            max: Option<Size>,
        }
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = ObjectSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size, {min, max} or {median, sigma, max}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ObjectSize, E> {
                text.parse().map(ObjectSize::Fixed).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ObjectSize, E> {
                Ok(ObjectSize::Fixed(Size(bytes)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ObjectSize, A::Error> {
                match Written::deserialize(MapAccessDeserializer::new(map))? {
                    Written {
                        min: Some(min),
                        max: Some(max),
                        median: None,
                        sigma: None,
                    } => Ok(ObjectSize::Uniform(UniformSize { min, max })),
                    Written {
                        min: None,
                        max: Some(max),
                        median: Some(median),
                        sigma,
                    } => Ok(ObjectSize::Lognormal(LognormalSize {
                        median,
                        sigma: sigma.unwrap_or(1.0),
                        max,
                    })),
                    _ => Err(de::Error::custom(
                        "a size is one size, or {min, max}, or {median, sigma, max}",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Sizes)
    }
}

impl JsonSchema for ObjectSize {
    fn schema_name() -> Cow<'static, str> {
        "ObjectSize".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fixed = generator.subschema_for::<Size>();
        let uniform = generator.subschema_for::<UniformSize>();
        let lognormal = generator.subschema_for::<LognormalSize>();
        json_schema!({ "anyOf": [fixed, uniform, lognormal] })
    }
}

/// Access networks with a round-trip time of their own, in nanoseconds (FCC for the wires, Catchpoint's median for LTE).
pub(crate) const ACCESS_NETWORKS: [(&str, u64); 5] = [
    ("fibre", 24_000_000),
    ("cable", 32_000_000),
    ("dsl", 49_000_000),
    ("lte", 55_000_000),
    ("none", 0),
];

/// The access network of clients: a kind of the table, or a round-trip time.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// Such as `fibre`; `none` adds nothing.
    Kind(String),
    /// A round-trip time of its own.
    Rtt(Span),
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = Access;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an access network such as `fibre`, or a round-trip time such as `20ms`",
                )
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Access, E> {
                if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                    return text.parse().map(Access::Rtt).map_err(E::custom);
                }
                Ok(Access::Kind(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for Access {
    fn schema_name() -> Cow<'static, str> {
        "Access".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rtt = generator.subschema_for::<Span>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": ["fibre", "cable", "dsl", "lte", "none"] }, rtt] })
    }
}

/// Names written as one or as a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(OneOrMany(names))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}
