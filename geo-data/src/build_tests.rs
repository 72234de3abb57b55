use super::*;
use crate::{Database, places};

/// Rebuilding gives the very bytes that are shipped. CDNLAB_BLESS=1 writes them instead.
#[test]
fn shipped_database_is_built_from_the_shipped_table() {
    let built = build(&shipped_source()).unwrap();
    assert_eq!(built, build(&shipped_source()).unwrap());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cdnlab.mmdb");
    if std::env::var_os("CDNLAB_BLESS").is_some() {
        std::fs::write(path, &built).unwrap();
    }
    assert!(
        std::fs::read(path).unwrap() == built,
        "cdnlab.mmdb is out of date: see tables/README.md"
    );
}

fn table(lines: &str) -> Source {
    Source {
        networks: format!("network,city,country,latitude,longitude\n{lines}"),
    }
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let wide = "198.18.0.0/16,Wide,DE,1,1\n";
    let narrow = "198.18.4.0/24,Narrow,DE,2,2\n";
    let one = build(&table(&format!("{wide}{narrow}"))).unwrap();
    let other = build(&table(&format!("{narrow}{wide}"))).unwrap();
    assert_eq!(one, other);
    let database = Database::from_bytes(one, "test").unwrap();
    let place = |ip: &str| database.locate(ip.parse().unwrap()).unwrap().place;
    assert_eq!(place("198.18.4.1"), "Narrow");
    assert_eq!(place("198.18.5.1"), "Wide");
}

#[track_caller]
fn refused(lines: &str, expected: &str) {
    assert_eq!(build(&table(lines)).unwrap_err().to_string(), expected);
}

#[test]
fn wrong_lines_are_named() {
    refused("", "the table has no networks");
    refused("x,A,DE,1,1", "line 2: \"x\" is not a network");
    refused(
        "10.0.0.0/8,A,DE,1,1\n10.1.2.3/8,A,DE,1,1",
        "line 3: 10.1.2.3/8 has bits beyond its prefix; 10.0.0.0/8 has not",
    );
    refused("10.0.0.0/8,A,DE,91,1", "line 2: 91, 1 is not on the globe");
    refused(
        "10.0.0.0/8,A,DE,NaN,1",
        "line 2: NaN, 1 is not on the globe",
    );
    refused(
        "10.0.0.0/8,A,DE,1,",
        "line 2: latitude and longitude belong together",
    );
    refused(
        "10.0.0.0/8,A,,,",
        "line 2: it has neither a country nor coordinates",
    );
    refused(
        "10.0.0.0/8,A,Germany,1,1",
        "line 2: \"Germany\" is not a country code",
    );
    refused(
        "10.0.0.0/8,A,DE,1,1\n10.0.0.0/8,B,DE,1,1",
        "line 3: 10.0.0.0/8 stands in the table twice",
    );
    refused(
        "10.0.0.0/8,A,DE",
        "line 2: CSV error: record 1 (line: 2, byte: 40): found record with 3 fields, but the previous record has 5 fields",
    );
    assert!(matches!(
        build(&Source {
            networks: "a,b\n1,2\n".to_owned()
        }),
        Err(BuildError::Line { line: 2, .. })
    ));
}

/// Every place and every country with a weight has clients of both IP versions, and their addresses
/// are found at the place itself.
#[test]
fn every_place_and_country_has_networks() {
    let database = Database::embedded();
    let countries = crate::countries()
        .iter()
        .filter(|it| it.users_millions.is_some());
    let wanted: Vec<(Point, Option<&str>)> = places()
        .iter()
        .map(|place| (place.point, Some(place.country.as_str())))
        .chain(countries.map(|it| (it.point, Some(it.code.as_str()))))
        .collect();
    let found = database.networks_near_all(&wanted);
    assert_eq!(found.len(), wanted.len());
    let reserved: [IpNet; 2] = ["198.18.0.0/15", "2001:db8::/32"].map(|it| it.parse().unwrap());
    for ((point, country), networks) in wanted.iter().zip(found) {
        assert!(networks.iter().any(|it| it.addr().is_ipv4()), "{country:?}");
        assert!(networks.iter().any(|it| it.addr().is_ipv6()), "{country:?}");
        for network in networks {
            assert!(reserved.iter().any(|it| it.contains(&network)), "{network}");
            let located = database.locate(network.hosts().nth(1).unwrap()).unwrap();
            assert!(
                crate::distance_km(located.point, *point) < 26.0,
                "{located:?} for {point:?}"
            );
            assert_eq!(located.country.as_deref(), *country);
            assert_eq!(located.network, network);
        }
    }
}
