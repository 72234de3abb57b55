//! All state of a simulation, and the loop that plays it: the next arrival or the next event, whichever comes first.

use super::ahead::Ahead;
use super::alarms::{Alarms, Rows};
use super::client::{Client, Health, Resolver};
use super::exchange::Fetch;
use super::facts::Rules;
use super::future::Future;
use super::keys::{Keys, Ways};
use super::lane::Lane;
use super::node::{Fills, Flight, Job, Node};
use super::origin::Origin;
use super::queue::{Queue, Turn};
use super::slab::{Id, Slab};
use super::store::Policies;
use super::wire::Wires;
use super::{SECOND, SimError};
use crate::metrics::Fold;
use crate::plan::{Nanos, Plan, PlannedRequest, Spot};
use crate::progress::Progress;
use crate::steering::Nearest;

/// After the last answer, background work may go on for so long.
const LINGER: Nanos = 5 * SECOND;
/// So many requests ahead, events are looked at.
const LOOK_AHEAD: usize = 64;
/// Between two looks at what is over on both sides, in events.
const SETTLE_EVERY: u64 = 1 << 13;
/// Between two words of progress, in events.
const TELL_EVERY: u64 = 1 << 18;

/// Everything there is in a simulation.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Nanos,
    pub(super) end: Nanos,
    pub(super) queue: Queue,
    pub(super) alarms: Vec<Alarms>,
    pub(super) rows: Rows,
    pub(super) wires: Wires,
    pub(super) ways: Ways,
    pub(super) keys: Keys,
    pub(super) nearest: Nearest,
    pub(super) future: Future,
    pub(super) resolvers: Vec<Resolver>,
    pub(super) health: Vec<Health>,
    pub(super) lane: Lane,
    pub(super) clients: Slab<Client>,
    pub(super) fetches: Slab<Fetch>,
    pub(super) jobs: Slab<Job>,
    pub(super) flights: Slab<Flight>,
    pub(super) fills: Fills,
    /// Lists of followers that are used again.
    pub(super) spare: Vec<Vec<Id>>,
    pub(super) ahead: Ahead,
    pub(super) nodes: Vec<Node>,
    pub(super) origin: Origin,
    pub(super) fold: Fold,
    /// The number after that of the last request that has begun.
    pub(super) begun: u64,
    /// Requests answered or given up.
    pub(super) done: u64,
    /// When the last answer that was foreseen is whole.
    pub(super) last: Nanos,
    /// Requests and events so far.
    steps: u64,
    /// Planned events that are still to come.
    pub(super) events_left: usize,
    /// Whether a test wants to see every observation, and those it has seen.
    #[cfg(test)]
    pub(super) watched: bool,
    #[cfg(test)]
    pub(super) seen: Vec<crate::observe::Observation>,
}

impl<'a> World<'a> {
    /// A world for the nodes that are `here`; requests to others never come.
    pub(super) fn new(
        plan: &'a Plan,
        policies: &Policies,
        here: impl Fn(u16) -> bool,
    ) -> Result<Self, SimError> {
        let wires = Wires::new(plan);
        let keys = Keys::new(plan)?;
        let origin = Origin::new(plan);
        let rows = Rows {
            nodes: u32::try_from(plan.nodes.len()).unwrap_or(u32::MAX),
            places: u32::try_from(plan.places.len()).unwrap_or(u32::MAX),
        };
        let direct = plan.routing.mode == crate::plan::RoutingMode::Direct;
        let mut nodes = Vec::new();
        // Without a CDN there are no nodes, and nothing is kept of their keys.
        for (planned, index) in plan.nodes.iter().zip(0u16..).filter(|_| !direct) {
            let to = plan.upstream_node(index).map_or(Spot::Origin, Spot::Node);
            let link = wires.find(Spot::Node(index), to).unwrap_or(0);
            let rules = Rules::new(plan, &origin, planned);
            let keys = if here(index) { keys.count } else { 0 };
            nodes.push(Node::new(planned, rules, link, keys, plan.seed, policies)?);
        }
        let nearest = Nearest::new(plan);
        let future = if direct {
            Future::default()
        } else {
            let key = |node: u16, request: &PlannedRequest| {
                let rules = &nodes[usize::from(node)].rules;
                let variant = rules.variant(request.object, request.population, request.variant);
                keys.of(request.object, variant)
            };
            Future::new(plan, &keys, &nearest, key)?
        };
        Ok(Self {
            plan,
            now: 0,
            end: 0,
            queue: Queue::default(),
            alarms: (0..=rows.resolver()).map(|_| Alarms::default()).collect(),
            rows,
            ways: Ways::new(plan, &wires),
            lane: Lane::new(plan),
            wires,
            keys,
            nearest,
            future,
            resolvers: plan.places.iter().map(|_| Resolver::default()).collect(),
            health: vec![Health::UNKNOWN; plan.nodes.len()],
            clients: Slab::default(),
            fetches: Slab::default(),
            jobs: Slab::default(),
            flights: Slab::default(),
            fills: Fills::default(),
            spare: Vec::new(),
            ahead: Ahead::default(),
            nodes,
            origin,
            fold: Fold::new(plan),
            begun: 0,
            done: 0,
            last: 0,
            steps: 0,
            events_left: 0,
            #[cfg(test)]
            watched: false,
            #[cfg(test)]
            seen: Vec::new(),
        })
    }

