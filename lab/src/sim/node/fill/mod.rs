//! The miss lane: the short way of the plain miss, for which nothing is stored, which nobody else fetches, and whose answer
//! will be as the plan says. One compact record takes the place of a client, a request inside the node, its flight and an
//! exchange over each link; what it comes to was worked out once for all of its kind
//! ([`PlainMiss`](super::super::facts::PlainMiss)).
//!
//! Between tiers one fill waits for the next. Whatever is not that simple *leaves* the lane for the full path exactly where it
//! stands, with all that wait for it ([`leave`]): somebody joins the fetch, a client's deadline or a timeout would come first,
//! or something happens that could touch it. Both ways come to the same observations.

mod leave;

use super::super::lane::Ride;
use super::super::queue::Happening;
use super::super::slab::Slab;
use super::super::wire::{Connection, RESPONSE_HEAD};
use super::*;
use crate::observe::{
    Answer as Answered, Cacheable, Observation, OriginRecord, Phase, Verified, Waits,
};
use crate::plan::{Nanos, Spot};

/// Who waits for a fill.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// A client, by the way on which it came.
    Client(usize, Ride),
    /// The fill of a node below.
    Fill(Id),
}

/// What is fetched, and where.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    step: u64,
    object: ObjectId,
    population: u16,
    node: u16,
    key: u32,
}

/// How far a fill has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its request is on its way to another node, or that node fetches in turn.
    Asking,
    /// The answer is on its way.
    Coming,
    /// The head of the answer has come, and has been passed on.
    Headed,
}

/// Where the time before the head went. A plain miss waits in no queue and for no new connection, and nodes take no time.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    between_tiers: Nanos,
    to_origin: Nanos,
    origin: Nanos,
}

impl Spent {
    fn total(&self) -> Nanos {
        self.between_tiers + self.to_origin + self.origin
    }

    fn phases(&self) -> Phases {
        let mut phases = Phases::default();
        phases.add(Phase::EdgeToShield, self.between_tiers);
        phases.add(Phase::CacheToOrigin, self.to_origin);
        phases.add(Phase::Origin, self.origin);
        phases
    }
}

/// An answer, as it leaves the far end of a fill's link.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Nanos,
    facts: Facts,
    /// When its last byte is there.
    complete: Nanos,
    spent: Spent,
    /// When the origin took the request up, if it did.
    at_origin: Option<Nanos>,
}

/// One plain miss at one node.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Fill {
    asked: Asked,
    wanted: Wanted,
    stage: Stage,
    /// When its request came to the node and went on at once, and when that is at its far end.
    sent: Nanos,
    arrives: Nanos,
    /// A head that comes by now or later comes too late for somebody.
    limit: Nanos,
    connection: Connection,
    to_origin: bool,
    /// The answer, and when its first and last byte arrive.
    facts: Facts,
    first: Nanos,
    whole: Nanos,
    /// Where the time went beyond the link.
    beyond: Spent,
    /// When the origin took the request up, until that is told.
    at_origin: Option<Nanos>,
    /// The fill at the node that was asked.
    upper: Option<Id>,
    /// The exchange over its link that goes on in its place since it has left the lane: what was to happen to it happens there.
    left: Option<Id>,
}

impl Fill {
    /// Where the time went until the head came.
    fn spent(&self) -> Spent {
        let on_the_way = self
            .first
            .saturating_sub(self.sent)
            .saturating_sub(self.beyond.total());
        let mut spent = self.beyond;
        match self.to_origin {
            true => spent.to_origin += on_the_way,
            false => spent.between_tiers += on_the_way,
        }
        spent
    }

    /// The instant that the age of what has come counts from.
    fn born(&self) -> Timestamp {
        let (sent, received) = (timestamp(self.sent), timestamp(self.first));
        let (date, age) = (Some(self.facts.date), u64::from(self.facts.age));
        received.minus(corrected_initial_age(date, age, sent, received))
    }

    fn record(&self, at: Nanos) -> OriginRecord {
        OriginRecord {
            id: RequestId::Step(self.wanted.step),
            at,
            object: Some(self.wanted.object),
            status: self.facts.status,
            body_bytes: self.facts.bytes,
            conditional: false,
        }
    }
}

/// All plain misses under way.
#[derive(Debug, Default)]
pub(in super::super) struct Fills {
    slab: Slab<Fill>,
    /// Of them, those that have not left; and those of them whose client has no answer yet.
    here: usize,
    unanswered: usize,
}

