//! What can be seen of a run from outside: one [`Observation`] per planned request, one [`OriginRecord`] per request that
//! the origin counted, and the counters of the nodes.
//!
//! Both drivers speak in these types, and metrics are folded from nothing else. The module knows neither sockets nor
//! virtual time, and it judges nothing: classes and figures are made in [`crate::metrics`].

mod path;
mod phase;
mod request_id;

pub use edge_core::Fwd;
pub use path::{Handling, Hop, Path};
pub use phase::{Phase, Phases, Waits};
pub use request_id::RequestId;

use serde::{Deserialize, Serialize};

use crate::plan::{Nanos, ObjectId};

/// One planned request and what became of it. Exactly one exists per planned request, whatever happened.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// Number of the request in the plan.
    pub step: u64,
    /// Index of the client's place.
    pub place: u16,
    /// What was asked for; its class is the path class.
    pub object: ObjectId,
    /// Index of the `Vary` value that was sent.
    pub variant: u16,
    /// The node that the client asked, answered or not; `None` if it asked the origin or reached no node.
    pub node: Option<u16>,
    /// The intended send time, from which latency counts; in a sequential plan the same as `started`.
    pub due: Nanos,
    /// When the client really began, its routing included.
    pub started: Nanos,
    /// When the first byte of the final response came; meaningless without an answer.
    pub first_byte: Nanos,
    /// When the last byte came, or when the request was given up.
    pub done: Nanos,
    /// Where the time before the first byte went.
    pub waits: Waits,
    /// The answer, if a complete one came before the deadline.
    pub outcome: Result<Answer, Failure>,
    /// How much later than intended the driver acted, through its own fault; 0 in the sim.
    pub late: Nanos,
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status of the final response (a redirect chain is one request).
    pub status: u16,
    /// What the caches on the way said.
    pub path: Path,
    /// The `Age` field, seconds.
    pub age: Option<u32>,
    /// Body bytes received.
    pub bytes: u64,
    /// The version of the object, if its validator tells.
    pub version: Option<u32>,
    /// How long the version served had been superseded when the request was sent (at `started`); `None`: it was the
    /// current one, or no version is known.
    pub outdated_by: Option<Nanos>,
    /// Whether the body was what the origin must have sent.
    pub verified: Verified,
    /// Whether our cache core would store what the origin answered.
    pub cacheable: Cacheable,
}

/// The outcome of holding a body against what the origin must have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Every byte was right.
    Right,
    /// At least one byte was wrong, missing or too many.
    Wrong,
    /// There was nothing to hold it against.
    Unchecked,
}

/// The judgement of our cache core on one response, made from the request and the origin's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cacheable {
    /// As the plan says of the object's class.
    AsPlanned,
    /// Storable, and fresh for this long.
    Fresh(Nanos),
    /// Not storable.
    No,
}

/// Why no complete answer came before the deadline.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// A connection could not be made, for another reason than a refusal.
    Connect,
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The deadline passed first.
    Deadline,
    /// The body ended short.
    Truncated,
    /// What came was no HTTP, or a redirect led nowhere.
    Protocol,
    /// The router gave no edge.
    Routing,
}

impl Failure {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Refused,
        Self::Reset,
        Self::Deadline,
        Self::Truncated,
        Self::Protocol,
        Self::Routing,
    ];

    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Deadline => "deadline",
            Self::Truncated => "truncated",
            Self::Protocol => "protocol",
            Self::Routing => "routing",
        }
    }
}

/// One request as the origin counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginRecord {
    /// The request id that it carried.
    pub id: RequestId,
    /// When it arrived, as offset from the start of the run.
    pub at: Nanos,
    /// The object; `None` if the origin knows none at that path.
    pub object: Option<ObjectId>,
    /// Status sent.
    pub status: u16,
    /// Body bytes sent.
    pub body_bytes: u64,
    /// Whether the request was conditional.
    pub conditional: bool,
}

