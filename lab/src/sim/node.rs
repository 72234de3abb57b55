//! Cache nodes in virtual time: the lives of the requests inside them.
//!
//! Every decision is the cache core's (`Exchange`); this module performs its actions on a store, on
//! flights and on links.

use edge_core::{
    Action, Answer, Digest, Event, Exchange, Forward, From, Keep, Landing, Lookup, Reply, Stored,
    Timestamp, UpstreamError, corrected_initial_age,
};

mod cache;
mod ends;
mod fill;
mod hit;

pub(super) use self::cache::Node;
use self::cache::{Entry, NOTHING, What};
pub(super) use self::fill::Fills;
#[cfg(test)]
pub(super) use self::hit::Hit;
use super::World;
use super::exchange::{Asker, Question};
use super::facts::{Facts, observed, timestamp};
use super::slab::Id;
use crate::observe::{Hop, Path, Phases, RequestId};
use crate::plan::{EPOCH_MS, ObjectId};

const NO_FLIGHT: Id = Id {
    index: u32::MAX,
    serial: 0,
};

/// The requests that share one fetch.
#[derive(Debug, Default)]
pub(super) struct Flight {
    followers: Vec<Id>,
    /// Set once the head is in and can be shared.
    landed: Option<(Landing, Facts, Id)>,
}

/// One request inside a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) node: u16,
    /// The exchange that it answers; `None` for a background refresh.
    incoming: Option<Id>,
    pub(super) question: Question,
    pub(super) key: u32,
    exchange: Exchange,
    /// What the last look-up found.
    found: Entry,
    /// Its request upstream.
    pub(super) out: Option<Id>,
    /// The flight that it leads, or shares.
    flight: Option<Id>,
    facts: Option<Facts>,
    /// Where the time of its request upstream went.
    spent: Phases,
    /// The digest and birth of the upstream answer, if it may be stored.
    answered: Option<(Digest, Timestamp)>,
    /// Whether it is to be stored once the body is whole.
    store: bool,
    replied: bool,
    /// A purge has come since its request was sent.
    purged: bool,
}

impl Job {
    /// The exchange and the flight that wait for it.
    #[inline]
    pub(super) fn waiting(&self) -> (Option<Id>, Option<Id>) {
        (self.incoming, self.flight)
    }
}

