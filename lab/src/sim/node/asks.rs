//! What a request inside a node asks for: the store, a flight, an answer from upstream.

use super::*;

impl World<'_> {
    pub(super) fn look_up(&mut self, id: Id) -> Lookup {
        let Some(job) = self.jobs.get_mut(id) else {
            return Lookup::Miss;
        };
        let node = &mut self.nodes[usize::from(job.node)];
        let key = job.key;
        let entry = node.entries[key as usize];
        if entry.what == What::Mark {
            if entry.born > timestamp(self.now).0 {
                return Lookup::HitForMiss;
            }
            node.entries[key as usize].what = What::Nothing;
        }
        if node.store.find(key) {
            job.found = entry;
            let digest = match entry.what {
                What::Special => node.special.get(&key).copied(),
                _ => node
                    .rules
                    .planned(job.question.object, job.question.population),
            };
            if let Some(digest) = digest {
                return Lookup::Hit(Stored {
                    digest,
                    born: Timestamp(entry.born),
                });
            }
        }
        let first = self.keys.of(job.question.object, 0);
        if node.entries[first as usize].seen && self.keys.variants(job.question.object) > 1 {
            Lookup::VaryMiss
        } else {
            Lookup::Miss
        }
    }

    pub(super) fn join(&mut self, id: Id) -> Event {
        let Some(job) = self.jobs.get_mut(id) else {
            return Event::WaitExpired;
        };
        let table = &mut self.nodes[usize::from(job.node)].flights[job.key as usize];
        if let Some(flight) = self.flights.get_mut(*table) {
            job.flight = Some(*table);
            return match &flight.landed {
                Some((landing, _, _)) => Event::Landed(*landing),
                None => {
                    flight.followers.push(id);
                    Event::Following
                }
            };
        }
        let followers = self.spare.pop().unwrap_or_default();
        *table = self.flights.insert(Flight {
            followers,
            landed: None,
        });
        job.flight = Some(*table);
        Event::Lead
    }

    pub(super) fn forward(&mut self, id: Id, forward: Forward) {
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
        let validator = forward.conditional.then_some(job.found.version);
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
}
