//! What a node could know of an object: when it was last fetched there. From this follow the causes of misses and the ratio
//! that an infinite cache would reach. Eight bytes per (node, object, variant), whatever the number of requests.

use rustc_hash::FxHashMap;

use super::cell::Cause;
use super::classify::Judged;
use super::fresh_hit::FreshHit;
use super::shape::Shape;
use crate::near;
use crate::observe::{Observation, RequestClass};
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

/// Entries that come into being together: 4 KiB.
const PAGE: usize = 512;

/// What one node knows of the objects of one class, in pages that exist only where objects were asked for, so that it takes
/// neither twice its size while it grows nor what the catalogue would take as a whole.
#[derive(Debug, Clone, Default)]
struct Known {
    pages: Vec<Option<Box<[Entry; PAGE]>>>,
}

impl Known {
    #[inline]
    fn at(&self, index: usize) -> Entry {
        let page = self.pages.get(index / PAGE).and_then(Option::as_ref);
        page.map_or(Entry::NEVER, |page| page[index % PAGE])
    }

    #[inline]
    fn bring(&self, index: usize) {
        if let Some(Some(page)) = self.pages.get(index / PAGE) {
            near::bring(&page[index % PAGE]);
        }
    }

    #[inline]
    fn entry(&mut self, index: usize) -> &mut Entry {
        let page = index / PAGE;
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        &mut self.pages[page].get_or_insert_with(|| Box::new([Entry::NEVER; PAGE]))[index % PAGE]
    }
}

/// What is known of a class beforehand.
#[derive(Debug, Clone, Copy)]
struct Class {
    variants: u32,
    /// How long a plain response is fresh, in milliseconds; none if it is not stored.
    lifetime: Option<u32>,
}

/// The memory of all nodes.
#[derive(Debug)]
pub(crate) struct Memory {
    /// By node, then class; within, by object * variants + variant.
    known: Vec<Known>,
    classes: Vec<Class>,
    /// By node: when it last lost everything, in milliseconds; 0 if never, for nothing was fetched before.
    emptied: Vec<u32>,
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
    /// When the node had fetched it before, milliseconds since the start of the run.
    pub(crate) fetched: Option<u32>,
}

impl Memory {
    pub(crate) fn new(shape: &Shape) -> Self {
        Self {
            known: vec![Known::default(); shape.nodes.len() * shape.classes.len()],
            classes: shape.classes.iter().map(class).collect(),
            emptied: vec![0; shape.nodes.len()],
            purged: FxHashMap::default(),
        }
    }

    /// The node lost everything that it had stored.
    pub(crate) fn emptied(&mut self, node: u16, at: Nanos) {
        if let Some(emptied) = self.emptied.get_mut(usize::from(node)) {
            *emptied = millis(at);
        }
    }

    /// One object was purged at these nodes.
    pub(crate) fn purged(&mut self, nodes: &[u16], class: u16, object: u32, at: Nanos) {
        for node in nodes {
            self.purged.insert((*node, class, object), millis(at));
        }
    }

