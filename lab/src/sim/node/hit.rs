//! Fresh hits, the common case: no life inside the node, for there is nothing to wait for.

use edge_core::{Handling, Reuse, decide};

use super::*;

impl World<'_> {
    /// Answers a request at once if what is stored is fresh by its class's digest; false if it is not.
    /// The answer is the one that an [`Exchange`] would come to.
    pub(super) fn hit(&mut self, node: u16, incoming: Id, key: u32, question: &Question) -> bool {
        let index = usize::from(node);
        let now = timestamp(self.now);
        let node = &mut self.nodes[index];
        let entry = &node.entries[key as usize];
        // By reference: this runs for every request, and a copy of it costs more than the decision.
        let kind = node
            .rules
            .kind(question.population, question.validator.is_some());
        if entry.what != What::Stored || !kind.cacheable() {
            return false;
        }
        let Some(digest) = node.rules.planned(question.object, question.population) else {
            return false;
        };
        let stored = Stored {
            digest,
            born: Timestamp(entry.born),
        };
        let policy = &self.plan.nodes[index].policy;
        if decide(policy, &digest, stored.born, kind, now) != Reuse::Hit {
            return false;
        }
        let handling = Handling::hit(stored.ttl(now));
        let mut path = Path::EMPTY;
        path.push(Hop {
            node: u16::try_from(index).ok(),
            handling: observed(&handling),
        });
        let facts = Facts {
            status: digest.status,
            version: Some(entry.version),
            date: entry.date,
            age: u32::try_from(stored.age(now) / 1000).unwrap_or(u32::MAX),
            bytes: self.origin.catalogue().size(question.object),
            path,
        };
        node.store.find(key);
        node.stats.classes[handling.class(facts.status) as usize] += 1;
        node.stats.downstream_bytes += question.body_of(&facts);
        self.respond(incoming, facts, self.now, None);
        true
    }
}
