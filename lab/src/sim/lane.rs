//! The hit lane: the short way of the common request, which goes straight to a node and finds a fresh response there.
//!
//! Such a request needs no life of its own: a compact record on its way to the node, and nothing after that. When it arrives
//! and what is stored there is fresh, the time at which its answer will be whole follows from the link alone, so that it is
//! observed at once and its connection is noted as idle from then on.
//!
//! Whatever is not that simple *leaves* the lane for the full path (a [`Client`] with an exchange over its link), exactly
//! where it stands: no fresh response, an answer that would not be whole before the client's deadline or before an event of
//! the plan that could touch it ([`World::clear_lane`]). Both ways come to the same observation.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::World;
use super::client::Client;
use super::exchange::{Asker, Fetch};
use super::heads::Heads;
use super::queue::Happening;
use super::slab::Id;
use super::wire::{Connection, RESPONSE_HEAD};
use crate::metrics::{FreshHit, HitWaits};
use crate::observe::RequestClass;
use crate::plan::{Event, Nanos, ObjectId, Plan, PlannedRequest, RoutingMode, Spot};

/// One request on its way to a node: 64 bytes, which is what comes near in memory together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ride {
    pub(super) step: u64,
    /// When it began, which is when it was due.
    pub(super) due: Nanos,
    pub(super) connection: Connection,
    pub(super) object: ObjectId,
    pub(super) variant: u16,
}

const _: () = assert!(size_of::<Ride>() == 64);

/// The requests from one place to one node, which go over one link, and what they have in common.
#[derive(Debug)]
struct Way {
    link: u32,
    place: u16,
    node: u16,
    population: u16,
    /// How long clients of that population wait.
    patience: Nanos,
    /// What the link takes, the same time for each request of those under way, so that they arrive as they were sent.
    crossing: Nanos,
    riding: VecDeque<Ride>,
}

impl Way {
    #[inline]
    fn arrival(&self, ride: &Ride) -> Nanos {
        ride.due + self.crossing
    }

    /// When the client gives up.
    #[inline]
    fn deadline(&self, ride: &Ride) -> Nanos {
        ride.due.saturating_add(self.patience)
    }
}

/// All requests in the lane.
#[derive(Debug)]
pub(super) struct Lane {
    /// In the order in which they were first used.
    ways: Vec<Way>,
    /// By place and node, the index of the way; [`UNUSED`] without one.
    of: Vec<u32>,
    nodes: usize,
    /// When the next request of each way arrives.
    next: Heads,
    /// The planned events that could touch what is under way, the next one last.
    disturbances: Vec<Nanos>,
    /// When the last of those that have happened is felt everywhere, and when the next one happens.
    calm: (Nanos, Nanos),
    /// Whether single requests are kept, which only the full path can tell of.
    kept: bool,
    /// Nothing is foreseen: one request follows the other when that is really over, or a test wants to see the full path.
    pub(super) closed: bool,
}

/// What so many requests need that come next over one way is brought near.
const NEAR: usize = 16;

/// No request has gone this way.
const UNUSED: u32 = u32::MAX;

impl Lane {
    pub(super) fn new(plan: &Plan) -> Self {
        let disturbing = |what: &Event| matches!(what, Event::Link(_) | Event::Kill(_));
        let events = plan.events.iter().filter(|event| disturbing(&event.what));
        let mut disturbances: Vec<Nanos> = events.map(|event| event.at).collect();
        disturbances.sort_unstable_by_key(|at| Reverse(*at));
        Self {
            ways: Vec::new(),
            of: vec![UNUSED; plan.places.len() * plan.nodes.len()],
            nodes: plan.nodes.len(),
            next: Heads::default(),
            calm: (0, disturbances.last().copied().unwrap_or(Nanos::MAX)),
            disturbances,
            kept: plan.keep_requests > 0,
            closed: plan.sequential,
        }
    }

