use mmdb_writer::{IpVersion, Value, Writer};
use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A database as others make it: type, IP version, and records by network.
fn foreign(kind: &str, version: IpVersion, records: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder(kind)
        .description(&[("en", "a test")])
        .ip_version(version)
        .build_epoch(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_793_491_200))
        .build();
    for (network, value) in records {
        writer
            .insert_value(network.parse::<IpNet>().unwrap(), value.clone())
            .unwrap();
    }
    writer.to_bytes().unwrap()
}

fn country(code: &str) -> Value {
    Value::map([("country", Value::map([("iso_code", Value::from(code))]))])
}

fn city(name: &str, code: &str, lat: f64, lon: f64) -> Value {
    let location = [
        ("latitude", Value::from(lat)),
        ("longitude", Value::from(lon)),
    ];
    let names = Value::map([("en", Value::from(name)), ("ja", Value::from("?"))]);
    Value::map([
        (
            "city",
            Value::map([("geoname_id", Value::from(7_u32)), ("names", names)]),
        ),
        ("country", Value::map([("iso_code", Value::from(code))])),
        ("location", Value::map(location)),
    ])
}

fn geolite() -> Database {
    let records = [
        ("81.2.69.0/24", city("London", "GB", 51.5, -0.1)),
        ("81.2.70.0/24", city("Leeds", "GB", 53.8, -1.5)),
        ("85.0.0.0/16", country("GB")),
        ("2a02:1::/32", city("London", "GB", 51.5, -0.1)),
        ("86.0.0.0/16", country("DE")),
        ("87.0.0.0/16", country("ZZ")),
        (
            "88.0.0.0/16",
            Value::map([("traits", Value::map([("x", Value::from(true))]))]),
        ),
        ("89.0.0.0/16", city("Nowhere", "FR", 123.0, 0.0)),
        ("90.0.0.0/16", city("Brest", "FR", 48.4, -4.5)),
    ];
    Database::from_bytes(foreign("GeoLite2-City", IpVersion::V6, &records), "test").unwrap()
}

#[test]
fn city_records_give_their_coordinates_and_country_records_their_countrys_place() {
    let database = geolite();
    let at = |text: &str| database.locate(ip(text)).map(|it| (it.place, it.point.lat));
    assert_eq!(at("81.2.69.142"), Some(("London".to_owned(), 51.5)));
    assert_eq!(at("2a02:1::5"), Some(("London".to_owned(), 51.5)));
    assert_eq!(at("86.0.1.1"), Some(("Germany".to_owned(), 50.0365)));
    // Coordinates off the globe count as none.
    assert_eq!(at("89.0.1.1"), Some(("Nowhere".to_owned(), 49.0128)));
    // An IPv4 client seen on an IPv6 socket.
    assert_eq!(at("::ffff:81.2.69.142"), at("81.2.69.142"));
    let located = database.locate(ip("81.2.69.142")).unwrap();
    assert_eq!(located.network.to_string(), "81.2.69.0/24");
    assert_eq!(located.country.as_deref(), Some("GB"));
}

#[test]
fn unknown_private_and_unlocatable_addresses_are_nowhere() {
    let database = geolite();
    for address in [
        "9.9.9.9",
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "87.0.0.1",
        "88.0.0.1",
    ] {
        assert_eq!(database.locate(ip(address)), None, "{address}");
        assert_eq!(Database::embedded().locate(ip(address)), None, "{address}");
    }
    let small = foreign("X-Country", IpVersion::V4, &[("81.0.0.0/8", country("GB"))]);
    let small = Database::from_bytes(small, "test").unwrap();
    assert!(small.locate(ip("81.1.1.1")).is_some());
    assert_eq!(small.locate(ip("2a02:1::5")), None);
}

