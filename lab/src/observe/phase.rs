//! Where the time of one request goes, part by part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Nanos;

/// The parts of a request's time, in the order of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Sent later than intended, through the lab's own fault.
    Late,
    /// Until it was known whom to ask: the resolver's question to the router, or the router's redirect.
    Routing,
    /// The handshake of a new connection to the edge.
    ClientConnect,
    /// On the link between client and edge, there and back, until the first byte.
    ClientToEdge,
    /// Within the edge: above all, waiting for a fetch that another request had under way.
    Edge,
    /// Handshakes of new connections between tiers of the CDN.
    ShieldConnect,
    /// On the links between tiers of the CDN, there and back.
    EdgeToShield,
    /// Within inner tiers.
    Shield,
    /// The handshake of a new connection to the origin.
    OriginConnect,
    /// On the link between the last cache and the origin, there and back.
    CacheToOrigin,
    /// At the origin, until it took the request up.
    OriginQueue,
    /// The origin's own work on it.
    Origin,
    /// What else was measured before the first byte, and is not told apart.
    Rest,
    /// From the first to the last byte: bandwidth and slow start.
    Body,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 14;

    /// All of them, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Late,
        Self::Routing,
        Self::ClientConnect,
        Self::ClientToEdge,
        Self::Edge,
        Self::ShieldConnect,
        Self::EdgeToShield,
        Self::Shield,
        Self::OriginConnect,
        Self::CacheToOrigin,
        Self::OriginQueue,
        Self::Origin,
        Self::Rest,
        Self::Body,
    ];

    /// Whether a live run takes it from the model of the network and from the scenario: nodes do not tell of it.
    #[must_use]
    pub const fn is_modelled(self) -> bool {
        matches!(
            self,
            Self::ClientToEdge | Self::EdgeToShield | Self::CacheToOrigin | Self::Origin
        )
    }
}

/// A time for each [`Phase`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases([Nanos; Phase::COUNT]);

impl Phases {
    /// That of one part.
    #[must_use]
    pub const fn of(&self, phase: Phase) -> Nanos {
        self.0[phase as usize]
    }

    /// Adds to one part.
    pub const fn add(&mut self, phase: Phase, time: Nanos) {
        self.0[phase as usize] += time;
    }

    /// Takes what stands at one part.
    pub const fn take(&mut self, phase: Phase) -> Nanos {
        std::mem::replace(&mut self.0[phase as usize], 0)
    }

    /// Adds all parts of another.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours += theirs;
        }
    }

    /// The sum of all parts.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.0.iter().sum()
    }
}

/// What is known of the time before a request's first byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// From `started` on.
    pub phases: Phases,
    /// Whether they are all of it, as in the simulator. Otherwise they are what the client has measured.
    pub whole: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_at_their_indices() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, index);
        }
        let mut phases = Phases::default();
        phases.add(Phase::Edge, 3);
        phases.add(Phase::Body, 4);
        assert_eq!((phases.total(), phases.of(Phase::Edge)), (7, 3));
        assert_eq!((phases.take(Phase::Edge), phases.total()), (3, 4));
    }
}
