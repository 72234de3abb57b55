//! Clients in virtual time: how they find their edge, what they see, and when they give up.
//!
//! It knows resolvers, the router's choice and its health checks; it knows nothing of caches.

use std::net::IpAddr;

use super::World;
use super::exchange::{Asker, Fetch, Question};
use super::facts::Facts;
use super::queue::Happening;
use super::slab::Id;
use crate::observe::{
    Answer, Cacheable, Failure, Observation, Path, Phase, RequestId, Verified, Waits,
};
use crate::plan::{Nanos, ObjectId, PlannedRequest, RoutingMode, Spot};

/// A resolver gives up on the router after so long.
const RESOLVER_PATIENCE: Nanos = 5_000_000_000;
/// After the router gave no answer, an old one serves so long before it is asked again.
const RETRY: Nanos = 1_000_000_000;
/// Bytes of the router's answers.
const ROUTE_BYTES: u64 = 900;
const REDIRECT_BYTES: u64 = 80;

/// One client's request that has left the hit lane, or never was in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// Number of the request in the plan.
    pub(super) step: u64,
    pub(super) due: Nanos,
    pub(super) started: Nanos,
    /// When it gives up.
    pub(super) deadline: Nanos,
    pub(super) object: ObjectId,
    pub(super) variant: u16,
    pub(super) place: u16,
    pub(super) population: u16,
    pub(super) node: Option<u16>,
    pub(super) fetch: Option<Id>,
}

impl Client {
    pub(super) fn question(&self) -> Question {
        Question {
            object: self.object,
            variant: self.variant,
            population: self.population,
            id: RequestId::Step(self.step),
            validator: None,
        }
    }
}

/// What the resolver of one place remembers.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    answer: Option<u16>,
    until: Nanos,
    asking: Option<Id>,
    /// With the address that it spreads clients over nodes by.
    waiting: Vec<(Id, IpAddr)>,
}

impl Resolver {
    /// The node that it knows, were it asked at `now`.
    pub(super) fn answer(&self, now: Nanos) -> Option<u16> {
        self.answer.filter(|_| now < self.until)
    }
}

/// What the router believes of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    known: bool,
    /// The last check was answered: its connection is kept for the next one.
    connected: bool,
    pub(super) up: bool,
    against: u32,
}

impl Health {
    /// Not checked yet; counts as up.
    pub(super) const UNKNOWN: Self = Self {
        known: false,
        connected: false,
        up: true,
        against: 0,
    };

    /// Takes one result: the first decides at once, later ones by `rise` and `fall` in a row.
    pub(super) fn observe(&mut self, success: bool, rise: u32, fall: u32) {
        self.connected = success;
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
    pub(super) fn begin(&mut self, planned: &PlannedRequest) {
        if self.board(planned) {
            return;
        }
        let due = self.due(planned);
        let client = Client {
            step: planned.step,
            due,
            started: self.now,
            deadline: due.saturating_add(planned.deadline),
            object: planned.object,
            variant: planned.variant,
            place: planned.place,
            population: planned.population,
            node: None,
            fetch: None,
        };
        let id = self.clients.insert(client);
        let row = self.rows.deadline(planned.place);
        self.set_alarm(row, client.deadline, id);
        let (place, address) = (planned.place, planned.client);
        match self.plan.routing.mode {
            RoutingMode::Direct => self.go(id, None),
            RoutingMode::Nearest => match self.nearest.node(place, address) {
                Some(node) => self.go(id, Some(node)),
                None => self.client_failed(id, Failure::Routing),
            },
            RoutingMode::Router => self.resolve(id, place, address),
            RoutingMode::Redirect => self.ask_router(Asker::Redirected(id), id, place),
        }
    }

    /// When a request that begins now was to be sent.
    fn due(&self, planned: &PlannedRequest) -> Nanos {
        if self.plan.sequential {
            self.now
        } else {
            planned.due
        }
    }

    /// Sends a client's request to its node, or to the origin.
    fn go(&mut self, id: Id, node: Option<u16>) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        client.node = node;
        let (place, question) = (client.place, client.question());
        let link = match node {
            Some(node) => self.ways.to_node(place, node),
            None => self.ways.to_origin(place),
        };
        let Some(link) = link else {
            return self.client_failed(id, Failure::Routing);
        };
        let fetch = self.ask(Asker::Client(id), link, question);
        if let Some(client) = self.clients.get_mut(id) {
            client.fetch = Some(fetch);
        }
    }

