//! Fresh hits, the common case: no life inside the node, for there is nothing to wait for.

use edge_core::{Handling, Millis};

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
    /// What is stored under a key, if it is fresh by its class's digest: the answer that an [`Exchange`] would come to; for all
    /// else the exchange is to be asked. `conditional`: the request has a precondition.
    #[inline]
    pub(in super::super) fn fresh(
        &self,
        node: u16,
        key: u32,
        object: ObjectId,
        population: u16,
        conditional: bool,
    ) -> Option<Hit> {
        let node = &self.nodes[usize::from(node)];
        let entry = node.entries.get(key);
        if entry.what != What::Stored {
            return None;
        }
        let fresh = node.rules.fresh(object, population);
        let age = timestamp(self.now).since(Timestamp(entry.born)).max(0);
        (age < fresh.below[usize::from(conditional)]).then_some(Hit {
            status: fresh.status,
            version: entry.version,
            age,
            ttl: fresh.lifetime - age,
            date: entry.date,
            class: fresh.class,
        })
    }

    /// A node has a hit: its store hears of it, and the bytes of body are counted that it sends.
    #[inline]
    pub(in super::super) fn count_hit(&mut self, node: u16, key: u32, hit: &Hit, body: u64) {
        let node = &mut self.nodes[usize::from(node)];
        node.store.touch(key);
        node.stats.classes[hit.class as usize] += 1;
        node.stats.downstream_bytes += body;
    }

    /// Answers a request of another node at once if what is stored is fresh; false if it is not.
    pub(super) fn hit(&mut self, node: u16, incoming: Id, key: u32, question: &Question) -> bool {
        let conditional = question.validator.is_some();
        let (object, population) = (question.object, question.population);
        let Some(hit) = self.fresh(node, key, object, population, conditional) else {
            return false;
        };
        let facts = Facts::of_hit(node, &hit, self.origin.catalogue().size(object));
        self.count_hit(node, key, &hit, question.body_of(&facts));
        self.respond(incoming, facts, self.now, None);
        true
    }
}
