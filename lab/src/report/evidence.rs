//! From what was kept of single requests to the map and the waterfall.

use geo_data::Point;

use super::scene::*;
use crate::metrics::{Cell, Measured, Waits, tidy};
use crate::observe::RequestClass;

fn spot(name: &str, point: Point) -> MapSpot {
    MapSpot {
        name: name.to_owned(),
        lat: point.lat,
        lon: point.lon,
    }
}

/// The map of a run.
pub(super) fn map(measured: &Measured) -> MapReport {
    let (shape, scene) = (&measured.shape, &measured.shape.scene);
    let pop_of = |node: usize| shape.nodes.get(node).map(|node| usize::from(node.pop));
    let mut counted = vec![0; scene.places.len()];
    let mut at_pop = vec![0; scene.pops.len()];
    let mut between = std::collections::BTreeMap::new();
    for (place, node, requests) in measured.evidence.flows() {
        let pop = node.and_then(pop_of);
        if let Some(count) = counted.get_mut(place) {
            *count += requests;
        }
        if let Some(count) = pop.and_then(|pop| at_pop.get_mut(pop)) {
            *count += requests;
        }
        *between.entry((place, pop)).or_insert(0) += requests;
    }
    // Places that asked for nothing are left out; the others close ranks.
    let mut ranks = vec![None; scene.places.len()];
    let mut places = Vec::new();
    for (index, (name, region, point)) in scene
        .places
        .iter()
        .enumerate()
        .filter(|(index, _)| counted[*index] > 0)
    {
        ranks[index] = Some(places.len());
        places.push(MapPlace {
            spot: spot(name, *point),
            region: region.clone(),
            requests: counted[index],
        });
    }
    let pops = scene
        .pops
        .iter()
        .zip(&shape.pops)
        .enumerate()
        .map(|(index, (point, name))| {
            let of_pop = || {
                shape
                    .nodes
                    .iter()
                    .enumerate()
                    .filter(move |(_, node)| usize::from(node.pop) == index)
            };
            let upstream =
                of_pop().find_map(|(node, _)| scene.upstream.get(node).copied().flatten());
            MapPop {
                spot: spot(name, *point),
                serves_clients: of_pop().any(|(_, node)| node.serves_clients),
                upstream: upstream.and_then(|node| pop_of(usize::from(node))),
                requests: at_pop[index],
            }
        });
    let flows = between.into_iter().filter_map(|((place, pop), requests)| {
        Some(MapFlow {
            place: ranks.get(place).copied().flatten()?,
            pop,
            requests,
        })
    });
    MapReport {
        origin: scene
            .origin
            .as_ref()
            .map(|(name, point)| spot(name, *point)),
        pops: pops.collect(),
        flows: flows.collect(),
        places,
    }
}

/// Where time goes: hits by their means and the flows' round trips, misses by what each of them waited for.
pub(super) fn waterfall(measured: &Measured, cell: &Cell) -> Vec<Waterfall> {
    let mut all = Vec::new();
    let hit = RequestClass::Hit;
    let mean = |of: fn(&crate::metrics::Tally) -> &crate::metrics::Histogram| {
        cell.latency(Some(hit), of).mean().unwrap_or(0.0) * 1e-6
    };
    if cell.requests(hit) > 0 {
        let (mut rtts, mut requests) = (0.0, 0.0);
        for (place, node, count) in measured
            .evidence
            .flows()
            .filter(|(_, node, _)| node.is_some())
        {
            let (place, node) = (place as u16, node.map(|node| node as u16));
            rtts += measured.shape.scene.client_rtt(place, node) as f64 * count as f64 * 1e-9;
            requests += count as f64;
        }
        let (ttfb, total) = (mean(|tally| &tally.ttfb), mean(|tally| &tally.total));
        let client = if requests > 0.0 { rtts / requests } else { 0.0 };
        all.push(phases(
            AnsweredBy::Edge,
            cell.requests(hit),
            ttfb,
            total,
            &[(PhaseName::ClientToEdge, client)],
        ));
    }
    let evidence = &measured.evidence;
    for (by, waits) in [
        (AnsweredBy::Shield, &evidence.shield),
        (AnsweredBy::Origin, &evidence.origin),
    ] {
        if waits.requests > 0 {
            all.push(of_waits(by, waits));
        }
    }
    all
}

fn of_waits(by: AnsweredBy, waits: &Waits) -> Waterfall {
    let mean = |sum: u64| sum as f64 / waits.requests as f64 * 1e-9;
    let known = [
        (PhaseName::ClientToEdge, mean(waits.client)),
        (PhaseName::EdgeToShield, mean(waits.between)),
        (PhaseName::CacheToOrigin, mean(waits.origin)),
        (PhaseName::Origin, mean(waits.think)),
    ];
    phases(
        by,
        waits.requests,
        mean(waits.first_byte),
        mean(waits.done),
        &known,
    )
}

/// What the model explains is never more than what was measured.
fn phases(
    by: AnsweredBy,
    requests: u64,
    ttfb: f64,
    total: f64,
    known: &[(PhaseName, f64)],
) -> Waterfall {
    let explained: f64 = known.iter().map(|(_, seconds)| seconds).sum();
    let fit = if explained > ttfb {
        ttfb / explained
    } else {
        1.0
    };
    let known = known.iter().map(|(what, seconds)| (*what, seconds * fit));
    let rest = [
        (PhaseName::Rest, ttfb - explained * fit),
        (PhaseName::Body, total - ttfb),
    ];
    let phases = known.chain(rest).map(|(what, seconds)| Phase {
        what,
        seconds: tidy(seconds.max(0.0)),
    });
    Waterfall {
        by,
        requests,
        ttfb_seconds: tidy(ttfb),
        total_seconds: tidy(total),
        phases: phases.filter(|phase| phase.seconds > 0.0).collect(),
    }
}
