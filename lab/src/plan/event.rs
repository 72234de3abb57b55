//! What happens during a run, with every name resolved.

use origin::{Faults, Selector};

use super::{LinkModel, Nanos, ObjectId, Spot};

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
    /// The origin behaves so from now on; the default: it is well again.
    Origin(Faults),
    /// This link behaves so from now on.
    Link(LinkState),
    /// The node of this index dies without warning (kill -9).
    Kill(u16),
    /// The node of this index starts again, empty.
    Restart(u16),
    /// The origin publishes new versions.
    Publish(Selector),
    /// A purge is sent to nodes.
    Purge(Purge),
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
