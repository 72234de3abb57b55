//! Client networks of a place, found in whatever database is in use.
//!
//! A database has no index by place, so this walks the whole tree: once to learn how near the
//! nearest record is to each place, once to collect the networks that are about as near. Records are
//! shared by many networks and are looked at once each.

use std::collections::HashMap;

use ipnet::IpNet;
use maxminddb::{LookupResult, WithinOptions};

use crate::database::{self, Bytes, Database};
use crate::point::{Point, distance_km};

/// A walk ends after so many networks, whatever the file says of itself. The largest City files have
/// about six million.
const MOST_NETWORKS: usize = 20_000_000;
/// Networks with coordinates farther away than this are somewhere else.
const RADIUS_KM: f64 = 500.0;
/// Networks count as equally near within this.
const TOLERANCE_KM: f64 = 25.0;
/// Networks of each IP version for one place.
const MOST_PER_VERSION: usize = 64;
/// Records looked at before a database counts as one that locates nothing.
const SAMPLE: usize = 1000;

/// Whether any of the first records locates anything.
pub(crate) fn any_located(database: &Database) -> bool {
    let mut records = HashMap::new();
    for found in walk(database) {
        let known = records.len();
        let Some(offset) = found.offset() else {
            continue;
        };
        records.entry(offset).or_insert(());
        if records.len() == known {
            continue;
        }
        if database::record(&found).is_some_and(|it| it.point().is_some()) {
            return true;
        }
        if records.len() >= SAMPLE {
            return false;
        }
    }
    false
}

pub(crate) fn near(database: &Database, wanted: &[(Point, Option<&str>)]) -> Vec<Vec<IpNet>> {
    let mut nearest = vec![[Nearness::NONE; 2]; wanted.len()];
    // By record: which wanted places it is near to, and how near.
    let mut records: HashMap<usize, Vec<(usize, Nearness)>> = HashMap::new();
    for found in walk(database) {
        let (Some(network), Some(offset)) = (database::network(&found), found.offset()) else {
            continue;
        };
        let near = records
            .entry(offset)
            .or_insert_with(|| nearnesses(&found, wanted));
        for &(place, nearness) in near.iter() {
            let best = &mut nearest[place][version(&network)];
            *best = best.min(nearness);
        }
    }
    let mut chosen: Vec<[Vec<IpNet>; 2]> = vec![<_>::default(); wanted.len()];
    // Each place wants both versions, if there is anything at all.
    let mut open = nearest
        .iter()
        .flatten()
        .filter(|best| **best != Nearness::NONE)
        .count();
    for found in walk(database) {
        if open == 0 {
            break;
        }
        let Some(near) = found.offset().and_then(|offset| records.get(&offset)) else {
            continue;
        };
        let Some(network) = database::network(&found) else {
            continue;
        };
        for &(place, nearness) in near {
            let list = &mut chosen[place][version(&network)];
            let best = nearest[place][version(&network)];
            if list.len() < MOST_PER_VERSION && best.covers(nearness) {
                list.push(network);
                open -= usize::from(list.len() == MOST_PER_VERSION);
            }
        }
    }
    chosen
        .into_iter()
        .map(|[v4, v6]| [v4, v6].concat())
        .collect()
}

/// How near a record is to a place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Nearness {
    /// Only its country is known; anything with coordinates is preferred.
    country_only: bool,
    km: f64,
}

impl Nearness {
    const NONE: Nearness = Nearness {
        country_only: true,
        km: f64::INFINITY,
    };

    fn min(self, other: Nearness) -> Nearness {
        let key = |it: &Nearness| (it.country_only, it.km);
        if key(&other) < key(&self) {
            other
        } else {
            self
        }
    }

    /// Whether `other` counts as near as this, the nearest.
    fn covers(self, other: Nearness) -> bool {
        self.country_only == other.country_only && other.km <= self.km + TOLERANCE_KM
    }
}

fn nearnesses(
    found: &LookupResult<'_, Bytes>,
    wanted: &[(Point, Option<&str>)],
) -> Vec<(usize, Nearness)> {
    let Some(record) = database::record(found) else {
        return Vec::new();
    };
    let (own, point) = (record.own_point(), record.point());
    let Some(point) = point else {
        return Vec::new();
    };
    let mut near = Vec::new();
    for (place, &(at, country)) in wanted.iter().enumerate() {
        let elsewhere = country.is_some_and(|wanted| {
            !record
                .country()
                .is_some_and(|code| code.eq_ignore_ascii_case(wanted))
        });
        // A degree of latitude is 111 km: most records need no more than this.
        let far = country.is_none_or(|_| own.is_some()) && (at.lat - point.lat).abs() > 5.0;
        if elsewhere || far {
            continue;
        }
        let nearness = Nearness {
            country_only: own.is_none(),
            km: distance_km(at, point),
        };
        // In a known country, a record without coordinates can be anywhere in it.
        if nearness.km <= RADIUS_KM || (nearness.country_only && country.is_some()) {
            near.push((place, nearness));
        }
    }
    near
}

fn version(network: &IpNet) -> usize {
    match network {
        IpNet::V4(_) => 0,
        IpNet::V6(_) => 1,
    }
}

/// All networks with data: IPv4 first, then IPv6 unicast without the ranges that stand for IPv4.
fn walk(database: &Database) -> impl Iterator<Item = LookupResult<'_, Bytes>> {
    let wide = database.reader.metadata().ip_version == 6;
    let ranges = [Some("0.0.0.0/0"), wide.then_some("2000::/3")];
    ranges
        .into_iter()
        .flatten()
        .filter_map(|range| {
            let range = range.parse().ok()?;
            database.reader.within(range, WithinOptions::default()).ok()
        })
        .flatten()
        .take(MOST_NETWORKS)
        .filter_map(Result::ok)
        .filter(|found| !database::network(found).is_some_and(|network| stands_for_ipv4(&network)))
}

/// 6to4 (RFC 3056) and Teredo (RFC 4380).
fn stands_for_ipv4(network: &IpNet) -> bool {
    let IpNet::V6(network) = network else {
        return false;
    };
    let [first, second, ..] = network.network().segments();
    first == 0x2002 || (first == 0x2001 && second == 0 && network.prefix_len() >= 32)
}
