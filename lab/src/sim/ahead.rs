//! Reading ahead. Most of what a simulation waits for is memory: tables over all objects of all nodes, and the records of what
//! is under way. What the next requests and events need is read in one go before they come, so that the waits overlap and the
//! lines are near when needed. What is read here means nothing.

use super::World;
use super::exchange::{Asker, Fetch};
use super::node::{Flight, Job};
use super::queue::Happening;
use super::slab::Id;
use crate::observe::Phase;
use crate::plan::{Nanos, ObjectId, PlannedRequest, RoutingMode, Spot};

impl Fetch {
    /// Something that differs with the memory of each part, so that reading it brings that near.
    #[inline]
    fn look_at(&self) -> u64 {
        let answer = self
            .answer
            .map_or(0, |facts| facts.bytes ^ facts.date as u64);
        self.sent ^ self.whole ^ answer ^ self.beyond.of(Phase::Edge)
    }
}

impl World<'_> {
    /// Reads what some requests, and whatever else happens before the last of them begins, will need.
    pub(super) fn look_ahead(&mut self, requests: &[PlannedRequest]) {
        let until = requests.last().map_or(0, |last| last.due);
        let mut seen = 0;
        // What takes longer is read when it is about to arrive; by then it would have been driven out again.
        if self.lane.is_short(until.saturating_sub(self.now)) {
            for planned in requests {
                seen ^= self.look_at_request(planned);
            }
        }
        for (node, object) in self.lane.coming(until) {
            seen ^= self.look_at_object(node, object);
        }
        seen ^= self.look_at_events(until);
        std::hint::black_box(seen);
    }

    fn look_at_request(&self, planned: &PlannedRequest) -> u64 {
        // Where it will go, if that is cheap to say.
        let node = match self.plan.routing.mode {
            RoutingMode::Direct | RoutingMode::Redirect => None,
            RoutingMode::Nearest => self.nearest.node(planned.place, planned.client),
            RoutingMode::Router => self.resolvers[usize::from(planned.place)].answer(self.now),
        };
        node.map_or(0, |node| self.look_at_object(node, planned.object))
    }

    /// What a node and the fold know of an object for which a client asks.
    #[inline]
    fn look_at_object(&self, node: u16, object: ObjectId) -> u64 {
        let key = self.keys.of(object, 0);
        let known = self.nodes.get(usize::from(node));
        known.map_or(0, |node| node.look_at(key)) ^ u64::from(self.fold.look_at(node, object))
    }

    /// What the events before `until` will need. In three rounds, since each finds by what the one before has read what is to
    /// be read next: exchanges, then the tables and requests of the nodes at their ends, then whoever waits for those.
    fn look_at_events(&mut self, until: Nanos) -> u64 {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.clear();
        ahead.extend(self.queue.coming(until).filter_map(|what| match what {
            Happening::Arrive(id) | Happening::Head(id) | Happening::Whole(id) => Some(id),
            _ => None,
        }));
        let mut fills = std::mem::take(&mut self.fills_ahead);
        fills.clear();
        fills.extend(self.queue.coming(until).filter_map(|what| match what {
            Happening::FillArrives(id) | Happening::FillHead(id) | Happening::FillWhole(id) => {
                Some(id)
            }
            _ => None,
        }));
        let looks = fills.iter().map(|id| self.look_at_fill(*id));
        let seen = looks.fold(0, |seen, one| seen ^ one);
        let looks = fills.iter().map(|id| self.look_at_end_of_fill(*id));
        let before = looks.fold(seen, |seen, one| seen ^ one);
        self.fills_ahead = fills;
        let exchanges = ahead.iter().map(|id| self.look_at_exchange(*id));
        let seen = exchanges.fold(before, |seen, one| seen ^ one);
        let ends = ahead.iter().map(|id| self.look_at_end(*id));
        let seen = ends.fold(seen, |seen, one| seen ^ one);
        let waiting = ahead.iter().map(|id| self.look_at_waiting(*id));
        let seen = waiting.fold(seen, |seen, one| seen ^ one);
        self.ahead = ahead;
        seen
    }

    #[inline]
    fn look_at_exchange(&self, id: Id) -> u64 {
        self.fetches.get(id).map_or(0, Fetch::look_at)
    }

    /// The node that asks in an exchange, or that is asked.
    #[inline]
    fn look_at_end(&self, id: Id) -> u64 {
        let Some(fetch) = self.fetches.get(id) else {
            return 0;
        };
        let key = self.keys.of(fetch.question.object, 0);
        let asked = match (fetch.asker, fetch.to) {
            (_, Spot::Node(node)) if fetch.answer.is_none() => {
                return self.nodes[usize::from(node)].look_at(key);
            }
            (Asker::Job(job), _) => self.jobs.get(job).map_or(0, Job::look_at),
            _ => return 0,
        };
        match self.wires.link(fetch.link).from {
            Spot::Node(node) => asked ^ self.nodes[usize::from(node)].look_at_place(key),
            _ => asked,
        }
    }

    /// Whoever waits for the request inside a node that asks in an exchange.
    #[inline]
    fn look_at_waiting(&self, id: Id) -> u64 {
        let Some(fetch) = self.fetches.get(id) else {
            return 0;
        };
        let Asker::Job(job) = fetch.asker else {
            return 0;
        };
        let Some((incoming, flight)) = self.jobs.get(job).map(Job::waiting) else {
            return 0;
        };
        let flight = flight.and_then(|flight| self.flights.get(flight));
        let flight = flight.map_or(0, Flight::look_at);
        let Some(incoming) = incoming.and_then(|id| self.fetches.get(id)) else {
            return flight;
        };
        let told = match (incoming.asker, incoming.to) {
            (Asker::Client(_), Spot::Node(node)) => {
                u64::from(self.fold.look_at(node, fetch.question.object))
            }
            _ => 0,
        };
        flight ^ told ^ incoming.look_at()
    }
}
