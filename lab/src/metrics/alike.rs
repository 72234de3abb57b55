//! Hits that are alike, counted together: of one cell, within one stretch and one bucket of time. What they add to the sums
//! is worked out once for all of them. Sums do not depend on an order, so that figures are those of counting one by one.

use super::fresh_hit::FreshHit;
use crate::plan::Nanos;

/// Runs of hits, by cell, all of them intended for one span of time.
#[derive(Debug, Default)]
pub(super) struct Alike {
    from: Nanos,
    to: Nanos,
    /// By cell: 1 + the index of its run; 0: none.
    places: Vec<u32>,
    runs: Vec<(usize, Run)>,
}

/// Hits of one cell with one status, of the current version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) place: u16,
    pub(super) node: Option<u16>,
    pub(super) status: u16,
    pub(super) hits: u64,
    /// Those that an infinite cache would have answered, too.
    pub(super) offered: u64,
    pub(super) bytes: u64,
    /// Those that took nothing but the time of their link, and how long all of them took to the first byte and to the last one.
    pub(super) linked: Linked,
    /// The greatest number of a request.
    pub(super) step: u64,
    /// To the first byte and to the last one.
    pub(super) first: Same,
    pub(super) done: Same,
}

/// Hits that took nothing but the time of their link, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Linked {
    pub(super) hits: u64,
    pub(super) first_byte: Nanos,
    pub(super) done: Nanos,
}

impl Linked {
    #[inline]
    pub(super) fn add(&mut self, first_byte: Nanos, done: Nanos) {
        self.hits += 1;
        self.first_byte += first_byte;
        self.done += done;
    }
}

/// One latency, so many times in a row: over a link that is not busy, all answers of one size take equally long.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Same {
    pub(super) latency: Nanos,
    pub(super) times: u64,
}

impl Same {
    /// One more of this latency; what came before it, if that was another one.
    #[inline]
    pub(super) fn add(&mut self, latency: Nanos) -> Option<Self> {
        if self.latency == latency {
            self.times += 1;
            return None;
        }
        std::mem::replace(self, Self { latency, times: 1 }).some()
    }

    #[inline]
    pub(super) fn some(self) -> Option<Self> {
        (self.times > 0).then_some(self)
    }
}

impl Alike {
    pub(super) fn new(cells: usize) -> Self {
        Self {
            places: vec![0; cells],
            ..Self::default()
        }
    }

    /// Whether the current span holds this instant.
    #[inline]
    pub(super) fn holds(&self, at: Nanos) -> bool {
        self.from <= at && at < self.to
    }

    /// An instant of the current span.
    pub(super) fn from(&self) -> Nanos {
        self.from
    }

    /// The next span; that before must have been [taken](Self::take).
    pub(super) fn begin(&mut self, from: Nanos, to: Nanos) {
        (self.from, self.to) = (from, to);
    }

    /// The run to which a hit belongs; none for a cell that the plan does not know, and where the hit is unlike those before.
    #[inline]
    pub(super) fn run(&mut self, cell: usize, hit: &FreshHit) -> Option<&mut Run> {
        let index = match *self.places.get(cell)? {
            0 => self.open(cell, hit),
            known => known as usize - 1,
        };
        let (_, run) = self.runs.get_mut(index)?;
        (run.status == hit.status).then_some(run)
    }

    #[cold]
    fn open(&mut self, cell: usize, hit: &FreshHit) -> usize {
        let run = Run {
            place: hit.place,
            node: hit.node,
            status: hit.status,
            hits: 0,
            offered: 0,
            bytes: 0,
            linked: Linked::default(),
            step: 0,
            first: Same::default(),
            done: Same::default(),
        };
        self.runs.push((cell, run));
        self.places[cell] = self.runs.len() as u32;
        self.runs.len() - 1
    }

    /// Takes all runs of the current span.
    pub(super) fn take(&mut self) -> Vec<(usize, Run)> {
        let runs = std::mem::take(&mut self.runs);
        for (cell, _) in &runs {
            self.places[*cell] = 0;
        }
        runs
    }
}
