//! An edge's figures from its metrics (docs/metrics.md): counts by class and the histogram of reply times. Pure.

use crate::observe::RequestClass;

/// The buckets that are kept at most; an edge has 13.
const BUCKETS: usize = 64;

/// What an edge has counted, since its start or within a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) classes: [u64; RequestClass::COUNT],
    /// Upper bound in seconds and how many replies took at most so long.
    buckets: Vec<(f64, u64)>,
    /// Replies, and the seconds that they took together.
    pub(super) replies: u64,
    pub(super) seconds: f64,
    /// Stored responses now.
    pub(super) stored: u64,
}

impl Figures {
    /// Reads an edge's `/metrics`. What is missing stays 0.
    pub(super) fn read(text: &str) -> Self {
        let mut read = Self::default();
        for (name, labels, value) in samples(text) {
            match name {
                "cdnlab_edge_requests_total" => {
                    let class = label(labels, "handling");
                    let index = RequestClass::ALL
                        .iter()
                        .position(|known| Some(known.name()) == class);
                    if let Some(count) = index.and_then(|index| read.classes.get_mut(index)) {
                        *count = value as u64;
                    }
                }
                "cdnlab_edge_reply_seconds_bucket" => {
                    let bound = label(labels, "le").and_then(|le| le.parse().ok());
                    if let Some(bound) = bound.filter(|_| read.buckets.len() < BUCKETS) {
                        read.buckets.push((bound, value as u64));
                    }
                }
                "cdnlab_edge_reply_seconds_count" => read.replies = value as u64,
                "cdnlab_edge_reply_seconds_sum" => read.seconds = value,
                "cdnlab_edge_store_objects" => read.stored = value as u64,
                _ => {}
            }
        }
        read
    }

    pub(super) fn requests(&self) -> u64 {
        self.classes.iter().sum()
    }

    fn count(&self, wanted: impl Fn(RequestClass) -> bool) -> u64 {
        let classes = RequestClass::ALL.iter().zip(self.classes);
        classes
            .filter(|(class, _)| wanted(**class))
            .map(|(_, count)| count)
            .sum()
    }

    pub(super) fn errors(&self) -> u64 {
        self.count(|class| class == RequestClass::Error)
    }

    /// Hits per request that could have been one; `None` without any.
    pub(super) fn hit_ratio(&self) -> Option<f64> {
        let of = self.count(RequestClass::is_cacheable);
        (of > 0).then(|| self.count(RequestClass::is_hit) as f64 / of as f64)
    }

    /// The time within which this share of replies was ready, in milliseconds; between the bounds of a bucket by proportion.
    pub(super) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let total = self.buckets.last().map_or(0, |(_, count)| *count);
        if total == 0 {
            return None;
        }
        let wanted = share * total as f64;
        let (mut low, mut below) = (0.0, 0);
        for (bound, count) in &self.buckets {
            if *count as f64 >= wanted && *count > below {
                if bound.is_infinite() {
                    return Some(low * 1000.0);
                }
                let within = (wanted - below as f64) / (*count - below) as f64;
                return Some((low + (bound - low) * within.clamp(0.0, 1.0)) * 1000.0);
            }
            (low, below) = (*bound, *count);
        }
        None
    }

    /// What was counted since `before`; all of it if the edge has started again since.
    pub(super) fn since(&self, before: &Self) -> Self {
        let restarted = self.requests() < before.requests() || self.replies < before.replies;
        if restarted || before.buckets.len() != self.buckets.len() {
            return self.clone();
        }
        let mut delta = self.clone();
        for (count, before) in delta.classes.iter_mut().zip(before.classes) {
            *count = count.saturating_sub(before);
        }
        for ((_, count), (_, before)) in delta.buckets.iter_mut().zip(&before.buckets) {
            *count = count.saturating_sub(*before);
        }
        delta.replies = delta.replies.saturating_sub(before.replies);
        delta.seconds = (delta.seconds - before.seconds).max(0.0);
        delta
    }

    /// Adds what was counted elsewhere, or in another span. What is a level is added too: of nodes it is the sum.
    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count += more;
        }
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
        } else {
            for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
                *count += more;
            }
        }
        self.replies += other.replies;
        self.seconds += other.seconds;
        self.stored += other.stored;
    }
}

/// The samples of an OpenMetrics text: name, labels as written, value.
pub(super) fn samples(text: &str) -> impl Iterator<Item = (&str, &str, f64)> {
    text.lines().filter_map(|line| {
        if line.starts_with('#') {
            return None;
        }
        let (name, rest) = match line.split_once('{') {
            Some((name, rest)) => (name, rest),
            None => {
                let (name, value) = line.split_once(' ')?;
                return Some((name, "", value.split(' ').next()?.parse().ok()?));
            }
        };
        let (labels, value) = rest.rsplit_once("} ")?;
        Some((name, labels, value.split(' ').next()?.parse().ok()?))
    })
}

/// The value of a label; our nodes' values need no escapes.
pub(super) fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| value.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP cdnlab_edge_requests Client requests.
cdnlab_edge_requests_total{handling="hit"} 6
cdnlab_edge_requests_total{handling="miss"} 2
cdnlab_edge_requests_total{handling="error"} 1
cdnlab_edge_reply_seconds_sum 1.5
cdnlab_edge_reply_seconds_count 9
cdnlab_edge_reply_seconds_bucket{le="0.001"} 6
cdnlab_edge_reply_seconds_bucket{le="0.1"} 8
cdnlab_edge_reply_seconds_bucket{le="+Inf"} 9
cdnlab_edge_store_objects 3
nonsense
cdnlab_edge_requests_total{handling="hit" x
# EOF
"#;

    #[test]
    fn metrics_become_ratios_and_quantiles() {
        let figures = Figures::read(TEXT);
        assert_eq!(
            (figures.requests(), figures.errors(), figures.stored),
            (9, 1, 3)
        );
        assert_eq!(figures.hit_ratio(), Some(0.75));
        let close = |share, ms: f64| {
            let found = figures.quantile_ms(share).expect("replies");
            assert!((found - ms).abs() < 0.01, "{share}: {found}");
        };
        close(1.0 / 3.0, 0.5);
        close(7.0 / 9.0, 50.5);
        // Beyond the last bound, that bound is all that is known.
        close(0.99, 100.0);
        assert_eq!(Figures::default().quantile_ms(0.5), None);
        assert_eq!(Figures::default().hit_ratio(), None);
    }

    #[test]
    fn what_was_counted_in_between_is_told_apart_and_a_restart_counts_anew() {
        let before = Figures::read(TEXT);
        let after = Figures::read(
            &TEXT
                .replace("\"hit\"} 6", "\"hit\"} 7")
                .replace("sum 1.5", "sum 1.75")
                .replace("count 9", "count 10")
                .replace("Inf\"} 9", "Inf\"} 10"),
        );
        let delta = after.since(&before);
        assert_eq!((delta.requests(), delta.hit_ratio()), (1, Some(1.0)));
        assert_eq!(before.since(&after).requests(), 9, "started again");
        let mut sum = Figures::default();
        sum.add(&delta);
        sum.add(&delta);
        assert_eq!((sum.requests(), sum.replies), (2, 2));
    }
}
