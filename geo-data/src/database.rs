//! A database of addresses, opened and checked, and look-ups in it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::point::Point;

/// A checked City or Country database.
#[derive(Debug)]
pub struct Database {}

/// What a database says about an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Name of the city, or of the country where only that is known; empty if the database names
    /// neither.
    pub place: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Where to steer from.
    pub point: Point,
    /// The largest network around the address for which the answer is the same.
    pub network: IpNet,
}

/// Why a file cannot be used as a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a MaxMind database, or not a whole one.
    #[error("{name} is not a whole MaxMind database: {why}")]
    Broken {
        /// The file, or what the bytes are called.
        name: String,
        /// What was found.
        why: String,
    },
    /// It is a MaxMind database of another kind.
    #[error("{name} holds {kind:?}; a City or Country database is needed")]
    Kind {
        /// The file, or what the bytes are called.
        name: String,
        /// Its type, by its metadata.
        kind: String,
    },
}

impl Database {
    /// The shipped database.
    pub fn embedded() -> Database {
        todo!()
    }

    /// Opens and checks a file.
    pub fn open(_path: &Path) -> Result<Database, OpenError> {
        todo!()
    }

    /// Checks bytes; `name` stands in error messages.
    pub fn from_bytes(_bytes: Vec<u8>, _name: &str) -> Result<Database, OpenError> {
        todo!()
    }

    /// Where an address is; `None` if the database does not know, or knows neither coordinates nor
    /// a country of our table.
    pub fn locate(&self, _address: IpAddr) -> Option<Located> {
        todo!()
    }

    /// Networks that this database places nearest to `point` (in `country`, if given), for clients
    /// that are to come from there. IPv4 and IPv6, in order of address; empty if it has none within
    /// 500 km nor, for a country, any in it.
    pub fn networks_near(&self, _point: Point, _country: Option<&str>) -> Vec<IpNet> {
        todo!()
    }

    /// The same for several places with one pass over the database.
    pub fn networks_near_all(&self, _wanted: &[(Point, Option<&str>)]) -> Vec<Vec<IpNet>> {
        todo!()
    }

    /// Type and date, for reports: `GeoLite2-City of 2026-11-01`.
    pub fn description(&self) -> String {
        todo!()
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn hash(&self) -> &str {
        todo!()
    }
}
