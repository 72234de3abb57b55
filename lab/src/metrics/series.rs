//! What happened when: a bounded number of time buckets, which double in width when a run is longer than they reach.

use super::histogram::Histogram;
use crate::observe::RequestClass;
use crate::plan::Nanos;

/// More buckets than this are never kept.
pub(crate) const MOST: usize = 400;

/// What a request is to the series, as one number: its class, and whether it was available, its version known, and outdated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(usize);

impl Kind {
    const COUNT: usize = RequestClass::COUNT * 8;

    #[inline]
    pub(super) fn of(
        class: RequestClass,
        available: bool,
        versioned: bool,
        outdated: bool,
    ) -> Self {
        let marks = usize::from(available) << 2 | usize::from(versioned) << 1;
        Self((class as usize) << 3 | marks | usize::from(outdated))
    }

    fn class(self) -> RequestClass {
        RequestClass::ALL[self.0 >> 3]
    }

    fn is_available(self) -> bool {
        self.0 & 4 != 0
    }

    fn is_versioned(self) -> bool {
        self.0 & 2 != 0
    }

    fn is_outdated(self) -> bool {
        self.0 & 1 != 0
    }
}

/// One span of time, as it is folded: each request is one count.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    /// By region, then kind.
    kinds: Vec<u64>,
    pub(super) origin_requests: u64,
    pub(super) origin_bytes: u64,
    /// By [`Served`].
    pub(super) ttfb: [Histogram; Served::ALL.len()],
}

impl Sums {
    fn new(regions: usize) -> Self {
        Self {
            kinds: vec![0; regions.max(1) * Kind::COUNT],
            origin_requests: 0,
            origin_bytes: 0,
            ttfb: Default::default(),
        }
    }

    #[inline]
    pub(super) fn count(&mut self, region: usize, kind: Kind, times: u64) {
        if let Some(count) = self.kinds.get_mut(region * Kind::COUNT + kind.0) {
            *count += times;
        }
    }

    fn merge(&mut self, other: &Self) {
        let pairs = self.kinds.iter_mut().zip(&other.kinds);
        pairs.for_each(|(ours, theirs)| *ours += theirs);
        self.origin_requests += other.origin_requests;
        self.origin_bytes += other.origin_bytes;
        for (ours, theirs) in self.ttfb.iter_mut().zip(&other.ttfb) {
            ours.merge(theirs);
        }
    }
}

/// One span of time, with its counts taken apart.
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
    fn of(sums: Sums, regions: usize) -> Self {
        let mut bucket = Self {
            origin_requests: sums.origin_requests,
            origin_bytes: sums.origin_bytes,
            ttfb: sums.ttfb,
            ..Self::default()
        };
        for kinds in sums.kinds.chunks_exact(Kind::COUNT) {
            let mut region = RegionBucket::default();
            for (index, count) in kinds.iter().enumerate().filter(|(_, count)| **count > 0) {
                let kind = Kind(index);
                let if_so = |so: bool| if so { *count } else { 0 };
                region.requests += count;
                region.hits += if_so(kind.class().is_hit());
                region.cacheable += if_so(kind.class().is_cacheable());
                region.available += if_so(kind.is_available());
                region.outdated += if_so(kind.is_outdated());
                bucket.classes[kind.class() as usize] += count;
                bucket.versioned += if_so(kind.is_versioned());
            }
            bucket.available += region.available;
            bucket.outdated += region.outdated;
            bucket.regions.push(region);
        }
        bucket.regions.truncate(regions);
        bucket
    }
}

/// The series of a run.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) width: Nanos,
    pub(crate) buckets: Vec<Bucket>,
}

/// The buckets from the start of the run on, as they fill.
#[derive(Debug)]
pub(super) struct SeriesFold {
    width: Nanos,
    buckets: Vec<Sums>,
    regions: usize,
    /// The bucket that was asked for last, and its span: time passes, and seldom from one to the next.
    latest: (usize, Nanos, Nanos),
}

impl SeriesFold {
    /// For a run that is expected to last `duration`: about 100 to 200 buckets of a round width.
    pub(super) fn new(duration: Nanos, regions: usize) -> Self {
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
    pub(super) fn at(&mut self, at: Nanos) -> &mut Sums {
        let (_, from, to) = self.latest;
        if at < from || to <= at {
            self.look_for(at);
        }
        &mut self.buckets[self.latest.0]
    }

    /// The span of the bucket that an instant falls into.
    pub(super) fn span(&mut self, at: Nanos) -> (Nanos, Nanos) {
        self.at(at);
        (self.latest.1, self.latest.2)
    }

    #[cold]
    fn look_for(&mut self, at: Nanos) {
        while at / self.width >= MOST as u64 {
            self.double();
        }
        let index = (at / self.width) as usize;
        while index >= self.buckets.len() {
            self.buckets.push(Sums::new(self.regions));
        }
        let from = index as u64 * self.width;
        self.latest = (index, from, from.saturating_add(self.width));
    }

    /// Adds what was seen of other requests of the same run.
    pub(super) fn merge(&mut self, mut other: Self) {
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

    pub(super) fn finish(self) -> Series {
        let regions = self.regions;
        let buckets = self.buckets.into_iter();
        Series {
            width: self.width,
            buckets: buckets.map(|sums| Bucket::of(sums, regions)).collect(),
        }
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
        let width = |seconds: u64| SeriesFold::new(seconds * 1_000_000_000, 0).width / 1_000_000;
        let widths = [10, 20, 60, 3600, 86_400].map(width);
        assert_eq!(widths, [100, 200, 500, 20_000, 500_000]);
        let mut series = SeriesFold::new(1_000_000_000, 1);
        let kind = Kind::of(RequestClass::Hit, true, true, false);
        for second in 0..10_000 {
            series.at(second * 1_000_000_000).count(0, kind, 1);
        }
        let series = series.finish();
        assert!(series.buckets.len() <= MOST);
        let sum = |of: fn(&Bucket) -> u64| series.buckets.iter().map(of).sum::<u64>();
        assert_eq!(sum(|bucket| bucket.classes[0]), 10_000);
        assert_eq!(sum(|bucket| bucket.regions[0].requests), 10_000);
        assert_eq!(series.width, 100_000_000 << 8);
    }

    #[test]
    fn a_kind_comes_apart_as_it_was_put_together() {
        for class in RequestClass::ALL {
            for marks in 0..8 {
                let [available, versioned, outdated] = [4, 2, 1].map(|mark| marks & mark != 0);
                let mut sums = Sums::new(2);
                sums.count(1, Kind::of(class, available, versioned, outdated), 1);
                let bucket = Bucket::of(sums, 2);
                let region = bucket.regions[1];
                assert_eq!(bucket.classes[class as usize], 1);
                assert_eq!(
                    bucket.regions[0].requests + region.requests,
                    region.requests
                );
                assert_eq!(region.hits == 1, class.is_hit());
                assert_eq!(region.cacheable == 1, class.is_cacheable());
                assert_eq!(
                    (bucket.available, region.available),
                    (available.into(), available.into())
                );
                assert_eq!(
                    (bucket.versioned, bucket.outdated),
                    (versioned.into(), outdated.into())
                );
            }
        }
    }
}
