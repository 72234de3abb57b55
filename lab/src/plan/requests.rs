//! The stream of planned requests.

use std::net::IpAddr;

use super::{Nanos, ObjectId, Plan};

/// One request that a driver is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRequest {
    /// Number of the request in the plan, from 0.
    pub step: u64,
    /// When it is to be sent; 0 in a sequential plan.
    pub due: Nanos,
    /// Index of the population.
    pub population: u16,
    /// Index of the client's place.
    pub place: u16,
    /// The client's address.
    pub client: IpAddr,
    /// What is asked for.
    pub object: ObjectId,
    /// Index of the `Vary` value that the client sends; 0 without one.
    pub variant: u16,
    /// How long the client waits, counted from `due`.
    pub deadline: Nanos,
}

/// Why a trace cannot be played on.
#[derive(Debug, thiserror::Error)]
#[error("trace: {0}")]
pub struct TraceError(String);

/// The requests of a plan, ordered by `due`; memory does not depend on their number.
#[derive(Debug)]
pub struct Requests;

impl Plan {
    /// The requests of this plan: the same each time it is called.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests
    }
}

impl Iterator for Requests {
    type Item = Result<PlannedRequest, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
