//! Steering: which PoP serves a client, by distance and health, and which of its nodes, by weight.
//!
//! Pure and deterministic: the same input gives the same ranking, ties included.

use std::cmp::Ordering;

use crate::point::{Point, distance_km};

/// A point of presence to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Pop {
    /// Name; ties are broken by it.
    pub name: String,
    /// Where it is.
    pub point: Point,
}

/// All PoPs in order of preference, and the choice among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Nearest first.
    pub order: Vec<Ranked>,
    /// Index (into the PoPs given) of the one that should serve; `None` only without PoPs.
    pub choice: Option<usize>,
    /// Why that one.
    pub why: Why,
}

/// One PoP's place in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Index into the PoPs given.
    pub pop: usize,
    /// Distance from the client, or from the default PoP where the client's place is unknown; in
    /// kilometres.
    pub distance_km: f64,
    /// Whether it is up.
    pub up: bool,
}

/// Why a PoP was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is the nearest.
    Nearest,
    /// It is the nearest of those that are up.
    NearestUp,
    /// The client's place is unknown, and this is the default.
    Default,
    /// The client's place is unknown, the default is down, and this is the nearest to it that is up.
    NearestUpToDefault,
    /// Nothing is up; the first of the ranking gets the request all the same, since a health check
    /// may be wrong and a refusal would be certain.
    NoneUp,
    /// There are no PoPs.
    NoPops,
}

impl Why {
    /// A few words for answers and logs.
    pub fn text(self) -> &'static str {
        match self {
            Why::Nearest => "nearest",
            Why::NearestUp => "nearest that is up",
            Why::Default => "place unknown: default",
            Why::NearestUpToDefault => "place unknown, default is down: nearest to it that is up",
            Why::NoneUp => "none is up: first of the ranking",
            Why::NoPops => "there are no PoPs",
        }
    }
}

/// Ranks `pops` for a client at `at` (`None`: unknown). `up[i]` tells whether `pops[i]` is healthy
/// (missing ones count as up); `default` is the index of the PoP for clients at unknown places, the
/// first if out of range. Equal distances are ordered by name, then by index.
pub fn rank(at: Option<Point>, pops: &[Pop], up: &[bool], default: usize) -> Ranking {
    let Some(fallback) = pops.get(default).or(pops.first()) else {
        return Ranking {
            order: Vec::new(),
            choice: None,
            why: Why::NoPops,
        };
    };
    let from = at.unwrap_or(fallback.point);
    let mut order: Vec<Ranked> = pops
        .iter()
        .enumerate()
        .map(|(pop, it)| Ranked {
            pop,
            distance_km: distance_km(from, it.point),
            up: up.get(pop).copied().unwrap_or(true),
        })
        .collect();
    // The default itself comes first even if another PoP stands at the same point.
    let first = |ranked: &Ranked| at.is_none() && std::ptr::eq(&pops[ranked.pop], fallback);
    order.sort_by(|a, b| {
        first(b)
            .cmp(&first(a))
            .then(a.distance_km.total_cmp(&b.distance_km))
            .then_with(|| pops[a.pop].name.cmp(&pops[b.pop].name))
            .then(a.pop.cmp(&b.pop))
    });
    let chosen = order.iter().position(|ranked| ranked.up);
    let why = match (chosen.map(|place| place.cmp(&0)), at) {
        (None, _) => Why::NoneUp,
        (Some(Ordering::Equal), Some(_)) => Why::Nearest,
        (Some(_), Some(_)) => Why::NearestUp,
        (Some(Ordering::Equal), None) => Why::Default,
        (Some(_), None) => Why::NearestUpToDefault,
    };
    let choice = order.get(chosen.unwrap_or(0)).map(|ranked| ranked.pop);
    Ranking { order, choice, why }
}

/// The weight of a node for a key (rendezvous hashing, Thaler and Ravishankar 1998): of the nodes that
/// are up, the one with the greatest serves the key. The same on every machine; when a node fails, only
/// its own keys move.
pub fn weight(key: &[u8], node: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.iter().chain(&[0]).chain(node.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV-1a leaves the last byte's influence in the low bits; names differ in their last byte. Mixed
    // as in splitmix64.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
#[path = "steering_tests.rs"]
mod tests;
