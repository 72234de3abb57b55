//! Requests at the origin: taken up, thought about, answered, counted. It joins the origin's state to the exchanges over links
//! that end there.

use super::World;
use super::exchange::Question;
use super::queue::Happening;
use super::slab::Id;
use crate::observe::{OriginRecord, Phase};
use crate::plan::{Nanos, ObjectId, Spot};

impl World<'_> {
    /// Lets the origin answer a request that arrives there, if what it will do is certain now: it takes up whatever comes, and
    /// nothing is planned to happen before its answer has left. False if that has to be seen. A request on a new connection is
    /// overtaken by later ones while that is made, so that it has to wait for its turn; and so has one that arrives together
    /// with it, which the origin takes up after it.
    #[inline]
    pub(super) fn serve_ahead(&mut self, id: Id, arrives: Nanos) -> bool {
        let Some(fetch) = self.fetches.get(id) else {
            return false;
        };
        if fetch.to != Spot::Origin || self.lane.closed || !self.origin.takes_all() {
            return false;
        }
        if fetch.new {
            self.origin.expect(arrives, self.now);
            return false;
        }
        let Question {
            object, validator, ..
        } = fetch.question;
        if !self.is_served_for_certain(fetch.link, object, arrives) {
            return false;
        }
        let service = self.origin.take(object, validator, arrives);
        if let Some(fetch) = self.fetches.get_mut(id) {
            fetch.arrived = arrives;
            fetch.answer = service.facts;
        }
        self.answered(id, service.at);
        true
    }

    /// Whether nothing can come between a request that arrives at the origin over a connection that is there, and its answer.
    #[inline]
    fn is_served_for_certain(&self, link: u32, object: ObjectId, arrives: Nanos) -> bool {
        let next = self.plan.events.len() - self.events_left;
        let next = self.plan.events.get(next);
        self.origin.takes_all()
            && !self.origin.expects(arrives)
            && self.wires.link(link).cut.is_none()
            && next.is_none_or(|next| self.origin.answers_at(object, arrives) < next.at)
    }

    /// As above, and whether the answer will be what the catalogue says.
    #[inline]
    pub(super) fn is_plain_at_origin(&self, link: u32, object: ObjectId, arrives: Nanos) -> bool {
        self.origin.answers_well() && self.is_served_for_certain(link, object, arrives)
    }

    /// The origin takes up a request.
    pub(super) fn serve(&mut self, id: Id) {
        let Some(fetch) = self.fetches.get_mut(id) else {
            // It has gone meanwhile; its slot goes to the next one.
            self.next_at_origin();
            return;
        };
        let Question {
            object, validator, ..
        } = fetch.question;
        let queued = self.now.saturating_sub(fetch.arrived);
        fetch.beyond.add(Phase::OriginQueue, queued);
        let service = self.origin.take(object, validator, self.now);
        fetch.answer = service.facts;
        self.queue.push(service.at, Happening::Served(id));
    }

    fn next_at_origin(&mut self) {
        if let Some(next) = self.origin.release() {
            self.serve(next);
        }
    }

    /// The origin has thought for long enough.
    pub(super) fn served(&mut self, id: Id) {
        self.next_at_origin();
        self.answered(id, self.now);
    }

    /// The origin's answer leaves it at `at`.
    fn answered(&mut self, id: Id, at: Nanos) {
        let Some(fetch) = self.fetches.get(id) else {
            return;
        };
        let (question, link, answer) = (&fetch.question, fetch.link, fetch.answer);
        self.fold.origin(&OriginRecord {
            id: question.id,
            at: fetch.arrived,
            object: Some(question.object),
            status: answer.map_or(0, |facts| facts.status),
            body_bytes: answer.map_or(0, |facts| facts.bytes),
            conditional: question.validator.is_some(),
        });
        match answer {
            Some(facts) => self.respond_at(at, id, facts, at, None),
            None => {
                let back = at + self.wires.one_way(link);
                self.queue.push(back, Happening::Broken(id));
            }
        }
    }
}
