//! The map: PoPs, client places, the origin, and who asked whom.

use maud::{Markup, html};

use super::course::of_variant;
use super::key::Key;
use super::number::count;
use super::outline::LAND;
use super::tables::{cell, heading, sortable, variant};
use crate::report::{MapReport, MapSpot, Report, VariantReport};

/// Units of the drawing per degree.
const SCALE: f64 = 10.0;

/// What is seen: degrees west, east, south and north.
#[derive(Debug, Clone, Copy, PartialEq)]
struct View {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl View {
    /// Around all points, twice as wide as it is high, and never so narrow that no coast is in sight.
    fn around(map: &MapReport) -> Self {
        let spots = || {
            map.places
                .iter()
                .map(|place| &place.spot)
                .chain(map.pops.iter().map(|pop| &pop.spot))
                .chain(&map.origin)
        };
        let range = |of: fn(&MapSpot) -> f64| {
            spots()
                .map(of)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), one| {
                    (least.min(one), most.max(one))
                })
        };
        let ((west, east), (south, north)) = (range(|spot| spot.lon), range(|spot| spot.lat));
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

    fn place(&self, spot: &MapSpot) -> (f64, f64) {
        (
            (spot.lon - self.west) * SCALE,
            (self.north - spot.lat) * SCALE,
        )
    }

    /// Per cent from the left and from the top.
    fn percent(&self, spot: &MapSpot) -> String {
        let (x, y) = self.place(spot);
        format!(
            "left:{:.2}%;top:{:.2}%",
            x / self.width() * 100.0,
            y / self.height() * 100.0
        )
    }

    fn width(&self) -> f64 {
        (self.east - self.west) * SCALE
    }

    fn height(&self) -> f64 {
        (self.north - self.south) * SCALE
    }
}

pub(super) fn section(report: &Report) -> Option<Markup> {
    let drawn = || {
        report
            .variants
            .iter()
            .enumerate()
            .filter(|(_, v)| !v.map.places.is_empty())
    };
    if drawn().count() == 0 {
        return None;
    }
    let mut rows = Vec::new();
    for (number, v) in drawn() {
        for (index, flow) in v.map.flows.iter().enumerate() {
            let Some(place) = v.map.places.get(flow.place) else {
                continue;
            };
            let pop = flow.pop.and_then(|pop| v.map.pops.get(pop));
            let key = Key::variant(number)
                .at("map")
                .at("flows")
                .at(index)
                .at("requests");
            rows.push(html! { tr {
                th scope="row" { (place.spot.name) }
                (variant(report, v))
                td { (place.region) }
                td { (pop.map_or("the origin, or nobody", |pop| pop.spot.name.as_str())) }
                (cell(Some(flow.requests as f64), count(&key, flow.requests)))
            } });
        }
    }
    let left = 3 + usize::from(report.variants.len() > 1);
    let heading = heading(report, &["client place"], &["region", "PoP", "requests"]);
    Some(html! {
        p.note { "After the warm-up. Circles are client places, as large as their requests are many; lines lead to the PoPs that they asked, and from there to where the PoPs fetch." }
        div.charts { @for (_, v) in drawn() { (one(report, v)) } }
        details { summary { "Who asked whom, as a table" } (sortable("Requests from places to PoPs", left, &heading, &rows)) }
    })
}

