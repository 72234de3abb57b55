//! Which edge serves a client, worked out in the lab: the nearest PoP, and a node of it.
//!
//! The same ranking and the same spreading as the router's, for drivers that run none: rankings are
//! made once per place, so that a choice allocates nothing. It knows no router and no time.

use std::io::Write;
use std::net::IpAddr;

use geo_data::steering::{self, Pop};

use crate::plan::Plan;

/// PoPs ranked for each place of a plan.
#[derive(Debug, Clone)]
pub struct Nearest {
    /// Per place, the PoPs that serve clients, nearest first.
    rankings: Vec<Vec<u16>>,
    /// Per PoP of the plan, its nodes.
    nodes: Vec<Vec<u16>>,
    /// Per node of the plan, its name.
    names: Vec<String>,
    /// Per place, the node of its nearest PoP, if it has only one.
    only: Vec<Option<u16>>,
}

/// The longest text of an address, and some.
type Text = [u8; 64];

impl Nearest {
    /// Ranks the PoPs of a plan for its places.
    pub fn new(plan: &Plan) -> Self {
        let serving: Vec<(u16, Pop)> = (0u16..)
            .zip(&plan.pops)
            .filter(|(_, pop)| pop.serves_clients)
            .map(|(index, pop)| {
                (
                    index,
                    Pop {
                        name: pop.name.clone(),
                        point: pop.point,
                    },
                )
            })
            .collect();
        let (indices, pops): (Vec<u16>, Vec<Pop>) = serving.into_iter().unzip();
        let up = vec![true; pops.len()];
        let default = indices
            .iter()
            .position(|&pop| pop == plan.routing.default_pop)
            .unwrap_or(0);
        let rank = |point| {
            let ranking = steering::rank(Some(point), &pops, &up, default);
            ranking
                .order
                .iter()
                .map(|ranked| indices[ranked.pop])
                .collect()
        };
        let rankings: Vec<Vec<u16>> = plan.places.iter().map(|place| rank(place.point)).collect();
        let only = |ranking: &Vec<u16>| {
            let nearest = plan.pops.get(usize::from(*ranking.first()?))?;
            match nearest.nodes.as_slice() {
                [only] => Some(*only),
                _ => None,
            }
        };
        Self {
            only: rankings.iter().map(only).collect(),
            rankings,
            nodes: plan.pops.iter().map(|pop| pop.nodes.clone()).collect(),
            names: plan.nodes.iter().map(|node| node.name.clone()).collect(),
        }
    }

    /// Whether the node depends on the client's address, not on its place alone, when all are up.
    pub fn spreads(&self) -> bool {
        self.only.iter().any(Option::is_none)
    }

    /// The node for a client at a place when all are up.
    #[inline]
    pub fn node(&self, place: u16, client: IpAddr) -> Option<u16> {
        let only = self.only.get(usize::from(place)).copied().flatten();
        only.or_else(|| self.node_among(place, client, |_| true))
    }

    /// The node for a client when some are down. As the router has it: the nearest PoP with a node
    /// that is up, and in it the node with the greatest weight for the client; if nothing is up, the
    /// nearest PoP all the same.
    pub fn node_among(&self, place: u16, client: IpAddr, up: impl Fn(u16) -> bool) -> Option<u16> {
        // Where the nearest PoP has one node, which is up, nothing has to be spread.
        if let Some(Some(only)) = self.only.get(usize::from(place))
            && up(*only)
        {
            return Some(*only);
        }
        let mut text: Text = [0; 64];
        let mut left = &mut text[..];
        // An address fits; if it did not, its beginning would serve as the key.
        let _ = write!(left, "{}", client.to_canonical());
        let length = 64 - left.len();
        self.node_for(place, &text[..length], up)
    }

    /// As [`Nearest::node_among`], spread by another key, such as the path of a redirected request.
    pub fn node_for(&self, place: u16, key: &[u8], up: impl Fn(u16) -> bool) -> Option<u16> {
        let ranking = self.rankings.get(usize::from(place))?;
        let nodes = |pop: u16| self.nodes[usize::from(pop)].as_slice();
        let alive = ranking
            .iter()
            .copied()
            .find(|&pop| nodes(pop).iter().any(|&node| up(node)));
        let pop = alive.or_else(|| ranking.first().copied())?;
        let candidates = nodes(pop);
        if let [only] = candidates {
            return Some(*only);
        }
        let usable = |node: &u16| alive.is_none() || up(*node);
        candidates
            .iter()
            .copied()
            .filter(usable)
            .max_by_key(|&node| steering::weight(key, &self.names[usize::from(node)]))
    }
}
