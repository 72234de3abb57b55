//! Links of a plan: which there are, and the model of each.

use geo_data::distance_km;

use super::{Handshake, LinkModel, Nanos, Plan, Point, RoutingMode};

/// Round-trip time between nodes of one PoP: 0.5 ms.
pub const INSIDE_POP: Nanos = 500_000;

/// An end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spot {
    /// The clients of one place.
    Client(u16),
    /// An edge node.
    Node(u16),
    /// The origin.
    Origin,
    /// The router.
    Router,
}

/// The rules from which the model of each link follows; see `Plan::link`.
#[derive(Debug, Clone)]
pub struct NetworkPlan {
    /// False: no delay at all, anywhere.
    pub modelled: bool,
    /// Round-trip time at distance zero between two sites.
    pub base: Nanos,
    /// Additional round-trip time per 1,000 km.
    pub per_1000km: Nanos,
    /// Pairs of spots (the lesser first) with a round-trip time of their own; sorted.
    pub overrides: Vec<((Spot, Spot), Nanos)>,
    /// Bits per second that one connection gets on a link to clients.
    pub client_rate_bps: Option<u64>,
    /// Bits per second that one connection gets on any other link.
    pub backbone_rate_bps: Option<u64>,
    /// Handshake of new connections of clients.
    pub handshake: Handshake,
}

impl Plan {
    /// Every link that a driver may need, as (who opens connections, who accepts them), in a fixed order.
    #[must_use]
    pub fn links(&self) -> Vec<(Spot, Spot)> {
        let clients = || (0..self.places.len() as u16).map(Spot::Client);
        if self.routing.mode == RoutingMode::Direct {
            return clients().map(|client| (client, Spot::Origin)).collect();
        }
        let serves = |node: &u16| {
            let pop = self
                .nodes
                .get(usize::from(*node))
                .map(|node| usize::from(node.pop));
            pop.and_then(|pop| self.pops.get(pop))
                .is_some_and(|pop| pop.serves_clients)
        };
        let nodes = || 0..self.nodes.len() as u16;
        let mut links = Vec::new();
        for client in clients() {
            links.extend(
                nodes()
                    .filter(serves)
                    .map(|node| (client, Spot::Node(node))),
            );
            if self.routing.has_router() {
                links.push((client, Spot::Router));
            }
        }
        for node in nodes() {
            let upstream = self.upstream_node(node).map_or(Spot::Origin, Spot::Node);
            links.push((Spot::Node(node), upstream));
        }
        if self.routing.has_router() {
            links.extend(
                nodes()
                    .filter(serves)
                    .map(|node| (Spot::Router, Spot::Node(node))),
            );
        }
        links
    }

    /// The model of the link between two spots, in either direction, while no event changes it.
    #[must_use]
    pub fn link(&self, from: Spot, to: Spot) -> LinkModel {
        let network = &self.network;
        let with_client = matches!(from, Spot::Client(_)) || matches!(to, Spot::Client(_));
        let (rate_bps, handshake) = match with_client {
            true => (network.client_rate_bps, network.handshake),
            false => (network.backbone_rate_bps, Handshake::Tcp),
        };
        LinkModel {
            rtt: self.rtt(from, to),
            rate_bps,
            handshake,
            ..LinkModel::default()
        }
    }

    /// The round-trip time between two spots.
    fn rtt(&self, from: Spot, to: Spot) -> Nanos {
        let network = &self.network;
        let pair = if from <= to { (from, to) } else { (to, from) };
        if let Ok(index) = network
            .overrides
            .binary_search_by_key(&pair, |(pair, _)| *pair)
        {
            return network.overrides[index].1;
        }
        if !network.modelled {
            return 0;
        }
        if let (Some(a), Some(b)) = (self.pop_of(from), self.pop_of(to))
            && a == b
        {
            return INSIDE_POP;
        }
        let (Some(a), Some(b)) = (self.point(from), self.point(to)) else {
            return 0;
        };
        let distance = network::model::DistanceRtt {
            base: network.base,
            per_1000km: network.per_1000km,
        };
        distance.rtt(distance_km(a, b)) + self.access(from) + self.access(to)
    }

    fn pop_of(&self, spot: Spot) -> Option<u16> {
        let Spot::Node(node) = spot else { return None };
        self.nodes.get(usize::from(node)).map(|node| node.pop)
    }

    /// Round-trip time of the access network of a spot; only clients have one.
    fn access(&self, spot: Spot) -> Nanos {
        let Spot::Client(place) = spot else { return 0 };
        self.places
            .get(usize::from(place))
            .map_or(0, |place| place.access_rtt)
    }

    /// Where a spot is; `None` if the plan has no such spot.
    #[must_use]
    pub fn point(&self, spot: Spot) -> Option<Point> {
        match spot {
            Spot::Client(place) => self.places.get(usize::from(place)).map(|place| place.point),
            Spot::Node(_) => self
                .pops
                .get(usize::from(self.pop_of(spot)?))
                .map(|pop| pop.point),
            Spot::Origin => Some(self.origin.point),
            Spot::Router => Some(self.routing.point),
        }
    }

    /// The name of a spot in labels: `FRA`, `fra-1`, `origin`, `router`.
    #[must_use]
    pub fn spot_name(&self, spot: Spot) -> &str {
        match spot {
            Spot::Client(place) => self
                .places
                .get(usize::from(place))
                .map_or("?", |place| &place.name),
            Spot::Node(node) => self
                .nodes
                .get(usize::from(node))
                .map_or("?", |node| &node.name),
            Spot::Origin => "origin",
            Spot::Router => "router",
        }
    }
}
