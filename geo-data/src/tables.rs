//! The source tables: places, countries, and the client networks of each.

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
    todo!()
}

/// The place of an IATA code, in any case.
pub fn place(_iata: &str) -> Option<&'static Place> {
    todo!()
}

/// All countries of the tables, by code. Those with a weight have client networks of their own.
pub fn countries() -> &'static [Country] {
    todo!()
}

/// The country of a code, in any case.
pub fn country(_code: &str) -> Option<&'static Country> {
    todo!()
}
