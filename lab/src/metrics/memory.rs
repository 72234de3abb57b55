//! What a node could know of an object: when it was last fetched there. From this follow the causes of misses and the ratio
//! that an infinite cache would reach. Eight bytes per (node, object, variant), whatever the number of requests.

use rustc_hash::FxHashMap;

use super::cell::Cause;
use super::classify::Judged;
use super::shape::Shape;
use crate::observe::{Fwd, Handling, Observation, RequestClass};
use crate::plan::{Nanos, ObjectId};

/// Milliseconds since the start of the run, in 31 bits (24 days), and in `Entry::fetched` one flag.
const NEVER: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Last fetch by this node, shifted left by one; the lowest bit says whether it was stored.
    fetched: u32,
    /// Last fetch that an infinite cache would have made.
    ideal: u32,
}

impl Entry {
    const NEVER: Self = Self {
        fetched: NEVER,
        ideal: NEVER,
    };

    fn fetched_at(self) -> Option<u32> {
        (self.fetched != NEVER).then_some(self.fetched >> 1)
    }

    fn stored(self) -> bool {
        self.fetched & 1 == 1
    }
}

/// The memory of all nodes.
#[derive(Debug)]
pub(crate) struct Memory {
    /// By node, class, then object * variants + variant; grown as objects are seen.
    entries: Vec<Vec<Vec<Entry>>>,
    variants: Vec<u32>,
    /// By node: when it last lost everything.
    emptied: Vec<Option<u32>>,
    /// By (node, class, object): the last purge. As large as the script has purges.
    purged: FxHashMap<(u16, u16, u32), u32>,
}

/// What the memory says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Why the node went upstream, if it did for want of a usable stored response.
    pub(crate) cause: Option<Cause>,
    /// Whether an infinite cache would have answered it fresh.
    pub(crate) offered: bool,
}

impl Memory {
    pub(crate) fn new(shape: &Shape) -> Self {
        let classes = vec![Vec::new(); shape.classes.len()];
        Self {
            entries: vec![classes; shape.nodes.len()],
            variants: shape.classes.iter().map(|class| class.variants).collect(),
            emptied: vec![None; shape.nodes.len()],
            purged: FxHashMap::default(),
        }
    }

    /// The node lost everything that it had stored.
    pub(crate) fn emptied(&mut self, node: u16, at: Nanos) {
        if let Some(emptied) = self.emptied.get_mut(usize::from(node)) {
            *emptied = Some(millis(at));
        }
    }

    /// One object was purged at these nodes.
    pub(crate) fn purged(&mut self, nodes: &[u16], class: u16, object: u32, at: Nanos) {
        for node in nodes {
            self.purged.insert((*node, class, object), millis(at));
        }
    }

    /// See [`super::Fold::look_at`].
    pub(crate) fn look_at(&self, node: u16, object: ObjectId) -> u8 {
        let (class, node) = (usize::from(object.class), usize::from(node));
        let known = self.entries.get(node).and_then(|node| node.get(class));
        let variants = self.variants.get(class).copied().unwrap_or(0);
        let at = object.object as usize * variants as usize;
        known
            .and_then(|known| known.get(at))
            .map_or(0, |entry| entry.fetched as u8)
    }

    /// What is remembered of this request's object at its node; then remembers the request itself.
    pub(crate) fn visit(&mut self, observation: &Observation, judged: &Judged) -> Remembered {
        let uncacheable = Remembered {
            cause: (judged.class == RequestClass::Pass && judged.lifetime.is_none())
                .then_some(Cause::Uncacheable),
            offered: false,
        };
        let (Some(node), Some(lifetime), true) = (
            observation.node,
            judged.lifetime,
            judged.class.is_cacheable(),
        ) else {
            return uncacheable;
        };
        let object = observation.object;
        let Some(variants) = self.variants.get(usize::from(object.class)).copied() else {
            return uncacheable;
        };
        let Some(known) = self.entries.get_mut(usize::from(node)) else {
            return uncacheable;
        };
        let known = &mut known[usize::from(object.class)];
        let first = object.object as usize * variants as usize;
        let at = first + usize::from(observation.variant).min(variants as usize - 1);
        if at >= known.len() {
            known.resize(first + variants as usize, Entry::NEVER);
        }
        let now = millis(observation.started);
        let lifetime = u32::try_from(lifetime / 1_000_000).unwrap_or(NEVER);
        let purged = match self.purged.is_empty() {
            true => None,
            false => self
                .purged
                .get(&(node, object.class, object.object))
                .copied(),
        };
        let lost = self.emptied[usize::from(node)];
        let entry = known[at];
        let gone = |fetched: u32| Some(fetched) < purged || Some(fetched) < lost;
        let fresh = |fetched: u32| now < fetched.saturating_add(lifetime) && !gone(fetched);

        let cause = match judged.class {
            RequestClass::Expired | RequestClass::Miss => {
                let siblings = || {
                    known[first..first + variants as usize]
                        .iter()
                        .any(|e| e.fetched_at().is_some())
                };
                let vary = matches!(
                    judged.nearest,
                    Some(Handling::Forwarded {
                        why: Fwd::VaryMiss,
                        ..
                    })
                );
                Some(match entry.fetched_at() {
                    None if judged.class == RequestClass::Expired => Cause::Expired,
                    None if vary || (variants > 1 && siblings()) => Cause::Vary,
                    None => Cause::Cold,
                    Some(fetched) if Some(fetched) < purged => Cause::Purged,
                    Some(_) if judged.class == RequestClass::Expired => Cause::Expired,
                    Some(fetched) if Some(fetched) < lost => Cause::Cold,
                    Some(_) if !entry.stored() => Cause::NotStored,
                    Some(fetched) if !fresh(fetched) => Cause::Expired,
                    Some(_) => Cause::Evicted,
                })
            }
            _ => None,
        };
        let fresh_hit = judged.class == RequestClass::Hit;
        let expected = entry.ideal != NEVER && fresh(entry.ideal);
        let entry = &mut known[at];
        if !expected {
            entry.ideal = now;
        }
        match judged.class {
            // A stale answer that sets off a refresh, and a fresh one that could not be, tell of a fetch in the background.
            RequestClass::HitStaleSwr => entry.fetched = now << 1 | 1,
            RequestClass::Hit if entry.fetched_at().is_none_or(|fetched| !fresh(fetched)) => {
                entry.fetched = now << 1 | 1;
            }
            RequestClass::Hit => entry.fetched |= 1,
            RequestClass::Revalidated => entry.fetched = now << 1 | 1,
            RequestClass::Expired | RequestClass::Miss => {
                let stored = matches!(
                    judged.nearest,
                    Some(Handling::Forwarded { stored: true, .. })
                );
                entry.fetched = now << 1 | u32::from(stored);
            }
            _ => {}
        }
        Remembered {
            cause,
            offered: expected || fresh_hit,
        }
    }
}

/// Held below what `NEVER` and the flag need.
fn millis(at: Nanos) -> u32 {
    u32::try_from(at / 1_000_000)
        .unwrap_or(NEVER)
        .min((NEVER >> 1) - 1)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
