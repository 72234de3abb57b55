//! Clients in virtual time: how they find their edge, what they see, and when they give up.
//!
//! It knows resolvers, the router's choice and its health checks; it knows nothing of caches.

use super::World;
use super::exchange::{Asker, Fetch, Question};
use super::facts::Facts;
use super::queue::Happening;
use super::slab::Id;
use crate::observe::{Answer, Cacheable, Failure, Observation, Path, RequestId, Verified};
use crate::plan::{Nanos, PlannedRequest, RoutingMode, Spot};

/// After the router gave no answer, an old one serves so long before it is asked again.
const RETRY: Nanos = 1_000_000_000;
/// Bytes of the router's answers.
const ROUTE_BYTES: u64 = 900;
const REDIRECT_BYTES: u64 = 80;

/// One client's request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    planned: PlannedRequest,
    started: Nanos,
    fetch: Option<Id>,
    node: Option<u16>,
}

impl Client {
    /// Number of the request in the plan.
    pub(super) fn step(&self) -> u64 {
        self.planned.step
    }
}

/// What the resolver of one place remembers.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    answer: Option<u16>,
    until: Nanos,
    asking: Option<Id>,
    waiting: Vec<Id>,
}

impl Resolver {
    /// The node that it knows.
    pub(super) fn answer(&self) -> Option<u16> {
        self.answer
    }
}

/// What the router believes of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    known: bool,
    pub(super) up: bool,
    against: u32,
}

impl Health {
    /// Not checked yet; counts as up.
    pub(super) const UNKNOWN: Self = Self {
        known: false,
        up: true,
        against: 0,
    };

    /// Takes one result: the first decides at once, later ones by `rise` and `fall` in a row.
    pub(super) fn observe(&mut self, success: bool, rise: u32, fall: u32) {
        if !self.known {
            (self.known, self.up) = (true, success);
            return;
        }
        if success == self.up {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against >= if self.up { fall } else { rise } {
            self.up = !self.up;
            self.against = 0;
        }
    }
}

impl World<'_> {
    /// A planned request begins.
    pub(super) fn begin_client(&mut self, planned: PlannedRequest) {
        let due = if self.plan.sequential {
            self.now
        } else {
            planned.due
        };
        let planned = PlannedRequest { due, ..planned };
        let client = Client {
            planned,
            started: self.now,
            fetch: None,
            node: None,
        };
        let id = self.clients.insert(client);
        let row = self.rows.deadline(planned.population);
        self.set_alarm(row, due.saturating_add(planned.deadline), id);
        let place = planned.place;
        match self.plan.routing.mode {
            RoutingMode::Direct => self.go(id, None),
            RoutingMode::Nearest => match self.nearest.node(place, planned.client) {
                Some(node) => self.go(id, Some(node)),
                None => self.client_failed(id, Failure::Routing),
            },
            RoutingMode::Router => self.resolve(id, place),
            RoutingMode::Redirect => self.ask_router(Asker::Redirected(id), id, place),
        }
    }

    fn question(planned: &PlannedRequest) -> Question {
        Question {
            object: planned.object,
            variant: planned.variant,
            population: planned.population,
            id: RequestId::Step(planned.step),
            validator: None,
        }
    }

