//! The words of an [`Exchange`](crate::Exchange): actions, events and the reply. Plain `Copy` data.

use crate::{Digest, Fwd, Handling, NotStorable, Stored, Timestamp, UpstreamError};

/// What the driver is to do next.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look the key up. Answer: `Found`.
    Lookup,
    /// Find or open the flight of this key. Answer: `Lead` (a flight was opened, this exchange
    /// leads it), `Following` (one is under way), `Landed` (one is under way whose head is in), or
    /// `Found` (the store has something newer than the last look-up told: look again while opening
    /// the flight, or two requests can lead one after the other).
    Join,
    /// Nothing to do until the flight lands (`Landed`, or `Found` if what it brought turns out to be
    /// for other selecting fields: the store knows by then that there are variants) or the wait is
    /// over at this instant (`WaitExpired`).
    Wait {
        /// When the wait is over.
        until: Timestamp,
    },
    /// Ask upstream. Answer: `Upstream`, `Failed` or `Mismatch`.
    Forward(Forward),
    /// The end: answer the client, store, land.
    Reply(Reply),
    /// The event changed nothing; the outstanding action stands.
    Pending,
}

/// How to ask upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Why (RFC 9211).
    pub why: Fwd,
    /// With the stored response's validators as the precondition.
    pub conditional: bool,
    /// On behalf of a flight that others follow.
    pub leads: bool,
    /// The client's own preconditions and Range travel as they are; otherwise they stay here and
    /// are answered from the response.
    pub passes: bool,
}

/// What came of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A look-up's result.
    Found(Lookup),
    /// This exchange leads the flight of its key. Only ever an answer to `Join`.
    Lead,
    /// Another exchange leads; `Landed` will come.
    Following,
    /// The flight this exchange follows has landed.
    Landed(Landing),
    /// The wait is over.
    WaitExpired,
    /// The head of a final answer is in; of a 304 to our own condition: the facts of the stored
    /// response as updated.
    Upstream(Answer),
    /// No answer came.
    Failed(UpstreamError),
    /// A 304 came whose validator is not the stored response's (RFC 9111 section 4.3.4).
    Mismatch,
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Nothing for the target URI.
    Miss,
    /// Something for the target URI, but not for these selecting fields.
    VaryMiss,
    /// A mark, still valid: an earlier answer could not be shared.
    HitForMiss,
    /// A stored response.
    Hit(Stored),
}

/// What became of a flight, told to those who follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// The leader's answer may be shared: stream from the flight, or read the store.
    Shared(Answer),
    /// The stored response was validated; this is its updated state.
    NotModified(Stored),
    /// The answer is for the leader alone: go yourself.
    NotShareable,
    /// The upstream answered with an error that may not be shared.
    ErrorAnswer {
        /// Its status.
        status: u16,
    },
    /// The leader got no answer: one follower takes over.
    Failed(UpstreamError),
}

/// The facts of an upstream head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Whether it may be stored, and what decisions need of it then.
    pub storable: Result<Digest, NotStorable>,
    /// The instant its age counts from: see [`crate::born`].
    pub born: Timestamp,
    /// When the head came.
    pub received: Timestamp,
}

/// Where the reply comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The stored response that the look-up found.
    Stored,
    /// The answer to this exchange's own upstream request.
    Upstream,
    /// The answer of the flight that this exchange followed.
    Flight,
    /// The stored response, updated by the 304 that this exchange or its flight got.
    Updated,
    /// Made by the node, with this status; `Handling::detail` says why.
    Synthetic(u16),
    /// There is no client: a background refresh has ended.
    Nobody,
}

/// What to do to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Store the upstream answer, once its body is whole.
    Response,
    /// Replace the stored head with the updated one.
    Update,
    /// Drop what is stored for the target URI: a 304 has forbidden storing it, or an unsafe method
    /// has succeeded; then also what [`Invalidation`](crate::Invalidation) names (RFC 9111 section
    /// 4.4).
    Forget,
    /// As `Forget`, and then store the upstream answer for GET, once its body is whole.
    Replace,
    /// The answer to HEAD is about what is stored: update it ([`update_head`](crate::update_head)),
    /// or let it be stale if they do not agree (RFC 9111 section 4.3.5).
    Compare,
    /// Leave a hit-for-miss mark.
    HitForMiss {
        /// Until when it is valid.
        until: Timestamp,
    },
}

/// The end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Where the reply comes from.
    pub from: From,
    /// For `Cache-Status` and the counters.
    pub handling: Handling,
    /// What to do to the store.
    pub keep: Keep,
    /// What to tell those who follow. `Some` if and only if this exchange leads a flight.
    pub land: Option<Landing>,
    /// Start a background refresh: [`Exchange::refresh`](crate::Exchange::refresh).
    pub refresh: bool,
}