fn one(report: &Report, v: &VariantReport) -> Markup {
    let map = &v.map;
    let view = View::around(map);
    let most = map
        .flows
        .iter()
        .map(|flow| flow.requests)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    let busiest = map
        .places
        .iter()
        .map(|place| place.requests)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    let title = of_variant(report, v, "who asked whom");
    let about = format!(
        "{title}: {} client places, {} PoPs; the table below has the numbers.",
        map.places.len(),
        map.pops.len()
    );
    let origin_asked = |pop: Option<usize>| pop.is_none();
    html! {
        figure.chart.map {
            figcaption { (title) }
            ul.legend {
                li { span.dot.place aria-hidden="true" {} "clients" }
                li { span.dot.pop aria-hidden="true" {} "PoP" }
                @if map.pops.iter().any(|pop| !pop.serves_clients) { li { span.dot.shield aria-hidden="true" {} "shield" } }
                li { span.dot.origin aria-hidden="true" {} "origin" }
            }
            div.world {
                svg viewBox={ "0 0 " (format!("{:.0} {:.0}", view.width(), view.height())) } role="img" aria-label=(about) {
                    g.land { @for line in LAND { path d=(land(&view, line)) {} } }
                    g.flows {
                        @for pop in &map.pops {
                            @let upstream = pop.upstream.and_then(|pop| map.pops.get(pop)).map(|pop| &pop.spot).or(map.origin.as_ref());
                            @if let Some(upstream) = upstream { @if pop.requests > 0 || !pop.serves_clients { path.fetch d=(arc(&view, &pop.spot, upstream)) {} } }
                        }
                        @for flow in &map.flows { @if let (Some(place), Some(to)) = (map.places.get(flow.place), flow.pop.and_then(|pop| map.pops.get(pop)).map(|pop| &pop.spot).or(if origin_asked(flow.pop) { map.origin.as_ref() } else { None })) {
                            path.flow d=(arc(&view, &place.spot, to)) style={ "stroke-width:" (format!("{:.1}", 1.0 + 4.0 * (flow.requests as f64 / most).sqrt())) } {}
                        } }
                    }
                    g.places { @for place in &map.places {
                        @let (x, y) = view.place(&place.spot);
                        circle cx=(format!("{x:.0}")) cy=(format!("{y:.0}")) r=(format!("{:.1}", view.width() * (0.004 + 0.012 * (place.requests as f64 / busiest).sqrt()))) {}
                    } }
                }
                @for pop in map.pops.iter().filter(|pop| pop.requests > 0 || !pop.serves_clients) { (pin(&view, &pop.spot, if pop.serves_clients { "pop" } else { "shield" })) }
                @if let Some(origin) = &map.origin { (pin(&view, origin, "origin")) }
            }
        }
    }
}

fn pin(view: &View, spot: &MapSpot, kind: &str) -> Markup {
    html! { span class={ "pin " (kind) } style=(view.percent(spot)) aria-hidden="true" { span class={ "dot " (kind) } {} span.name { (spot.name) } } }
}

fn land(view: &View, line: &[(i16, i16)]) -> String {
    let mut path = String::new();
    for (index, (lon, lat)) in line.iter().enumerate() {
        let x = (f64::from(*lon) - view.west) * SCALE;
        let y = (view.north - f64::from(*lat)) * SCALE;
        path.push_str(&format!(
            "{}{x:.0} {y:.0}",
            if index == 0 { 'M' } else { 'L' }
        ));
    }
    path + "Z"
}

/// A line that is bent, so that there and back do not hide each other.
fn arc(view: &View, from: &MapSpot, to: &MapSpot) -> String {
    let ((ax, ay), (bx, by)) = (view.place(from), view.place(to));
    let (dx, dy) = (bx - ax, by - ay);
    let (cx, cy) = (
        f64::midpoint(ax, bx) + dy * 0.15,
        f64::midpoint(ay, by) - dx.abs() * 0.15,
    );
    format!("M{ax:.0} {ay:.0}Q{cx:.0} {cy:.0} {bx:.0} {by:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::MapPlace;

    #[test]
    fn every_point_is_in_sight() {
        let spot = |lon, lat| MapSpot {
            name: String::new(),
            lat,
            lon,
        };
        let sight = |spots: &[(f64, f64)]| {
            let place = |(lon, lat): &(f64, f64)| MapPlace {
                spot: spot(*lon, *lat),
                region: String::new(),
                requests: 1,
            };
            let map = MapReport {
                places: spots.iter().map(place).collect(),
                ..MapReport::default()
            };
            let view = View::around(&map);
            for (lon, lat) in spots {
                let (x, y) = view.place(&spot(*lon, *lat));
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
