//! A histogram of high dynamic range that stays small while it is sparse.
//!
//! Buckets are those of HdrHistogram at three significant digits (relative width below 0.1 %), but counts lie in pages that
//! exist only where samples fell: a fold keeps one histogram per region, node, path class and request class, and dense ones
//! would cost some 40 KB each. A test holds it against the crate `hdrhistogram`.

/// Buckets per page.
const PAGE: usize = 64;
/// Values below this have a bucket of their own; each doubling above has half as many buckets.
const LINEAR: u64 = 2048;
const HALF_BITS: u32 = 10;

/// Counts of values, in whatever unit the caller uses.
#[derive(Clone)]
pub struct Histogram {
    /// 1 + the number of the page in `counts`; 0: no sample fell there.
    pages: Vec<u16>,
    counts: Vec<u32>,
    samples: u64,
    sum: u128,
    /// The least value, and how far above it the largest lies: whether a value changes either is one comparison.
    least: u64,
    reach: u64,
}

/// What was counted, in whatever order it came.
impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("buckets", &self.buckets().collect::<Vec<_>>())
            .field("samples", &self.samples)
            .field("sum", &self.sum)
            .field("range", &(self.least, self.reach))
            .finish()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            counts: Vec::new(),
            samples: 0,
            sum: 0,
            least: u64::MAX,
            reach: 0,
        }
    }
}

impl Histogram {
    /// Counts one value. Allocates only where no sample fell before.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_times(value, 1);
    }

    /// Adds all samples of another one.
    pub fn merge(&mut self, other: &Self) {
        if other.samples == 0 {
            return;
        }
        for (bucket, count) in other.buckets() {
            self.add(bucket, count);
        }
        self.stretch(other.least, other.most());
        self.sum += other.sum;
        self.samples += other.samples;
    }

    /// Counts one value so many times.
    #[inline]
    pub(crate) fn record_times(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        let bucket = bucket_of(value);
        let count = u32::try_from(times).unwrap_or(u32::MAX);
        match self.place(bucket) {
            Some(at) => self.counts[at] = self.counts[at].saturating_add(count),
            None => self.add(bucket, count),
        }
        if value.wrapping_sub(self.least) > self.reach {
            self.stretch(value, value);
        }
        self.sum += u128::from(value) * u128::from(times);
        self.samples += times;
    }

    /// Where the count of a bucket lies, if its page exists.
    #[inline]
    fn place(&self, bucket: usize) -> Option<usize> {
        let page = usize::from(*self.pages.get(bucket / PAGE)?);
        (page > 0).then(|| (page - 1) * PAGE + bucket % PAGE)
    }

    #[cold]
    fn add(&mut self, bucket: usize, count: u32) {
        let page = bucket / PAGE;
        if page >= self.pages.len() {
            self.pages.resize(page + 1, 0);
        }
        if self.pages[page] == 0 {
            self.counts.resize(self.counts.len() + PAGE, 0);
            // At most 64 doublings of 1,024 buckets: 1,040 pages.
            self.pages[page] = u16::try_from(self.counts.len() / PAGE).unwrap_or(u16::MAX);
        }
        let at = (usize::from(self.pages[page]) - 1) * PAGE + bucket % PAGE;
        self.counts[at] = self.counts[at].saturating_add(count);
    }

    /// The range reaches so far, too; called before the samples are counted.
    #[cold]
    fn stretch(&mut self, least: u64, most: u64) {
        let most = match self.samples {
            0 => most,
            _ => self.most().max(most),
        };
        self.least = self.least.min(least);
        self.reach = most - self.least;
    }

    /// Meaningless without samples.
    fn most(&self) -> u64 {
        self.least.wrapping_add(self.reach)
    }

    fn buckets(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let present = self
            .pages
            .iter()
            .enumerate()
            .filter(|(_, page)| **page != 0);
        present.flat_map(move |(number, page)| {
            let from = (usize::from(*page) - 1) * PAGE;
            let counts = self.counts[from..from + PAGE].iter().enumerate();
            counts
                .filter(|(_, count)| **count > 0)
                .map(move |(i, count)| (number * PAGE + i, *count))
        })
    }

    /// How many values were counted.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The least value that at least the share `q` (0 to 1) of the samples does not exceed, within 0.1 %; `None` without
    /// samples.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.samples == 0 {
            return None;
        }
        // Shares such as 0.999 are not exact in binary: a rank of 999.0000000001 means the 999th.
        let rank = (q * self.samples as f64 - 1e-6).ceil().max(1.0) as u64;
        let mut below = 0;
        for (bucket, count) in self.buckets() {
            below += u64::from(count);
            if below >= rank {
                return Some(middle_of(bucket).clamp(self.least, self.most()));
            }
        }
        Some(self.most())
    }

    /// How many values were no larger, within 0.1 % of this one.
    #[must_use]
    pub(crate) fn up_to(&self, value: u64) -> u64 {
        let last = bucket_of(value);
        let counts = self.buckets().filter(|(bucket, _)| *bucket <= last);
        counts.map(|(_, count)| u64::from(count)).sum()
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.samples > 0).then(|| self.most())
    }

    /// The mean, exactly.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.samples > 0).then(|| self.sum as f64 / self.samples as f64)
    }
}

