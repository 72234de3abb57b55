//! Places as they are written: codes, coordinates, lists with or without weights.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A place: an IATA code, a country, or coordinates with a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// Three letters: a place of the table.
    Iata(String),
    /// Two letters: the place of a country.
    Country(String),
    /// Anywhere.
    At(Coordinates),
}

/// A point on the earth with a name.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coordinates {
    /// Degrees north, -90 to 90.
    pub lat: f64,
    /// Degrees east, -180 to 180.
    pub lon: f64,
    /// How reports name it.
    pub name: String,
}

impl Place {
    /// Reads a code: three capital letters or two.
    fn of_code(text: &str) -> Result<Self, String> {
        let letters = text.bytes().all(|b| b.is_ascii_uppercase());
        match (letters, text.len()) {
            (true, 3) => Ok(Self::Iata(text.to_owned())),
            (true, 2) => Ok(Self::Country(text.to_owned())),
            _ => Err(format!(
                "`{text}` is not a place: write an IATA code such as FRA, a country such as DE, or {{lat, lon, name}}"
            )),
        }
    }
}

/// What a map that stands for a place may hold.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceMap {
    country: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    name: Option<String>,
    weight: Option<f64>,
}

impl PlaceMap {
    fn place(self) -> Result<(Place, Option<f64>), &'static str> {
        match self {
            Self {
                country: Some(country),
                lat: None,
                lon: None,
                name: None,
                weight,
            } => Ok((Place::Country(country), weight)),
            Self {
                country: None,
                lat: Some(lat),
                lon: Some(lon),
                name: Some(name),
                weight,
            } => Ok((Place::At(Coordinates { lat, lon, name }), weight)),
            _ => Err("a place has either `country`, or all of `lat`, `lon` and `name`"),
        }
    }
}

/// A place with its weight among others.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// Where.
    pub place: Place,
    /// Its share, relative to the others.
    pub weight: f64,
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = Weighted;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a place: an IATA code, a country, or {lat, lon, name}")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Weighted, E> {
        Place::of_code(text)
            .map(|place| Weighted { place, weight: 1.0 })
            .map_err(E::custom)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Weighted, A::Error> {
        let map = PlaceMap::deserialize(MapAccessDeserializer::new(map))?;
        let (place, weight) = map.place().map_err(de::Error::custom)?;
        Ok(Weighted {
            place,
            weight: weight.unwrap_or(1.0),
        })
    }
}

impl<'de> Deserialize<'de> for Weighted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(PlaceVisitor)
            .map(|weighted| weighted.place)
    }
}

fn place_schema() -> serde_json::Value {
    serde_json::json!({
        "description": "A place: an IATA code (FRA), a country (DE), or coordinates with a name.",
        "anyOf": [
            { "type": "string", "pattern": "^[A-Z]{2,3}$" },
            { "type": "object", "additionalProperties": false, "required": ["country"],
              "properties": { "country": { "type": "string", "pattern": "^[A-Z]{2}$" }, "weight": { "type": "number" } } },
            { "type": "object", "additionalProperties": false, "required": ["lat", "lon", "name"],
              "properties": { "lat": { "type": "number" }, "lon": { "type": "number" }, "name": { "type": "string" },
                              "weight": { "type": "number" } } }
        ]
    })
}

impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(place_schema()).unwrap_or_default()
    }
}

/// Where the clients of a population are.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// These places.
    Places(Vec<Weighted>),
    /// Every country of the weights table that has a network, by its internet users.
    Countries,
}

impl<'de> Deserialize<'de> for From {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Places;
        impl<'de> Visitor<'de> for Places {
            type Value = From;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of places, a map from places to weights, or `countries`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<From, E> {
                if text == "countries" {
                    return Ok(From::Countries);
                }
                Ok(From::Places(vec![PlaceVisitor.visit_str(text)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<From, A::Error> {
                let mut places = Vec::new();
                while let Some(place) = seq.next_element()? {
                    places.push(place);
                }
                Ok(From::Places(places))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<From, A::Error> {
                let mut places = Vec::new();
                while let Some(code) = map.next_key::<String>()? {
                    let place = Place::of_code(&code).map_err(de::Error::custom)?;
                    places.push(Weighted {
                        place,
                        weight: map.next_value()?,
                    });
                }
                Ok(From::Places(places))
            }
        }
        deserializer.deserialize_any(Places)
    }
}

impl JsonSchema for From {
    fn schema_name() -> Cow<'static, str> {
        "From".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let place = generator.subschema_for::<Place>();
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": "^(countries|[A-Z]{2,3})$" },
            { "type": "array", "items": place },
            { "type": "object", "additionalProperties": { "type": "number" }, "propertyNames": { "pattern": "^[A-Z]{2,3}$" } }
        ] })
    }
}
