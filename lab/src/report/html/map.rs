//! The map: PoPs, client places, the origin, and who asked whom.

use maud::{Markup, html};

use super::course::of_variant;
use super::key::Key;
use super::number::count;
use super::tables::{cell, heading, sortable, variant};
use crate::atlas::{LAND, View};
use crate::report::{MapReport, MapSpot, Report, VariantReport};

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
    let view = view_of(map);
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
                li { span.line-fetch aria-hidden="true" {} "fetches upstream" }
            }
            div.world {
                svg viewBox={ "0 0 " (format!("{:.0} {:.0}", view.width(), view.height())) } role="img" aria-label=(about) {
                    g.land { @for line in LAND { path d=(view.area(line)) {} } }
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
                        @let (x, y) = view.place(place.spot.point());
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
    html! { span class={ "pin " (kind) } style=(percent(view, spot)) aria-hidden="true" { span class={ "dot " (kind) } {} span.name { (spot.name) } } }
}

/// Around everything that the map shows.
fn view_of(map: &MapReport) -> View {
    let spots = map.places.iter().map(|place| &place.spot);
    let spots = spots.chain(map.pops.iter().map(|pop| &pop.spot));
    View::around(spots.chain(&map.origin).map(MapSpot::point))
}

fn percent(view: &View, spot: &MapSpot) -> String {
    let (left, top) = view.percent(spot.point());
    format!("left:{left:.2}%;top:{top:.2}%")
}

fn arc(view: &View, from: &MapSpot, to: &MapSpot) -> String {
    view.arc(from.point(), to.point())
}
