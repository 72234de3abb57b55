//! The simulator: plays a plan in virtual time through the same cache core, origin, steering and
//! network model as a live run, and tells the same observations to the same fold.
//!
//! An event queue ordered by (time, sequence), flat state, ordered maps: the same plan gives the same
//! figures everywhere. What it leaves out: nodes take no time to think, messages travel as a whole
//! (see [`wire`]), connections have no limit of number, and store weights are worked out per class.

mod client;
mod exchange;
mod facts;
mod future;
mod happenings;
mod node;
mod origin;
mod queue;
mod slab;
mod store;
mod wire;

use std::collections::VecDeque;

use crate::metrics::{Fold, Measured};
use crate::plan::{Nanos, ObjectId, Plan, PlannedRequest, Requests, RoutingMode, Spot, TraceError};
use crate::progress::Progress;
use crate::steering::Nearest;

use self::client::{Client, Health, Resolver};
use self::exchange::Fetch;
use self::facts::Rules;
use self::future::Future;
use self::node::{Flight, Job, Node};
use self::origin::Origin;
use self::queue::{Alarms, Happening, Queue};
use self::slab::{Id, Slab};
pub use self::store::{Bounds, Eviction, Filter, Key, Policies, Store, UnknownPolicy, Weights};
use self::wire::Wires;

/// A resolver gives up on the router after so long.
const RESOLVER_PATIENCE: Nanos = 5_000_000_000;
/// After the last answer, background work may go on for so long.
const LINGER: Nanos = 5_000_000_000;
const SECOND: Nanos = 1_000_000_000;
/// Between two looks at what is over on both sides, in events.
const SETTLE_EVERY: u64 = 1 << 13;
/// Between two words of progress, in events.
const TELL_EVERY: u64 = 1 << 18;

/// Why a plan cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The plan's trace cannot be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// More objects and variants than a dense key can count.
    #[error("{0} objects and variants; at most 4,294,967,294 can be simulated")]
    TooManyKeys(u64),
    /// An optimum that needs to know more requests than can be numbered.
    #[error("the optimum (`eviction: belady`) knows at most 4,294,967,294 requests")]
    TooLong,
    /// The scenario names an eviction policy that is not there.
    #[error(transparent)]
    Policy(#[from] UnknownPolicy),
    /// A user's own application cannot be simulated.
    #[error("the origin is an application of yours, which only a live run can ask: use `run`")]
    OwnOrigin,
}

/// Plays a plan in virtual time and gives what was measured.
///
/// # Errors
/// When the plan is beyond the simulator, or its trace cannot be read.
pub fn simulate(plan: &Plan, progress: &mut dyn Progress) -> Result<Measured, SimError> {
    simulate_with(plan, &Policies::default(), progress)
}

/// Plays a plan whose nodes may use eviction policies of one's own.
///
/// # Errors
/// As [`simulate`], and if the plan names a policy that is not registered.
pub fn simulate_with(
    plan: &Plan,
    policies: &Policies,
    progress: &mut dyn Progress,
) -> Result<Measured, SimError> {
    let mut world = World::new(plan, policies)?;
    progress.stage("simulating");
    world.play(progress)?;
    Ok(world.fold.finish(world.end))
}

/// Dense keys: every variant of every object.
#[derive(Debug)]
struct Keys {
    /// Per class, its first key and how many variants its objects have.
    classes: Vec<(u32, u32)>,
    count: usize,
}

impl Keys {
    fn new(plan: &Plan) -> Result<Self, SimError> {
        let mut next = 0u64;
        let mut classes = Vec::new();
        for (class, planned) in plan.origin.catalogue.classes.iter().zip(&plan.classes) {
            let variants = planned
                .vary
                .as_ref()
                .map_or(1, |vary| vary.values.len().max(1));
            let first = u32::try_from(next).unwrap_or(u32::MAX);
            classes.push((first, u32::try_from(variants).unwrap_or(u32::MAX)));
            next = next.saturating_add(u64::from(class.objects).saturating_mul(variants as u64));
        }
        if next >= u64::from(u32::MAX) {
            return Err(SimError::TooManyKeys(next));
        }
        Ok(Self {
            classes,
            count: usize::try_from(next).unwrap_or(usize::MAX),
        })
    }

    fn of(&self, object: ObjectId, variant: u16) -> u32 {
        let (first, variants) = self.classes[usize::from(object.class)];
        first + object.object * variants + u32::from(variant)
    }

    fn variants(&self, object: ObjectId) -> u32 {
        self.classes[usize::from(object.class)].1
    }
}

/// Which row of alarms is whose.
#[derive(Debug, Clone, Copy)]
struct Rows {
    nodes: u32,
    populations: u32,
}

/// What an alarm means.
enum Alarm {
    Connect,
    FirstByte,
    Wait,
    Deadline,
    Resolver,
}

impl Rows {
    fn connect(self, node: u16) -> u32 {
        u32::from(node) * 3
    }

    fn first_byte(self, node: u16) -> u32 {
        u32::from(node) * 3 + 1
    }