#[inline]
fn bucket_of(value: u64) -> usize {
    if value < LINEAR {
        return value as usize;
    }
    let shift = (63 - value.leading_zeros()) - HALF_BITS;
    ((shift as usize) << HALF_BITS) + (value >> shift) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < LINEAR {
        return bucket;
    }
    let half = 1 << HALF_BITS;
    let shift = (bucket >> HALF_BITS) - 1;
    let least = ((bucket & (half - 1)) + half) << shift;
    least + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_values_are_exact_and_none_has_no_quantile() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        assert_eq!((histogram.max(), histogram.mean()), (None, None));
        (1..=1000).for_each(|value| histogram.record(value));
        assert_eq!(histogram.max(), Some(1000));
        assert_eq!(
            [0, 1, 999, 5000].map(|value| histogram.up_to(value)),
            [0, 1, 999, 1000]
        );
        let quantiles = [0.0, 0.5, 0.9, 0.99, 0.999, 1.0].map(|q| histogram.quantile(q).unwrap());
        assert_eq!(quantiles, [1, 500, 900, 990, 999, 1000]);
        assert_eq!(histogram.mean(), Some(500.5));
    }

    #[test]
    fn one_value_many_times_is_that_value_many_times() {
        let (mut one, mut many) = (Histogram::default(), Histogram::default());
        (0..5).for_each(|_| one.record(u64::MAX));
        many.record_times(u64::MAX, 5);
        many.record_times(7, 0);
        assert_eq!(format!("{one:?}"), format!("{many:?}"));
        assert_eq!((one.samples(), one.quantile(0.5)), (5, Some(u64::MAX)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_hdrhistogram(values in prop::collection::vec(0_u64..u64::MAX >> 4, 1..200), shift in 0_u32..60) {
            let mut ours = Histogram::default();
            let mut theirs = hdrhistogram::Histogram::<u64>::new(3).unwrap();
            for value in values.iter().map(|value| value >> shift) {
                ours.record(value);
                theirs.record(value).unwrap();
            }
            for q in [0.01, 0.5, 0.9, 0.99, 0.999] {
                let (ours, theirs) = (ours.quantile(q).unwrap(), theirs.value_at_quantile(q));
                prop_assert!(ours.abs_diff(theirs) <= theirs / 1000 + 1, "{q}: {ours} {theirs}");
            }
            prop_assert_eq!(ours.samples(), theirs.len());
        }

        #[test]
        fn merging_is_recording_all(a in prop::collection::vec(0_u64..1 << 40, 0..50), b in prop::collection::vec(0_u64..1 << 40, 0..50)) {
            let fold = |values: &[u64]| {
                let mut histogram = Histogram::default();
                values.iter().for_each(|value| histogram.record(*value));
                histogram
            };
            let mut merged = fold(&a);
            merged.merge(&fold(&b));
            let all = fold(&[a, b].concat());
            prop_assert_eq!(merged.samples(), all.samples());
            prop_assert_eq!(merged.max(), all.max());
            prop_assert_eq!(merged.mean(), all.mean());
            for q in [0.1, 0.5, 0.99] {
                prop_assert_eq!(merged.quantile(q), all.quantile(q));
            }
        }
    }
}
