//! Fresh hits, the common case: no life inside the node, for there is nothing to wait for.

use edge_core::{Handling, Millis, Reuse, decide};

use super::*;
use crate::observe::RequestClass;

/// A fresh response, as it leaves the node.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Hit {
    pub(in super::super) status: u16,
    pub(in super::super) version: u32,
    /// Its age, and how long it is fresh.
    age: Millis,
    ttl: Millis,
    /// The `Date` field, seconds.
    date: u32,
    pub(in super::super) class: RequestClass,
}

impl Hit {
    /// The `Age` field, seconds.
    pub(in super::super) fn age(&self) -> u32 {
        u32::try_from(self.age / 1000).unwrap_or(u32::MAX)
    }

    /// What the node says of it.
    pub(in super::super) fn handling(&self) -> crate::observe::Handling {
        observed(&Handling::hit(self.ttl))
    }
}

impl Facts {
    /// What a client or another node sees of a hit at `node`.
    pub(in super::super) fn of_hit(node: u16, hit: &Hit, bytes: u64) -> Self {
        let hop = Hop {
            node: Some(node),
            handling: hit.handling(),
        };
        Self {
            status: hit.status,
            version: Some(hit.version),
            date: hit.date.into(),
            age: hit.age(),
            bytes,
            path: Path::of(&[hop]),
        }
    }
}

impl World<'_> {
    /// Looks a key up as a request does. What is stored and fresh by its class's digest is the answer, the one that an
    /// [`Exchange`] would come to; for all else the exchange is to be asked. `conditional`: the request has a precondition.
    #[inline]
    pub(in super::super) fn fresh(
        &mut self,
        node: u16,
        key: u32,
        object: ObjectId,
        population: u16,
        conditional: bool,
    ) -> Option<Hit> {
        let index = usize::from(node);
        let now = timestamp(self.now);
        let node = &mut self.nodes[index];
        let entry = &node.entries[key as usize];
        if entry.what != What::Stored {
            return None;
        }
        let kind = node.rules.kind(population, conditional);
        let digest = node.rules.planned(object, population)?;
        let born = Timestamp(entry.born);
        let policy = &self.plan.nodes[index].policy;
        if !kind.cacheable() || decide(policy, digest, born, kind, now) != Reuse::Hit {
            return None;
        }
        let stored = Stored {
            digest: *digest,
            born,
        };
        let ttl = stored.ttl(now);
        let hit = Hit {
            status: digest.status,
            version: entry.version,
            age: stored.age(now),
            ttl,
            date: entry.date,
            class: Handling::hit(ttl).class(digest.status).into(),
        };
        node.store.touch(key);
        Some(hit)
    }

    /// A node counts a hit and the bytes of body that it sends.
    #[inline]
    pub(in super::super) fn count_hit(&mut self, node: u16, hit: &Hit, body: u64) {
        let stats = &mut self.nodes[usize::from(node)].stats;
        stats.classes[hit.class as usize] += 1;
        stats.downstream_bytes += body;
    }

    /// Answers a request of another node at once if what is stored is fresh; false if it is not.
    pub(super) fn hit(&mut self, node: u16, incoming: Id, key: u32, question: &Question) -> bool {
        let conditional = question.validator.is_some();
        let (object, population) = (question.object, question.population);
        let Some(hit) = self.fresh(node, key, object, population, conditional) else {
            return false;
        };
        let facts = Facts::of_hit(node, &hit, self.origin.catalogue().size(object));
        self.count_hit(node, &hit, question.body_of(&facts));
        self.respond(incoming, facts, self.now, None);
        true
    }
}