    fn wait(self, node: u16) -> u32 {
        u32::from(node) * 3 + 2
    }

    fn deadline(self, population: u16) -> u32 {
        self.nodes * 3 + u32::from(population)
    }

    fn resolver(self) -> u32 {
        self.nodes * 3 + self.populations
    }

    fn meaning(self, row: u32) -> Alarm {
        if row == self.resolver() {
            return Alarm::Resolver;
        }
        if row >= self.nodes * 3 {
            return Alarm::Deadline;
        }
        match row % 3 {
            0 => Alarm::Connect,
            1 => Alarm::FirstByte,
            _ => Alarm::Wait,
        }
    }
}

/// Links by who uses them.
#[derive(Debug)]
struct Ways {
    nodes: usize,
    to_node: Vec<Option<u32>>,
    to_origin: Vec<Option<u32>>,
    to_router: Vec<Option<u32>>,
}

impl Ways {
    fn new(plan: &Plan, wires: &Wires) -> Self {
        let places = 0..u16::try_from(plan.places.len()).unwrap_or(u16::MAX);
        let nodes = 0..u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX);
        let to = |spot: Spot| {
            places
                .clone()
                .map(|place| wires.find(Spot::Client(place), spot))
                .collect()
        };
        let to_node = places
            .clone()
            .flat_map(|place| nodes.clone().map(move |node| (place, node)));
        Self {
            nodes: plan.nodes.len(),
            to_node: to_node
                .map(|(place, node)| wires.find(Spot::Client(place), Spot::Node(node)))
                .collect(),
            to_origin: to(Spot::Origin),
            to_router: to(Spot::Router),
        }
    }

    fn to_node(&self, place: u16, node: u16) -> Option<u32> {
        self.to_node
            .get(usize::from(place) * self.nodes + usize::from(node))
            .copied()
            .flatten()
    }

    fn to_origin(&self, place: u16) -> Option<u32> {
        self.to_origin.get(usize::from(place)).copied().flatten()
    }

    fn to_router(&self, place: u16) -> Option<u32> {
        self.to_router.get(usize::from(place)).copied().flatten()
    }
}

/// Planned requests, some drawn ahead.
struct Ahead {
    requests: Requests,
    drawn: VecDeque<Result<PlannedRequest, TraceError>>,
}

impl Ahead {
    /// Requests drawn in one go.
    const MOST: usize = 64;

    fn new(requests: Requests) -> Self {
        Self {
            requests,
            drawn: VecDeque::with_capacity(Self::MOST),
        }
    }

    fn draw(&mut self) {
        self.drawn.extend(self.requests.by_ref().take(Self::MOST));
    }
}