    /// Takes over what another one knows of nodes of which this one knows nothing.
    pub(crate) fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.known.iter_mut().zip(other.known) {
            if ours.pages.is_empty() {
                *ours = theirs;
            }
        }
    }

    /// See [`super::Fold::bring`].
    #[inline]
    pub(crate) fn bring(&self, node: u16, object: ObjectId) {
        let class = self.classes.get(usize::from(object.class));
        let at = object.object as usize * class.map_or(0, |class| class.variants as usize);
        if let Some(known) = self.known.get(self.place(node, object.class)) {
            known.bring(at);
        }
    }

    #[inline]
    fn place(&self, node: u16, class: u16) -> usize {
        usize::from(node) * self.classes.len() + usize::from(class)
    }

    /// What is remembered of this request's object at its node; then remembers the request itself.
    #[inline]
    pub(crate) fn visit(&mut self, observation: &Observation, judged: &Judged) -> Remembered {
        if let (Some(node), Some(lifetime), true) = (
            observation.node,
            judged.lifetime,
            judged.class.is_cacheable(),
        ) && let Some(class) = self.classes.get(usize::from(observation.object.class))
            && let Some(lost) = self.emptied.get(usize::from(node))
        {
            let (variants, lost) = (class.variants as usize, *lost);
            return self.visit_known(observation, judged, (node, lifetime, variants, lost));
        }
        Remembered {
            cause: (judged.class == RequestClass::Pass && judged.lifetime.is_none())
                .then_some(Cause::Uncacheable),
            offered: false,
            fetched: None,
        }
    }

    /// As [`Memory::visit`] of a fresh hit at a node. Whether an infinite cache would have answered it fresh, which it would
    /// if our core would store it.
    #[inline]
    pub(crate) fn hit(&mut self, hit: &FreshHit, node: u16) -> bool {
        let class = self.classes.get(usize::from(hit.object.class)).copied();
        let emptied = self.emptied.get(usize::from(node)).copied();
        let (
            Some(Class {
                variants,
                lifetime: Some(lifetime),
            }),
            Some(lost),
        ) = (class, emptied)
        else {
            return false;
        };
        let variants = variants as usize;
        let at = hit.object.object as usize * variants + usize::from(hit.variant).min(variants - 1);
        let since = lost.max(self.purged_at(node, hit.object));
        let place = self.place(node, hit.object.class);
        let now = millis(hit.started);
        let fresh = |fetched: u32| now < fetched.saturating_add(lifetime) && fetched >= since;
        let entry = self.known[place].entry(at);
        if entry.ideal == NEVER || !fresh(entry.ideal) {
            entry.ideal = now;
        }
        // A fresh answer that could not be tells of a fetch in the background.
        if entry.fetched_at().is_none_or(|fetched| !fresh(fetched)) {
            entry.fetched = now << 1 | 1;
        } else if !entry.stored() {
            entry.fetched |= 1;
        }
        true
    }

    /// When an object was last purged at a node; 0 if never.
    #[inline]
    fn purged_at(&self, node: u16, object: ObjectId) -> u32 {
        if self.purged.is_empty() {
            return 0;
        }
        let purged = self.purged.get(&(node, object.class, object.object));
        purged.copied().unwrap_or(0)
    }

    #[inline]
    fn visit_known(
        &mut self,
        observation: &Observation,
        judged: &Judged,
        (node, lifetime, variants, lost): (u16, Nanos, usize, u32),
    ) -> Remembered {
        let object = observation.object;
        let first = object.object as usize * variants;
        let at = first + usize::from(observation.variant).min(variants - 1);
        let purged = self.purged_at(node, object);
        let place = self.place(node, object.class);
        let known = &mut self.known[place];
        let now = millis(observation.started);
        let lifetime = span(lifetime);
        let since = purged.max(lost);
        let fresh = |fetched: u32| now < fetched.saturating_add(lifetime) && fetched >= since;

        let cause = match judged.class {
            RequestClass::Expired | RequestClass::Miss => {
                let entry = known.at(at);
                let sibling = |at| known.at(at).fetched_at().is_some();
                let siblings = || variants > 1 && (first..first + variants).any(sibling);
                Some(match entry.fetched_at() {
                    None if judged.class == RequestClass::Expired => Cause::Expired,
                    None if judged.vary_miss || siblings() => Cause::Vary,
                    None => Cause::Cold,
                    Some(fetched) if fetched < purged => Cause::Purged,
                    Some(_) if judged.class == RequestClass::Expired => Cause::Expired,
                    Some(fetched) if fetched < lost => Cause::Cold,
                    Some(_) if !entry.stored() => Cause::NotStored,
                    Some(fetched) if !fresh(fetched) => Cause::Expired,
                    Some(_) => Cause::Evicted,
                })
            }
            _ => None,
        };
        let fresh_hit = judged.class == RequestClass::Hit;
        let entry = known.entry(at);
        let before = entry.fetched_at();
        let expected = entry.ideal != NEVER && fresh(entry.ideal);
        if !expected {
            entry.ideal = now;
        }
        match judged.class {
            // A fresh answer that could not be, and a stale one that sets off a refresh, tell of a fetch in the background.
            RequestClass::Hit if entry.fetched_at().is_none_or(|fetched| !fresh(fetched)) => {
                entry.fetched = now << 1 | 1;
            }
            RequestClass::Hit => entry.fetched |= 1,
            RequestClass::HitStaleSwr | RequestClass::Revalidated => entry.fetched = now << 1 | 1,
            RequestClass::Expired | RequestClass::Miss => {
                entry.fetched = now << 1 | u32::from(judged.stored);
            }
            _ => {}
        }
        Remembered {
            cause,
            offered: expected || fresh_hit,
            fetched: before,
        }
    }
}

fn class(class: &super::shape::ClassShape) -> Class {
    Class {
        variants: class.variants,
        lifetime: class.lifetime.as_ref().ok().copied().map(span),
    }
}

/// A lifetime in milliseconds.
fn span(lifetime: Nanos) -> u32 {
    u32::try_from(lifetime / 1_000_000).unwrap_or(NEVER)
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
