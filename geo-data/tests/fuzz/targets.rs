//! What reading a database must hold for all bytes; run by the ordinary tests on its corpus, and by `fuzz/run`.

use std::net::IpAddr;

use geo_data::{Database, Point};

/// A target: its name and what it does with bytes. A failure is a panic.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 1] = [("geo", geo)];

/// A file is refused with a reason, or every address has a place on the globe or none.
fn geo(bytes: &[u8]) {
    let database = match Database::from_bytes(bytes.to_vec(), "fuzzed") {
        Ok(database) => database,
        Err(error) => {
            assert!(error.to_string().contains("fuzzed"), "{error}");
            return;
        }
    };
    let _ = database.description();
    for address in [
        "198.18.1.2",
        "0.0.0.0",
        "255.255.255.255",
        "2001:db8::1",
        "::ffff:198.18.1.2",
    ] {
        let address: IpAddr = address.parse().expect("an address");
        if let Some(found) = database.locate(address) {
            let Point { lat, lon } = found.point;
            assert!((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon));
        }
    }
    let Some(point) = Point::new(50.0, 8.0) else {
        return;
    };
    let _ = database.networks_near(point, Some("DE"));
}