/// Everything there is in a simulation.
#[derive(Debug)]
struct World<'a> {
    plan: &'a Plan,
    now: Nanos,
    end: Nanos,
    queue: Queue,
    alarms: Vec<Alarms>,
    rows: Rows,
    wires: Wires,
    ways: Ways,
    keys: Keys,
    nearest: Nearest,
    future: Future,
    resolvers: Vec<Resolver>,
    health: Vec<Health>,
    clients: Slab<Client>,
    fetches: Slab<Fetch>,
    jobs: Slab<Job>,
    flights: Slab<Flight>,
    /// Lists of followers that are used again.
    spare: Vec<Vec<Id>>,
    nodes: Vec<Node>,
    origin: Origin,
    fold: Fold,
    /// The number after that of the last request that has begun.
    begun: u64,
    /// Requests answered or given up.
    done: u64,
    /// Planned events that are still to come.
    events_left: usize,
    /// Whether a test wants to see every observation, and those it has seen.
    #[cfg(test)]
    watched: bool,
    #[cfg(test)]
    seen: Vec<crate::observe::Observation>,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, policies: &Policies) -> Result<Self, SimError> {
        if matches!(plan.origin.kind, crate::plan::OriginKind::Own { .. }) {
            return Err(SimError::OwnOrigin);
        }
        let wires = Wires::new(plan);
        let keys = Keys::new(plan)?;
        let origin = Origin::new(plan);
        let rows = Rows {
            nodes: u32::try_from(plan.nodes.len()).unwrap_or(u32::MAX),
            populations: u32::try_from(plan.populations.len()).unwrap_or(u32::MAX),
        };
        let direct = plan.routing.mode == crate::plan::RoutingMode::Direct;
        let mut nodes = Vec::new();
        // Without a CDN there are no nodes, and nothing is kept of their keys.
        for (planned, index) in plan.nodes.iter().zip(0u16..).filter(|_| !direct) {
            let to = plan.upstream_node(index).map_or(Spot::Origin, Spot::Node);
            let link = wires.find(Spot::Node(index), to).unwrap_or(0);
            let rules = Rules::new(plan, &origin, planned);
            nodes.push(Node::new(
                planned, rules, link, keys.count, plan.seed, policies,
            )?);
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
            spare: Vec::new(),
            nodes,
            origin,
            fold: Fold::new(plan),
            begun: 0,
            done: 0,
            events_left: 0,
            #[cfg(test)]
            watched: false,
            #[cfg(test)]
            seen: Vec::new(),
        })
    }

    fn play(&mut self, progress: &mut dyn Progress) -> Result<(), SimError> {
        self.prepare();
        let mut requests = Ahead::new(self.plan.requests());
        let mut next: Option<PlannedRequest> = self.next_request(&mut requests)?;
        let mut steps = 0u64;
        loop {
            let arrival = match &next {
                Some(_) if self.plan.sequential => (self.clients.len() == 0).then_some(self.now),
                Some(planned) => Some(planned.due),
                None => None,
            };
            if next.is_none() && self.is_over() {
                break;
            }
            // An arrival comes before what happens at the same instant.
            if let Some((at, what)) = self.queue.pop_before(arrival.unwrap_or(Nanos::MAX)) {
                debug_assert!(at >= self.now, "time never runs back");
                self.now = at;
                self.happen(what, progress);
            } else if let (Some(at), Some(planned)) = (arrival, next.take()) {
                debug_assert!(at >= self.now, "time never runs back");
                self.now = at;
                self.begun = planned.step + 1;
                self.begin_client(planned);
                next = self.next_request(&mut requests)?;
            } else {
                break;
            }
            steps += 1;
            if steps.is_multiple_of(SETTLE_EVERY) {
                self.settle();
            }
            if steps.is_multiple_of(TELL_EVERY) {
                let of = self.plan.duration;
                progress.advance(self.now.min(of), of, self.done);
            }
        }
        self.tell_counters();
        progress.advance(self.plan.duration, self.plan.duration, self.done);
        Ok(())
    }

    /// The next planned request. They are drawn some at a time, and what is known of their objects
    /// is looked at in one go: the waits for memory overlap, and the lines are near when needed.
    fn next_request(&self, ahead: &mut Ahead) -> Result<Option<PlannedRequest>, SimError> {
        if ahead.drawn.is_empty() {
            ahead.draw();
            let mut seen = 0;
            for planned in ahead.drawn.iter().flatten() {
                if let Some(index) = self.likely_node(planned)
                    && let Some(node) = self.nodes.get(usize::from(index))
                {
                    seen ^= node.look_at(self.keys.of(planned.object, 0));
                    seen ^= self.fold.look_at(index, planned.object);
                }
            }
            std::hint::black_box(seen);
        }
        Ok(ahead.drawn.pop_front().transpose()?)
    }

    /// Where a request will go, if that is cheap to say.
    fn likely_node(&self, planned: &PlannedRequest) -> Option<u16> {
        match self.plan.routing.mode {
            RoutingMode::Direct => None,
            RoutingMode::Nearest => self.nearest.node(planned.place, planned.client),
            RoutingMode::Router | RoutingMode::Redirect => {
                self.resolvers[usize::from(planned.place)].answer()
            }
        }
    }

    /// Whether nothing is left that anybody waits for; notes when the last of it was over.
    fn is_over(&mut self) -> bool {
        let waiting = self.clients.len() > 0 || (!self.plan.sequential && self.events_left > 0);
        if waiting {
            self.end = self.now;
            return false;
        }
        let idle = self.fetches.len() == 0 && self.jobs.len() == 0;
        idle || self.now >= self.end.saturating_add(LINGER)
    }

    fn set_alarm(&mut self, row: u32, at: Nanos, id: Id) {
        let alarms = &mut self.alarms[row as usize];
        match self.rows.meaning(row) {
            Alarm::Deadline => alarms.trim(|id| self.clients.get(id).is_some()),
            Alarm::Wait => alarms.trim(|id| self.jobs.get(id).is_some()),
            Alarm::Resolver => alarms.trim(|id| self.fetches.get(id).is_some()),
            Alarm::Connect | Alarm::FirstByte => {
                alarms.trim(|id| self.fetches.get(id).is_some_and(|fetch| !fetch.headed));
            }
        }
        if let Some(at) = alarms.set(at, id) {
            self.queue.push(at, Happening::Alarm(row));
        }
    }

    fn alarm(&mut self, row: u32) {
        while let Some(id) = self.alarms[row as usize].due(self.now) {
            match self.rows.meaning(row) {
                Alarm::Connect => self.upstream_late(id, true),
                Alarm::FirstByte => self.upstream_late(id, false),
                Alarm::Wait => self.waited(id),
                Alarm::Deadline => self.client_late(id),
                Alarm::Resolver => self.resolver_late(id),
            }
        }
        let again = match self.rows.meaning(row) {
            Alarm::Connect | Alarm::FirstByte => {
                let open = |id| self.fetches.get(id).is_some_and(|fetch| !fetch.headed);
                self.alarms[row as usize].rearm(open)
            }
            Alarm::Resolver => self.alarms[row as usize].rearm(|id| self.fetches.get(id).is_some()),
            Alarm::Wait => self.alarms[row as usize].rearm(|id| self.jobs.get(id).is_some()),
            Alarm::Deadline => self.alarms[row as usize].rearm(|id| self.clients.get(id).is_some()),
        };
        if let Some(at) = again {
            self.queue.push(at, Happening::Alarm(row));
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
