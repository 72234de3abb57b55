//! All figures of a run, worked out on demand from what was folded.

use super::convergence::{Convergence, Mark, Since};
use super::driver::{Lateness, Validity};
use super::metric::{Label, Metric};
use super::ratios::hit_ratio;
use super::reconcile::Sums;
use super::series::Series;
use super::shape::{MEASURED, Shape, WARMUP};
use super::stretch::{Stretch, Stretches};
use super::tiers::{Tiers, combine};
use super::{Cause, Cell, Evidence, Figure, Histogram, Kept};
use crate::observe::{NodeStats, RequestClass};
use crate::plan::Nanos;

/// All figures of one run.
#[derive(Debug, Clone)]
pub struct Measured {
    pub(crate) shape: Shape,
    pub(crate) stretches: Stretches,
    pub(crate) evidence: Evidence,
    pub(crate) kept: Option<Box<Kept>>,
    /// By path class: what the origin counted after the warm-up of requests that were due in it.
    pub(crate) belated: Vec<(u64, u64)>,
    pub(crate) series: Series,
    pub(crate) sums: Sums,
    pub(crate) tiers: Tiers,
    pub(crate) convergence: Convergence,
    pub(crate) lateness: Lateness,
    pub(crate) happened: Vec<(usize, Nanos)>,
    pub(crate) unasked: Vec<(String, Nanos)>,
    pub(crate) end: Nanos,
}

/// Which span of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    /// Everything after the warm-up.
    #[default]
    Measured,
    /// The warm-up.
    Warmup,
    /// The whole run.
    All,
    /// The window of this index, counted from the first named one.
    Named(usize),
}

/// What a figure is narrowed to. The default is everything within the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selector {
    /// Which span.
    pub span: Span,
    /// Index of a region.
    pub region: Option<usize>,
    /// Index of a place, of those that clients are at.
    pub place: Option<usize>,
    /// Index of a PoP.
    pub pop: Option<usize>,
    /// Index of a node.
    pub edge: Option<usize>,
    /// Index of a path class.
    pub path: Option<usize>,
    /// A request class.
    pub class: Option<RequestClass>,
    /// A cause of misses.
    pub cause: Option<Cause>,
}

impl Measured {
    /// The names that a label can have in this run.
    #[must_use]
    pub fn names(&self, label: Label) -> Vec<&str> {
        let shape = &self.shape;
        match label {
            Label::Window => {
                let named = shape.windows[MEASURED + 1..]
                    .iter()
                    .map(|window| window.name.as_str());
                ["measured", "warmup", "all"]
                    .into_iter()
                    .chain(named)
                    .collect()
            }
            Label::Region => shape.regions.iter().map(String::as_str).collect(),
            Label::Pop => shape.pops.iter().map(String::as_str).collect(),
            Label::Edge => shape.nodes.iter().map(|node| node.name.as_str()).collect(),
            Label::Path => shape
                .classes
                .iter()
                .map(|class| class.name.as_str())
                .collect(),
            Label::Class => RequestClass::ALL.map(RequestClass::name).to_vec(),
            Label::Cause => Cause::ALL.map(Cause::name).to_vec(),
        }
    }

    /// The places of clients, by the index that [`Selector::place`] takes.
    #[must_use]
    pub fn places(&self) -> &[String] {
        &self.shape.places
    }

    /// Narrows a selector by one label; false if the run does not know the name.
    pub fn narrow(&self, selector: &mut Selector, label: Label, name: &str) -> bool {
        let Some(index) = self.names(label).iter().position(|known| *known == name) else {
            return false;
        };
        match label {
            Label::Window => {
                selector.span = match index {
                    0 => Span::Measured,
                    1 => Span::Warmup,
                    2 => Span::All,
                    named => Span::Named(named - 3),
                }
            }
            Label::Region => selector.region = Some(index),
            Label::Pop => selector.pop = Some(index),
            Label::Edge => selector.edge = Some(index),
            Label::Path => selector.path = Some(index),
            Label::Class => selector.class = Some(RequestClass::ALL[index]),
            Label::Cause => selector.cause = Some(Cause::ALL[index]),
        }
        true
    }

