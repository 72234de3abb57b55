//! What happened when: a bounded number of time buckets, which double in width when a run is longer than they reach.

use super::histogram::Histogram;
use crate::observe::RequestClass;
use crate::plan::Nanos;

/// More buckets than this are never kept.
pub(crate) const MOST: usize = 400;

/// One span of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    pub(crate) classes: [u64; RequestClass::COUNT],
    pub(crate) available: u64,
    pub(crate) versioned: u64,
    pub(crate) outdated: u64,
    pub(crate) origin_requests: u64,
    pub(crate) origin_bytes: u64,
    /// Microseconds to the first byte, complete answers only, by [`Served`].
    pub(crate) ttfb: [Histogram; Served::ALL.len()],
    /// By region.
    pub(crate) regions: Vec<RegionBucket>,
}

/// Classes whose latencies are told apart over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// From a store, fresh.
    Hit,
    /// From a store, stale.
    Stale,
    /// After a fetch, its own or a shared one.
    Fetched,
    /// Not from a cache by its nature.
    Other,
}

impl Served {
    /// All of them, in the order of their indices.
    pub(crate) const ALL: [Self; 4] = [Self::Hit, Self::Stale, Self::Fetched, Self::Other];

    /// The word that reports use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Fetched => "miss",
            Self::Other => "other",
        }
    }

    /// Where a class belongs.
    pub(crate) const fn of(class: RequestClass) -> Self {
        use RequestClass as Class;
        match class {
            Class::Hit | Class::HitNegative => Self::Hit,
            Class::HitStaleSwr | Class::HitStaleError => Self::Stale,
            Class::Coalesced | Class::Revalidated | Class::Expired | Class::Miss => Self::Fetched,
            Class::Pass | Class::Synthetic | Class::Error => Self::Other,
        }
    }
}

/// What one region saw in one span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RegionBucket {
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) cacheable: u64,
    pub(crate) available: u64,
    pub(crate) outdated: u64,
}

impl Bucket {
    fn merge(&mut self, other: &Self) {
        self.classes
            .iter_mut()
            .zip(other.classes)
            .for_each(|(ours, theirs)| *ours += theirs);
        self.available += other.available;
        self.versioned += other.versioned;
        self.outdated += other.outdated;
        self.origin_requests += other.origin_requests;
        self.origin_bytes += other.origin_bytes;
        for (ours, theirs) in self.ttfb.iter_mut().zip(&other.ttfb) {
            ours.merge(theirs);
        }
        for (ours, theirs) in self.regions.iter_mut().zip(&other.regions) {
            ours.requests += theirs.requests;
            ours.hits += theirs.hits;
            ours.cacheable += theirs.cacheable;
            ours.available += theirs.available;
            ours.outdated += theirs.outdated;
        }
    }
}

/// The buckets from the start of the run on.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) width: Nanos,
    pub(crate) buckets: Vec<Bucket>,
    regions: usize,
    /// The bucket that was asked for last, and its span: time passes, and seldom from one to the next.
    latest: (usize, Nanos, Nanos),
}

impl Series {
    /// For a run that is expected to last `duration`: about 100 to 200 buckets of a round width.
    pub(crate) fn new(duration: Nanos, regions: usize) -> Self {
        let mut width: Nanos = 100_000_000;
        for factor in [2, 5, 10].into_iter().cycle() {
            if duration / width < 200 {
                break;
            }
            // 100 ms, 200 ms, 500 ms, 1 s, 2 s, ...
            width = match factor {
                2 => width * 2,
                5 => width / 2 * 5,
                _ => width * 2,
            };
        }
        Self {
            width,
            buckets: Vec::new(),
            regions,
            latest: (0, 0, 0),
        }
    }

    /// The bucket that an instant falls into.
    #[inline]
    pub(crate) fn at(&mut self, at: Nanos) -> &mut Bucket {
        let (_, from, to) = self.latest;
        if at < from || to <= at {
            self.look_for(at);
        }
        &mut self.buckets[self.latest.0]
    }

    #[cold]
    fn look_for(&mut self, at: Nanos) {
        while at / self.width >= MOST as u64 {
            self.double();
        }
        let index = (at / self.width) as usize;
        while index >= self.buckets.len() {
            let regions = vec![RegionBucket::default(); self.regions];
            self.buckets.push(Bucket {
                regions,
                ..Bucket::default()
            });
        }
        let from = index as u64 * self.width;
        self.latest = (index, from, from.saturating_add(self.width));
    }

    /// Adds what was seen of other requests of the same run.
    pub(crate) fn merge(&mut self, mut other: Self) {
        while self.width < other.width {
            self.double();
        }
        while other.width < self.width {
            other.double();
        }
        let mut theirs = other.buckets.into_iter();
        for (ours, theirs) in self.buckets.iter_mut().zip(theirs.by_ref()) {
            ours.merge(&theirs);
        }
        self.buckets.extend(theirs);
    }

    fn double(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.latest = (0, 0, 0);
        let merged = self.buckets.chunks(2).map(|pair| {
            let mut first = pair[0].clone();
            if let Some(second) = pair.get(1) {
                first.merge(second);
            }
            first
        });
        self.buckets = merged.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_round_widths_and_stays_bounded() {
        let width = |seconds: u64| Series::new(seconds * 1_000_000_000, 0).width / 1_000_000;
        let widths = [10, 20, 60, 3600, 86_400].map(width);
        assert_eq!(widths, [100, 200, 500, 20_000, 500_000]);
        let mut series = Series::new(1_000_000_000, 1);
        for second in 0..10_000 {
            let bucket = series.at(second * 1_000_000_000);
            bucket.classes[0] += 1;
            bucket.regions[0].requests += 1;
        }
        assert!(series.buckets.len() <= MOST);
        assert_eq!(
            series
                .buckets
                .iter()
                .map(|bucket| bucket.classes[0])
                .sum::<u64>(),
            10_000
        );
        assert_eq!(
            series
                .buckets
                .iter()
                .map(|bucket| bucket.regions[0].requests)
                .sum::<u64>(),
            10_000
        );
        assert_eq!(series.width, 100_000_000 << 8);
    }
}
