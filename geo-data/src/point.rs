//! Points on the globe and great circles between them.

use serde::{Deserialize, Serialize};

/// A point on the globe, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Latitude, -90 to 90, north positive.
    pub lat: f64,
    /// Longitude, -180 to 180, east positive.
    pub lon: f64,
}

impl Point {
    /// A point, if the coordinates are in range and finite.
    pub fn new(lat: f64, lon: f64) -> Option<Point> {
        let on_globe = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        on_globe.then_some(Point { lat, lon })
    }
}

/// Mean radius of the Earth (IUGG R1), in kilometres.
const RADIUS_KM: f64 = 6_371.008_8;

/// Length of the great circle between two points, in kilometres (haversine formula). The same on
/// every platform: only `libm` is used.
pub fn distance_km(a: Point, b: Point) -> f64 {
    let half = |degrees: f64| libm::sin(degrees.to_radians() / 2.0);
    let (lat, lon) = (half(b.lat - a.lat), half(b.lon - a.lon));
    let across = libm::cos(a.lat.to_radians()) * libm::cos(b.lat.to_radians());
    let h = lat * lat + across * lon * lon;
    // Rounding can push antipodes just above 1.
    2.0 * RADIUS_KM * libm::asin(libm::sqrt(h.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: (f64, f64), b: (f64, f64), km: f64) {
        let (a, b) = (Point { lat: a.0, lon: a.1 }, Point { lat: b.0, lon: b.1 });
        let got = distance_km(a, b);
        assert!((got - km).abs() < 0.01, "{got} instead of {km}");
        assert_eq!(got, distance_km(b, a));
    }

    #[test]
    fn great_circles() {
        check((0.0, 0.0), (0.0, 0.0), 0.0);
        // Quarter and half of the circumference 2 pi R.
        check((0.0, 0.0), (0.0, 90.0), 10_007.557);
        check((0.0, 0.0), (0.0, 180.0), 20_015.115);
        check((90.0, 0.0), (-90.0, 77.0), 20_015.115);
        // Across the date line: one degree of the equator.
        check((0.0, 179.5), (0.0, -179.5), 111.195);
    }

    #[test]
    fn points_are_on_the_globe() {
        assert!(Point::new(90.0, -180.0).is_some());
        for (lat, lon) in [
            (90.1, 0.0),
            (0.0, 180.1),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(Point::new(lat, lon).is_none());
        }
    }
}
