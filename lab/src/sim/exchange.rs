//! One request and its answer over one link: sent, arrived, answered, whole, broken, held by a cut.
//!
//! It joins links to those at their ends; it decides nothing about caching.

use edge_core::UpstreamError;

use super::World;
use super::facts::Facts;
use super::queue::Happening;
use super::slab::Id;
use super::wire::{Connection, RESPONSE_HEAD};
use crate::observe::{Failure, Phase, Phases, RequestId};
use crate::plan::{Nanos, ObjectId, Spot};

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client's request.
    Client(Id),
    /// A client that asks the router where to go.
    Redirected(Id),
    /// The resolver of a place.
    Resolver(u16),
    /// A request inside a node.
    Job(Id),
    /// Nobody any more.
    Nobody,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) object: ObjectId,
    pub(super) variant: u16,
    pub(super) population: u16,
    pub(super) id: RequestId,
    /// The version that the asker holds, as its precondition.
    pub(super) validator: Option<u32>,
}

impl Question {
    /// Whether the asker has what it would get, so that a 304 without a body answers it.
    pub(super) fn is_answered_by(&self, facts: &Facts) -> bool {
        self.validator.is_some() && self.validator == facts.version && facts.status == 200
    }

    /// Bytes of body that the answer has for the asker.
    pub(super) fn body_of(&self, facts: &Facts) -> u64 {
        if self.is_answered_by(facts) {
            0
        } else {
            facts.bytes
        }
    }
}

/// One request and its answer over one link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    pub(super) asker: Asker,
    pub(super) link: u32,
    pub(super) connection: Connection,
    pub(super) to: Spot,
    pub(super) question: Question,
    pub(super) new: bool,
    pub(super) sent: Nanos,
    /// What its connection took to be made.
    handshake: Nanos,
    /// When it arrived at its far end.
    pub(super) arrived: Nanos,
    /// Where the time went from there until the answer left.
    pub(super) beyond: Phases,
    pub(super) answer: Option<Facts>,
    /// When the answer's first and last byte arrive.
    pub(super) first: Nanos,
    pub(super) whole: Nanos,
    /// The head has been handed to whoever asked.
    pub(super) headed: bool,
    /// The exchange upstream whose body this one passes on.
    pub(super) source: Option<Id>,
    /// Why it fails, if it does.
    pub(super) error: UpstreamError,
}

impl Fetch {
    /// A request that is about to be sent on this connection.
    pub(super) fn new(
        asker: Asker,
        link: u32,
        to: Spot,
        question: Question,
        connection: Connection,
    ) -> Self {
        Self {
            asker,
            link,
            connection,
            to,
            question,
            new: false,
            sent: 0,
            handshake: 0,
            arrived: 0,
            beyond: Phases::default(),
            answer: None,
            first: 0,
            whole: 0,
            headed: false,
            source: None,
            error: UpstreamError::Closed,
        }
    }

    /// Where the time went from its sending until the first byte of its answer, which came at `first`: its handshake, what lay
    /// beyond its far end, and the link for all the rest.
    pub(super) fn spent(&self, first: Nanos) -> Phases {
        let (connect, link) = match (self.asker, self.to) {
            (Asker::Client(_), _) => (Phase::ClientConnect, Phase::ClientToEdge),
            (_, Spot::Origin) => (Phase::OriginConnect, Phase::CacheToOrigin),
            _ => (Phase::ShieldConnect, Phase::EdgeToShield),
        };
        let mut spent = self.beyond;
        // What the far end calls its own is an inner tier's to all but clients.
        if let (Asker::Job(_), Spot::Node(_)) = (self.asker, self.to) {
            let own = spent.take(Phase::Edge);
            spent.add(Phase::Shield, own);
        }
        let on_the_way = first
            .saturating_sub(self.sent)
            .saturating_sub(spent.total());
        let handshake = self.handshake.min(on_the_way);
        spent.add(connect, handshake);
        spent.add(link, on_the_way - handshake);
        spent
    }
}