    fn ask_router(&mut self, asker: Asker, client: Id, place: u16) {
        let Some(question) = self.clients.get(client).map(Client::question) else {
            return;
        };
        let Some(link) = self.ways.to_router(place) else {
            return self.client_failed(client, Failure::Routing);
        };
        let fetch = self.ask(asker, link, question);
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
    fn resolve(&mut self, id: Id, place: u16, address: IpAddr) {
        let resolver = &mut self.resolvers[usize::from(place)];
        if let Some(node) = resolver.answer(self.now) {
            return self.go(id, Some(node));
        }
        resolver.waiting.push((id, address));
        if resolver.asking.is_none() {
            self.ask_router(Asker::Resolver(place), id, place);
            if let Some(fetch) = self.resolvers[usize::from(place)].asking {
                let row = self.rows.resolver();
                self.set_alarm(row, self.now + RESOLVER_PATIENCE, fetch);
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
                let mut waiting = self.resolvers[usize::from(place)].waiting.iter();
                let first = waiting
                    .next()
                    .filter(|(id, _)| self.clients.get(*id).is_some());
                let node =
                    first.and_then(|(_, address)| self.nearest.node_among(place, *address, up));
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
        for &(client, _) in &waiting {
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

    /// The whole answer is there at `at`.
    pub(super) fn client_whole(&mut self, id: Id, fetch: &Fetch, at: Nanos) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        let Some(facts) = fetch.answer else { return };
        let outdated_by = facts.version.and_then(|version| {
            self.origin
                .outdated_by(client.object, version, client.started)
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
        self.last = self.last.max(at);
        let mut waits = Waits {
            phases: fetch.spent(fetch.first),
            whole: true,
        };
        let routing = fetch.sent.saturating_sub(client.started);
        waits.phases.add(Phase::Routing, routing);
        self.end_client(id, (fetch.first, at), waits, Ok(answer));
    }

    pub(super) fn client_failed(&mut self, id: Id, failure: Failure) {
        self.end_client(id, (self.now, self.now), Waits::default(), Err(failure));
    }

    /// A client's deadline has passed.
    pub(super) fn client_late(&mut self, id: Id) {
        let Some(client) = self.clients.get(id) else {
            return;
        };
        if let Some(fetch) = client.fetch {
            self.abandon(fetch);
        }
        let late = Err(Failure::Deadline);
        self.end_client(id, (self.now, self.now), Waits::default(), late);
    }

    fn end_client(
        &mut self,
        id: Id,
        (first_byte, done): (Nanos, Nanos),
        waits: Waits,
        outcome: Result<Answer, Failure>,
    ) {
        let Some(client) = self.clients.remove(id) else {
            return;
        };
        self.observe(&Observation {
            step: client.step,
            place: client.place,
            object: client.object,
            variant: client.variant,
            node: client.node,
            due: client.due,
            started: client.started,
            first_byte,
            done,
            waits,
            outcome,
            late: 0,
        });
    }

    /// One request is over.
    pub(super) fn observe(&mut self, observation: &Observation) {
        #[cfg(test)]
        self.seen.extend(self.watched.then_some(*observation));
        self.fold.observe(observation);
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
        let handshake = match self.health[usize::from(node)].connected {
            true => 0,
            false => self.wires.handshake(link),
        };
        let takes = handshake + self.wires.round_trip(link);
        let silent = self.wires.unanswered(link) || takes > health.timeout;
        let well = self.nodes[usize::from(node)].up && !silent && !self.wires.resets(link);
        let after = if silent { health.timeout } else { takes };
        self.queue
            .push(self.now + after, Happening::Checked(node, well));
    }

    pub(super) fn checked(&mut self, node: u16, well: bool) {
        let rules = self.plan.routing.health;
        self.health[usize::from(node)].observe(well, rules.rise, rules.fall);
    }
}
