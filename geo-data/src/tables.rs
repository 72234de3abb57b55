//! The tables of places and countries that come with the crate. `tables/README.md` names their
//! sources.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::point::Point;

/// A place where CDNs have a point of presence.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// IATA code of its airport, upper case.
    pub iata: String,
    /// Name of the city.
    pub name: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Region of the world: `north-america`, `south-america`, `europe`, `africa`, `middle-east`,
    /// `asia` or `oceania`.
    pub region: String,
    /// Where it is.
    pub point: Point,
}

/// A country.
#[derive(Debug, Clone, PartialEq)]
pub struct Country {
    /// ISO 3166-1 alpha-2, upper case.
    pub code: String,
    /// English short name.
    pub name: String,
    /// Internet users in millions, where the table of weights has it.
    pub users_millions: Option<f64>,
    /// Region of the world, as of [`Place::region`].
    pub region: String,
    /// Where its clients are taken to be: one of its places, or its principal city.
    pub point: Point,
}

/// All places of the tables, in their order.
pub fn places() -> &'static [Place] {
    &PLACES
}

/// The place of an IATA code, in any case.
pub fn place(iata: &str) -> Option<&'static Place> {
    PLACES
        .iter()
        .find(|place| place.iata.eq_ignore_ascii_case(iata))
}

/// All countries of the tables, by code. Those with a weight have client networks of their own.
pub fn countries() -> &'static [Country] {
    &COUNTRIES
}

/// The country of a code, in any case.
pub fn country(code: &str) -> Option<&'static Country> {
    let code = code.to_ascii_uppercase();
    let found = COUNTRIES.binary_search_by(|country| country.code.as_str().cmp(&code));
    COUNTRIES.get(found.ok()?)
}

#[derive(Deserialize)]
struct PlaceRow {
    iata: String,
    place: String,
    cc: String,
    lat: f64,
    lon: f64,
    region: String,
}

#[derive(Deserialize)]
struct CountryRow {
    cc: String,
    name: String,
    users_millions: Option<f64>,
    lat: f64,
    lon: f64,
    region: String,
}

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    rows::<PlaceRow>(include_str!("../tables/places.csv"))
        .map(|row| Place {
            iata: row.iata,
            name: row.place,
            country: row.cc,
            region: row.region,
            point: Point {
                lat: row.lat,
                lon: row.lon,
            },
        })
        .collect()
});

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    let mut countries: Vec<Country> = rows::<CountryRow>(include_str!("../tables/countries.csv"))
        .map(|row| Country {
            code: row.cc,
            name: row.name,
            users_millions: row.users_millions,
            region: row.region,
            point: Point {
                lat: row.lat,
                lon: row.lon,
            },
        })
        .collect();
    countries.sort_by(|a, b| a.code.cmp(&b.code));
    countries
});

/// The rows of a table that is compiled in; a broken one is our own bug, and a test reads them all.
fn rows<T: DeserializeOwned>(table: &'static str) -> impl Iterator<Item = T> {
    csv::Reader::from_reader(table.as_bytes())
        .into_deserialize()
        .map(|row| row.expect("the tables that come with the crate are well-formed"))
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
