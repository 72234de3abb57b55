//! Where an address is, how far places are apart, and which PoP should serve whom.
//!
//! A [`Database`] answers the first question from any MaxMind City or Country file; the shipped one
//! is built from the tables in `tables/`, whose client networks come from ranges reserved for
//! benchmarking and documentation, so that nothing is said about real addresses. Steering is pure.
//!
//! It knows nothing about HTTP, health checks or scenarios.

mod build;
mod database;
mod networks;
mod point;
pub mod steering;
mod tables;

pub use build::{BuildError, Source, build, shipped_source};
pub use database::{Database, Located, OpenError};
pub use point::{Point, distance_km};
pub use tables::{Country, Place, countries, country, place, places};
