//! What the clients of the front have seen, by region: latency and outcome of each request, within the last seconds and in
//! all. Its memory does not grow.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The seconds that count as now.
pub(super) const RECENT: usize = 10;
/// A minute in microseconds: no request waits longer.
const LONGEST: u64 = 60_000_000;

/// One region.
#[derive(Debug)]
pub(super) struct Tally {
    all: Span,
    /// The last seconds, the one that runs first.
    recent: VecDeque<Span>,
}

#[derive(Debug, Clone)]
struct Span {
    latency: Option<Histogram<u64>>,
    answers: u64,
    hits: u64,
    errors: u64,
}

/// A span in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Seen {
    pub(super) requests: u64,
    pub(super) hit_ratio: Option<f64>,
    pub(super) errors: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
}

impl Span {
    fn new() -> Self {
        Self {
            // Two digits: 3,000 buckets. These bounds are always right.
            latency: Histogram::new_with_bounds(10, LONGEST, 2).ok(),
            answers: 0,
            hits: 0,
            errors: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        if let (Some(mine), Some(theirs)) = (&mut self.latency, &other.latency) {
            // Of the same bounds.
            let _ = mine.add(theirs);
        }
        self.answers += other.answers;
        self.hits += other.hits;
        self.errors += other.errors;
    }

    fn seen(&self) -> Seen {
        let ms = |share| {
            let latency = self.latency.as_ref().filter(|it| !it.is_empty())?;
            Some(latency.value_at_quantile(share) as f64 / 1000.0)
        };
        Seen {
            requests: self.answers + self.errors,
            hit_ratio: (self.answers > 0).then(|| self.hits as f64 / self.answers as f64),
            errors: self.errors,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
        }
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            all: Span::new(),
            recent: VecDeque::from([Span::new()]),
        }
    }

    /// One request: how long it took, and whether it was a hit; `None`: an error.
    pub(super) fn add(&mut self, micros: u64, hit: Option<bool>) {
        for span in self.recent.front_mut().into_iter().chain([&mut self.all]) {
            if let Some(latency) = &mut span.latency {
                latency.saturating_record(micros.clamp(10, LONGEST));
            }
            match hit {
                Some(hit) => {
                    span.answers += 1;
                    span.hits += u64::from(hit);
                }
                None => span.errors += 1,
            }
        }
    }

    /// A second is over.
    pub(super) fn tick(&mut self) {
        self.recent.push_front(Span::new());
        self.recent.truncate(RECENT);
    }

    pub(super) fn now(&self) -> Seen {
        let mut sum = Span::new();
        self.recent.iter().for_each(|span| sum.add(span));
        sum.seen()
    }

    pub(super) fn all(&self) -> Seen {
        self.all.seen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seconds_move_on_and_the_whole_stays() {
        let mut tally = Tally::new();
        for _ in 0..9 {
            tally.add(20_000, Some(true));
        }
        tally.add(200_000, Some(false));
        tally.add(u64::MAX, None);
        let now = tally.now();
        assert_eq!(
            (now.requests, now.errors, now.hit_ratio),
            (11, 1, Some(0.9))
        );
        let p50 = now.p50_ms.expect("requests");
        assert!((19.0..21.0).contains(&p50), "{p50}");
        for _ in 0..RECENT {
            tally.tick();
        }
        assert_eq!(tally.now(), Seen::default());
        assert_eq!(tally.all().requests, 11);
        assert_eq!(tally.recent.len(), RECENT);
    }
}