/// The class of one client request at one tier; every request is in exactly one.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RequestClass {
    /// A fresh stored response.
    Hit,
    /// Stale, served without waiting (stale-while-revalidate of RFC 5861, or the client's max-stale).
    HitStaleSwr,
    /// Stale, served because the upstream failed (RFC 5861, RFC 9111 section 4.2.4).
    HitStaleError,
    /// A stored error response.
    HitNegative,
    /// Shared a fetch that another request had under way.
    Coalesced,
    /// Stale, validated upstream with 304.
    Revalidated,
    /// Stale, and upstream sent a new response.
    Expired,
    /// Nothing stored that could serve it.
    Miss,
    /// Not cacheable.
    Pass,
    /// Made by the edge itself.
    Synthetic,
    /// Nothing complete before the deadline, or a 5xx that came from no store.
    Error,
}

impl RequestClass {
    /// How many classes there are.
    pub const COUNT: usize = 11;

    /// All of them, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Hit,
        Self::HitStaleSwr,
        Self::HitStaleError,
        Self::HitNegative,
        Self::Coalesced,
        Self::Revalidated,
        Self::Expired,
        Self::Miss,
        Self::Pass,
        Self::Synthetic,
        Self::Error,
    ];

    /// The word that reports and expectations use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::HitStaleSwr => "hit-stale-swr",
            Self::HitStaleError => "hit-stale-error",
            Self::HitNegative => "hit-negative",
            Self::Coalesced => "coalesced",
            Self::Revalidated => "revalidated",
            Self::Expired => "expired",
            Self::Miss => "miss",
            Self::Pass => "pass",
            Self::Synthetic => "synthetic",
            Self::Error => "error",
        }
    }

    /// Whether the class counts as a request hit.
    #[must_use]
    pub const fn is_hit(self) -> bool {
        matches!(
            self,
            Self::Hit | Self::HitStaleSwr | Self::HitStaleError | Self::HitNegative
        )
    }

    /// Whether the class stands in the denominator of `request_hit_ratio`.
    #[must_use]
    pub const fn is_cacheable(self) -> bool {
        !matches!(self, Self::Pass | Self::Synthetic | Self::Error)
    }
}

impl From<edge_core::Class> for RequestClass {
    fn from(class: edge_core::Class) -> Self {
        use edge_core::Class;
        match class {
            Class::Hit => Self::Hit,
            Class::HitStaleSwr => Self::HitStaleSwr,
            Class::HitStaleError => Self::HitStaleError,
            Class::HitNegative => Self::HitNegative,
            Class::Coalesced => Self::Coalesced,
            Class::Revalidated => Self::Revalidated,
            Class::Expired => Self::Expired,
            Class::Miss => Self::Miss,
            Class::Pass => Self::Pass,
            Class::Synthetic => Self::Synthetic,
            Class::Error => Self::Error,
        }
    }
}

/// Counters of one node since its start, as its admin listener tells them. They only rise; after a restart they begin anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeStats {
    /// Requests received and answered, by class; background ones apart.
    pub classes: [u64; RequestClass::COUNT],
    /// Body bytes sent downstream.
    pub downstream_bytes: u64,
    /// Requests sent upstream, background ones and retries included.
    pub upstream_requests: u64,
    /// Body bytes received from upstream, background ones included.
    pub upstream_bytes: u64,
    /// Of `upstream_requests`: background refreshes and other requests made without a waiting client.
    pub background_requests: u64,
    /// Of `upstream_bytes`: those of background requests.
    pub background_bytes: u64,
    /// Of `upstream_requests`: sent again after a failed connection.
    pub retries: u64,
    /// Responses that left the store to make room.
    pub evictions: u64,
    /// Stored responses now.
    pub stored_objects: u64,
    /// Bytes of the store now.
    pub stored_bytes: u64,
    /// Resident memory of the process now; 0 where unknown.
    pub resident_bytes: u64,
}

impl NodeStats {
    /// What was counted since `before`; what is a level stays as it is.
    pub fn take_away(&mut self, before: &Self) {
        for (class, before) in self.classes.iter_mut().zip(before.classes) {
            *class = class.saturating_sub(before);
        }
        for (total, before) in [
            (&mut self.downstream_bytes, before.downstream_bytes),
            (&mut self.upstream_requests, before.upstream_requests),
            (&mut self.upstream_bytes, before.upstream_bytes),
            (&mut self.background_requests, before.background_requests),
            (&mut self.background_bytes, before.background_bytes),
            (&mut self.retries, before.retries),
            (&mut self.evictions, before.evictions),
        ] {
            *total = total.saturating_sub(before);
        }
    }
}