    /// Sends a client's request to its node, or to the origin.
    fn go(&mut self, id: Id, node: Option<u16>) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.node = node;
        let planned = client.planned;
        let link = match node {
            Some(node) => self.ways.to_node(planned.place, node),
            None => self.ways.to_origin(planned.place),
        };
        let Some(link) = link else {
            return self.client_failed(id, Failure::Routing);
        };
        let fetch = self.ask(Asker::Client(id), link, Self::question(&planned));
        if let Some(client) = self.clients.get_mut(id) {
            client.fetch = Some(fetch);
        }
    }

    fn ask_router(&mut self, asker: Asker, client: Id, place: u16) {
        let Some(planned) = self.clients.get(client).map(|client| client.planned) else {
            return;
        };
        let Some(link) = self.ways.to_router(place) else {
            return self.client_failed(client, Failure::Routing);
        };
        let fetch = self.ask(asker, link, Self::question(&planned));
        if let Asker::Redirected(_) = asker
            && let Some(client) = self.clients.get_mut(client)
        {
            client.fetch = Some(fetch);
        }
        if let Asker::Resolver(place) = asker {
            self.resolvers[usize::from(place)].asking = Some(fetch);
        }
    }

    /// Asks as the resolver of the place would.
    fn resolve(&mut self, id: Id, place: u16) {
        let resolver = &mut self.resolvers[usize::from(place)];
        if let Some(node) = resolver.answer
            && self.now < resolver.until
        {
            return self.go(id, Some(node));
        }
        resolver.waiting.push(id);
        if resolver.asking.is_none() {
            self.ask_router(Asker::Resolver(place), id, place);
            if let Some(fetch) = self.resolvers[usize::from(place)].asking {
                let row = self.rows.resolver();
                self.set_alarm(row, self.now + super::RESOLVER_PATIENCE, fetch);
            }
        }
    }

    /// The router has got a question: it answers by what it believes now.
    pub(super) fn answer_route(&mut self, id: Id) {
        let Some(fetch) = self.fetches.get(id).copied() else {
            return;
        };
        let Spot::Client(place) = self.wires.link(fetch.link).from else {
            return;
        };
        let health = &self.health;
        let up = |node: u16| health.get(usize::from(node)).is_none_or(|health| health.up);
        let (node, bytes) = match fetch.asker {
            Asker::Redirected(_) => {
                let path = self.origin.catalogue().path(fetch.question.object);
                (
                    self.nearest.node_for(place, path.as_bytes(), up),
                    REDIRECT_BYTES,
                )
            }
            _ => {
                let first = self.resolvers[usize::from(place)].waiting.first();
                let client = first.and_then(|id| self.clients.get(*id));
                let node =
                    client.and_then(|c| self.nearest.node_among(place, c.planned.client, up));
                let any = || self.nearest.node_for(place, b"", up);
                (node.or_else(any), ROUTE_BYTES)
            }
        };
        let facts = Facts {
            status: 200,
            // The choice travels where other answers have their version.
            version: node.map(u32::from),
            date: 0,
            age: 0,
            bytes,
            path: Path::EMPTY,
        };
        self.respond(id, facts, self.now, None);
    }

    /// The router's answer has reached the resolver.
    pub(super) fn resolved(&mut self, place: u16, fetch: &Fetch) {
        let node = fetch
            .answer
            .and_then(|facts| facts.version)
            .and_then(|node| u16::try_from(node).ok());
        let until = self.now + self.plan.routing.ttl;
        self.settle_resolver(place, node, until);
    }

    /// The router gave no answer: an old one serves on for a while (RFC 8767).
    pub(super) fn unresolved(&mut self, place: u16) {
        let old = self.resolvers[usize::from(place)].answer;
        self.settle_resolver(place, old, self.now + RETRY);
    }

    /// A resolver has waited for long enough.
    pub(super) fn resolver_late(&mut self, fetch: Id) {
        let Some(Asker::Resolver(place)) = self.fetches.get(fetch).map(|fetch| fetch.asker) else {
            return;
        };
        self.abandon(fetch);
        self.unresolved(place);
    }

    fn settle_resolver(&mut self, place: u16, node: Option<u16>, until: Nanos) {
        let resolver = &mut self.resolvers[usize::from(place)];
        resolver.asking = None;
        resolver.answer = node;
        resolver.until = until;
        let mut waiting = std::mem::take(&mut resolver.waiting);
        for &client in &waiting {
            match node {
                Some(_) => self.go(client, node),
                None => self.client_failed(client, Failure::Routing),
            }
        }
        waiting.clear();
        self.resolvers[usize::from(place)].waiting = waiting;
    }

    /// The router has told a client where to go.
    pub(super) fn redirected(&mut self, id: Id, fetch: &Fetch) {
        let node = fetch
            .answer
            .and_then(|facts| facts.version)
            .and_then(|node| u16::try_from(node).ok());
        match node {
            Some(_) => self.go(id, node),
            None => self.client_failed(id, Failure::Routing),
        }
    }

    /// The whole answer is there.
    pub(super) fn client_whole(&mut self, id: Id, fetch: &Fetch) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let Some(facts) = fetch.answer else { return };
        let outdated_by = facts.version.and_then(|version| {
            self.origin
                .outdated_by(client.planned.object, version, client.started)
        });
        let answer = Answer {
            status: facts.status,
            path: facts.path,
            age: client.node.map(|_| facts.age),
            bytes: facts.bytes,
            version: facts.version,
            outdated_by,
            verified: Verified::Unchecked,
            cacheable: Cacheable::AsPlanned,
        };
        self.end_client(id, fetch.first, Ok(answer));
    }

    pub(super) fn client_failed(&mut self, id: Id, failure: Failure) {
        self.end_client(id, self.now, Err(failure));
    }

    /// A client's deadline has passed.
    pub(super) fn client_late(&mut self, id: Id) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        if let Some(fetch) = client.fetch {
            self.abandon(fetch);
        }
        self.end_client(id, self.now, Err(Failure::Deadline));
    }

    fn end_client(&mut self, id: Id, first_byte: Nanos, outcome: Result<Answer, Failure>) {
        let Some(client) = self.clients.remove(id) else {
            return;
        };
        let planned = client.planned;
        let observation = Observation {
            step: planned.step,
            place: planned.place,
            object: planned.object,
            variant: planned.variant,
            node: client.node,
            due: planned.due,
            started: client.started,
            first_byte,
            done: self.now,
            outcome,
            late: 0,
        };
        #[cfg(test)]
        self.seen.extend(self.watched.then_some(observation));
        self.fold.observe(&observation);
        self.done += 1;
    }

    /// A health check of a node begins.
    pub(super) fn check(&mut self, node: u16) {
        let health = self.plan.routing.health;
        self.queue
            .push(self.now + health.interval, Happening::Check(node));
        let Some(link) = self.wires.find(Spot::Router, Spot::Node(node)) else {
            return;
        };
        let round = self.wires.round_trip(link);
        let silent = self.wires.unanswered(link) || round > health.timeout;
        let well = self.nodes[usize::from(node)].up && !silent && !self.wires.resets(link);
        let after = if silent { health.timeout } else { round };
        self.queue
            .push(self.now + after, Happening::Checked(node, well));
    }

    pub(super) fn checked(&mut self, node: u16, well: bool) {
        let rules = self.plan.routing.health;
        self.health[usize::from(node)].observe(well, rules.rise, rules.fall);
    }
}
