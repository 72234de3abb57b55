//! The formulas that follow from the counters of one cell, or of one node, alone.

use super::cell::Tally;
use super::histogram::Histogram;
use super::metric::{Metric, Stat};
use super::{Cell, Figure, Selector};
use crate::observe::RequestClass;

/// `request_hit_ratio` over plain counts.
pub(crate) fn hit_ratio(classes: &[u64; RequestClass::COUNT]) -> Figure {
    let sum = |fits: fn(RequestClass) -> bool| {
        RequestClass::ALL
            .into_iter()
            .filter(|class| fits(*class))
            .map(|class| classes[class as usize])
            .sum()
    };
    Figure::ratio(sum(RequestClass::is_hit), sum(RequestClass::is_cacheable))
}

impl Cell {
    /// A figure that follows from this cell alone; the selector says which class or cause.
    pub(crate) fn figure(&self, metric: Metric, selector: &Selector) -> Figure {
        use RequestClass as Class;
        let all = self.sum(|_| true);
        let cacheable = self.sum(Class::is_cacheable);
        let hits = self.sum(Class::is_hit);
        let answers = all - self.requests(Class::Error);
        match metric {
            Metric::RequestHitRatio => Figure::ratio(hits, cacheable),
            Metric::OverallHitRatio => Figure::ratio(hits, all),
            Metric::CacheCoverage => Figure::ratio(cacheable, all),
            Metric::ByteHitRatio => self.byte_hit_ratio(0),
            Metric::CdnHitRatio => Figure::ratio(self.counts.spared_origin, cacheable),
            Metric::OfferedHitRatio => Figure::ratio(self.counts.offered, cacheable),
            Metric::CoalescingFactor => {
                let leaders = self.sum(|class| {
                    matches!(class, Class::Revalidated | Class::Expired | Class::Miss)
                });
                Figure::ratio(leaders + self.requests(Class::Coalesced), leaders)
            }
            Metric::StaleRatio => Figure::ratio(self.counts.stale.samples(), answers),
            Metric::StaleSeconds(stat) => statistic(&self.counts.stale, stat, 1e-3),
            Metric::OutdatedRatio => {
                Figure::ratio(self.counts.outdated.samples(), self.counts.versioned)
            }
            Metric::OutdatedAnswers => {
                Figure::count(self.counts.outdated.samples(), self.counts.versioned)
            }
            Metric::OutdatedSeconds(stat) => statistic(&self.counts.outdated, stat, 1e-3),
            Metric::Ttfb(stat) => statistic(
                &self.latency(selector.class, |tally| &tally.ttfb),
                stat,
                1e-6,
            ),
            Metric::Total(stat) => statistic(
                &self.latency(selector.class, |tally| &tally.total),
                stat,
                1e-6,
            ),
            Metric::Misses | Metric::MissShare => {
                let misses = self.counts.causes.iter().sum();
                let wanted = selector
                    .cause
                    .map_or(misses, |cause| self.counts.causes[cause as usize]);
                if metric == Metric::Misses {
                    Figure::count(wanted, all)
                } else {
                    Figure::ratio(wanted, misses)
                }
            }
            Metric::Availability => Figure::ratio(self.counts.available, all),
            Metric::Requests => Figure::count(
                selector.class.map_or(all, |class| self.requests(class)),
                all,
            ),
            Metric::ClassShare => Figure::ratio(
                selector.class.map_or(all, |class| self.requests(class)),
                all,
            ),
            Metric::Errors => Figure::count(self.requests(Class::Error), all),
            Metric::WrongBodies => Figure::count(self.counts.wrong, self.counts.checked),
            // Figures of the origin, of nodes and of events are not made of cells.
            _ => Figure::default(),
        }
    }

    /// Of the cacheable classes; a 304 to a client has no body and so counts on neither side.
    pub(crate) fn byte_hit_ratio(&self, background: u64) -> Figure {
        let cacheable = RequestClass::ALL
            .into_iter()
            .filter(|class| class.is_cacheable());
        let client = cacheable.map(|class| self.bytes(class)).sum();
        let upstream =
            self.bytes(RequestClass::Expired) + self.bytes(RequestClass::Miss) + background;
        Figure::of(
            Figure::saved(upstream, client).value,
            self.sum(RequestClass::is_cacheable),
        )
    }

    /// Latencies of one class, or of all but errors, which would mix deadlines into them.
    pub(crate) fn latency(
        &self,
        class: Option<RequestClass>,
        of: fn(&Tally) -> &Histogram,
    ) -> Histogram {
        let mut sum = Histogram::default();
        for (index, tally) in self.tallies() {
            let wanted = class.map_or(index != RequestClass::Error as usize, |class| {
                class as usize == index
            });
            if wanted {
                sum.merge(of(tally));
            }
        }
        sum
    }
}

/// A statistic of a histogram, in other units.
pub(crate) fn statistic(histogram: &Histogram, stat: Stat, unit: f64) -> Figure {
    let quantile = |q| histogram.quantile(q).map(|value| value as f64);
    let value = match stat {
        Stat::P50 => quantile(0.5),
        Stat::P90 => quantile(0.9),
        Stat::P99 => quantile(0.99),
        Stat::P999 => quantile(0.999),
        Stat::Max => histogram.max().map(|value| value as f64),
        Stat::Mean => histogram.mean(),
    };
    Figure::of(value.map(|value| value * unit), histogram.samples())
}
