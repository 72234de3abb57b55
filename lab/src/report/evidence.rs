//! From what was kept of single requests to the map and the waterfall.

use geo_data::Point;

use super::scene::*;
use crate::metrics::{Measured, Spent, tidy};
use crate::observe::Phase;

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

/// Where time goes, by who answered.
pub(super) fn waterfall(measured: &Measured) -> Vec<Waterfall> {
    let evidence = &measured.evidence;
    let all = [
        (AnsweredBy::Edge, &evidence.edge),
        (AnsweredBy::Shield, &evidence.shield),
        (AnsweredBy::Origin, &evidence.origin),
    ];
    let some = all.into_iter().filter(|(_, spent)| spent.requests > 0);
    some.map(|(by, spent)| means(by, spent)).collect()
}

/// Means of the parts. What the model adds to what was measured is never more than was left to explain.
fn means(by: AnsweredBy, spent: &Spent) -> Waterfall {
    let mean = |sum: f64| sum / spent.requests as f64 * 1e-9;
    let simulated = spent.whole == spent.requests;
    let modelled = |phase: Phase| !simulated && phase.is_modelled();
    let sum = |of_the_model: bool| -> f64 {
        let these = Phase::ALL.into_iter();
        let these = these.filter(|phase| modelled(*phase) == of_the_model);
        these.map(|phase| spent.phases.of(phase) as f64).sum()
    };
    let (told, model) = (sum(false), sum(true));
    let left = (spent.first_byte as f64 - told).max(0.0);
    let fit = if model > left { left / model } else { 1.0 };
    let seconds = |phase: Phase| match phase {
        Phase::Rest => mean(left - model * fit),
        Phase::Body => mean((spent.done - spent.first_byte) as f64),
        _ if modelled(phase) => mean(spent.phases.of(phase) as f64 * fit),
        _ => mean(spent.phases.of(phase) as f64),
    };
    let parts = Phase::ALL.into_iter().map(|what| Part {
        what,
        seconds: tidy(seconds(what)),
        modelled: modelled(what),
    });
    Waterfall {
        by,
        requests: spent.requests,
        ttfb_seconds: tidy(mean(spent.first_byte as f64)),
        total_seconds: tidy(mean(spent.done as f64)),
        phases: parts.filter(|part| part.seconds > 0.0).collect(),
    }
}
