//! The course of a plain miss: begun, asked for at the next node, answered, passed on, stored.

use super::super::super::queue::Happening;
use super::super::super::wire::RESPONSE_HEAD;
use super::*;
use crate::observe::{
    Answer as Answered, Cacheable, Observation, OriginRecord, Phase, Verified, Waits,
};
use crate::plan::{Nanos, Spot};

/// What the origin counted of a plain miss that it took up at `at`.
pub(super) fn record(step: u64, object: ObjectId, facts: &Facts, at: Nanos) -> OriginRecord {
    OriginRecord {
        id: RequestId::Step(step),
        at,
        object: Some(object),
        status: facts.status,
        body_bytes: facts.bytes,
        conditional: false,
    }
}

impl World<'_> {
    /// A client's request has arrived at its node: true if it is a plain miss, and goes on as one.
    #[inline]
    pub(in super::super::super) fn fill_for_client(&mut self, way: usize, ride: &Ride) -> bool {
        let (node, population) = self.lane.end_of(way);
        let object = ride.object;
        let wanted = Wanted {
            step: ride.step,
            object,
            population,
            node,
            key: self.keys.of(object, 0),
        };
        let asked = Asked::Client(way, *ride);
        ride.variant == 0 && self.fill(asked, wanted, self.lane.deadline(way, ride))
    }

    /// Begins a plain miss; false if it is none. A head that comes at `limit` or later comes too late.
    fn fill(&mut self, asked: Asked, wanted: Wanted, limit: Nanos) -> bool {
        let now = self.now;
        let (object, key) = (wanted.object, wanted.key);
        let node = &self.nodes[usize::from(wanted.node)];
        let planned = &self.plan.nodes[usize::from(wanted.node)];
        let link = node.upstream;
        let wire = self.wires.link(link);
        let arrives = now + wire.crossing;
        let to_origin = wire.to == Spot::Origin;
        let limit = limit.min(now.saturating_add(planned.timeouts.first_byte + 1));
        let plain = node.up
            && node.entries.get(key).what == What::Nothing
            && node.filter.is_none()
            && self.keys.variants(object) == 1
            && node.rules.miss(object, wanted.population).is_some()
            && self.origin.catalogue().size(object) <= node.rules.largest(&planned.policy)
            && !node.flights.contains_key(&key)
            && wire.cut.is_none()
            && arrives < limit;
        if !plain || (to_origin && !self.is_plain_at_origin(link, object, arrives)) {
            return false;
        }
        // A new connection would pay its handshake, and be overtaken.
        let Some(connection) = self.wires.reuse(link, now) else {
            return false;
        };
        let id = self.fills.insert(Fill {
            asked,
            wanted,
            stage: Stage::Asking,
            sent: now,
            arrives,
            limit,
            connection,
            to_origin,
            facts: Facts::NOTHING,
            first: 0,
            whole: 0,
            beyond: Spent::default(),
            at_origin: None,
            upper: None,
            left: None,
        });
        if let Asked::Fill(lower) = asked
            && let Some(lower) = self.fills.slab.get_mut(lower)
        {
            lower.upper = Some(id);
        }
        let node = &mut self.nodes[usize::from(wanted.node)];
        node.entries.change(key, |entry| entry.begin_fill(id));
        node.stats.upstream_requests += 1;
        if !to_origin {
            self.queue.push(arrives, Happening::FillArrives(id));
            return true;
        }
        let (facts, at) = self.origin.answer(object, None, arrives);
        let spent = Spent {
            origin: at - arrives,
            ..Spent::default()
        };
        let answer = Sent {
            at,
            facts,
            complete: at,
            spent,
            at_origin: Some(arrives),
        };
        self.fill_answered(id, &answer);
        true
    }

    /// The answer to a fill leaves the far end of its link, now or later for certain.
    fn fill_answered(&mut self, id: Id, answer: &Sent) {
        let Some(fill) = self.fills.slab.get_mut(id) else {
            return;
        };
        let link = self.nodes[usize::from(fill.wanted.node)].upstream;
        let bytes = RESPONSE_HEAD + answer.facts.bytes;
        let delivery = self
            .wires
            .respond(link, &mut fill.connection, answer.at, bytes);
        fill.stage = Stage::Coming;
        fill.facts = answer.facts;
        fill.first = delivery.first;
        fill.whole = delivery
            .last
            .max(answer.complete + self.wires.one_way(link));
        fill.beyond = answer.spent;
        fill.at_origin = answer.at_origin;
        let (first, whole, too_late) = (fill.first, fill.whole, fill.first >= fill.limit);
        self.queue.push(first, Happening::FillHead(id));
        if first < whole {
            self.queue.push(whole, Happening::FillWhole(id));
        }
        if too_late {
            self.leave_lane(id);
        }
    }

    /// The request of a fill has arrived at another node.
    pub(in super::super::super) fn fill_arrives(&mut self, id: Id) {
        let Some(fill) = self.fills.slab.get(id) else {
            return;
        };
        if let Some(fetch) = fill.left {
            self.fills.remove(id);
            return self.arrive(fetch);
        }
        let (wanted, limit) = (fill.wanted, fill.limit);
        let link = self.nodes[usize::from(wanted.node)].upstream;
        let Spot::Node(node) = self.wires.link(link).to else {
            return;
        };
        let Wanted {
            step,
            object,
            population,
            key,
            ..
        } = wanted;
        self.foretell(node, key, step);
        let up = self.nodes[usize::from(node)].up;
        if let Some(hit) = self
            .fresh(node, key, object, population, false)
            .filter(|_| up)
        {
            let bytes = self.origin.catalogue().size(object);
            self.count_hit(node, key, &hit, bytes);
            let answer = Sent {
                at: self.now,
                facts: Facts::of_hit(node, &hit, bytes),
                complete: self.now,
                spent: Spent::default(),
                at_origin: None,
            };
            return self.fill_answered(id, &answer);
        }
        if !self.fill(Asked::Fill(id), Wanted { node, ..wanted }, limit) {
            self.leave_lane(id);
            self.fill_arrives(id);
        }
    }

    /// The head of the answer to a fill has come: it goes on to whoever asked.
    pub(in super::super::super) fn fill_head(&mut self, id: Id) {
        let Some(fill) = self.fills.slab.get_mut(id) else {
            return;
        };
        let at_once = fill.first == fill.whole;
        if let Some(fetch) = fill.left {
            if at_once {
                self.fills.remove(id);
            }
            return self.head(fetch);
        }
        let node = usize::from(fill.wanted.node);
        let Some(miss) = self.nodes[node]
            .rules
            .miss(fill.wanted.object, fill.wanted.population)
        else {
            return;
        };
        let class = miss.class;
        let mut facts = fill.facts;
        facts.path = Path::of(&[Hop {
            node: Some(fill.wanted.node),
            handling: miss.handling,
        }]);
        fill.facts.path.hops().for_each(|hop| facts.path.push(hop));
        let answer = Sent {
            at: self.now,
            facts,
            complete: fill.whole,
            spent: fill.spent(),
            at_origin: fill.at_origin,
        };
        let asked = fill.asked;
        if let Asked::Client(way, ride) = &asked {
            if !self.fill_for(*way, ride, &answer) {
                self.leave_lane(id);
                return self.fill_head(id);
            }
            self.fills.unanswered -= 1;
        }
        if let Some(fill) = self.fills.slab.get_mut(id) {
            fill.stage = Stage::Headed;
            fill.at_origin = None;
        }
        let stats = &mut self.nodes[node].stats;
        stats.upstream_bytes += facts.bytes;
        stats.classes[class as usize] += 1;
        stats.downstream_bytes += facts.bytes;
        if let Asked::Fill(lower) = asked {
            self.fill_answered(lower, &answer);
        }
        if at_once {
            self.fill_whole(id);
        }
    }

    /// Answers the client of a fill with what has come; false if it is not certain that all of it will come in time.
    fn fill_for(&mut self, way: usize, ride: &Ride, answer: &Sent) -> bool {
        let Sent { facts, spent, .. } = answer;
        let (link, place) = self.lane.begin_of(way);
        let mut connection = ride.connection;
        let bytes = RESPONSE_HEAD + facts.bytes;
        let delivery = self.wires.respond(link, &mut connection, self.now, bytes);
        let done = delivery
            .last
            .max(answer.complete + self.wires.one_way(link));
        if !self.is_certain(link, done, self.lane.deadline(way, ride)) {
            return false;
        }
        self.wires.keep(link, connection, self.now, done);
        let mut phases = spent.phases();
        let on_the_way = delivery.first - ride.due - spent.total();
        phases.add(Phase::ClientToEdge, on_the_way);
        let version = facts.version;
        let observation = Observation {
            step: ride.step,
            place,
            object: ride.object,
            variant: ride.variant,
            node: Some(self.lane.end_of(way).0),
            due: ride.due,
            started: ride.due,
            first_byte: delivery.first,
            done,
            waits: Waits {
                phases,
                whole: true,
            },
            outcome: Ok(Answered {
                status: facts.status,
                path: facts.path,
                age: Some(facts.age),
                bytes: facts.bytes,
                version,
                outdated_by: version
                    .and_then(|version| self.origin.outdated_by(ride.object, version, ride.due)),
                verified: Verified::Unchecked,
                cacheable: Cacheable::AsPlanned,
            }),
            late: 0,
        };
        #[cfg(test)]
        self.seen.extend(self.watched.then_some(observation));
        let record = answer
            .at_origin
            .map(|at| record(ride.step, ride.object, facts, at));
        self.fold.missed(&observation, record.as_ref());
        self.done += 1;
        self.last = self.last.max(done);
        true
    }

    /// The answer to a fill is whole: it is stored.
    pub(in super::super::super) fn fill_whole(&mut self, id: Id) {
        let Some(fill) = self.fills.slab.get(id) else {
            return;
        };
        if let Some(fetch) = fill.left {
            self.fills.remove(id);
            return self.whole(fetch);
        }
        let Wanted {
            object,
            population,
            key,
            ..
        } = fill.wanted;
        let node = &mut self.nodes[usize::from(fill.wanted.node)];
        self.wires
            .keep(node.upstream, fill.connection, self.now, self.now);
        node.entries.empty(key);
        let bytes = node.rules.bytes(object, population, fill.facts.bytes);
        if node.keep(key, bytes) {
            node.entries.change(key, |entry| {
                entry.take_over(fill.born(), &fill.facts);
                entry.version = fill.facts.version.unwrap_or(0);
                (entry.what, entry.seen) = (What::Stored, true);
            });
        }
        self.fills.remove(id);
    }

    /// Brings the record of a fill near in memory.
    #[inline]
    pub(in super::super::super) fn bring_fill(&self, id: Id) {
        self.fills.slab.bring(id);
    }

    /// Brings near what is known where something happens to a fill: at the node at which it arrives, in the fold when its head
    /// comes, at its own node when it is whole.
    #[inline]
    pub(in super::super::super) fn bring_end_of_fill(&self, what: Happening) {
        let (Happening::FillArrives(id) | Happening::FillHead(id) | Happening::FillWhole(id)) =
            what
        else {
            return;
        };
        let Some(fill) = self.fills.slab.get(id) else {
            return;
        };
        let Wanted {
            node, object, key, ..
        } = fill.wanted;
        let own = &self.nodes[usize::from(node)];
        let head = matches!(what, Happening::FillHead(_));
        if matches!(what, Happening::FillArrives(_)) {
            if let Spot::Node(asked) = self.wires.link(own.upstream).to {
                self.nodes[usize::from(asked)].bring(key);
            }
            return;
        }
        if head && matches!(fill.asked, Asked::Client(..)) {
            self.fold.bring(node, object);
        }
        // The head may bring the end with it.
        if !head || fill.first == fill.whole {
            own.bring_place(key);
        }
    }
}
