//! A drawing of the world: an outline of the continents, and where points lie in a view of it. It knows nothing of what is
//! shown there.

mod outline;

use geo_data::Point;

pub(crate) use self::outline::LAND;

/// Units of the drawing per degree.
const SCALE: f64 = 10.0;

/// What is seen: degrees west, east, south and north.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl View {
    /// Around all points, twice as wide as it is high, and never so narrow that no coast is in sight.
    pub(crate) fn around(points: impl Iterator<Item = Point>) -> Self {
        const NOWHERE: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);
        let wider = |(least, most): (f64, f64), one: f64| (least.min(one), most.max(one));
        let ((west, east), (south, north)) = points
            .fold((NOWHERE, NOWHERE), |(lon, lat), point| {
                (wider(lon, point.lon), wider(lat, point.lat))
            });
        let width = ((east - west) * 1.25)
            .max((north - south) * 2.6)
            .clamp(60.0, 360.0);
        let height = width / 2.1;
        let left = ((west + east) / 2.0 - width / 2.0).clamp(-180.0, 180.0 - width);
        let middle = f64::midpoint(south, north);
        let bottom = (middle - height / 2.0).max(-60.0).min(84.0 - height);
        Self {
            west: left,
            east: left + width,
            south: bottom,
            north: bottom + height,
        }
    }

    /// Where a point lies in the drawing, from its left and its top.
    pub(crate) fn place(&self, point: Point) -> (f64, f64) {
        (
            (point.lon - self.west) * SCALE,
            (self.north - point.lat) * SCALE,
        )
    }

    /// The same in per cent.
    pub(crate) fn percent(&self, point: Point) -> (f64, f64) {
        let (x, y) = self.place(point);
        (x / self.width() * 100.0, y / self.height() * 100.0)
    }

    pub(crate) fn width(&self) -> f64 {
        (self.east - self.west) * SCALE
    }

    pub(crate) fn height(&self) -> f64 {
        (self.north - self.south) * SCALE
    }

    /// A closed line of [`LAND`] as an SVG path.
    pub(crate) fn area(&self, line: &[(i16, i16)]) -> String {
        let mut path = String::new();
        for (index, (lon, lat)) in line.iter().enumerate() {
            let (x, y) = self.place(Point {
                lat: f64::from(*lat),
                lon: f64::from(*lon),
            });
            path.push_str(&format!(
                "{}{x:.0} {y:.0}",
                if index == 0 { 'M' } else { 'L' }
            ));
        }
        path + "Z"
    }

    /// A line that is bent, so that there and back do not hide each other; as an SVG path.
    pub(crate) fn arc(&self, from: Point, to: Point) -> String {
        let ((ax, ay), (bx, by)) = (self.place(from), self.place(to));
        let (dx, dy) = (bx - ax, by - ay);
        let (cx, cy) = (
            f64::midpoint(ax, bx) + dy * 0.15,
            f64::midpoint(ay, by) - dx.abs() * 0.15,
        );
        format!("M{ax:.0} {ay:.0}Q{cx:.0} {cy:.0} {bx:.0} {by:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_in_sight() {
        let sight = |spots: &[(f64, f64)]| {
            let points = || {
                spots.iter().map(|(lon, lat)| Point {
                    lat: *lat,
                    lon: *lon,
                })
            };
            let view = View::around(points());
            for point in points() {
                let (x, y) = view.place(point);
                assert!(
                    (0.0..=view.width()).contains(&x) && (0.0..=view.height()).contains(&y),
                    "{spots:?}: {x}, {y} in {view:?}"
                );
            }
            view
        };
        let europe = sight(&[(8.6, 50.0), (2.5, 49.0)]);
        assert!(europe.east - europe.west < 61.0);
        sight(&[(139.8, 35.6), (-77.4, 38.9), (8.6, 50.0)]);
        sight(&[(174.8, -37.0), (-118.4, 33.9), (151.2, -33.9)]);
        sight(&[(18.0, 69.0), (178.0, -41.0)]);
    }
}
