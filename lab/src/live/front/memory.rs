//! What the collector remembers from one look to the next: counts since the first, and those of the last seconds. Pure; it
//! does not grow.

use std::collections::VecDeque;

use super::figures::{Figures, samples};
use super::news::Origin;
use super::tally::RECENT;

/// What the collector remembers of one counter of figures: since its first look, and of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) last: Option<Figures>,
    pub(super) all: Figures,
    recent: VecDeque<Figures>,
}

impl Course {
    pub(super) fn add(&mut self, figures: Option<Figures>) {
        let mut delta = Figures::default();
        if let Some(figures) = figures {
            // What was counted before the first look is nobody's here.
            delta = match &self.last {
                Some(last) => figures.since(last),
                None => Figures::default(),
            };
            delta.stored = 0;
            self.last = Some(figures);
        }
        self.all.add(&delta);
        self.recent.push_front(delta);
        self.recent.truncate(RECENT);
    }

    pub(super) fn now(&self) -> Figures {
        let mut sum = Figures::default();
        self.recent.iter().for_each(|figures| sum.add(figures));
        sum
    }
}

/// What the collector remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) seq: u64,
    pub(super) nodes: Vec<Course>,
    origin_first: Option<u64>,
    origin_last: VecDeque<u64>,
}

impl Memory {
    /// What the origin has been asked, by its metrics; without them it is down.
    pub(super) fn origin(&mut self, metrics: Option<&str>) -> Origin {
        let Some(metrics) = metrics else {
            return Origin::default();
        };
        let requests =
            samples(metrics).filter(|(name, ..)| *name == "cdnlab_origin_requests_total");
        let requests = requests.map(|(.., count)| count as u64).sum::<u64>();
        let first = *self.origin_first.get_or_insert(requests);
        self.origin_last.push_front(requests);
        self.origin_last.truncate(RECENT + 1);
        let before = self.origin_last.back().copied().unwrap_or(requests);
        Origin {
            up: true,
            now: requests.saturating_sub(before),
            all: requests.saturating_sub(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(hits: u64) -> Figures {
        Figures::read(&format!(
            "cdnlab_edge_requests_total{{handling=\"hit\"}} {hits}\ncdnlab_edge_store_objects 5\n"
        ))
    }

    #[test]
    fn what_was_counted_before_is_left_out_and_a_restart_goes_on() {
        let mut course = Course::default();
        course.add(Some(figures(100)));
        assert_eq!(course.all.requests(), 0);
        course.add(Some(figures(103)));
        course.add(None);
        // It has started again, and counts anew.
        course.add(Some(figures(2)));
        assert_eq!((course.all.requests(), course.now().requests()), (5, 5));
        for _ in 0..RECENT {
            course.add(Some(figures(2)));
        }
        assert_eq!((course.all.requests(), course.now().requests()), (5, 0));
        assert_eq!(course.recent.len(), RECENT, "its memory does not grow");
    }

    #[test]
    fn the_origin_is_counted_from_the_first_look() {
        let mut memory = Memory::default();
        let at = |count| format!("cdnlab_origin_requests_total{{status=\"200\"}} {count}\n");
        memory.origin(Some(&at(50)));
        let origin = memory.origin(Some(&at(57)));
        assert_eq!((origin.up, origin.now, origin.all), (true, 7, 7));
        assert!(!memory.origin(None).up);
        for _ in 0..=RECENT {
            memory.origin(Some(&at(57)));
        }
        let origin = memory.origin(Some(&at(58)));
        assert_eq!((origin.now, origin.all), (1, 8));
    }
}
