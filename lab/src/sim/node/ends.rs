//! How requests inside a node end: what the reply is made of, storing, landing flights, refreshing.

use super::super::queue::Happening;
use super::*;
use crate::plan::Nanos;

impl World<'_> {
    /// What a reply consists of, when its last byte is here, and the exchange it comes from.
    pub(super) fn material(
        &self,
        job: &Job,
        reply: &Reply,
        now: Timestamp,
    ) -> (Facts, Nanos, Option<Id>) {
        let mut path = Path::EMPTY;
        path.push(Hop {
            node: Some(job.node),
            handling: observed(&reply.handling),
        });
        let through = |facts: &Facts, mut path: Path| {
            for hop in facts.path.hops() {
                path.push(hop);
            }
            Facts { path, ..*facts }
        };
        let flight = job.flight.and_then(|flight| self.flights.get(flight));
        let landed = flight.and_then(|flight| flight.landed.as_ref());
        let coming = |out: Option<Id>| {
            let fetch = out.and_then(|out| self.fetches.get(out));
            fetch.map_or(self.now, |fetch| fetch.whole.max(self.now))
        };
        match reply.from {
            From::Upstream => match &job.facts {
                Some(facts) => (through(facts, path), coming(job.out), job.out),
                None => (synthetic(502, path), self.now, None),
            },
            From::Flight => match landed {
                Some((_, facts, out)) => (Facts { path, ..*facts }, coming(Some(*out)), Some(*out)),
                None => (synthetic(502, path), self.now, None),
            },
            From::Stored | From::Updated | From::Nobody => {
                let updated = match (reply.land, landed) {
                    (Some(Landing::NotModified(stored)), _) => Some(stored),
                    (_, Some((Landing::NotModified(stored), _, _))) => Some(*stored),
                    _ => None,
                };
                let stored = updated.or(job.exchange.stored());
                let own = job.facts.filter(|_| reply.from == From::Updated);
                let age = stored.map_or(0, |stored| stored.age(now) / 1000);
                let facts = Facts {
                    status: stored.map_or(200, |stored| stored.digest.status),
                    version: Some(job.found.version),
                    date: own.map_or(job.found.date.into(), |facts| facts.date),
                    age: u32::try_from(age).unwrap_or(u32::MAX),
                    bytes: self.origin.catalogue().size(job.question.object),
                    path: own.map_or(path, |facts| through(&facts, path).path),
                };
                (facts, self.now, None)
            }
            From::Synthetic(status) => (synthetic(status, path), self.now, None),
        }
    }

    /// A 304 has come: what is stored counts from anew.
    pub(super) fn update(&mut self, job: &Job, digest: Digest, born: Timestamp, facts: &Facts) {
        let question = job.question;
        let node = &mut self.nodes[usize::from(job.node)];
        if !node.store.holds(job.key) {
            return;
        }
        let planned = node
            .rules
            .planned(question.object, question.population)
            .copied();
        node.entries
            .change(job.key, |entry| entry.take_over(born, facts));
        node.set_digest(job.key, digest, planned);
    }

    /// The body is whole: it is stored, and its flight is over.
    pub(in super::super) fn job_whole(&mut self, id: Id) {
        let Some(job) = self.jobs.remove(id) else {
            return;
        };
        if let (true, Some((digest, born)), Some(facts)) =
            (job.store && !job.purged, job.answered, job.facts)
        {
            let question = job.question;
            self.meet(job.node, job.key);
            let node = &mut self.nodes[usize::from(job.node)];
            let body = self.origin.catalogue().size(question.object);
            let bytes = node.rules.bytes(question.object, question.population, body);
            let stored = node.keep(job.key, bytes);
            if stored {
                let planned = node
                    .rules
                    .planned(question.object, question.population)
                    .copied();
                node.entries.change(job.key, |entry| {
                    entry.take_over(born, &facts);
                    entry.version = facts.version.unwrap_or(0);
                });
                node.set_digest(job.key, digest, planned);
                let first = self.keys.of(question.object, 0);
                node.entries.change(first, |entry| entry.seen = true);
            } else {
                node.entries.empty(job.key);
            }
        }
        self.close_flight(&job);
    }

    /// The body has ended short: nothing is stored.
    pub(in super::super) fn job_truncated(&mut self, id: Id) {
        if let Some(job) = self.jobs.remove(id) {
            self.close_flight(&job);
        }
    }

    /// The flight that a job leads takes no more followers.
    fn close_flight(&mut self, job: &Job) {
        let Some(flight) = job.flight else { return };
        let table = &mut self.nodes[usize::from(job.node)].flights;
        if table.get(&job.key) != Some(&flight) {
            return;
        }
        table.remove(&job.key);
        if let Some(mut flight) = self.flights.remove(flight) {
            // It has landed long ago, so that nobody waits; the list is used again.
            flight.followers.clear();
            self.spare.push(flight.followers);
        }
    }

    /// Tells the followers what became of their flight.
    pub(super) fn land(
        &mut self,
        (node, key): (u16, u32),
        flight: Id,
        landed: (Landing, Facts, Id),
    ) {
        let landing = landed.0;
        let shared = matches!(landing, Landing::Shared(_));
        let Some(state) = self.flights.get_mut(flight) else {
            return;
        };
        state.landed = Some(landed);
        let mut followers = std::mem::take(&mut state.followers);
        if !shared {
            // Followers that look again must not find this flight, but they may still read its end.
            self.nodes[usize::from(node)].flights.remove(&key);
        }
        for &follower in &followers {
            self.event(follower, Event::Landed(landing));
        }
        followers.clear();
        self.spare.push(followers);
        if !shared {
            self.flights.remove(flight);
        }
    }

    /// Starts a background refresh, unless one is under way.
    pub(super) fn refresh(&mut self, job: &Job, stored: Stored) {
        let node = &mut self.nodes[usize::from(job.node)];
        node.background += 1;
        let id = RequestId::Background {
            node: Some(job.node),
            number: node.background,
        };
        let policy = &self.plan.nodes[usize::from(job.node)].policy;
        let (exchange, action) = Exchange::refresh(policy, stored, timestamp(self.now));
        let refresh = Job {
            incoming: None,
            question: Question {
                id,
                validator: None,
                ..job.question
            },
            exchange,
            out: None,
            flight: None,
            facts: None,
            spent: Phases::default(),
            answered: None,
            store: false,
            replied: false,
            purged: false,
            ..*job
        };
        let id = self.jobs.insert(refresh);
        self.drive(id, action);
    }

    /// What is on its way for these keys was asked for before a purge: it may be shared, not stored.
    pub(in super::super) fn forget_fills(&mut self, node: u16, keys: std::ops::Range<u32>) {
        let concerned = |job: &Job| job.node == node && keys.contains(&job.key);
        let fills: Vec<Id> = self
            .jobs
            .iter()
            .filter(|(_, job)| concerned(job))
            .map(|(id, _)| id)
            .collect();
        for id in fills {
            if let Some(job) = self.jobs.get_mut(id) {
                job.purged = true;
            }
        }
    }

    /// Everything inside a node dies with its process; those who wait outside hear a reset.
    pub(in super::super) fn kill(&mut self, node: u16) {
        self.nodes[usize::from(node)].up = false;
        self.nodes[usize::from(node)].forget();
        let inside: Vec<(Id, Option<Id>, Option<Id>)> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.node == node)
            .map(|(id, job)| (id, job.out, job.flight))
            .collect();
        for (id, out, flight) in inside {
            self.jobs.remove(id);
            if let Some(out) = out {
                self.abandon(out);
            }
            if let Some(flight) = flight {
                self.flights.remove(flight);
            }
        }
        let links: Vec<u32> = self.wires.at(crate::plan::Spot::Node(node)).collect();
        for link in links {
            self.wires.close_idle(link);
            if self.wires.link(link).to != crate::plan::Spot::Node(node) {
                continue;
            }
            let crossing = self.now + self.wires.one_way(link);
            let waiting = self.under_way(|fetch| fetch.link == link && fetch.arrived > 0);
            for id in waiting {
                self.queue.push(crossing, Happening::Broken(id));
            }
        }
    }
}

impl Node {
    /// Notes a stored response's digest: its class's, or one of its own.
    fn set_digest(&mut self, key: u32, digest: Digest, planned: Option<Digest>) {
        let before = self.entries.get(key);
        let what = if planned == Some(digest) {
            if before.what == What::Special {
                self.special.remove(&key);
            }
            What::Stored
        } else {
            self.special.insert(key, digest);
            What::Special
        };
        self.entries.set(key, Entry { what, ..before });
    }
}

fn synthetic(status: u16, path: Path) -> Facts {
    Facts {
        status,
        path,
        ..Facts::NOTHING
    }
}
