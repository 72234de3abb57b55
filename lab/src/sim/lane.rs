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
use super::facts::Facts;
use super::heads::Heads;
use super::node::Hit;
use super::queue::Happening;
use super::slab::Id;
use super::wire::{Connection, RESPONSE_HEAD};
use crate::metrics::{FreshHit, HitWaits};
use crate::observe::RequestClass;
use crate::plan::{Event, Nanos, ObjectId, Plan, PlannedRequest, RoutingMode, Spot};

/// One request on its way to a node.
#[derive(Debug, Clone, Copy)]
struct Ride {
    step: u64,
    /// When it began, which is when it was due.
    due: Nanos,
    arrives: Nanos,
    /// When the client gives up.
    deadline: Nanos,
    connection: Connection,
    object: ObjectId,
    link: u32,
    place: u16,
    population: u16,
    variant: u16,
    node: u16,
}

/// All requests in the lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// By link. A link takes the same time for each request, so that they arrive as they were sent.
    ways: Vec<VecDeque<Ride>>,
    /// When the next one of each link arrives.
    next: Heads,
    riding: usize,
    /// The planned events that could touch what is under way, the next one last.
    disturbances: Vec<Nanos>,
    /// When the last of those that have happened is felt everywhere.
    calm_from: Nanos,
    /// Lets nobody in, for a test that wants to see the full path.
    #[cfg(test)]
    pub(super) closed: bool,
}

impl Lane {
    pub(super) fn new(plan: &Plan, links: usize) -> Self {
        let disturbing = |what: &Event| matches!(what, Event::Link(_) | Event::Kill(_));
        let events = plan.events.iter().filter(|event| disturbing(&event.what));
        let mut disturbances: Vec<Nanos> = events.map(|event| event.at).collect();
        disturbances.sort_unstable_by_key(|at| Reverse(*at));
        Self {
            ways: vec![VecDeque::new(); links],
            next: Heads::new(links),
            disturbances,
            ..Self::default()
        }
    }

    /// When the next request arrives.
    #[inline]
    pub(super) fn next(&self) -> Option<Nanos> {
        self.next.first().map(|(at, _)| at)
    }

    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.riding == 0
    }

    /// The numbers of the first request on each link.
    pub(super) fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        let first = |way: &VecDeque<Ride>| way.front().map(|ride| ride.step);
        self.ways.iter().filter_map(first)
    }

    #[inline]
    fn add(&mut self, ride: Ride) {
        let way = &mut self.ways[ride.link as usize];
        if way.is_empty() {
            self.next.set(ride.link, Some(ride.arrives));
        }
        debug_assert!(way.back().is_none_or(|last| last.arrives <= ride.arrives));
        way.push_back(ride);
        self.riding += 1;
    }

    /// Takes the request that arrives next.
    #[inline]
    fn take(&mut self) -> Option<Ride> {
        let (_, link) = self.next.first()?;
        let way = &mut self.ways[link as usize];
        let ride = way.pop_front()?;
        self.next.set(link, way.front().map(|next| next.arrives));
        self.riding -= 1;
        Some(ride)
    }

    /// Whether nothing can touch what is under way from now until then.
    #[inline]
    pub(super) fn is_calm(&self, now: Nanos, until: Nanos) -> bool {
        let next = self.disturbances.last().copied().unwrap_or(Nanos::MAX);
        self.calm_from <= now && until < next
    }
}

