//! Looking ahead. Most of what a simulation waits for is memory: tables over all objects of all nodes, and the records of what
//! is under way. What the next events need is asked for in one go before they come, what a request needs while it still stands
//! in line, so that the waits overlap and the lines are near when needed.

use super::World;
use super::exchange::Asker;
use super::queue::Happening;
use super::slab::Id;
use crate::plan::{Nanos, ObjectId, Spot};

/// What happens soon; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    exchanges: Vec<Id>,
    fills: Vec<Happening>,
}

impl World<'_> {
    /// What a node and the fold know of an object for which a client asks.
    #[inline]
    pub(super) fn bring_object(&self, node: u16, object: ObjectId) {
        if let Some(node) = self.nodes.get(usize::from(node)) {
            node.bring(self.keys.of(object, 0));
        }
        self.fold.bring(node, object);
    }

    /// What the events before `until` will need. In three rounds, since each finds by what the one before has asked for what is
    /// next: exchanges, then the tables and requests of the nodes at their ends, then whoever waits for those.
    pub(super) fn bring_for_events(&mut self, until: Nanos) {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.exchanges.clear();
        ahead.fills.clear();
        for what in self.queue.coming(until) {
            match what {
                Happening::Arrive(id) | Happening::Head(id) | Happening::Whole(id) => {
                    self.fetches.bring(id);
                    ahead.exchanges.push(id);
                }
                Happening::FillArrives(id) | Happening::FillHead(id) | Happening::FillWhole(id) => {
                    self.bring_fill(id);
                    ahead.fills.push(what);
                }
                _ => {}
            }
        }
        for what in &ahead.fills {
            self.bring_end_of_fill(*what);
        }
        for id in &ahead.exchanges {
            self.bring_end(*id);
        }
        for id in &ahead.exchanges {
            self.bring_waiting(*id);
        }
        self.ahead = ahead;
    }

    /// The node that asks in an exchange, or that is asked.
    #[inline]
    fn bring_end(&self, id: Id) {
        let Some(fetch) = self.fetches.get(id) else {
            return;
        };
        let key = self.keys.of(fetch.question.object, 0);
        match (fetch.asker, fetch.to) {
            (_, Spot::Node(node)) if fetch.answer.is_none() => {
                return self.nodes[usize::from(node)].bring(key);
            }
            (Asker::Job(job), _) => self.jobs.bring(job),
            _ => return,
        }
        if let Spot::Node(node) = self.wires.link(fetch.link).from {
            self.nodes[usize::from(node)].bring_place(key);
        }
    }

    /// Whoever waits for the request inside a node that asks in an exchange.
    #[inline]
    fn bring_waiting(&self, id: Id) {
        let Some(fetch) = self.fetches.get(id) else {
            return;
        };
        let Asker::Job(job) = fetch.asker else {
            return;
        };
        let Some((incoming, flight)) = self.jobs.get(job).map(|job| job.waiting()) else {
            return;
        };
        if let Some(flight) = flight {
            self.flights.bring(flight);
        }
        let Some(id) = incoming else { return };
        self.fetches.bring(id);
        if let Some(fetch) = self.fetches.get(id)
            && let (Asker::Client(_), Spot::Node(node)) = (fetch.asker, fetch.to)
        {
            self.fold.bring(node, fetch.question.object);
        }
    }
}