impl World<'_> {
    /// The dense cache key of a request at a node.
    #[inline]
    pub(super) fn key(&self, node: u16, object: ObjectId, population: u16, variant: u16) -> u32 {
        // The first variant stands for itself.
        let variant = match variant {
            0 => 0,
            _ => self.nodes[usize::from(node)]
                .rules
                .variant(object, population, variant),
        };
        self.keys.of(object, variant)
    }

    /// A request has arrived at a node.
    pub(super) fn begin_job(&mut self, node: u16, incoming: Id) {
        let Some(fetch) = self.fetches.get(incoming) else {
            return;
        };
        let question = fetch.question;
        let key = self.key(node, question.object, question.population, question.variant);
        if let RequestId::Step(step) = question.id {
            self.foretell(node, key, step);
        }
        if self.hit(node, incoming, key, &question) {
            return;
        }
        self.meet(node, key);
        let rules = &self.nodes[usize::from(node)].rules;
        let kind = *rules.kind(question.population, question.validator.is_some());
        let policy = &self.plan.nodes[usize::from(node)].policy;
        let (exchange, action) = Exchange::begin(policy, kind, timestamp(self.now));
        let job = self.jobs.insert(Job {
            node,
            incoming: Some(incoming),
            question,
            key,
            exchange,
            found: NOTHING,
            out: None,
            flight: None,
            facts: None,
            spent: Phases::default(),
            answered: None,
            store: false,
            replied: false,
            purged: false,
        });
        self.drive(job, action);
    }

    /// Performs actions until one has to wait.
    fn drive(&mut self, id: Id, mut action: Action) {
        loop {
            let event = match action {
                Action::Lookup => Event::Found(self.look_up(id)),
                Action::Join => self.join(id),
                Action::Wait { until } => {
                    let at = u64::try_from(until.0 - EPOCH_MS)
                        .unwrap_or(0)
                        .saturating_mul(1_000_000);
                    let Some(job) = self.jobs.get(id) else { return };
                    let row = self.rows.wait(job.node);
                    self.set_alarm(row, at, id);
                    return;
                }
                Action::Forward(forward) => return self.forward(id, forward),
                Action::Reply(reply) => return self.reply(id, reply),
                Action::Pending => return,
            };
            match self.tell(id, event) {
                Some(next) => action = next,
                None => return,
            }
        }
    }

    fn tell(&mut self, id: Id, event: Event) -> Option<Action> {
        let job = self.jobs.get_mut(id)?;
        let policy = &self.plan.nodes[usize::from(job.node)].policy;
        Some(job.exchange.handle(policy, event, timestamp(self.now)))
    }

    fn event(&mut self, id: Id, event: Event) {
        if let Some(action) = self.tell(id, event) {
            self.drive(id, action);
        }
    }

    fn look_up(&mut self, id: Id) -> Lookup {
        let Some(job) = self.jobs.get_mut(id) else {
            return Lookup::Miss;
        };
        let node = &mut self.nodes[usize::from(job.node)];
        let key = job.key;
        let entry = node.entries.get(key);
        if entry.what == What::Mark {
            if entry.born > timestamp(self.now).0 {
                return Lookup::HitForMiss;
            }
            node.entries.empty(key);
        }
        if matches!(entry.what, What::Stored | What::Special) {
            node.store.touch(key);
            job.found = entry;
            let digest = match entry.what {
                What::Special => node.special.get(&key).copied(),
                _ => node
                    .rules
                    .planned(job.question.object, job.question.population)
                    .copied(),
            };
            if let Some(digest) = digest {
                return Lookup::Hit(Stored {
                    digest,
                    born: Timestamp(entry.born),
                });
            }
        }
        let first = self.keys.of(job.question.object, 0);
        if self.keys.variants(job.question.object) > 1 && node.entries.get(first).seen {
            Lookup::VaryMiss
        } else {
            Lookup::Miss
        }
    }

    fn join(&mut self, me: Id) -> Event {
        let Some(job) = self.jobs.get_mut(me) else {
            return Event::WaitExpired;
        };
        let table = &mut self.nodes[usize::from(job.node)].flights;
        let known = table.get(&job.key).copied();
        if let Some(id) = known
            && let Some(flight) = self.flights.get_mut(id)
        {
            job.flight = known;
            return match &flight.landed {
                Some((landing, _, _)) => Event::Landed(*landing),
                None => {
                    flight.followers.push(me);
                    Event::Following
                }
            };
        }
        let followers = self.spare.pop().unwrap_or_default();
        let flight = self.flights.insert(Flight {
            followers,
            landed: None,
        });
        table.insert(job.key, flight);
        job.flight = Some(flight);
        Event::Lead
    }

    fn forward(&mut self, id: Id, forward: Forward) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        if !forward.leads {
            job.flight = None;
        }
        let node = &mut self.nodes[usize::from(job.node)];
        node.stats.upstream_requests += 1;
        if job.incoming.is_none() {
            node.stats.background_requests += 1;
        }
        // Its own precondition, or that of whoever asked, travelling as it is.
        let validator = match forward.passes {
            true => job.question.validator,
            false => forward.conditional.then_some(job.found.version),
        };
        let question = Question {
            validator,
            ..job.question
        };
        let (index, link) = (job.node, node.upstream);
        let out = self.ask(Asker::Job(id), link, question);
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        job.out = Some(out);
        let timeouts = self.plan.nodes[usize::from(index)].timeouts;
        let new = self.fetches.get(out).is_some_and(|fetch| fetch.new);
        let (row, span) = if new && self.wires.unanswered(link) {
            (self.rows.connect(index), timeouts.connect)
        } else {
            (self.rows.first_byte(index), timeouts.first_byte)
        };
        self.set_alarm(row, self.now + span, out);
    }

    /// A request upstream has waited for long enough; `connecting`: for its connection.
    pub(super) fn upstream_late(&mut self, out: Id, connecting: bool) {
        let Some(fetch) = self.fetches.get(out) else {
            return;
        };
        let Asker::Job(job) = fetch.asker else { return };
        if fetch.headed {
            return;
        }
        self.abandon(out);
        let error = if connecting {
            UpstreamError::ConnectTimeout
        } else {
            UpstreamError::FirstByteTimeout
        };
        self.job_failed(job, error);
    }

    /// A follower has waited for long enough.
    pub(super) fn waited(&mut self, job: Id) {
        self.event(job, Event::WaitExpired);
    }

    pub(super) fn job_failed(&mut self, id: Id, error: UpstreamError) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.out = None;
            self.event(id, Event::Failed(error));
        }
    }

    /// The head of the upstream answer is in.
    pub(super) fn job_head(&mut self, id: Id, out: Id) {
        let (Some(fetch), Some(job)) = (self.fetches.get(out), self.jobs.get_mut(id)) else {
            return;
        };
        let Some(facts) = fetch.answer else { return };
        job.facts = Some(facts);
        job.spent = fetch.spent(self.now);
        let (sent, received) = (timestamp(fetch.sent), timestamp(self.now));
        let node = &mut self.nodes[usize::from(job.node)];
        node.stats.upstream_bytes += facts.bytes;
        if job.incoming.is_none() {
            node.stats.background_bytes += facts.bytes;
        }
        let age = corrected_initial_age(Some(facts.date), u64::from(facts.age), sent, received);
        let question = job.question;
        let policy = &self.plan.nodes[usize::from(job.node)].policy;
        let what = (question.object, question.population, question.variant);
        let storable = node
            .rules
            .storable(self.plan, &self.origin, policy, what, &facts, received);
        let born = received.minus(age);
        job.answered = storable.ok().map(|digest| (digest, born));
        let answer = Answer {
            status: facts.status,
            storable,
            born,
            received,
        };
        self.event(id, Event::Upstream(answer));
    }

    /// The end of an exchange: answer, store, land, refresh.
    fn reply(&mut self, id: Id, mut reply: Reply) {
        let Some(job) = self.jobs.get(id) else {
            return;
        };
        let (node, key, incoming, spent) = (job.node, job.key, job.incoming, job.spent);
        if reply.keep == Keep::Response {
            let bytes = self.origin.catalogue().size(job.question.object);
            if !self.nodes[usize::from(node)].admits(key, bytes) {
                // Shared with those who wait, then gone.
                reply.keep = Keep::Nothing;
                reply.handling.stored = false;
            }
        }
        let now = timestamp(self.now);
        let (facts, complete, source) = self.material(job, &reply, now);
        let body = job.question.body_of(&facts);
        match reply.keep {
            // Only GET is played: nothing is held against HEAD, nothing written.
            Keep::Nothing | Keep::Compare | Keep::Replace => {}
            Keep::Response => {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.store = true;
                }
            }
            Keep::Update => {
                let job = *job;
                if let Some((digest, born)) = job.answered {
                    self.update(&job, digest, born, &facts);
                }
            }
            Keep::Forget => {
                self.meet(node, key);
                self.nodes[usize::from(node)].drop_key(key);
            }
            Keep::HitForMiss { until } => {
                self.meet(node, key);
                let node = &mut self.nodes[usize::from(node)];
                node.drop_key(key);
                node.entries.change(key, |entry| {
                    (entry.what, entry.born) = (What::Mark, until.0);
                });
            }
        }
        if let Some(incoming) = incoming {
            let stats = &mut self.nodes[usize::from(node)].stats;
            stats.classes[reply.handling.class(facts.status) as usize] += 1;
            stats.downstream_bytes += body;
            if let Some(fetch) = self.fetches.get_mut(incoming) {
                fetch.beyond = spent;
            }
            self.respond(incoming, facts, complete, source);
        }
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        job.replied = true;
        // A job that asks nobody ends here; one with a fetch ends with that.
        let refreshed = reply.refresh.then_some(*job);
        let landed = reply.land.zip(job.flight).map(|(landing, flight)| {
            let shared = matches!(landing, Landing::Shared(_));
            let facts = job.facts.filter(|_| shared).unwrap_or(facts);
            (flight, landing, facts, job.out)
        });
        if job.out.is_none() {
            self.jobs.remove(id);
        }
        if let Some((flight, landing, facts, out)) = landed {
            self.land(
                (node, key),
                flight,
                (landing, facts, out.unwrap_or(NO_FLIGHT)),
            );
        }
        if let Some(job) = refreshed
            && let Some(stored) = job.exchange.stored()
        {
            self.refresh(&job, stored);
        }
    }
}