    /// Whether the run's figures can be believed.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.lateness.validity()
    }

    /// One figure.
    #[must_use]
    pub fn figure(&self, metric: Metric, selector: &Selector) -> Figure {
        match metric {
            Metric::OriginOffloadRequests => {
                self.offload(selector, |(requests, _)| requests, |tally| tally.0)
            }
            Metric::OriginOffloadBytes => {
                self.offload(selector, |(_, bytes)| bytes, |tally| tally.1)
            }
            Metric::OriginFetches => {
                let (requests, _) = self.origin(selector);
                Figure::count(requests, requests)
            }
            Metric::OriginBytes => {
                let (requests, bytes) = self.origin(selector);
                Figure::count(bytes, requests)
            }
            Metric::EdgeHitRatio => self.tier(selector, true),
            Metric::ShieldHitRatio => self.tier(selector, false),
            Metric::BackgroundFetches => {
                let (stats, told) = self.nodes(selector, |_| true);
                let count = stats.background_requests;
                if told {
                    Figure::count(count, count)
                } else {
                    Figure::default()
                }
            }
            Metric::ConvergenceSeconds => self.convergence_seconds(selector),
            Metric::ByteHitRatio => {
                let background = match (selector.region, selector.path) {
                    (None, None) => {
                        self.nodes(selector, |node| self.shape.nodes[node].serves_clients)
                            .0
                            .background_bytes
                    }
                    _ => 0,
                };
                self.cell(selector).byte_hit_ratio(background)
            }
            of_cell => self.cell(selector).figure(of_cell, selector),
        }
    }

    /// The sum of all cells that fit.
    pub(crate) fn cell(&self, selector: &Selector) -> Cell {
        let shape = &self.shape;
        let classes = shape.classes.len().max(1);
        let nodes = shape.nodes.len() + 1;
        let mut sum = Cell::default();
        for stretch in self.within(selector.span) {
            for (cell, class, part) in stretch.parts() {
                let (lane, path) = (cell / classes, cell % classes);
                let (place, node) = (lane / nodes, lane % nodes);
                let pop = shape.nodes.get(node).map(|node| usize::from(node.pop));
                let fits = selector.path.is_none_or(|wanted| wanted == path)
                    && selector.place.is_none_or(|wanted| wanted == place)
                    && selector
                        .region
                        .is_none_or(|wanted| wanted == shape.region_at(place))
                    && selector.edge.is_none_or(|wanted| wanted == node)
                    && selector.pop.is_none_or(|wanted| Some(wanted) == pop);
                if fits {
                    sum.add(class, part);
                }
            }
        }
        sum
    }

    /// Times to the first byte of all that fits, in microseconds; errors only where their class is asked for.
    pub(crate) fn latency(&self, selector: &Selector) -> Histogram {
        self.cell(selector)
            .latency(selector.class, |tally| &tally.ttfb)
    }

    /// Requests by final status, lowest first; answers only.
    pub(crate) fn statuses(&self, span: Span) -> Vec<(u16, u64)> {
        let mut sums = std::collections::BTreeMap::new();
        for stretch in self.within(span) {
            for (status, count) in (0..)
                .zip(&stretch.statuses)
                .filter(|(_, count)| **count > 0)
            {
                *sums.entry(status).or_insert(0) += count;
            }
        }
        sums.into_iter().collect()
    }

    /// The stretches that a span is made of.
    fn within(&self, span: Span) -> impl Iterator<Item = &Stretch> {
        let windows = self.window_indices(span);
        self.stretches.iter().filter(move |stretch| {
            let windows = windows
                .iter()
                .filter_map(|index| self.shape.windows.get(*index));
            windows.into_iter().any(|window| stretch.is_within(window))
        })
    }

    fn window_indices(&self, span: Span) -> Vec<usize> {
        match span {
            Span::Measured => vec![MEASURED],
            Span::Warmup => vec![WARMUP],
            Span::All => vec![WARMUP, MEASURED],
            Span::Named(index) => vec![MEASURED + 1 + index],
        }
    }

    /// Requests and bytes that the origin counted.
    pub(crate) fn origin(&self, selector: &Selector) -> (u64, u64) {
        let mut sum = (0, 0);
        let mut add = |counts: &[(u64, u64)], back: bool| {
            for (path, (requests, bytes)) in counts.iter().enumerate() {
                if selector.path.is_none_or(|wanted| wanted == path) {
                    sum = match back {
                        false => (sum.0 + requests, sum.1 + bytes),
                        true => (sum.0 - requests, sum.1 - bytes),
                    };
                }
            }
        };
        for stretch in self.within(selector.span) {
            add(&stretch.origin, false);
        }
        match selector.span {
            Span::Warmup => add(&self.belated, false),
            Span::Measured => add(&self.belated, true),
            Span::All | Span::Named(_) => {}
        }
        sum
    }

    fn offload(
        &self,
        selector: &Selector,
        origin: fn((u64, u64)) -> u64,
        client: fn((u64, u64)) -> u64,
    ) -> Figure {
        let cell = self.cell(selector);
        let bytes = RequestClass::ALL
            .into_iter()
            .map(|class| cell.bytes(class))
            .sum();
        let requests = cell.sum(|_| true);
        let clients = client((requests, bytes));
        Figure::of(
            Figure::saved(origin(self.origin(selector)), clients).value,
            requests,
        )
    }

    /// Sums of the nodes that fit, and whether each of them has told its counters.
    pub(crate) fn nodes(
        &self,
        selector: &Selector,
        fits: impl Fn(usize) -> bool,
    ) -> (NodeStats, bool) {
        let mut sum = NodeStats::default();
        let mut told = false;
        for (index, node) in self.shape.nodes.iter().enumerate() {
            let wanted = selector.edge.is_none_or(|edge| edge == index)
                && selector.pop.is_none_or(|pop| pop == usize::from(node.pop))
                && fits(index);
            if !wanted {
                continue;
            }
            let counters = &self.tiers.nodes[index];
            told |= counters.told;
            for window in self.window_indices(selector.span) {
                sum = combine(&sum, &counters.within(window), u64::saturating_add);
            }
        }
        (sum, told)
    }

    fn tier(&self, selector: &Selector, serves_clients: bool) -> Figure {
        let (stats, told) = self.nodes(selector, |node| {
            self.shape.nodes[node].serves_clients == serves_clients
        });
        if !told && serves_clients {
            // A cache that tells no counters is measured on the wire.
            return self
                .cell(selector)
                .figure(Metric::RequestHitRatio, selector);
        }
        hit_ratio(&stats.classes)
    }

    fn convergence_seconds(&self, selector: &Selector) -> Figure {
        let (from, to) = match selector.span {
            Span::All => (0, Nanos::MAX),
            span => {
                let windows = self.window_indices(span);
                let window = windows
                    .first()
                    .and_then(|index| self.shape.windows.get(*index));
                window.map_or((0, 0), |window| (window.from, window.to))
            }
        };
        let mut longest = Some(0);
        let mut answers = 0;
        for mark in self.marks().filter(|mark| from <= mark.at && mark.at < to) {
            let seen = |region: &Since| region.answers > 0;
            let regions = mark.regions.iter().enumerate();
            let wanted =
                regions.filter(|(index, _)| selector.region.is_none_or(|wanted| wanted == *index));
            for (_, since) in wanted.filter(|(_, since)| seen(since)) {
                answers += since.answers;
                longest = longest
                    .zip(since.time(mark.at))
                    .map(|(longest, time)| longest.max(time));
            }
        }
        Figure::of(longest.map(|nanos| nanos as f64 / 1e9), answers)
    }

    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.convergence
            .heals
            .iter()
            .chain(&self.convergence.publications)
    }
}
