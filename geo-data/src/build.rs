//! Compiles a table of networks to a City-type database, byte for byte the same each time.
//!
//! The file's build time is a constant for that reason; who wants to know which table a database
//! comes from compares its hash.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use mmdb_writer::{IpVersion, RecordSize, Value, Writer};
use serde::Deserialize;

use crate::point::Point;
use crate::tables;

/// A table to build from: CSV with the head `network,city,country,latitude,longitude`. City may be
/// empty; so may country, or both coordinates, but not all three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The table's text.
    pub networks: String,
}

/// Why a table cannot be compiled; names the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// From 1, the head included.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The table has no networks.
    #[error("the table has no networks")]
    Empty,
    /// The database's format cannot hold it.
    #[error("cannot be written as a database: {0}")]
    Write(String),
}

/// 2026-01-01: the build time of every database made here.
const BUILT: Duration = Duration::from_secs(1_767_225_600);

#[derive(Deserialize)]
struct Row {
    network: String,
    city: String,
    country: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// The table that the shipped database is built from.
pub fn shipped_source() -> Source {
    Source {
        networks: include_str!("../tables/networks.csv").to_owned(),
    }
}

/// Compiles a table to the bytes of an .mmdb file. The order of its lines does not matter: more
/// specific networks stand out from wider ones.
pub fn build(source: &Source) -> Result<Vec<u8>, BuildError> {
    let records = read(source)?;
    if records.is_empty() {
        return Err(BuildError::Empty);
    }
    let written = |error: mmdb_writer::Error| BuildError::Write(error.to_string());
    let mut writer = Writer::builder("cdnlab-City")
        .description(&[("en", "Client networks for experiments with cdnlab")])
        .ip_version(IpVersion::V6)
        .record_size(RecordSize::Bits28)
        .build_epoch(UNIX_EPOCH + BUILT)
        .build();
    // The last write wins, so wide networks go first: the map's key begins with the prefix length.
    for ((_, network), value) in records {
        writer.insert_value(network, value).map_err(written)?;
    }
    writer.to_bytes().map_err(written)
}

type Records = BTreeMap<(u8, IpNet), Value>;

fn read(source: &Source) -> Result<Records, BuildError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(source.networks.as_bytes());
    let mut records = Records::new();
    let head = reader.headers().cloned().map_err(csv_error)?;
    for line in reader.records() {
        let line = line.map_err(csv_error)?;
        let number = line.position().map_or(0, csv::Position::line);
        let wrong = |what: String| BuildError::Line { line: number, what };
        let row: Row = line.deserialize(Some(&head)).map_err(csv_error)?;
        let network: IpNet = row
            .network
            .parse()
            .map_err(|_| wrong(format!("{:?} is not a network", row.network)))?;
        if network != network.trunc() {
            return Err(wrong(format!(
                "{network} has bits beyond its prefix; {} has not",
                network.trunc()
            )));
        }
        let value = row.value().map_err(&wrong)?;
        // Prefixes of both versions on one scale, as the tree has them.
        let depth = match network.addr() {
            IpAddr::V4(_) => 96 + network.prefix_len(),
            IpAddr::V6(_) => network.prefix_len(),
        };
        if records.insert((depth, network), value).is_some() {
            return Err(wrong(format!("{network} stands in the table twice")));
        }
    }
    Ok(records)
}

fn csv_error(error: csv::Error) -> BuildError {
    let line = error.position().map_or(1, csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        _ => error.to_string(),
    };
    BuildError::Line { line, what }
}

impl Row {
    /// The record, as City databases have it.
    fn value(&self) -> Result<Value, String> {
        let mut fields = Vec::new();
        let names = |name: &str| Value::map([("en", Value::from(name))]);
        if !self.city.is_empty() {
            fields.push(("city", Value::map([("names", names(&self.city))])));
        }
        if !self.country.is_empty() {
            if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
                return Err(format!("{:?} is not a country code", self.country));
            }
            let mut country = vec![("iso_code", Value::from(self.country.as_str()))];
            if let Some(known) = tables::country(&self.country) {
                country.push(("names", names(&known.name)));
            }
            fields.push(("country", Value::map(country)));
        }
        match (self.latitude, self.longitude) {
            (Some(lat), Some(lon)) => {
                Point::new(lat, lon).ok_or_else(|| format!("{lat}, {lon} is not on the globe"))?;
                let location = [
                    ("latitude", Value::from(lat)),
                    ("longitude", Value::from(lon)),
                ];
                fields.push(("location", Value::map(location)));
            }
            (None, None) if !self.country.is_empty() => {}
            (None, None) => return Err("it has neither a country nor coordinates".to_owned()),
            _ => return Err("latitude and longitude belong together".to_owned()),
        }
        Ok(Value::map(fields))
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