    /// Plays requests that begin one after the other, and whatever happens before `until`.
    pub(super) fn play(
        &mut self,
        requests: &[PlannedRequest],
        until: Nanos,
        progress: &mut dyn Progress,
    ) {
        for some in requests.chunks(LOOK_AHEAD) {
            self.bring_for_events(some.last().map_or(self.now, |last| last.due));
            for planned in some {
                // A request comes before what happens at the same instant.
                if self.plan.sequential {
                    // One after the other: the next begins when nobody waits.
                    while !self.is_idle() && self.happens_before(Turn::NEVER, progress) {}
                } else {
                    self.advance(planned.due, progress);
                    debug_assert!(planned.due >= self.now, "time never runs back");
                    self.now = planned.due;
                }
                self.begun = planned.step + 1;
                self.begin(planned);
            }
            self.step(some.len() as u64, progress);
        }
        self.advance(until, progress);
    }

    /// All requests have begun: plays what is left of them.
    pub(super) fn end(&mut self, progress: &mut dyn Progress) {
        self.end = self.now;
        while self.is_waited_for() && self.happens_before(Turn::NEVER, progress) {
            self.end = self.now;
        }
        self.end = self.end.max(self.last);
        let linger = self.end.saturating_add(LINGER);
        while self.happens_before(Turn::first(self.work_until(linger)), progress) {}
        self.now = self.now.max(self.end);
        self.tell_counters();
        progress.advance(self.plan.duration, self.plan.duration, self.done);
    }

    /// What was measured, and when it ended.
    pub(super) fn folded(self) -> (Fold, Nanos) {
        (self.fold, self.end)
    }

    /// Everything happens that comes before this instant.
    #[inline]
    fn advance(&mut self, until: Nanos, progress: &mut dyn Progress) {
        let limit = Turn::first(until);
        // Requests are often due before anything happens.
        if self.lane.next() < until || !self.queue.is_quiet_before(limit) {
            self.let_happen(limit, progress);
        }
    }

    /// As above: the loop of most of a simulation.
    #[inline(never)]
    fn let_happen(&mut self, limit: Turn, progress: &mut dyn Progress) {
        while self.happens_before(limit, progress) {}
    }

    /// The next event happens, or the next request of the lane arrives, if it comes before `limit`.
    #[inline(always)]
    fn happens_before(&mut self, limit: Turn, progress: &mut dyn Progress) -> bool {
        let next = self.lane.next();
        let ride = Turn::arrival(next);
        let before = ride.min(limit);
        if !self.queue.is_quiet_before(before) && self.event_before(before, progress) {
            return true;
        }
        if ride >= limit {
            return false;
        }
        debug_assert!(next >= self.now, "time never runs back");
        self.now = next;
        self.ride();
        true
    }

    /// The next event happens, if it comes before `limit`. Apart from what hits do, which is short.
    #[inline(never)]
    fn event_before(&mut self, limit: Turn, progress: &mut dyn Progress) -> bool {
        let Some((at, what)) = self.queue.pop_before(limit) else {
            return false;
        };
        debug_assert!(at >= self.now, "time never runs back");
        self.now = at;
        self.happen(what, progress);
        self.step(1, progress);
        true
    }

    /// So many requests or events are over.
    #[inline]
    fn step(&mut self, by: u64, progress: &mut dyn Progress) {
        let before = self.steps;
        self.steps += by;
        if before / SETTLE_EVERY != self.steps / SETTLE_EVERY {
            self.settle();
        }
        if before / TELL_EVERY != self.steps / TELL_EVERY {
            let of = self.plan.duration;
            progress.advance(self.now.min(of), of, self.done);
        }
    }

    /// Whether no client waits.
    fn is_idle(&self) -> bool {
        self.clients.len() == 0 && self.lane.is_empty() && self.fills.is_answered()
    }

    /// Whether anybody waits for what is left.
    fn is_waited_for(&self) -> bool {
        !self.is_idle() || (!self.plan.sequential && self.events_left > 0)
    }

    /// How long what nobody waits for is played: background work ends by then.
    fn work_until(&self, linger: Nanos) -> Nanos {
        let idle = self.fetches.len() == 0 && self.jobs.len() == 0 && self.fills.is_empty();
        if idle { self.end } else { linger }
    }
}
