//! Places of a scenario, looked up in the tables; client networks, looked up in the geo database in use.

use geo_data::{Database, Point};
use ipnet::IpNet;

use crate::scenario::places::{From, Place, Weighted};
use crate::scenario::{Problems, hint};

/// A place that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spotted {
    pub(super) name: String,
    pub(super) point: Point,
    /// Empty for coordinates.
    pub(super) country: String,
}

/// Looks a place up; `None` leaves a problem at `path`.
pub(super) fn find(place: &Place, path: &[&str], problems: &mut Problems) -> Option<Spotted> {
    match place {
        Place::Iata(code) => match geo_data::place(code) {
            Some(found) => Some(Spotted {
                name: found.iata.clone(),
                point: found.point,
                country: found.country.clone(),
            }),
            None => {
                let near = hint(
                    code,
                    geo_data::places().iter().map(|place| place.iata.as_str()),
                );
                problems.add(path, format!("unknown place `{code}`{near}"));
                None
            }
        },
        Place::Country(code) => match geo_data::country(code) {
            Some(found) => Some(Spotted {
                name: code.clone(),
                point: found.point,
                country: code.clone(),
            }),
            None => {
                problems.add(path, format!("unknown country `{code}`"));
                None
            }
        },
        Place::At(at) => match Point::new(at.lat, at.lon) {
            Some(point) => Some(Spotted {
                name: at.name.clone(),
                point,
                country: String::new(),
            }),
            None => {
                problems.add(
                    path,
                    format!("{}, {} are not coordinates in degrees", at.lat, at.lon),
                );
                None
            }
        },
    }
}

/// The places of a population with their weights and client networks. Places without a weight are left out.
pub(super) fn clients(
    from: &From,
    path: &[&str],
    geo: &Database,
    problems: &mut Problems,
) -> Vec<(Spotted, f64, Vec<IpNet>)> {
    let every;
    let (places, table) = match from {
        From::Places(places) => (places, false),
        From::Countries => {
            let weighted = geo_data::countries().iter().filter_map(|country| {
                Some(Weighted {
                    place: Place::Country(country.code.clone()),
                    weight: country.users_millions?,
                })
            });
            every = weighted.collect();
            (&every, true)
        }
    };
    let mut found = Vec::new();
    for (i, weighted) in places.iter().enumerate() {
        let index = i.to_string();
        let mut at = path.to_vec();
        match &weighted.place {
            _ if table => {}
            // A map from codes to weights has codes as keys; a path that leads nowhere ends at `from`.
            Place::Iata(_) | Place::Country(_) | Place::At(_) => at.push(&index),
        }
        if weighted.weight > 0.0
            && let Some(spotted) = find(&weighted.place, &at, problems)
        {
            found.push((spotted, weighted.weight));
        }
    }
    let wanted: Vec<(Point, Option<&str>)> = found
        .iter()
        .map(|(spotted, _)| {
            (
                spotted.point,
                Some(spotted.country.as_str()).filter(|country| !country.is_empty()),
            )
        })
        .collect();
    let networks = geo.networks_near_all(&wanted);
    let mut with_networks = Vec::new();
    for ((spotted, weight), networks) in found.into_iter().zip(networks) {
        if networks.is_empty() {
            // Of the whole table, countries that the database does not know are left out; a place that was asked for is not.
            if !table {
                problems.add(
                    path,
                    format!(
                        "the geo database in use ({}) has no client network near `{}`",
                        geo.description(),
                        spotted.name
                    ),
                );
            }
            continue;
        }
        with_networks.push((spotted, weight, networks));
    }
    if with_networks.is_empty() && table {
        problems.add(
            path,
            format!(
                "the geo database in use ({}) knows none of the countries",
                geo.description()
            ),
        );
    }
    with_networks
}
