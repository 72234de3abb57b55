//! The hit lane: the short way of the common request, which goes straight to a node and finds a fresh response there.
//!
//! Such a request needs no life of its own: a compact record, one event when it arrives at the node and one when its answer
//! is whole. The times of both are worked out beforehand, which is right as long as nothing happens to the link or the node
//! meanwhile. Whatever else comes in the way makes the request *leave* the lane for the full path (a [`Client`] with an
//! exchange over its link), exactly where it stands: no fresh response, a deadline that comes first, or an event of the plan
//! that could touch what is on its way ([`World::clear_lane`]). Both ways come to the same observation at the same time.

use super::World;
use super::client::Client;
use super::exchange::{Asker, Fetch};
use super::facts::Facts;
use super::node::Hit;
use super::queue::Happening;
use super::slab::Id;
use super::wire::{Connection, RESPONSE_HEAD};
use crate::observe::{Answer, Cacheable, Hop, Observation, Path, Verified};
use crate::plan::{Nanos, ObjectId, PlannedRequest, RoutingMode, Spot};

/// One request in the lane.
#[derive(Debug, Clone, Copy)]
struct Ride {
    step: u64,
    due: Nanos,
    started: Nanos,
    /// When the client gives up.
    deadline: Nanos,
    connection: Connection,
    object: ObjectId,
    link: u32,
    place: u16,
    population: u16,
    variant: u16,
    node: u16,
    new: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// On its way to the node.
    Going,
    /// Its answer is on its way to the client.
    Coming {
        hit: Hit,
        bytes: u64,
        arrived: Nanos,
        first: Nanos,
        whole: Nanos,
    },
    /// It has left the lane; what was to happen in the lane happens to this exchange. `true`: its answer was on its way.
    Left(Id, bool),
    /// The place is free.
    Free,
}

/// All requests in the lane. Places are used again.
#[derive(Debug, Default)]
pub(super) struct Lane {
    rides: Vec<Ride>,
    free: Vec<u32>,
    /// Requests in the lane, less those that have left.
    riding: usize,
    /// Lets nobody in, for a test that wants to see the full path.
    #[cfg(test)]
    pub(super) closed: bool,
}

impl Lane {
    /// Whether nobody is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.riding == 0
    }

    /// The numbers of the requests in it.
    pub(super) fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        let riding = |ride: &&Ride| matches!(ride.stage, Stage::Going | Stage::Coming { .. });
        self.rides.iter().filter(riding).map(|ride| ride.step)
    }

    fn add(&mut self, ride: Ride) -> u32 {
        self.riding += 1;
        if let Some(index) = self.free.pop() {
            self.rides[index as usize] = ride;
            return index;
        }
        self.rides.push(ride);
        u32::try_from(self.rides.len() - 1).unwrap_or(u32::MAX)
    }

    fn release(&mut self, index: u32) {
        self.rides[index as usize].stage = Stage::Free;
        self.free.push(index);
    }
}

