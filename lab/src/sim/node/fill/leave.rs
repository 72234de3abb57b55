//! How a plain miss leaves its lane: as the client, the request inside the node, the flight and the exchanges that it would be by
//! now, had it taken the full path from the start.

use super::super::super::exchange::{Asker, Fetch, Question};
use super::course::record;
use super::*;

/// An exchange that is over, or none.
const OVER: Id = NO_FLIGHT;

impl World<'_> {
    /// Whoever changes what a node knows of a key, or asks for it on the full path, meets no plain miss there.
    #[inline]
    pub(in super::super::super) fn meet(&mut self, node: u16, key: u32) {
        let entry = self.nodes[usize::from(node)].entries.get(key);
        if let Some(fill) = entry.fill() {
            self.leave_lane(fill);
        }
    }

    /// All plain misses leave the lane.
    pub(in super::super::super) fn leave_fills(&mut self) {
        let all: Vec<Id> = self.fills.slab.iter().map(|(id, _)| id).collect();
        for id in all {
            self.leave_lane(id);
        }
    }

    /// A fill leaves the lane, with those that wait for it and those that it waits for.
    pub(super) fn leave_lane(&mut self, id: Id) {
        let mut next = Some(id);
        // From the client on, if that still waits.
        while let Some(fill) = next.and_then(|id| self.fills.slab.get(id))
            && fill.stage != Stage::Headed
            && let Asked::Fill(lower) = fill.asked
        {
            next = Some(lower);
        }
        let mut below = None;
        while let Some(id) = next
            && let Some(fill) = self.fills.slab.get(id).copied()
        {
            let fetch = match fill.left {
                Some(fetch) => fetch,
                None => self.leave_alone(id, &fill, below),
            };
            // What a node passes on comes from its own exchange.
            if let Some(below) = below.and_then(|id| self.fetches.get_mut(id))
                && fill.stage == Stage::Headed
            {
                below.source = Some(fetch);
            }
            if fill.left.is_some() {
                return;
            }
            below = Some(fetch);
            next = fill.upper;
        }
    }

    /// One fill leaves the lane: the exchange over its link that goes on. `below` is the one that waits for it, if one does.
    fn leave_alone(&mut self, id: Id, fill: &Fill, below: Option<Id>) -> Id {
        let headed = fill.stage == Stage::Headed;
        let incoming = match fill.asked {
            _ if headed => OVER,
            Asked::Fill(_) => below.unwrap_or(OVER),
            Asked::Client(way, ride) => {
                self.fills.unanswered -= 1;
                let incoming = self.leave(way, &ride);
                if let Some(incoming) = self.fetches.get_mut(incoming) {
                    incoming.arrived = fill.sent;
                }
                incoming
            }
        };
        let out = self.leave_inside(fill, incoming);
        if let Some(at) = fill.at_origin {
            let Wanted { step, object, .. } = fill.wanted;
            self.fold.origin(&record(step, object, &fill.facts, at));
        }
        if !headed {
            let node = fill.wanted.node;
            let row = self.rows.first_byte(node);
            let span = self.plan.nodes[usize::from(node)].timeouts.first_byte;
            self.set_alarm(row, fill.sent + span, out);
        }
        self.fills.here -= 1;
        if let Some(fill) = self.fills.slab.get_mut(id) {
            fill.left = Some(out);
            fill.at_origin = None;
        }
        // While the next node fetches, nothing is to happen to this one.
        if fill.stage == Stage::Asking && fill.upper.is_some() {
            self.fills.slab.remove(id);
        }
        out
    }

    /// The request inside the node, its flight, and its exchange upstream, which is given back.
    fn leave_inside(&mut self, fill: &Fill, incoming: Id) -> Id {
        let Wanted {
            step,
            object,
            population,
            node: index,
            key,
        } = fill.wanted;
        let question = Question {
            object,
            variant: 0,
            population,
            id: RequestId::Step(step),
            validator: None,
        };
        let node = &mut self.nodes[usize::from(index)];
        let policy = &self.plan.nodes[usize::from(index)].policy;
        let headed = fill.stage == Stage::Headed;
        let sent = timestamp(fill.sent);
        let kind = *node.rules.kind(population, false);
        let (mut exchange, _) = Exchange::begin(policy, kind, sent);
        // What it is told to do it has done.
        let _ = exchange.handle(policy, Event::Found(Lookup::Miss), sent);
        let _ = exchange.handle(policy, Event::Lead, sent);
        let digest = node.rules.planned(object, population).copied();
        let received = timestamp(fill.first);
        let answer = digest.filter(|_| headed).map(|digest| Answer {
            status: fill.facts.status,
            storable: Ok(digest),
            born: fill.born(),
            received,
        });
        if let Some(answer) = answer {
            let _ = exchange.handle(policy, Event::Upstream(answer), received);
        }
        let flight = self.flights.insert(Flight {
            followers: self.spare.pop().unwrap_or_default(),
            landed: None,
        });
        node.entries.empty(key);
        node.flights.insert(key, flight);
        let job = self.jobs.insert(Job {
            node: index,
            incoming: Some(incoming),
            question,
            key,
            exchange,
            found: NOTHING,
            out: None,
            flight: Some(flight),
            facts: headed.then_some(fill.facts),
            spent: if headed {
                fill.spent().phases()
            } else {
                Phases::default()
            },
            answered: digest
                .filter(|_| headed)
                .map(|digest| (digest, fill.born())),
            store: headed,
            replied: headed,
            purged: false,
        });
        let link = node.upstream;
        let to = self.wires.link(link).to;
        let mut fetch = Fetch::new(Asker::Job(job), link, to, question, fill.connection);
        fetch.sent = fill.sent;
        if fill.stage != Stage::Asking || fill.upper.is_some() {
            fetch.arrived = fill.arrives;
        }
        if fill.stage != Stage::Asking {
            fetch.answer = Some(fill.facts);
            (fetch.first, fetch.whole) = (fill.first, fill.whole);
            fetch.beyond = fill.beyond.phases();
        }
        fetch.headed = headed;
        let out = self.fetches.insert(fetch);
        if let Some(job) = self.jobs.get_mut(job) {
            job.out = Some(out);
        }
        if let (Some(answer), Some(flight)) = (answer, self.flights.get_mut(flight)) {
            flight.landed = Some((Landing::Shared(answer), fill.facts, out));
        }
        out
    }
}