impl Fills {
    /// Whether none is under way.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.here == 0
    }

    /// Whether no client waits for one.
    pub(in super::super) fn is_answered(&self) -> bool {
        self.unanswered == 0
    }

    fn insert(&mut self, fill: Fill) -> Id {
        self.here += 1;
        self.unanswered += usize::from(matches!(fill.asked, Asked::Client(..)));
        self.slab.insert(fill)
    }

    /// One is over, or what went on in its place no longer needs it.
    fn remove(&mut self, id: Id) -> Option<Fill> {
        let fill = self.slab.remove(id)?;
        self.here -= usize::from(fill.left.is_none());
        Some(fill)
    }
}

impl World<'_> {
    /// A client's request has arrived at its node: true if it is a plain miss, and goes on as one.
    #[inline]
    pub(in super::super) fn fill_for_client(&mut self, way: usize, ride: &Ride) -> bool {
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
        ride.variant == 0 && self.fill(asked, wanted, ride.deadline)
    }

    /// Begins a plain miss; false if it is none. A head that comes by `limit` or later comes too late.
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
    pub(in super::super) fn fill_arrives(&mut self, id: Id) {
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
    pub(in super::super) fn fill_head(&mut self, id: Id) {
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
        if let Asked::Client(way, ride) = fill.asked {
            let fill = *fill;
            if !self.fill_for(way, &ride, &fill, &facts) {
                self.leave_lane(id);
                return self.fill_head(id);
            }
            self.fills.unanswered -= 1;
        }
        let Some(fill) = self.fills.slab.get_mut(id) else {
            return;
        };
        fill.stage = Stage::Headed;
        let stats = &mut self.nodes[node].stats;
        stats.upstream_bytes += facts.bytes;
        stats.classes[class as usize] += 1;
        stats.downstream_bytes += facts.bytes;
        let at_origin = fill.at_origin.take();
        if let Asked::Fill(lower) = fill.asked {
            let answer = Sent {
                at: self.now,
                facts,
                complete: fill.whole,
                spent: fill.spent(),
                at_origin,
            };
            self.fill_answered(lower, &answer);
        }
        if at_once {
            self.fill_whole(id);
        }
    }

    /// Answers the client of a fill with what has come; false if it is not certain that all of it will come in time.
    fn fill_for(&mut self, way: usize, ride: &Ride, fill: &Fill, facts: &Facts) -> bool {
        let (link, place) = self.lane.begin_of(way);
        let mut connection = ride.connection;
        let bytes = RESPONSE_HEAD + facts.bytes;
        let delivery = self.wires.respond(link, &mut connection, self.now, bytes);
        let done = delivery.last.max(fill.whole + self.wires.one_way(link));
        if !self.is_certain(link, done, ride.deadline) {
            return false;
        }
        self.wires.keep(link, connection, self.now, done);
        let spent = fill.spent();
        let mut phases = spent.phases();
        let on_the_way = delivery.first - ride.due - spent.total();
        phases.add(Phase::ClientToEdge, on_the_way);
        let version = facts.version;
        let observation = Observation {
            step: ride.step,
            place,
            object: ride.object,
            variant: ride.variant,
            node: Some(fill.wanted.node),
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
        match fill.at_origin {
            Some(at) => self.fold.fetched(&observation, &fill.record(at)),
            None => self.fold.observe(&observation),
        }
        self.done += 1;
        self.last = self.last.max(done);
        true
    }

    /// The answer to a fill is whole: it is stored.
    pub(in super::super) fn fill_whole(&mut self, id: Id) {
        let Some(fill) = self.fills.remove(id) else {
            return;
        };
        if let Some(fetch) = fill.left {
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
            let (born, version) = (fill.born(), fill.facts.version);
            node.entries.change(key, |entry| {
                entry.take_over(born, &fill.facts);
                entry.version = version.unwrap_or(0);
                (entry.what, entry.seen) = (What::Stored, true);
            });
        }
    }

    /// Brings the record of a fill near in memory.
    #[inline]
    pub(in super::super) fn bring_fill(&self, id: Id) {
        self.fills.slab.bring(id);
    }

    /// Brings near what the node knows at which a fill is, or at which it arrives, and the fold.
    #[inline]
    pub(in super::super) fn bring_end_of_fill(&self, id: Id) {
        let Some(fill) = self.fills.slab.get(id) else {
            return;
        };
        let Wanted {
            node, object, key, ..
        } = fill.wanted;
        let own = &self.nodes[usize::from(node)];
        if let (Stage::Asking, Spot::Node(asked)) = (fill.stage, self.wires.link(own.upstream).to) {
            return self.nodes[usize::from(asked)].bring(key);
        }
        own.bring_place(key);
        if let Asked::Client(..) = fill.asked {
            self.fold.bring(node, object);
        }
    }
}