impl World<'_> {
    /// Sends a planned request down the lane; false if it has to take the full path.
    pub(super) fn board(&mut self, planned: &PlannedRequest) -> bool {
        #[cfg(test)]
        if self.lane.closed {
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
        let due = self.due(planned);
        let deadline = due.saturating_add(planned.deadline);
        let in_time = self.wires.latest_arrival(link, self.now) < deadline;
        if !in_time || self.wires.link(link).cut.is_some() {
            return false;
        }
        let sent = self.wires.request(link, self.now);
        let index = self.lane.add(Ride {
            step: planned.step,
            due,
            started: self.now,
            deadline,
            connection: sent.connection,
            object: planned.object,
            link,
            place: planned.place,
            population: planned.population,
            variant: planned.variant,
            node,
            new: sent.new,
            stage: Stage::Going,
        });
        self.queue.push(sent.arrives, Happening::Ride(index));
        true
    }

    /// Something happens in the lane: a request has arrived, or an answer is whole.
    pub(super) fn ride(&mut self, index: u32) {
        match self.lane.rides[index as usize].stage {
            Stage::Going => self.ride_arrives(index),
            Stage::Coming {
                hit, bytes, first, ..
            } => {
                self.ride_ends(index, &hit, bytes, first);
                self.lane.riding -= 1;
                self.lane.release(index);
            }
            Stage::Left(fetch, answered) => {
                self.lane.release(index);
                if answered {
                    self.whole(fetch);
                } else {
                    self.arrive(fetch);
                }
            }
            Stage::Free => debug_assert!(false, "nothing happens at a free place"),
        }
    }

    /// At its node: a fresh response is on its way back at once, and when it will be whole is known.
    fn ride_arrives(&mut self, index: u32) {
        let ride = &self.lane.rides[index as usize];
        let (node, object, population, step) = (ride.node, ride.object, ride.population, ride.step);
        let key = self.key(node, object, population, ride.variant);
        let hit = match self.nodes[usize::from(node)].up {
            true => {
                self.foretell(node, key, step);
                self.fresh(node, key, object, population, false)
            }
            false => None,
        };
        let Some(hit) = hit else {
            let fetch = self.leave(index);
            self.lane.release(index);
            return self.arrive(fetch);
        };
        let bytes = self.origin.catalogue().size(object);
        self.count_hit(node, &hit, bytes);
        let ride = &mut self.lane.rides[index as usize];
        let link = ride.link;
        let delivery =
            self.wires
                .respond(link, &mut ride.connection, self.now, RESPONSE_HEAD + bytes);
        ride.stage = Stage::Coming {
            hit,
            bytes,
            arrived: self.now,
            first: delivery.first,
            whole: delivery.last,
        };
        let late = delivery.last >= ride.deadline;
        self.queue.push(delivery.last, Happening::Ride(index));
        if late {
            self.leave(index);
        }
    }

    fn ride_ends(&mut self, index: u32, hit: &Hit, bytes: u64, first: Nanos) {
        let ride = &self.lane.rides[index as usize];
        let hop = Hop {
            node: Some(ride.node),
            handling: hit.handling,
        };
        let outdated_by = self
            .origin
            .outdated_by(ride.object, hit.version, ride.started);
        let answer = Answer {
            status: hit.status,
            path: Path::of(&[hop]),
            age: Some(hit.age),
            bytes,
            version: Some(hit.version),
            outdated_by,
            verified: Verified::Unchecked,
            cacheable: Cacheable::AsPlanned,
        };
        let observation = Observation {
            step: ride.step,
            place: ride.place,
            object: ride.object,
            variant: ride.variant,
            node: Some(ride.node),
            due: ride.due,
            started: ride.started,
            first_byte: first,
            done: self.now,
            outcome: Ok(answer),
            late: 0,
        };
        self.wires.keep(ride.link, ride.connection, self.now);
        self.observe(&observation);
    }

    /// A request leaves the lane for the full path.
    fn leave(&mut self, index: u32) -> Id {
        let ride = self.lane.rides[index as usize];
        let client = Client {
            step: ride.step,
            due: ride.due,
            started: ride.started,
            object: ride.object,
            variant: ride.variant,
            place: ride.place,
            population: ride.population,
            node: Some(ride.node),
            fetch: None,
        };
        let question = client.question();
        let client = self.clients.insert(client);
        let to = Spot::Node(ride.node);
        let mut fetch = Fetch::new(
            Asker::Client(client),
            ride.link,
            to,
            question,
            ride.connection,
        );
        fetch.new = ride.new;
        fetch.sent = ride.started;
        let mut answered = false;
        if let Stage::Coming {
            hit,
            bytes,
            arrived,
            first,
            whole,
        } = ride.stage
        {
            answered = true;
            fetch.arrived = arrived;
            fetch.answer = Some(Facts::of_hit(ride.node, &hit, bytes));
            fetch.first = first;
            fetch.whole = whole;
            fetch.headed = true;
        }
        let fetch = self.fetches.insert(fetch);
        if let Some(client) = self.clients.get_mut(client) {
            client.fetch = Some(fetch);
        }
        self.lane.rides[index as usize].stage = Stage::Left(fetch, answered);
        self.lane.riding -= 1;
        let row = self.rows.deadline(ride.population);
        self.set_alarm(row, ride.deadline, client);
        fetch
    }

    /// Every request leaves the lane, for something happens that it does not know.
    pub(super) fn clear_lane(&mut self) {
        for index in 0..u32::try_from(self.lane.rides.len()).unwrap_or(u32::MAX) {
            if matches!(
                self.lane.rides[index as usize].stage,
                Stage::Going | Stage::Coming { .. }
            ) {
                self.leave(index);
            }
        }
    }
}
