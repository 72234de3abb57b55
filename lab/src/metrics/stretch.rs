//! What was counted between two borders of windows. Windows overlap, stretches do not: each request is counted once, and a
//! window is the sum of its stretches.

use super::cell::Part;
use super::shape::WindowShape;
use crate::observe::RequestClass;
use crate::plan::Nanos;

/// Everything of one stretch of time.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    from: Nanos,
    to: Nanos,
    /// By cell and request class: 1 + the index of its part; 0: no request fell there.
    places: Vec<u32>,
    parts: Vec<(u32, Part)>,
    /// Answers by their final status.
    pub(crate) statuses: Vec<u64>,
    /// By path class (the last: unknown): requests and body bytes that the origin counted.
    pub(crate) origin: Vec<(u64, u64)>,
}

impl Stretch {
    fn new(from: Nanos, to: Nanos, cells: usize, paths: usize) -> Self {
        Self {
            from,
            to,
            places: vec![0; cells * RequestClass::COUNT],
            parts: Vec::new(),
            statuses: Vec::new(),
            origin: vec![(0, 0); paths + 1],
        }
    }

    /// The part of a cell and a class; none for a cell that the plan does not know.
    #[inline]
    pub(super) fn part(&mut self, cell: usize, class: RequestClass) -> Option<&mut Part> {
        let place = cell * RequestClass::COUNT + class as usize;
        let index = match *self.places.get(place)? {
            0 => self.begin(place),
            known => known as usize - 1,
        };
        self.parts.get_mut(index).map(|(_, part)| part)
    }

    #[cold]
    fn begin(&mut self, place: usize) -> usize {
        self.parts.push((place as u32, Part::default()));
        self.places[place] = self.parts.len() as u32;
        self.parts.len() - 1
    }

    #[inline]
    pub(super) fn status(&mut self, status: u16, times: u64) {
        let status = usize::from(status);
        if status >= self.statuses.len() {
            self.statuses.resize(status + 1, 0);
        }
        self.statuses[status] += times;
    }

    pub(super) fn add_origin(&mut self, path: usize, body_bytes: u64) {
        if let Some((requests, bytes)) = self.origin.get_mut(path) {
            *requests += 1;
            *bytes += body_bytes;
        }
    }

    /// What was counted: cell, index of the request class, counters.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (usize, usize, &Part)> {
        let split = |place: &u32| {
            let place = *place as usize;
            (place / RequestClass::COUNT, place % RequestClass::COUNT)
        };
        self.parts.iter().map(move |(place, part)| {
            let (cell, class) = split(place);
            (cell, class, part)
        })
    }

    pub(crate) fn is_within(&self, window: &WindowShape) -> bool {
        window.from <= self.from && self.to <= window.to
    }

    fn merge(&mut self, other: Self) {
        for (place, part) in other.parts {
            let place = place as usize;
            let index = match self.places[place] {
                0 => self.begin(place),
                known => known as usize - 1,
            };
            self.parts[index].1.merge(&part);
        }
        if self.statuses.len() < other.statuses.len() {
            self.statuses.resize(other.statuses.len(), 0);
        }
        for (ours, theirs) in self.statuses.iter_mut().zip(other.statuses) {
            *ours += theirs;
        }
        for (ours, theirs) in self.origin.iter_mut().zip(other.origin) {
            *ours = (ours.0 + theirs.0, ours.1 + theirs.1);
        }
    }
}

/// All stretches of a run, in order, without gaps.
#[derive(Debug, Clone)]
pub(crate) struct Stretches {
    all: Vec<Stretch>,
    /// The one that was asked for last: time passes, and seldom from one to the next.
    latest: usize,
}

impl Stretches {
    /// Between these borders, sorted; `cells` and `paths` as the run has them.
    pub(crate) fn new(borders: &[Nanos], cells: usize, paths: usize) -> Self {
        let ends = borders.iter().copied().chain([Nanos::MAX]);
        let begins = [0].into_iter().chain(borders.iter().copied());
        let all = begins.zip(ends);
        Self {
            all: all
                .map(|(from, to)| Stretch::new(from, to, cells, paths))
                .collect(),
            latest: 0,
        }
    }

    /// The stretch that an instant falls into.
    #[inline]
    pub(super) fn at(&mut self, at: Nanos) -> &mut Stretch {
        let latest = &self.all[self.latest];
        if at < latest.from || latest.to <= at {
            self.look_for(at);
        }
        &mut self.all[self.latest]
    }

    /// From when to when the stretch reaches that an instant falls into.
    pub(super) fn span(&mut self, at: Nanos) -> (Nanos, Nanos) {
        let stretch = self.at(at);
        (stretch.from, stretch.to)
    }

    #[cold]
    fn look_for(&mut self, at: Nanos) {
        let after = self.all.partition_point(|stretch| stretch.from <= at);
        self.latest = after.saturating_sub(1);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stretch> {
        self.all.iter()
    }

    /// Adds what another fold of the same run has counted.
    pub(super) fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.all.iter_mut().zip(other.all) {
            ours.merge(theirs);
        }
    }
}
