//! `cdnlab geo`: the database of places.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use geo_data::{Database, Located, Source};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::{input, output};

/// Look addresses up in the database of places, or build one.
#[derive(Args, Debug)]
pub(crate) struct GeoArgs {
    #[command(subcommand)]
    door: Door,
}

#[derive(Subcommand, Debug)]
enum Door {
    Lookup(LookupArgs),
    Build(BuildArgs),
}

/// Say where addresses are.
///
/// Exit code 1 if one of them is not in the database.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab geo lookup 198.18.0.1 2001:db8::1
  cdnlab geo lookup --geo GeoLite2-City.mmdb 192.0.2.1 --json

The built-in database places ranges that are reserved for documentation and benchmarking, so that nothing is said
about real addresses; --geo takes any MaxMind City or Country database instead.")]
struct LookupArgs {
    /// The addresses, IPv4 or IPv6.
    #[arg(required = true, value_name = "IP")]
    addresses: Vec<IpAddr>,
    /// A MaxMind City or Country database instead of the built-in one.
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Option<PathBuf>,
    /// A list of JSON objects instead of text.
    #[arg(long)]
    json: bool,
}

/// Build a database of type City from a table of networks.
///
/// The table is CSV with the columns network, city, country, latitude, longitude; without one, the table of the
/// built-in database is used. The same table gives the same file, byte for byte.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab geo build --out cdnlab.mmdb
  cdnlab geo build --networks networks.csv --out mine.mmdb
  cdnlab geo lookup --geo mine.mmdb 198.18.0.1")]
struct BuildArgs {
    /// The table; `-` reads standard input.
    #[arg(long, value_name = "FILE.csv")]
    networks: Option<PathBuf>,
    /// Where to write the database.
    #[arg(long, value_name = "FILE.mmdb", default_value = "cdnlab.mmdb")]
    out: PathBuf,
}

pub(crate) fn run(args: &GeoArgs) -> Result<Outcome, Failure> {
    match &args.door {
        Door::Lookup(args) => lookup(args),
        Door::Build(args) => build(args),
    }
}

/// What to do about a database that cannot be used.
pub(crate) const USABLE: &str =
    "give a whole MaxMind City or Country file (GeoLite2, GeoIP2, DB-IP), or none: one is built in";

/// The database that an option names, or the built-in one.
pub(crate) fn database(path: Option<&Path>) -> Result<Database, Failure> {
    match path {
        None => Ok(Database::embedded()),
        Some(path) => Database::open(path).map_err(|error| {
            Failure::of("the database cannot be used", &error)
                .into_usage()
                .help(USABLE)
        }),
    }
}

#[derive(Serialize)]
struct Found<'a> {
    address: IpAddr,
    place: Option<&'a str>,
    country: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    network: Option<String>,
}

fn lookup(args: &LookupArgs) -> Result<Outcome, Failure> {
    let database = database(args.geo.as_deref())?;
    let located: Vec<Option<Located>> = args
        .addresses
        .iter()
        .map(|ip| database.locate(*ip))
        .collect();
    let found = args
        .addresses
        .iter()
        .zip(&located)
        .map(|(address, located)| {
            let located = located.as_ref();
            Found {
                address: *address,
                place: located
                    .map(|at| at.place.as_str())
                    .filter(|place| !place.is_empty()),
                country: located.and_then(|at| at.country.as_deref()),
                latitude: located.map(|at| at.point.lat),
                longitude: located.map(|at| at.point.lon),
                network: located.map(|at| at.network.to_string()),
            }
        });
    if args.json {
        output::print_json(&found.collect::<Vec<_>>())?;
    } else {
        let mut text = String::new();
        for found in found {
            text.push_str(&line(&found));
        }
        text.push_str(&format!("({})\n", database.description()));
        output::print(&text)?;
    }
    let all = located.iter().all(Option::is_some);
    Ok(if all { Outcome::Done } else { Outcome::No })
}

fn line(found: &Found<'_>) -> String {
    let (Some(latitude), Some(longitude), Some(network)) =
        (found.latitude, found.longitude, &found.network)
    else {
        return format!("{:<15}  not in this database\n", found.address);
    };
    let place = match (found.place, found.country) {
        (Some(place), Some(country)) => format!("{place}, {country}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "unnamed".to_owned(),
    };
    format!(
        "{:<15}  {place}  {latitude:.2}, {longitude:.2}  {network}\n",
        found.address
    )
}

fn build(args: &BuildArgs) -> Result<Outcome, Failure> {
    let source = match &args.networks {
        None => geo_data::shipped_source(),
        Some(path) => Source {
            networks: input::text(path)?,
        },
    };
    let bytes = geo_data::build(&source).map_err(|error| {
        let table = args
            .networks
            .as_deref()
            .unwrap_or(Path::new("the built-in table"));
        Failure::of(table.display(), &error).into_usage()
    })?;
    fs::write(&args.out, &bytes)
        .map_err(|error| Failure::of(format!("cannot write {}", args.out.display()), &error))?;
    output::print(&format!("{}: {} bytes\n", args.out.display(), bytes.len()))?;
    Ok(Outcome::Done)
}
