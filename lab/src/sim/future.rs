//! When each key is asked for again, for nodes that evict by Belady's optimum. It reads the plan's requests once, before
//! the simulation: the only part of it whose memory grows with their number.
//!
//! The future is that of the plan: exact where each request reaches the node that is the nearest one. Behind another
//! cache it holds the requests of the clients behind that cache, not the misses among them.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::store::{Key, Store};
use super::{SimError, World};
use crate::plan::{Eviction, Plan};
use crate::steering::Nearest;

/// The next request of the same key at the same node, by number of request.
#[derive(Debug, Default)]
pub(super) struct Future {
    /// At the nodes that clients ask; each request reaches one of them.
    first: Vec<u32>,
    /// At the nodes that others fetch from.
    behind: BTreeMap<u16, Vec<u32>>,
}

/// The last request of each key at one node, while the table is made.
struct Column {
    next: Vec<u32>,
    last: BTreeMap<u16, Vec<u32>>,
}

impl Column {
    fn note(&mut self, node: u16, key: Key, keys: usize) {
        let step = u32::try_from(self.next.len()).unwrap_or(Store::NEVER);
        let last = self
            .last
            .entry(node)
            .or_insert_with(|| vec![Store::NEVER; keys]);
        let before = std::mem::replace(&mut last[key as usize], step);
        if let Some(next) = self.next.get_mut(before as usize) {
            *next = step;
        }
        self.next.push(Store::NEVER);
    }

    fn skip(&mut self) {
        self.next.push(Store::NEVER);
    }
}

impl Future {
    /// Reads the plan's requests if any of its nodes needs their future. `key` gives the dense key of a request at a
    /// node.
    pub(super) fn new(
        plan: &Plan,
        keys: &Keys,
        nearest: &Nearest,
        key: impl Fn(u16, &crate::plan::PlannedRequest) -> Key,
    ) -> Result<Self, SimError> {
        let needs = |node: u16| plan.nodes[usize::from(node)].eviction == Eviction::Belady;
        let nodes = 0..u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX);
        let upstream: Vec<u16> = nodes
            .clone()
            .filter_map(|node| plan.upstream_node(node))
            .filter(|node| needs(*node))
            .collect();
        if !nodes.clone().any(needs) {
            return Ok(Self::default());
        }
        let column = || Column {
            next: Vec::new(),
            last: BTreeMap::new(),
        };
        let mut first = column();
        let mut behind: BTreeMap<u16, Column> =
            upstream.into_iter().map(|node| (node, column())).collect();
        for request in plan.requests() {
            let request = request?;
            if first.next.len() >= Store::NEVER as usize {
                return Err(SimError::TooLong);
            }
            let mut at = nearest.node(request.place, request.client);
            match at.filter(|node| needs(*node)) {
                Some(node) => first.note(node, key(node, &request), keys.count),
                None => first.skip(),
            }
            for (node, column) in &mut behind {
                let mut reaches = false;
                at = nearest.node(request.place, request.client);
                while let Some(here) = at {
                    reaches |= here == *node;
                    at = plan.upstream_node(here);
                }
                if reaches {
                    column.note(*node, key(*node, &request), keys.count);
                } else {
                    column.skip();
                }
            }
        }
        Ok(Self {
            first: first.next,
            behind: behind
                .into_iter()
                .map(|(node, column)| (node, column.next))
                .collect(),
        })
    }

    /// The request after this one, of the same key at the same node.
    fn after(&self, node: u16, step: u64) -> u32 {
        let next = self.behind.get(&node).unwrap_or(&self.first);
        usize::try_from(step)
            .ok()
            .and_then(|step| next.get(step))
            .copied()
            .unwrap_or(Store::NEVER)
    }

    /// Whether nobody needs it.
    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

impl World<'_> {
    /// A client's request has reached a node: its store hears of the next one.
    #[inline]
    pub(super) fn foretell(&mut self, node: u16, key: Key, step: u64) {
        if self.future.is_empty() {
            return;
        }
        let next = self.future.after(node, step);
        self.nodes[usize::from(node)].foretell(key, next);
    }
}
