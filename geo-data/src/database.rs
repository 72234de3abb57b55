//! A database of addresses, opened and checked, and look-ups in it.
//!
//! Any MaxMind City, Enterprise or Country file will do. A file is checked whole when it is opened,
//! so that look-ups have nothing left to fail on.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use maxminddb::{LookupResult, MaxMindDbError, Reader};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::point::Point;
use crate::{networks, tables};

pub(crate) type Bytes = Cow<'static, [u8]>;

/// A checked City or Country database.
#[derive(Debug)]
pub struct Database {
    pub(crate) reader: Reader<Bytes>,
    hash: String,
}

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
    /// The network around the address for which the answer holds.
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
    #[error("{name} is a database of type {kind:?}; a City or Country database is needed")]
    Kind {
        /// The file, or what the bytes are called.
        name: String,
        /// Its type, by its metadata.
        kind: String,
    },
    /// No record says where anything is, in the way that City and Country databases say it.
    #[error("{name} ({kind}) has no record with coordinates or a country code where they belong")]
    Placeless {
        /// The file, or what the bytes are called.
        name: String,
        /// Its type, by its metadata.
        kind: String,
    },
}

/// What is read of a record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Record<'a> {
    #[serde(borrow)]
    city: Named<'a>,
    #[serde(borrow)]
    country: Named<'a>,
    location: Coordinates,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl<'a> Record<'a> {
    /// The record's own coordinates.
    pub(crate) fn own_point(&self) -> Option<Point> {
        Point::new(self.location.latitude?, self.location.longitude?)
    }

    /// Its country code.
    pub(crate) fn country(&self) -> Option<&'a str> {
        self.country.iso_code
    }

    /// Where to steer from: its coordinates, or else its country's place.
    pub(crate) fn point(&self) -> Option<Point> {
        self.own_point()
            .or_else(|| Some(tables::country(self.country()?)?.point))
    }
}

/// The record of a look-up. A record that does not decode locates nothing.
pub(crate) fn record<'a>(found: &LookupResult<'a, Bytes>) -> Option<Record<'a>> {
    found.decode::<Record<'a>>().ok().flatten()
}

pub(crate) fn network(found: &LookupResult<'_, Bytes>) -> Option<IpNet> {
    let network = found.network().ok()?;
    IpNet::new(network.network(), network.prefix()).ok()
}

impl Database {
    /// The shipped database.
    pub fn embedded() -> Database {
        Database::check(Cow::Borrowed(SHIPPED), "the shipped database")
            .expect("the shipped database is whole: a test rebuilds it")
    }

    /// Opens and checks a file.
    pub fn open(path: &Path) -> Result<Database, OpenError> {
        let bytes = std::fs::read(path).map_err(|source| OpenError::Read {
            path: path.to_owned(),
            source,
        })?;
        Database::from_bytes(bytes, &path.display().to_string())
    }

    /// Checks bytes; `name` stands in error messages.
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Database, OpenError> {
        Database::check(Cow::Owned(bytes), name)
    }

    fn check(bytes: Bytes, name: &str) -> Result<Database, OpenError> {
        let broken = |error: MaxMindDbError| OpenError::Broken {
            name: name.to_owned(),
            why: error.to_string(),
        };
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let reader = Reader::from_source(bytes).map_err(broken)?;
        let kind = reader.metadata().database_type.clone();
        let lower = kind.to_ascii_lowercase();
        // The kind is told before damage: a whole file of the wrong kind is the likelier mistake.
        if !["city", "country", "enterprise"]
            .iter()
            .any(|known| lower.contains(known))
        {
            return Err(OpenError::Kind {
                name: name.to_owned(),
                kind,
            });
        }
        reader.verify().map_err(broken)?;
        let database = Database { reader, hash };
        if !networks::any_located(&database) {
            return Err(OpenError::Placeless {
                name: name.to_owned(),
                kind,
            });
        }
        Ok(database)
    }

    /// Where an address is; `None` if the database does not know, or knows neither coordinates nor
    /// a country of our table. An IPv4 address inside an IPv6 one counts as IPv4.
    pub fn locate(&self, address: IpAddr) -> Option<Located> {
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        let record = record(&found)?;
        let point = record.point()?;
        let code = record.country();
        let place = record
            .city
            .names
            .en
            .or(record.country.names.en)
            .or_else(|| Some(tables::country(code?)?.name.as_str()))
            .unwrap_or_default();
        Some(Located {
            place: place.to_owned(),
            country: code.map(str::to_owned),
            point,
            network: network(&found)?,
        })
    }

    /// Networks that this database places nearest to `point`, for clients that are to come from
    /// there: those within 25 km of the nearest, up to 64 of each IP version, in order of address.
    ///
    /// With a `country`, only networks in it count. Networks with coordinates must lie within 500 km;
    /// where there are none, those count of which only the country is known (they steer from the
    /// country's place in our table). Empty if the database has none.
    pub fn networks_near(&self, point: Point, country: Option<&str>) -> Vec<IpNet> {
        self.networks_near_all(&[(point, country)])
            .pop()
            .unwrap_or_default()
    }

    /// The same for several places, with two passes over the database in all (some seconds for one
    /// of the whole internet).
    pub fn networks_near_all(&self, wanted: &[(Point, Option<&str>)]) -> Vec<Vec<IpNet>> {
        networks::near(self, wanted)
    }

    /// Type and date, for reports: `GeoLite2-City of 2026-11-01`.
    pub fn description(&self) -> String {
        let metadata = self.reader.metadata();
        let (year, month, day) = date(metadata.build_epoch / 86_400);
        format!(
            "{} of {year:04}-{month:02}-{day:02}",
            metadata.database_type
        )
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

static SHIPPED: &[u8] = include_bytes!("../cdnlab.mmdb");

/// Year, month and day of a day since 1970 in the Gregorian calendar (Hinnant, "chrono-compatible
/// low-level date algorithms"). Days beyond the year 9999 count as its last.
fn date(days: u64) -> (u64, u64, u64) {
    let z = days.min(2_932_896) + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
