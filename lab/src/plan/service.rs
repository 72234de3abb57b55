//! The origin and the router of a plan.

use super::{Catalogue, Nanos, Point};

/// The origin: ours, or the user's own application.
#[derive(Debug, Clone)]
pub struct OriginPlan {
    /// Its name in reports, such as `IAD`.
    pub name: String,
    /// Where it is.
    pub point: Point,
    /// Its classes, paths and objects. A synthetic origin serves them; of the user's own only the paths are known.
    pub catalogue: Catalogue,
    /// Which kind.
    pub kind: OriginKind,
}

/// The two kinds of origin.
#[derive(Debug, Clone)]
pub enum OriginKind {
    /// Made up from the catalogue.
    Synthetic,
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

impl RoutingPlan {
    /// Whether a router takes part.
    #[must_use]
    pub fn has_router(&self) -> bool {
        matches!(self.mode, RoutingMode::Router | RoutingMode::Redirect)
    }
}
