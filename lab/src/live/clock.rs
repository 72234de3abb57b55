//! The run's clock: nanoseconds since its start, and the wall time that its start has.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::plan::Nanos;

/// Offset 0 of a run, on both clocks. Copy; every thread of the driver has one.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    epoch_ms: i64,
}

impl Clock {
    /// A clock whose offset 0 is the wall time `epoch_ms`, which may lie ahead.
    pub fn at(epoch_ms: i64) -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = Instant::now();
        let epoch = Duration::from_millis(u64::try_from(epoch_ms).unwrap_or(0));
        let start = if epoch >= wall {
            now + (epoch - wall)
        } else {
            now.checked_sub(wall - epoch).unwrap_or(now)
        };
        Self { start, epoch_ms }
    }

    /// The wall clock in milliseconds.
    pub fn wall_ms() -> i64 {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)
    }

    /// The first whole second that lies at least `lead_ms` ahead, as a wall time. Runs start there: Date
    /// has whole seconds, so that a short lifetime depends on where in a second an answer was given, and
    /// virtual time starts at a whole second too.
    pub fn second_ahead(lead_ms: i64) -> i64 {
        let soonest = Self::wall_ms().saturating_add(lead_ms);
        soonest.saturating_add((-soonest).rem_euclid(1000))
    }

    /// The offset now; 0 before the start.
    pub fn now(&self) -> Nanos {
        Nanos::try_from(self.start.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// The offset of an instant; 0 before the start.
    pub fn offset(&self, at: Instant) -> Nanos {
        Nanos::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// The instant of an offset.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }

    /// The offset of a wall time; 0 for what lies before the start.
    pub fn offset_of_wall(&self, ms: i64) -> Nanos {
        let after = ms.saturating_sub(self.epoch_ms);
        Nanos::try_from(after)
            .unwrap_or(0)
            .saturating_mul(1_000_000)
    }

    /// The wall time of offset 0.
    pub fn epoch_ms(&self) -> i64 {
        self.epoch_ms
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn runs_start_at_a_whole_second() {
        for lead in [0, 1, 999, 1000, 2500] {
            let before = Clock::wall_ms();
            let epoch = Clock::second_ahead(lead);
            assert_eq!(epoch % 1000, 0);
            assert!(epoch >= before + lead);
            assert!(epoch < Clock::wall_ms() + lead + 1000);
        }
    }
}
