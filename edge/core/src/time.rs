//! Instants and durations of the core. Knows nothing about clocks: `now` is always a parameter.

use serde::{Deserialize, Serialize};

/// A duration in milliseconds.
pub type Millis = i64;

/// An instant: milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant that many whole seconds after the Unix epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down: what an HTTP date can say.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by a duration, held at the ends of the range.
    pub const fn plus(self, duration: Millis) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// This instant moved back by a duration, held at the ends of the range.
    pub const fn minus(self, duration: Millis) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    /// Time since an earlier instant; negative if that one is later.
    pub const fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}
