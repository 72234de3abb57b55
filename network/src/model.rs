//! What a link does to bytes: handshake, propagation, slow start, rate, jitter and loss, in integer nanoseconds.
//!
//! Pure: time is a parameter, and random draws come from a seeded generator, so that a relay between real sockets and
//! a simulator in virtual time say the same, on every platform. It knows nothing of sockets and of what the bytes mean.
//!
//! What it leaves out: queues shared by connections (the rate is what one connection gets), congestion avoidance
//! (losses stall, they do not shrink the window), delayed acknowledgements, lost SYNs.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::{MILLI, Nanos, SECOND};

mod flow;
#[cfg(test)]
mod tests;

pub use flow::{Delivery, Flow, Line, Sender};

/// Bytes of payload in a segment: an Ethernet frame less the headers of IPv4 and TCP.
pub const MSS: u64 = 1_460;
/// Bytes that a new connection may send before the first acknowledgement (RFC 6928: ten segments).
pub const INITIAL_WINDOW: u64 = 10 * MSS;
/// A sender that was silent for so long starts again with the initial window (RFC 5681 section 4.1).
pub const IDLE_RESTART: Nanos = SECOND;

/// A link between two places, as configured. The same in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkModel {
    /// Round-trip time without load.
    #[serde(rename = "rtt_ns")]
    pub rtt: Nanos,
    /// Bits per second that one connection gets in each direction; `None`: no limit.
    pub rate_bps: Option<u64>,
    /// Extra delay of each burst on its way, drawn evenly from 0 to this.
    #[serde(rename = "jitter_ns")]
    pub jitter: Nanos,
    /// Segments lost among a million.
    pub loss_ppm: u32,
    /// What a new connection does before its first request.
    pub handshake: Handshake,
}

/// What happens on a new connection before the first request can leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// Nothing.
    None,
    /// TCP: one round trip.
    #[default]
    Tcp,
    /// TCP and TLS 1.3: two.
    Tls13,
    /// TCP and TLS 1.3 with 0-RTT data: one.
    Tls13ZeroRtt,
    /// TCP and TLS 1.2: three.
    Tls12,
    /// HTTP/3: one.
    Quic,
    /// HTTP/3 with 0-RTT data: none.
    QuicZeroRtt,
}

impl Handshake {
    /// Round trips before the first request leaves. (The first byte of the response comes one round trip later.)
    pub const fn round_trips(self) -> u64 {
        match self {
            Self::None | Self::QuicZeroRtt => 0,
            Self::Tcp | Self::Tls13ZeroRtt | Self::Quic => 1,
            Self::Tls13 => 2,
            Self::Tls12 => 3,
        }
    }
}

/// A link model that no link can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ModelError {
    /// Longer than [`LinkModel::LONGEST`].
    #[error("{0} of more than 60 s")]
    TooLong(&'static str),
    /// Below [`LinkModel::SLOWEST`].
    #[error("a rate of {0} b/s, below 1 kb/s")]
    TooSlow(u64),
    /// Above [`LinkModel::LOSSIEST`].
    #[error("a loss of {0} in a million segments, above 500,000")]
    TooLossy(u32),
}

impl LinkModel {
    /// The longest round-trip time and jitter: 60 s.
    pub const LONGEST: Nanos = 60 * SECOND;
    /// The lowest rate: 1 kb/s.
    pub const SLOWEST: u64 = 1_000;
    /// The highest loss: every second segment.
    pub const LOSSIEST: u32 = 500_000;

    /// A link of this round-trip time, without limit of rate, jitter or loss; connections pay TCP's handshake.
    pub fn of_rtt(rtt: Nanos) -> Self {
        Self {
            rtt,
            ..Self::default()
        }
    }

    /// Whether the figures are within the bounds. [`Line::new`] clamps what is not.
    ///
    /// # Errors
    /// Names the first figure out of bounds.
    pub fn check(&self) -> Result<(), ModelError> {
        if self.rtt > Self::LONGEST {
            return Err(ModelError::TooLong("a round-trip time"));
        }
        if self.jitter > Self::LONGEST {
            return Err(ModelError::TooLong("a jitter"));
        }
        match self.rate_bps {
            Some(rate) if rate < Self::SLOWEST => return Err(ModelError::TooSlow(rate)),
            _ => {}
        }
        if self.loss_ppm > Self::LOSSIEST {
            return Err(ModelError::TooLossy(self.loss_ppm));
        }
        Ok(())
    }
}

/// Time from the start of a connect until the first request can leave.
pub fn handshake(link: &LinkModel) -> Nanos {
    link.handshake.round_trips() * link.rtt.min(LinkModel::LONGEST)
}

/// How a round-trip time grows with distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistanceRtt {
    /// At no distance at all.
    pub base: Nanos,
    /// For each 1,000 km of great circle.
    pub per_1000km: Nanos,
}

impl Default for DistanceRtt {
    /// 5 ms and 15.5 ms per 1,000 km: a fit over 398 published pairs of places, 83 % of them within 30 %.
    fn default() -> Self {
        Self {
            base: 5 * MILLI,
            per_1000km: 15_500_000,
        }
    }
}

impl DistanceRtt {
    /// The round-trip time over `km` of great circle; 0 km stands for what is negative or no number.
    pub fn rtt(&self, km: f64) -> Nanos {
        let km = if km > 0.0 { km } else { 0.0 };
        // Below 2^53, so exact in a float; the cast saturates.
        let way = libm::round(km * self.per_1000km as f64 / 1_000.0) as u64;
        self.base.saturating_add(way)
    }
}

/// The round-trip time over `km` of great circle by the default fit: 5 ms + 15.5 ms per 1,000 km.
pub fn rtt_of_distance(km: f64) -> Nanos {
    DistanceRtt::default().rtt(km)
}
