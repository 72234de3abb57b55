//! Which edge a client should use, and why: pure. What it needs to know is where the client is and which nodes are up.

use std::net::IpAddr;

use geo_data::steering::{self, Pop, Ranking, Why};
use geo_data::{Located, Point};
use serde::Serialize;

use crate::config::{Config, ConfigError, Node};

/// The answer to one client, as `/route` sends it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Whose place was looked up.
    pub client: IpAddr,
    /// The name of its place; `None` where it cannot be located.
    pub place: Option<String>,
    /// The code of its country (ISO 3166-1).
    pub country: Option<String>,
    /// The network of the database's entry: all its addresses get the same answer.
    pub network: Option<String>,
    /// All PoPs, the nearest first, up or not.
    pub ranking: Vec<Ranked>,
    /// The edge to use.
    pub choice: Chosen,
    /// Why this one, in one sentence.
    pub why: String,
    /// How long the asker may keep this answer, in milliseconds.
    pub ttl_ms: u64,
}

/// One PoP in a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its name.
    pub pop: String,
    /// Great-circle distance from the client's place, rounded to 0.1 km; `None` where the place is unknown.
    pub distance_km: Option<f64>,
    /// Whether one of its nodes is up.
    pub healthy: bool,
}

/// The chosen edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// Its PoP.
    pub pop: String,
    /// Its name.
    pub node: String,
    /// `http://host:port` under which the router reaches it.
    pub url: String,
    /// `http://name:port` under which redirects send clients to it.
    pub redirect: String,
}

/// The PoPs and nodes to choose from.
#[derive(Clone, Debug)]
pub struct Steering {
    pops: Vec<Pop>,
    names: Vec<String>,
    nodes: Vec<Node>,
    default: usize,
    ttl_ms: u64,
}

impl Steering {
    /// The topology of a checked configuration.
    ///
    /// # Errors
    /// What [`Config::check`] finds.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let nodes = config.nodes()?;
        let default = config.default_index()?;
        let pops = config
            .pops
            .iter()
            .map(|pop| Pop {
                name: pop.name.clone(),
                point: Point {
                    lat: pop.lat,
                    lon: pop.lon,
                },
            })
            .collect();
        Ok(Self {
            pops,
            names: config.pops.iter().map(|pop| pop.name.clone()).collect(),
            nodes,
            default,
            ttl_ms: config.ttl_ms,
        })
    }

    /// Chooses an edge for `client`, which is at `located` if that is known.
    ///
    /// `up` says for each node, in the order of the configuration, whether it is up. `key` spreads requests over the
    /// nodes of one PoP: equal keys go to the same node for as long as it is up, and only the keys of a node that
    /// fails move. If nothing is up, the nearest PoP is chosen all the same: the checks may be wrong, and no answer
    /// certainly is no service.
    #[must_use]
    pub fn decide(
        &self,
        client: IpAddr,
        located: Option<&Located>,
        up: &[bool],
        key: &[u8],
    ) -> Decision {
        let is_up = |index: usize| up.get(index).copied().unwrap_or(false);
        let mut pop_up = vec![false; self.pops.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            pop_up[node.pop] |= is_up(index);
        }
        let at = located.map(|located| located.point);
        let ranking = steering::rank(at, &self.pops, &pop_up, self.default);
        let first = ranking.choice.unwrap_or(self.default);
        let fits =
            |index: usize| self.nodes[index].pop == first && (is_up(index) || !pop_up[first]);
        let node = (0..self.nodes.len())
            .filter(|&index| fits(index))
            .max_by_key(|&index| steering::weight(key, &self.nodes[index].name))
            .map(|index| &self.nodes[index])
            .expect("a checked configuration has a node in each PoP");
        let why = self.why(client, located, &ranking, first);
        Decision {
            client,
            place: located
                .map(|located| located.place.clone())
                .filter(|place| !place.is_empty()),
            country: located.and_then(|located| located.country.clone()),
            network: located.map(|located| located.network.to_string()),
            ranking: ranking
                .order
                .iter()
                .map(|ranked| Ranked {
                    pop: self.names[ranked.pop].clone(),
                    distance_km: at.map(|_| (ranked.distance_km * 10.0).round() / 10.0),
                    healthy: ranked.up,
                })
                .collect(),
            choice: Chosen {
                pop: self.names[first].clone(),
                node: node.name.clone(),
                url: node.url.clone(),
                redirect: node.redirect.clone(),
            },
            why,
            ttl_ms: self.ttl_ms,
        }
    }

    /// One sentence that names the reason for `chosen`.
    fn why(
        &self,
        client: IpAddr,
        located: Option<&Located>,
        ranking: &Ranking,
        chosen: usize,
    ) -> String {
        let name = &self.names[chosen];
        let default = &self.names[self.default];
        let place = match located {
            Some(located) if !located.place.is_empty() => located.place.as_str(),
            _ => "the client",
        };
        match ranking.why {
            Why::Nearest => format!("{name} is the nearest to {place}"),
            Why::NearestUp => {
                let passed: Vec<&str> = ranking
                    .order
                    .iter()
                    .take_while(|ranked| ranked.pop != chosen)
                    .map(|ranked| self.names[ranked.pop].as_str())
                    .collect();
                let passed = passed.join(", ");
                format!("{name} is the nearest to {place} that is up; nearer but down: {passed}")
            }
            Why::Default => format!("{client} cannot be located: the default, {name}"),
            Why::NearestUpToDefault => {
                format!("{client} cannot be located and the default, {default}, is down: {name}")
            }
            Why::NoneUp => format!("no edge is up; {name} is tried all the same"),
            Why::NoPops => Why::NoPops.text().to_owned(),
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn pop_names(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
