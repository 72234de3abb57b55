//! The plan: one variant of a scenario, checked, with every name resolved to an index and every random choice seeded.
//!
//! A plan is what both drivers play. It knows nothing of YAML and nothing of sockets or virtual time. All instants are
//! nanoseconds since the start of the run; all indices point into the vectors of the same [`Plan`].

mod build;
mod content;
mod edges;
mod event;
mod link;
mod places;
pub(crate) mod random;
mod requests;
mod schedule;
mod service;
mod storage;
mod trace;
mod traffic;

pub use edge_core::{Digest, NotStorable, Policy};
pub use event::{Ask, Cut, CutKind, Direction, Event, LinkState, PlannedEvent, Purge};
pub use geo_data::Point;
pub use link::{INSIDE_POP, NetworkPlan, Spot};
pub use network::model::{Handshake, LinkModel};
pub use origin::{Catalogue, Faults, ObjectId, Selector};
pub use requests::{PlannedRequest, Requests};
pub use service::{Health, OriginKind, OriginPlan, RoutingMode, RoutingPlan};
pub use storage::{Admission, Eviction, History, Weigh};
pub use trace::TraceError;

pub(crate) use build::{BuildOptions, build};

use std::sync::Arc;

use ipnet::IpNet;

use traffic::Traffic;

#[cfg(test)]
mod tests;

/// Nanoseconds since the start of the run, or a length of time in nanoseconds.
pub type Nanos = u64;

/// One variant of a scenario, ready to be played by a driver.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the variant; `base` if the scenario has none.
    pub variant: String,
    /// The seed that all random streams derive from.
    pub seed: u64,
    /// How long traffic lasts, warm-up included.
    pub duration: Nanos,
    /// The first part of `duration`, kept apart from the measured window.
    pub warmup: Nanos,
    /// Named windows, in the order of the file.
    pub windows: Vec<Window>,
    /// The host that clients ask for.
    pub site: String,
    /// The populations of clients, in the order of the file.
    pub populations: Vec<PopulationPlan>,
    /// Where clients are; the index is `PlannedRequest::place`. Each place belongs to one population.
    pub places: Vec<ClientPlace>,
    /// The points of presence, in the order of the file.
    pub pops: Vec<PopPlan>,
    /// Every edge node of every PoP; nodes of a PoP are neighbours.
    pub nodes: Vec<NodePlan>,
    /// The origin.
    pub origin: OriginPlan,
    /// How a client finds its edge.
    pub routing: RoutingPlan,
    /// The network between all of them.
    pub network: NetworkPlan,
    /// Scripted events, ordered by time; those with a length appear twice, at their begin and at their end.
    pub events: Vec<PlannedEvent>,
    /// Questions about them, ordered by time.
    pub asks: Vec<Ask>,
    /// The content classes; the index is `ObjectId::class`.
    pub classes: Vec<ClassPlan>,
    /// True if requests are to be played one after the other: the next starts when the last is complete, `due` is 0.
    pub sequential: bool,
    /// So many single requests are kept beside the figures; none unless someone asks for them.
    pub keep_requests: usize,
}

/// A named span of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// First instant that belongs to it.
    pub from: Nanos,
    /// First instant after it.
    pub to: Nanos,
}

/// What is common to the clients of one population.
#[derive(Debug, Clone)]
pub struct PopulationPlan {
    /// Its name.
    pub name: String,
    /// The label under which reports show it.
    pub region: String,
    /// Header fields that its clients send with each request.
    pub headers: Vec<(String, String)>,
    /// How its requests are drawn.
    pub(crate) traffic: Arc<Traffic>,
}

/// One place that clients of one population come from.
#[derive(Debug, Clone)]
pub struct ClientPlace {
    /// Such as `FRA` or `DE`.
    pub name: String,
    /// Index of its population.
    pub population: u16,
    /// The label under which reports show it.
    pub region: String,
    /// Where it is.
    pub point: Point,
    /// Two-letter country code; empty for coordinates.
    pub country: String,
    /// The networks that the geo database in use holds for this place; never empty.
    pub networks: Vec<IpNet>,
    /// Round-trip time of the access network, added to that of the distance.
    pub access_rtt: Nanos,
}

/// A point of presence.
#[derive(Debug, Clone)]
pub struct PopPlan {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub point: Point,
    /// False for a shield: clients are never routed to it.
    pub serves_clients: bool,
    /// Indices of its nodes.
    pub nodes: Vec<u16>,
}

/// Where a node fetches from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// The origin itself.
    Origin,
    /// The PoP of this index (a shield); `Plan::upstream_node` says which of its nodes.
    Pop(u16),
}

/// One edge node.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Such as `fra-1`.
    pub name: String,
    /// Index of its PoP.
    pub pop: u16,
    /// Where it fetches from.
    pub upstream: Upstream,
    /// Bytes of memory for stored responses.
    pub memory: u64,
    /// Stored responses at most, beside the bytes.
    pub max_objects: Option<u64>,
    /// Bytes of its disk tier, if it has one; only live.
    pub disk: Option<u64>,
    /// Which response leaves when memory is full.
    pub eviction: Eviction,
    /// What counts against its memory.
    pub weigh: Weigh,
    /// Which responses it stores at all.
    pub admission: Admission,
    /// The rules of its cache.
    pub policy: Policy,
    /// Its patience with its upstream.
    pub timeouts: Timeouts,
}

/// A node's patience with its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made.
    pub connect: Nanos,
    /// From the sent request to the first byte of the answer.
    pub first_byte: Nanos,
    /// Between two pieces of a body.
    pub idle: Nanos,
}

/// One class of content.
#[derive(Debug, Clone)]
pub struct ClassPlan {
    /// Its name.
    pub name: String,
    /// What our cache core makes of a plain answer of this class under the default policy of the scenario: how long it is
    /// fresh, or why it is not stored.
    pub cacheable: Result<Digest, NotStorable>,
    /// The request field that selects a variant, and the values that clients send; empty without `vary`.
    pub vary: Option<VaryPlan>,
}

/// The selecting field of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaryPlan {
    /// Name of the request field.
    pub header: String,
    /// Values; the index is `PlannedRequest::variant`.
    pub values: Vec<String>,
}

/// The wall clock of offset 0 where a driver has none of its own, in milliseconds since the Unix epoch: 2026-01-01.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

impl Plan {
    /// The node that `node` fetches from; `None`: the origin. Nodes of a PoP are spread over those of their upstream in turn.
    #[must_use]
    pub fn upstream_node(&self, node: u16) -> Option<u16> {
        let plan = self.nodes.get(usize::from(node))?;
        let Upstream::Pop(pop) = plan.upstream else {
            return None;
        };
        let siblings = &self.pops.get(usize::from(plan.pop))?.nodes;
        let place = siblings.iter().position(|sibling| *sibling == node)?;
        let shields = &self.pops.get(usize::from(pop))?.nodes;
        shields.get(place.checked_rem(shields.len())?).copied()
    }
}