impl World<'_> {
    /// Sends a question over a link; `None` if the plan has no such link.
    pub(super) fn ask(&mut self, asker: Asker, link: u32, question: Question) -> Id {
        let sent = self.wires.request(link, self.now);
        let to = self.wires.link(link).to;
        let mut fetch = Fetch::new(asker, link, to, question, sent.connection);
        fetch.new = sent.new;
        fetch.handshake = sent.handshake;
        fetch.sent = self.now;
        let id = self.fetches.insert(fetch);
        if self.wires.cuts > 0 && self.wires.resets(link) {
            self.queue.push(self.now, Happening::Broken(id));
        } else if !self.serve_ahead(id, sent.arrives) {
            self.queue.push(sent.arrives, Happening::Arrive(id));
        }
        id
    }

    /// If a cut holds the next message of an exchange, keeps it; true if so.
    #[inline]
    fn held(&mut self, id: Id, answer: bool) -> bool {
        self.wires.cuts > 0 && self.held_by_a_cut(id, answer)
    }

    fn held_by_a_cut(&mut self, id: Id, answer: bool) -> bool {
        let Some(fetch) = self.fetches.get(id) else {
            return false;
        };
        let (link, new) = (fetch.link, fetch.new);
        // A connection is not made while either direction is cut.
        let connecting = !answer && new && self.wires.unanswered(link);
        if !connecting && !self.wires.holds(link, answer) {
            return false;
        }
        self.wires.hold(link, id, answer);
        true
    }

    /// A cut has healed or changed: what may go on arrives one crossing later, and connects begin anew.
    pub(super) fn release(&mut self, link: u32) {
        let crossing = self.now + self.wires.one_way(link);
        for (id, answer) in self.wires.released(link) {
            let Some(fetch) = self.fetches.get_mut(id) else {
                continue;
            };
            // Whoever gave up has closed the connection: nothing is left to deliver.
            if fetch.asker == Asker::Nobody {
                self.broken(id);
                continue;
            }
            if !answer {
                let again = if fetch.new {
                    crossing * 2 - self.now
                } else {
                    crossing
                };
                self.queue.push(again, Happening::Arrive(id));
                continue;
            }
            let tail = fetch.whole.saturating_sub(fetch.first);
            if !fetch.headed {
                fetch.first = crossing;
                self.queue.push(crossing, Happening::Head(id));
            }
            fetch.whole = crossing + tail;
            self.queue.push(crossing + tail, Happening::Whole(id));
        }
    }

    pub(super) fn arrive(&mut self, id: Id) {
        if self.held(id, false) {
            return;
        }
        let now = self.now;
        let Some(fetch) = self.fetches.get_mut(id) else {
            return;
        };
        fetch.arrived = now;
        let (to, link) = (fetch.to, fetch.link);
        match to {
            Spot::Node(node) if self.nodes[usize::from(node)].up => self.begin_job(node, id),
            Spot::Node(_) => {
                // Nobody listens: the reset goes back.
                let back = now + self.wires.one_way(link);
                self.queue.push(back, Happening::Broken(id));
            }
            Spot::Origin => {
                if self.origin.admit(id) {
                    self.serve(id);
                }
            }
            Spot::Router => self.answer_route(id),
            Spot::Client(_) => {}
        }
    }

    /// Sends an answer back. Its last byte cannot leave before `complete`, when it has come from
    /// `source` upstream.
    pub(super) fn respond(&mut self, id: Id, facts: Facts, complete: Nanos, source: Option<Id>) {
        self.respond_at(self.now, id, facts, complete, source);
    }

    /// As [`World::respond`], of an answer that leaves now or at a later time.
    pub(super) fn respond_at(
        &mut self,
        now: Nanos,
        id: Id,
        mut facts: Facts,
        complete: Nanos,
        source: Option<Id>,
    ) {
        let Some(fetch) = self.fetches.get_mut(id) else {
            return;
        };
        let own = match fetch.to {
            Spot::Origin => Phase::Origin,
            _ => Phase::Edge,
        };
        let here = now.saturating_sub(fetch.arrived);
        fetch
            .beyond
            .add(own, here.saturating_sub(fetch.beyond.total()));
        // The asker's precondition is answered here: the version that it has is the one it gets.
        if fetch.question.is_answered_by(&facts) {
            facts.status = 304;
            facts.bytes = 0;
        }
        let bytes = RESPONSE_HEAD + facts.bytes;
        let link = fetch.link;
        let delivery = self.wires.respond(link, &mut fetch.connection, now, bytes);
        fetch.answer = Some(facts);
        fetch.first = delivery.first;
        fetch.whole = delivery.last.max(complete + self.wires.one_way(link));
        fetch.source = source;
        let (first, whole) = (fetch.first, fetch.whole);
        match fetch.asker {
            Asker::Job(_) => {
                self.queue.push(first, Happening::Head(id));
                if first == whole {
                    // The head brings the end with it.
                    return;
                }
            }
            Asker::Client(client) => {
                fetch.headed = true;
                let deadline = self.clients.get(client).map_or(0, |client| client.deadline);
                if self.is_certain(link, whole, deadline) {
                    return self.end_exchange(id, whole);
                }
            }
            _ => fetch.headed = true,
        }
        self.queue.push(whole, Happening::Whole(id));
    }

    pub(super) fn head(&mut self, id: Id) {
        if self.held(id, true) {
            return;
        }
        let Some(fetch) = self.fetches.get_mut(id) else {
            return;
        };
        if fetch.headed {
            return;
        }
        fetch.headed = true;
        let at_once = fetch.first == fetch.whole;
        if let Asker::Job(job) = fetch.asker {
            self.job_head(job, id);
        }
        if at_once {
            self.whole(id);
        }
    }

    pub(super) fn whole(&mut self, id: Id) {
        let Some(fetch) = self.fetches.get(id) else {
            return;
        };
        // A later time was set meanwhile, or the head is held: the hold brings both.
        if fetch.whole > self.now || !fetch.headed {
            return;
        }
        if self.held(id, true) {
            if let Some(fetch) = self.fetches.get_mut(id) {
                fetch.first = fetch.first.min(fetch.whole);
            }
            return;
        }
        self.end_exchange(id, self.now);
    }

    /// The answer of an exchange is whole at `at`, which is now or certain to come.
    fn end_exchange(&mut self, id: Id, at: Nanos) {
        let Some(fetch) = self.fetches.remove(id) else {
            return;
        };
        if fetch.asker != Asker::Nobody {
            self.wires.keep(fetch.link, fetch.connection, self.now, at);
        }
        match fetch.asker {
            Asker::Client(client) => self.client_whole(client, &fetch, at),
            Asker::Redirected(client) => self.redirected(client, &fetch),
            Asker::Resolver(place) => self.resolved(place, &fetch),
            Asker::Job(job) => self.job_whole(job),
            Asker::Nobody => {}
        }
    }

    /// An exchange has failed; whoever asked hears of it.
    pub(super) fn broken(&mut self, id: Id) {
        let Some(fetch) = self.fetches.remove(id) else {
            return;
        };
        match fetch.asker {
            Asker::Client(client) | Asker::Redirected(client) => {
                let failure = match fetch.error {
                    UpstreamError::Protocol => Failure::Truncated,
                    _ => Failure::Reset,
                };
                self.client_failed(client, failure);
            }
            Asker::Resolver(place) => self.unresolved(place),
            Asker::Job(job) if !fetch.headed => self.job_failed(job, fetch.error),
            Asker::Job(job) => {
                self.job_truncated(job);
                let those = self.under_way(|fetch| fetch.source == Some(id));
                for id in those {
                    if let Some(fetch) = self.fetches.get_mut(id) {
                        fetch.error = UpstreamError::Protocol;
                    }
                    self.broken(id);
                }
            }
            Asker::Nobody => {}
        }
    }

    /// The asker gives up; the far end may go on with it, and the connection is not used again.
    pub(super) fn abandon(&mut self, id: Id) {
        if let Some(fetch) = self.fetches.get_mut(id) {
            fetch.asker = Asker::Nobody;
        }
    }

    /// Everything under way on a link fails now.
    pub(super) fn break_link(&mut self, link: u32) {
        self.wires.close_idle(link);
        for id in self.under_way(|fetch| fetch.link == link) {
            self.broken(id);
        }
    }

    /// The exchanges that fit, in the order in which they were sent.
    pub(super) fn under_way(&self, fits: impl Fn(&Fetch) -> bool) -> Vec<Id> {
        let fitting = self.fetches.iter().filter(|(_, fetch)| fits(fetch));
        let mut fitting: Vec<_> = fitting
            .map(|(id, fetch)| (fetch.sent, fetch.question.id, id))
            .collect();
        fitting.sort_unstable();
        fitting.into_iter().map(|(_, _, id)| id).collect()
    }
}