    /// When the next request arrives; [`Nanos::MAX`] if nobody is in it.
    #[inline]
    pub(super) fn next(&self) -> Nanos {
        self.next.at()
    }

    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.next.first().is_none()
    }

    /// The numbers of the first request on each way.
    pub(super) fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        let first = |way: &Way| way.riding.front().map(|ride| ride.step);
        self.ways.iter().filter_map(first)
    }

    /// Takes the request that arrives next, and its way.
    #[inline(always)]
    fn take(&mut self) -> Option<(usize, Ride)> {
        let index = self.next.first()?;
        let way = &mut self.ways[index as usize];
        let ride = way.riding.pop_front()?;
        let next = way.riding.front().map(|next| way.arrival(next));
        self.next.set(index, next);
        Some((index as usize, ride))
    }

    /// The object for which a request comes over this way that is the last of the next ones now, and the node that it comes to.
    #[inline]
    fn last_of_next(&self, way: usize) -> Option<(u16, ObjectId)> {
        let way = &self.ways[way];
        let last = way.riding.get(NEAR - 1)?;
        Some((way.node, last.object))
    }

    /// The link of a way, and the place where it begins.
    #[inline]
    pub(super) fn begin_of(&self, way: usize) -> (u32, u16) {
        let way = &self.ways[way];
        (way.link, way.place)
    }

    /// When the client of a request on this way gives up.
    #[inline]
    pub(super) fn deadline(&self, way: usize, ride: &Ride) -> Nanos {
        self.ways[way].deadline(ride)
    }

    /// The node at which a way ends, and the population that comes over it.
    #[inline]
    pub(super) fn end_of(&self, way: usize) -> (u16, u16) {
        let way = &self.ways[way];
        (way.node, way.population)
    }

    /// Whether nothing can touch what is under way from now until then.
    #[inline]
    pub(super) fn is_calm(&self, now: Nanos, until: Nanos) -> bool {
        self.calm.0 <= now && until < self.calm.1
    }
}