#[test]
fn networks_come_from_the_database_in_use() {
    let database = geolite();
    let near = |lat: f64, lon: f64, country: Option<&str>| {
        let found = database.networks_near(Point { lat, lon }, country);
        found
            .iter()
            .map(IpNet::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    // The nearest with coordinates, in both IP versions; Leeds is farther away.
    assert_eq!(near(51.48, -0.46, Some("GB")), "81.2.69.0/24 2a02:1::/32");
    assert_eq!(near(53.8, -1.6, None), "81.2.70.0/24 2a02:1::/32");
    // Only the country is known.
    assert_eq!(near(50.0, 8.5, Some("DE")), "86.0.0.0/16");
    assert_eq!(near(53.5, 10.0, Some("de")), "86.0.0.0/16");
    // Brest lies in France but too far from Nice; of the other record only the country counts.
    assert_eq!(near(43.7, 7.2, Some("FR")), "89.0.0.0/16");
    assert_eq!(near(35.0, 139.0, Some("JP")), "");
    assert_eq!(near(0.0, 0.0, None), "");
}

#[track_caller]
fn refused(bytes: Vec<u8>, expected: &str) {
    let error = Database::from_bytes(bytes, "x.mmdb")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(expected),
        "{error:?} does not say {expected:?}"
    );
}

#[test]
fn other_files_are_refused_in_words() {
    let missing = Database::open(Path::new("no/such/file.mmdb"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("cannot read no/such/file.mmdb: "),
        "{missing}"
    );
    refused(Vec::new(), "x.mmdb is not a whole MaxMind database: ");
    refused(
        b"<html>404 Not Found</html>".to_vec(),
        "x.mmdb is not a whole MaxMind database: ",
    );
    refused(
        SHIPPED[..SHIPPED.len() / 2].to_vec(),
        "is not a whole MaxMind database",
    );
    refused(
        SHIPPED[SHIPPED.len() / 2..].to_vec(),
        "is not a whole MaxMind database",
    );
    let asn = Value::map([("autonomous_system_number", Value::from(64_512_u32))]);
    let asn = |kind: &str| foreign(kind, IpVersion::V6, &[("81.0.0.0/8", asn.clone())]);
    refused(
        asn("GeoLite2-ASN"),
        "x.mmdb is a database of type \"GeoLite2-ASN\"; a City or Country",
    );
    refused(
        asn("Odd-City"),
        "has no record with coordinates or a country code",
    );
    refused(foreign("Empty-City", IpVersion::V6, &[]), "");
    // The same names with other types in them, as some vendors have.
    let flat = Value::map([
        ("country", Value::from("DE")),
        ("city", Value::from("Berlin")),
    ]);
    refused(
        foreign("vendor country", IpVersion::V6, &[("81.0.0.0/8", flat)]),
        "has no record",
    );
}

#[test]
fn a_file_is_opened_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geo.mmdb");
    std::fs::write(&path, SHIPPED).unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(database.description(), "cdnlab-City of 2026-01-01");
    assert_eq!(database.hash(), Database::embedded().hash());
    assert_eq!(database.hash().len(), 64);
    assert_eq!(geolite().description(), "GeoLite2-City of 2026-11-01");
    assert_eq!(date(0), (1970, 1, 1));
    assert_eq!(date(19_782), (2024, 2, 29));
    assert_eq!(date(u64::MAX / 86_400), (9999, 12, 31));
}

/// Opens what may be anything, and if it opens, asks it everything.
fn try_out(bytes: Vec<u8>) {
    let Ok(database) = Database::from_bytes(bytes, "fuzz") else {
        return;
    };
    for address in [
        "198.18.0.1",
        "198.19.255.255",
        "0.0.0.0",
        "2001:db8::1",
        "::",
        "ffff::",
        "::1.2.3.4",
    ] {
        let _ = database.locate(ip(address));
    }
    let _ = database.networks_near(
        Point {
            lat: 50.0,
            lon: 8.0,
        },
        Some("DE"),
    );
    let _ = database.networks_near(
        Point {
            lat: 50.0,
            lon: 8.0,
        },
        None,
    );
    let _ = database.description();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        try_out(bytes);
    }

    /// Random bytes with a marker, so that there is a metadata section to misread.
    #[test]
    fn random_metadata_never_panics(
        before in proptest::collection::vec(any::<u8>(), 0..600),
        after in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        try_out([&before[..], b"\xab\xcd\xefMaxMind.com", &after[..]].concat());
    }

    #[test]
    fn truncated_files_are_refused(cut in 0..SHIPPED.len()) {
        prop_assert!(Database::from_bytes(SHIPPED[..cut].to_vec(), "cut").is_err());
        try_out(SHIPPED[cut..].to_vec());
    }

    /// A few bytes changed anywhere; half of the time in the metadata at the end.
    #[test]
    fn damaged_files_never_panic(
        changes in proptest::collection::vec((any::<bool>(), any::<usize>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = SHIPPED.to_vec();
        let len = bytes.len();
        for (tail, at, value) in changes {
            let at = if tail { len - 1 - at % 300 } else { at % len };
            bytes[at] = value;
        }
        try_out(bytes);
    }
}
