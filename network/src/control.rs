//! What goes over a link node's admin listener, as plain data: used by the node and by whoever drives it.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /links` | [`NewLink`] | 201 [`Added`]; 409 if the name is taken, 422 if it makes no sense |
//! | `PATCH /links/{name}` | [`Change`] | 200 [`LinkStatus`], in force when the answer arrives; 404 |
//! | `GET /links` | | 200 list of [`LinkStatus`], by name |
//! | `GET /links/{name}` | | 200 [`LinkStatus`]; 404 |
//! | `DELETE /links/{name}` | | 204, its connections reset; 404 |
//! | `GET /health`, `GET /ready` | | 200 |
//! | `GET /metrics` | | Prometheus text |
//! | `POST /stop` | | 202, then drained and gone |
//!
//! Errors carry an [`ErrorBody`]. It knows nothing of sockets.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::LinkModel;

/// A link to be added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// Unique in the node.
    pub name: String,
    /// Where it leads: `host:port`, resolved for each connection.
    pub target: String,
    /// Where it listens; by default a free port of 127.0.0.1.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// What it does to bytes; by default nothing.
    #[serde(default)]
    pub model: LinkModel,
    /// Seed of its jitter and losses; each connection draws from a stream of its own.
    #[serde(default)]
    pub seed: u64,
}

/// A link has been added and listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// As asked for.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddr,
}

/// What to change of a link while it runs. Absent parts stay as they are; connections live on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Bytes that are under way keep their delay, and order is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<LinkModel>,
    /// Absent: as it is. `null` (`Some(None)`): healed. An object: cut.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub cut: Option<Option<Cut>>,
    /// Where new connections lead: `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// Tells `null` from an absent key.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Cut>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Change {
    /// A new model.
    pub fn model(model: LinkModel) -> Self {
        Self {
            model: Some(model),
            ..Self::default()
        }
    }

    /// A cut.
    pub fn cut(cut: Cut) -> Self {
        Self {
            cut: Some(Some(cut)),
            ..Self::default()
        }
    }

    /// The end of a cut.
    pub fn heal() -> Self {
        Self {
            cut: Some(None),
            ..Self::default()
        }
    }

    /// Another target for new connections.
    pub fn target(target: impl Into<String>) -> Self {
        Self {
            target: Some(target.into()),
            ..Self::default()
        }
    }
}

/// A link that carries nothing, in one direction or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Which bytes do not pass.
    pub direction: Direction,
    /// What happens to them.
    #[serde(default)]
    pub how: How,
}

impl Cut {
    /// Nothing passes, nobody is told.
    pub const BLACKHOLE: Self = Self {
        direction: Direction::Both,
        how: How::Blackhole,
    };
    /// Nothing passes, everybody is told.
    pub const RESET: Self = Self {
        direction: Direction::Both,
        how: How::Reset,
    };

    /// Whether bytes towards the target are stopped.
    pub fn stops_to(self) -> bool {
        self.direction != Direction::From
    }

    /// Whether bytes from the target are stopped.
    pub fn stops_from(self) -> bool {
        self.direction != Direction::To
    }
}

/// Which bytes a cut stops, seen from those who connect to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// All.
    Both,
    /// Those towards the target: requests.
    To,
    /// Those from the target: responses.
    From,
}

/// What a cut does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Packets vanish: senders wait, connects stay unanswered, and what was held is delivered after healing.
    #[default]
    Blackhole,
    /// Packets are answered with a reset: whoever sends in a stopped direction loses the connection at once,
    /// the other end hears of it when it can.
    Reset,
}

/// A link as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where new connections lead.
    pub target: String,
    /// Its model.
    pub model: LinkModel,
    /// Its cut, if any.
    pub cut: Option<Cut>,
    /// Its counts.
    pub stats: Stats,
}

/// Counts of one link since it was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Connections open now.
    pub open: u64,
    /// Connections accepted, ever.
    pub accepted: u64,
    /// Of those, ended by a reset of either end, of a cut, or because the target refused.
    pub reset: u64,
    /// Of those, whose target refused the connection or could not be found.
    pub refused: u64,
    /// Towards the target.
    pub to: Carried,
    /// From the target.
    pub from: Carried,
}

/// Bytes of one direction. `read - delivered` = `held` + what resets destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Bytes taken from the sender.
    pub read: u64,
    /// Bytes given to the receiver.
    pub delivered: u64,
    /// Bytes under way or held by a cut.
    pub held: u64,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One sentence.
    pub error: String,
}
