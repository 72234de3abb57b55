//! The bound of a store: memory, or memory and a number of objects. One unit for both, as the live edge has it: its store
//! knows one weight per entry, and from weights alone its policies set the proportions of their queues.

use crate::plan::NodePlan;

/// Parts of the fair share of one object (`memory / max_objects`), so that what takes a bit more than its share does not
/// count twice.
const PARTS: u64 = 1024;

/// What a store can hold, and what counts how much of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct Bound {
    memory: u64,
    most: Option<u64>,
    /// One object's share of the memory, in whole bytes: up to this, all weigh the same.
    share: u64,
}

impl Bound {
    pub(in crate::sim) fn of(node: &NodePlan) -> Self {
        Self::new(node.memory, node.max_objects)
    }

    /// One unit for size and weight, and so many of it at most.
    pub(super) fn plain(capacity: u64) -> Self {
        Self::new(capacity, None)
    }

    fn new(memory: u64, most: Option<u64>) -> Self {
        let share = most.and_then(|most| memory.checked_div(most));
        Self {
            memory,
            most,
            share: share.unwrap_or(0),
        }
    }

    pub(in crate::sim) fn memory(self) -> u64 {
        self.memory
    }

    /// The sum of weights that fits.
    pub(super) fn capacity(self) -> u64 {
        match self.most {
            None => self.memory,
            Some(most) => most.saturating_mul(PARTS),
        }
    }

    /// The weight of a response of so many bytes: these, or, where objects are bounded, the larger of what it takes of the
    /// memory and of the number.
    #[inline]
    pub(super) fn weight(self, bytes: u64) -> u64 {
        let Some(most) = self.most else { return bytes };
        // Nearly always, and a division is slow.
        if bytes <= self.share {
            return PARTS;
        }
        let (most, memory) = (most.saturating_mul(PARTS), self.memory.max(1));
        let parts = match bytes.checked_mul(most) {
            Some(product) => product.div_ceil(memory),
            None => {
                let product = u128::from(bytes) * u128::from(most);
                u64::try_from(product.div_ceil(memory.into())).unwrap_or(u64::MAX)
            }
        };
        parts.max(PARTS)
    }
}

#[cfg(test)]
#[path = "bound_tests.rs"]
mod tests;