impl World<'_> {
    /// Sends a planned request down the lane; false if it has to take the full path.
    #[inline]
    pub(super) fn board(&mut self, planned: &PlannedRequest) -> bool {
        if self.lane.closed || self.lane.kept {
            return false;
        }
        let node = match self.plan.routing.mode {
            RoutingMode::Direct | RoutingMode::Redirect => None,
            RoutingMode::Nearest => self.nearest.node(planned.place, planned.client),
            RoutingMode::Router => self.resolvers[usize::from(planned.place)].answer(self.now),
        };
        let Some(node) = node else { return false };
        let Some(index) = self.way(planned.place, node) else {
            return false;
        };
        let way = &mut self.lane.ways[index];
        let wire = self.wires.link(way.link);
        let crossing = wire.crossing;
        if crossing >= way.patience || planned.deadline != way.patience || wire.cut.is_some() {
            return false;
        }
        // A new connection pays its handshake: that would let later requests overtake.
        let Some(connection) = self.wires.reuse(way.link, self.now) else {
            return false;
        };
        if way.riding.is_empty() {
            way.crossing = crossing;
            let arrives = planned.due + crossing;
            self.lane.next.set(index as u32, Some(arrives));
        }
        debug_assert!(planned.due == self.now && way.crossing == crossing);
        way.riding.push_back(Ride {
            step: planned.step,
            due: planned.due,
            connection,
            object: planned.object,
            variant: planned.variant,
        });
        if way.riding.len() <= NEAR {
            self.bring_object(node, planned.object);
        }
        true
    }

    /// The way from a place to a node, if there is a link.
    #[inline]
    fn way(&mut self, place: u16, node: u16) -> Option<usize> {
        let at = usize::from(place) * self.lane.nodes + usize::from(node);
        match self.lane.of.get(at) {
            Some(&way) if way != UNUSED => Some(way as usize),
            _ => self.open_way(place, node),
        }
    }

    #[cold]
    fn open_way(&mut self, place: u16, node: u16) -> Option<usize> {
        let link = self.ways.to_node(place, node)?;
        let lane = &mut self.lane;
        let index = lane.ways.len();
        let population = self.plan.places.get(usize::from(place))?.population;
        let planned = self.plan.populations.get(usize::from(population))?;
        lane.ways.push(Way {
            link,
            place,
            node,
            population,
            patience: planned.traffic.deadline,
            crossing: 0,
            riding: VecDeque::new(),
        });
        lane.next.grow(lane.ways.len());
        let at = usize::from(place) * lane.nodes + usize::from(node);
        *lane.of.get_mut(at)? = index as u32;
        Some(index)
    }

    /// The next request in the lane has arrived at its node. A fresh response that nothing can hold up is as good as there;
    /// for all else the request leaves the lane, and arrives again as others do.
    pub(super) fn ride(&mut self) {
        let Some((way, ride)) = self.lane.take() else {
            return;
        };
        if let Some((node, object)) = self.lane.last_of_next(way) {
            self.bring_object(node, object);
        }
        if !self.serve_at_once(way, &ride) && !self.fill_for_client(way, &ride) {
            self.arrive_outside(way, &ride);
        }
    }

    /// A request arrives at its node, and goes on outside of the lane.
    #[inline(never)]
    fn arrive_outside(&mut self, way: usize, ride: &Ride) {
        let fetch = self.leave(way, ride);
        self.arrive(fetch);
    }

    /// Answers a request from the store of its node, if that holds a fresh response which nothing can hold up on its way.
    #[inline]
    fn serve_at_once(&mut self, way: usize, ride: &Ride) -> bool {
        let from = &self.lane.ways[way];
        let deadline = from.deadline(ride);
        let &Way {
            link,
            place,
            node,
            population,
            ..
        } = from;
        let object = ride.object;
        let key = self.key(node, object, population, ride.variant);
        self.foretell(node, key, ride.step);
        let Some(hit) = self.fresh(node, key, object, population, false) else {
            return false;
        };
        let bytes = self.origin.catalogue().size(object);
        let mut connection = ride.connection;
        let delivery = self
            .wires
            .respond(link, &mut connection, self.now, RESPONSE_HEAD + bytes);
        let (first_byte, done) = (delivery.first, delivery.last);
        // A stored error answer is a hit of another class.
        let plain = hit.class == RequestClass::Hit;
        if !plain || !self.nodes[usize::from(node)].up || !self.is_certain(link, done, deadline) {
            return false;
        }
        self.count_hit(node, key, &hit, bytes);
        self.wires.keep(link, connection, self.now, done);
        let seen = FreshHit {
            step: ride.step,
            place,
            object,
            variant: ride.variant,
            node: Some(node),
            due: ride.due,
            started: ride.due,
            first_byte,
            done,
            waits: HitWaits::LINK,
            status: hit.status,
            bytes,
            versioned: true,
            outdated_by: self.origin.outdated_by(object, hit.version, ride.due),
            late: 0,
        };
        #[cfg(test)]
        self.seen
            .extend(self.watched.then(|| observation(&seen, &hit)));
        self.fold.hit(&seen);
        self.done += 1;
        self.last = self.last.max(done);
        true
    }

    /// Whether an answer to a client that is on its way over this link will be whole then: before the client's deadline, and
    /// before anything can happen that could touch it. It can be observed now.
    #[inline]
    pub(super) fn is_certain(&self, link: u32, whole: Nanos, deadline: Nanos) -> bool {
        !self.lane.closed
            && whole < deadline
            && self.lane.is_calm(self.now, whole)
            && self.wires.link(link).cut.is_none()
    }

    /// A request leaves the lane for the full path.
    pub(super) fn leave(&mut self, way: usize, ride: &Ride) -> Id {
        let from = &self.lane.ways[way];
        let deadline = from.deadline(ride);
        let &Way {
            link,
            place,
            node,
            population,
            ..
        } = from;
        let client = Client {
            step: ride.step,
            due: ride.due,
            started: ride.due,
            deadline,
            object: ride.object,
            variant: ride.variant,
            place,
            population,
            node: Some(node),
            fetch: None,
        };
        let question = client.question();
        let client = self.clients.insert(client);
        let mut fetch = Fetch::new(
            Asker::Client(client),
            link,
            Spot::Node(node),
            question,
            ride.connection,
        );
        fetch.sent = ride.due;
        let fetch = self.fetches.insert(fetch);
        if let Some(client) = self.clients.get_mut(client) {
            client.fetch = Some(fetch);
        }
        let row = self.rows.deadline(place);
        self.set_alarm(row, deadline, client);
        fetch
    }

    /// Every request leaves its lane before something happens that could touch what is under way.
    pub(super) fn clear_lane(&mut self) {
        self.leave_fills();
        self.lane.disturbances.pop();
        let next = self.lane.disturbances.last().copied();
        // Who waits for a node that was killed hears of it one crossing later.
        let felt = self.now + self.wires.farthest() + 1;
        self.lane.calm = (felt, next.unwrap_or(Nanos::MAX));
        while let Some((way, ride)) = self.lane.take() {
            let arrives = self.lane.ways[way].arrival(&ride);
            let fetch = self.leave(way, &ride);
            self.queue.push(arrives, Happening::Arrive(fetch));
        }
    }
}

/// A fresh hit as the full path would have observed it.
#[cfg(test)]
fn observation(seen: &FreshHit, hit: &super::node::Hit) -> crate::observe::Observation {
    use crate::observe::{Answer, Cacheable, Hop, Observation, Path, Phase, Verified, Waits};
    let mut waits = Waits {
        whole: true,
        ..Waits::default()
    };
    waits
        .phases
        .add(Phase::ClientToEdge, seen.first_byte - seen.due);
    let hop = Hop {
        node: seen.node,
        handling: hit.handling(),
    };
    Observation {
        step: seen.step,
        place: seen.place,
        object: seen.object,
        variant: seen.variant,
        node: seen.node,
        due: seen.due,
        started: seen.started,
        first_byte: seen.first_byte,
        done: seen.done,
        waits,
        outcome: Ok(Answer {
            status: seen.status,
            path: Path::of(&[hop]),
            age: Some(hit.age()),
            bytes: seen.bytes,
            version: Some(hit.version),
            outdated_by: seen.outdated_by,
            verified: Verified::Unchecked,
            cacheable: Cacheable::AsPlanned,
        }),
        late: seen.late,
    }
}