impl World<'_> {
    /// Sends a planned request down the lane; false if it has to take the full path.
    #[inline]
    pub(super) fn board(&mut self, planned: &PlannedRequest) -> bool {
        // What is to be kept one by one is told whole, as the full path does it.
        if self.plan.keep_requests > 0 {
            return false;
        }
        #[cfg(test)]
        if self.lane.closed {
            return false;
        }
        // One after the other: the next begins when the one before it is really over.
        if self.plan.sequential {
            return false;
        }
        let node = match self.plan.routing.mode {
            RoutingMode::Direct | RoutingMode::Redirect => None,
            RoutingMode::Nearest => self.nearest.node(planned.place, planned.client),
            RoutingMode::Router => self.resolvers[usize::from(planned.place)].answer(self.now),
        };
        let Some(node) = node else { return false };
        let Some(link) = self.ways.to_node(planned.place, node) else {
            return false;
        };
        let deadline = planned.due.saturating_add(planned.deadline);
        let wire = self.wires.link(link);
        let arrives = self.now + wire.crossing;
        if arrives >= deadline || wire.cut.is_some() {
            return false;
        }
        // A new connection pays its handshake: that would let later requests overtake.
        let Some(connection) = self.wires.reuse(link, self.now) else {
            return false;
        };
        self.lane.add(Ride {
            step: planned.step,
            due: planned.due,
            arrives,
            deadline,
            connection,
            object: planned.object,
            link,
            place: planned.place,
            population: planned.population,
            variant: planned.variant,
            node,
        });
        true
    }

    /// The next request in the lane has arrived at its node. A fresh response that nothing can hold up is as good as there.
    pub(super) fn ride(&mut self) {
        let Some(mut ride) = self.lane.take() else {
            return;
        };
        let (node, object, population) = (ride.node, ride.object, ride.population);
        if !self.nodes[usize::from(node)].up {
            let fetch = self.leave(&ride);
            return self.arrive(fetch);
        }
        let key = self.key(node, object, population, ride.variant);
        self.foretell(node, key, ride.step);
        let Some(hit) = self.fresh(node, key, object, population, false) else {
            let fetch = self.leave(&ride);
            return self.arrive(fetch);
        };
        let bytes = self.origin.catalogue().size(object);
        self.count_hit(node, &hit, bytes);
        let before = ride.connection;
        let delivery = self.wires.respond(
            ride.link,
            &mut ride.connection,
            self.now,
            RESPONSE_HEAD + bytes,
        );
        let whole = delivery.last;
        // A stored error answer is a hit of another class.
        let plain = hit.class == RequestClass::Hit;
        if !plain || !self.is_certain(ride.link, whole, ride.deadline) {
            ride.connection = before;
            let fetch = self.leave(&ride);
            if let Some(fetch) = self.fetches.get_mut(fetch) {
                fetch.arrived = self.now;
            }
            return self.respond(fetch, Facts::of_hit(node, &hit, bytes), self.now, None);
        }
        self.wires.keep(ride.link, ride.connection, self.now, whole);
        self.over(&ride, &hit, bytes, (delivery.first, whole));
    }

    /// Whether an answer to a client that is on its way over this link will be whole then: before the client's deadline, and
    /// before anything can happen that could touch it. It can be observed now.
    #[inline]
    pub(super) fn is_certain(&self, link: u32, whole: Nanos, deadline: Nanos) -> bool {
        #[cfg(test)]
        if self.lane.closed {
            return false;
        }
        // One after the other: the next begins when the one before it is really over.
        let alone = self.plan.sequential;
        !alone
            && whole < deadline
            && self.lane.is_calm(self.now, whole)
            && self.wires.link(link).cut.is_none()
    }

    /// A request is as good as over.
    fn over(&mut self, ride: &Ride, hit: &Hit, bytes: u64, (first_byte, done): (Nanos, Nanos)) {
        let outdated_by = self.origin.outdated_by(ride.object, hit.version, ride.due);
        let seen = FreshHit {
            step: ride.step,
            place: ride.place,
            object: ride.object,
            variant: ride.variant,
            node: Some(ride.node),
            due: ride.due,
            started: ride.due,
            first_byte,
            done,
            waits: HitWaits {
                whole: true,
                ..HitWaits::default()
            },
            status: hit.status,
            bytes,
            versioned: true,
            outdated_by,
            late: 0,
        };
        #[cfg(test)]
        self.seen
            .extend(self.watched.then(|| observation(&seen, hit)));
        self.fold.hit(&seen);
        self.done += 1;
        self.last = self.last.max(done);
    }

    /// A request leaves the lane for the full path.
    fn leave(&mut self, ride: &Ride) -> Id {
        let client = Client {
            step: ride.step,
            due: ride.due,
            started: ride.due,
            deadline: ride.deadline,
            object: ride.object,
            variant: ride.variant,
            place: ride.place,
            population: ride.population,
            node: Some(ride.node),
            fetch: None,
        };
        let question = client.question();
        let client = self.clients.insert(client);
        let mut fetch = Fetch::new(
            Asker::Client(client),
            ride.link,
            Spot::Node(ride.node),
            question,
            ride.connection,
        );
        fetch.sent = ride.due;
        let fetch = self.fetches.insert(fetch);
        if let Some(client) = self.clients.get_mut(client) {
            client.fetch = Some(fetch);
        }
        let row = self.rows.deadline(ride.place);
        self.set_alarm(row, ride.deadline, client);
        fetch
    }

    /// Every request leaves the lane before something happens that could touch what is under way.
    pub(super) fn clear_lane(&mut self) {
        self.lane.disturbances.pop();
        // Who waits for a node that was killed hears of it one crossing later.
        self.lane.calm_from = self.now + self.wires.farthest() + 1;
        while let Some(ride) = self.lane.take() {
            let fetch = self.leave(&ride);
            self.queue.push(ride.arrives, Happening::Arrive(fetch));
        }
    }
}

/// A fresh hit as the full path would have observed it.
#[cfg(test)]
fn observation(seen: &FreshHit, hit: &Hit) -> crate::observe::Observation {
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
