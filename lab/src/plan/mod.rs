//! The plan: one variant of a scenario, checked, with every name resolved to an index and every random choice seeded.
//!
//! A plan is what both drivers play. It knows nothing of YAML and nothing of sockets or virtual time. All instants are
//! nanoseconds since the start of the run; all indices point into the vectors of the same [`Plan`].

mod pending;
mod requests;

pub use pending::{Catalogue, ClassDigest, LinkModel, ObjectId, Point, Policy};
pub use requests::{PlannedRequest, Requests, TraceError};

use std::net::IpAddr;

use ipnet::IpNet;

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
    /// The content classes; the index is `ObjectId::class`.
    pub classes: Vec<ClassPlan>,
    /// True if requests are to be played one after the other: the next starts when the last is complete, `due` is 0.
    pub sequential: bool,
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
    /// Two-letter country code.
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
    /// Which response leaves when memory is full.
    pub eviction: Eviction,
    /// The rules of its cache.
    pub policy: Policy,
    /// Its patience with its upstream.
    pub timeouts: Timeouts,
}

/// Eviction policies of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// First in, first out.
    Fifo,
    /// Least recently used.
    Lru,
    /// Least frequently used.
    Lfu,
    /// Three FIFO queues (Yang et al. 2023).
    S3Fifo,
    /// SIEVE (Zhang et al. 2024).
    Sieve,
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

/// The origin: ours, or the user's own application.
#[derive(Debug, Clone)]
pub struct OriginPlan {
    /// Its name in reports, such as `IAD`.
    pub name: String,
    /// Where it is.
    pub point: Point,
    /// Which kind.
    pub kind: OriginKind,
}

/// The two kinds of origin.
#[derive(Debug, Clone)]
pub enum OriginKind {
    /// Made up from a catalogue.
    Synthetic(Catalogue),
    /// The user's own application behind a counting pass-through.
    Own {
        /// Where it listens.
        url: String,
        /// The `Host` to send, if not its own authority.
        host: Option<String>,
        /// A path that answers below 500 once it is ready.
        ready: Option<String>,
    },
}

/// How a client finds its edge.
#[derive(Debug, Clone)]
pub struct RoutingPlan {
    /// Which way.
    pub mode: RoutingMode,
    /// How long a client keeps an answer.
    pub ttl: Nanos,
    /// Name of the router's place.
    pub name: String,
    /// Where the router is.
    pub point: Point,
    /// How it watches the edges.
    pub health: Health,
    /// The PoP for clients that cannot be located.
    pub default_pop: u16,
}

/// Ways to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingMode {
    /// Ask the router as a resolver would, and keep the answer for its time to live.
    Router,
    /// Send each request to the router and follow its redirect.
    Redirect,
    /// The driver itself picks the nearest PoP; no router runs and nothing fails over.
    Nearest,
    /// Clients go to the origin; there is no CDN.
    Direct,
}

/// How the router decides that an edge is down or up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Between two checks.
    pub interval: Nanos,
    /// Until a check counts as failed.
    pub timeout: Nanos,
    /// Successes in a row until an edge is up.
    pub rise: u32,
    /// Failures in a row until an edge is down.
    pub fall: u32,
}

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
    /// Pairs of spots with a round-trip time of their own, in either direction; sorted.
    pub overrides: Vec<((Spot, Spot), Nanos)>,
}

/// Something that happens at an instant of the run.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// When.
    pub at: Nanos,
    /// What.
    pub what: Event,
    /// One line for progress and report, such as `fra - origin cut (blackhole)`.
    pub label: String,
}

/// What can happen. Faults carry the whole state that holds from then on, so that overlapping ones need no bookkeeping.
#[derive(Debug, Clone)]
pub enum Event {
    /// The origin behaves so from now on; all fields absent: it is well again.
    Origin(OriginFault),
    /// This link behaves so from now on.
    Link(LinkState),
    /// The node of this index dies without warning (kill -9).
    Kill(u16),
    /// The node of this index starts again, empty.
    Restart(u16),
    /// The origin publishes new versions.
    Publish(Publish),
    /// A purge is sent to nodes.
    Purge(Purge),
}

/// A fault of the origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginFault {
    /// Every answer has this status.
    pub status: Option<u16>,
    /// Every answer comes this much later.
    pub delay: Option<Nanos>,
    /// Connections are refused.
    pub refuse: bool,
}

/// The state of one link from an instant on.
#[derive(Debug, Clone)]
pub struct LinkState {
    /// The end that opens connections.
    pub from: Spot,
    /// The end that accepts them.
    pub to: Spot,
    /// The cut in force, if any.
    pub cut: Option<Cut>,
    /// The model in force.
    pub model: LinkModel,
}

/// A cut of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Which direction is lost.
    pub direction: Direction,
    /// What its ends notice.
    pub how: CutKind,
}

/// Directions of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    Both,
    /// From the end that opens connections to the one that accepts them.
    Forward,
    /// The other one.
    Backward,
}

/// What the ends of a cut link notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutKind {
    /// Nothing: bytes vanish, connects stay unanswered.
    Blackhole,
    /// Connections are reset and refused.
    Reset,
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publish {
    /// Every object of this class.
    Class(u16),
    /// One object.
    Object(ObjectId),
}

/// A purge by URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Path and query.
    pub path: String,
    /// The object behind it, where the catalogue knows it.
    pub object: Option<ObjectId>,
    /// Indices of the nodes that it is sent to.
    pub nodes: Vec<u16>,
    /// True: what is stored becomes stale; false: it is gone.
    pub soft: bool,
}

/// One class of content.
#[derive(Debug, Clone)]
pub struct ClassPlan {
    /// Its name.
    pub name: String,
    /// What our cache core makes of a plain 200 of this class: how long it is fresh, or why it is not stored.
    pub cacheable: ClassDigest,
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

/// A client's address drawn from the networks of its place.
pub type ClientAddress = IpAddr;
