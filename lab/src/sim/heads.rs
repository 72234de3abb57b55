//! Which of several lines comes first: a tournament of their heads. It knows nothing of what stands in the lines.

use crate::plan::Nanos;

/// The time of each line's head, and the winner of each pair of them, of each pair of those, and so on.
#[derive(Debug)]
pub(super) struct Heads {
    /// The winner of all at 1; those below the one at `n` are at `2n` and `2n + 1`; the lines themselves come last. Each is a
    /// time and a number of a line, as one number: to compare two of them takes no branch.
    tree: Vec<u128>,
}

fn head(at: Nanos, line: u32) -> u128 {
    u128::from(at) << 32 | u128::from(line)
}

impl Default for Heads {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Heads {
    /// For so many lines, all of them empty.
    fn new(lines: usize) -> Self {
        let leaves = lines.next_power_of_two();
        Self {
            tree: vec![head(Nanos::MAX, u32::MAX); 2 * leaves],
        }
    }

    /// There are so many lines now.
    pub(super) fn grow(&mut self, lines: usize) {
        let leaves = self.tree.len() / 2;
        if lines > leaves {
            let before = std::mem::replace(self, Self::new(lines));
            for (leaf, line) in before.tree[leaves..].iter().zip(0..) {
                self.set(line, Some((leaf >> 32) as Nanos));
            }
        }
    }

    /// When the first of all heads comes; [`Nanos::MAX`] if all lines are empty.
    #[inline]
    pub(super) fn at(&self) -> Nanos {
        (self.tree[1] >> 32) as Nanos
    }

    /// The line whose head comes first; of equal ones that of the lowest number. None if all lines are empty.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        (self.at() < Nanos::MAX).then_some(self.tree[1] as u32)
    }

    /// The head of a line comes then; `None`: the line is empty.
    #[inline]
    pub(super) fn set(&mut self, line: u32, at: Option<Nanos>) {
        let tree = self.tree.as_mut_slice();
        let mut place = tree.len() / 2 + line as usize;
        let mut winner = head(at.unwrap_or(Nanos::MAX), line);
        tree[place] = winner;
        while place > 1 {
            winner = winner.min(tree[place ^ 1]);
            place /= 2;
            tree[place] = winner;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_the_least(
            sets in prop::collection::vec((0..20usize, prop::option::of(0..50u64)), 0..60),
        ) {
            let (mut heads, mut all) = (Heads::default(), Vec::new());
            for (line, at) in sets {
                if line >= all.len() {
                    all.resize(line + 1, None);
                    heads.grow(all.len());
                }
                heads.set(line as u32, at);
                all[line] = at;
                let least = all.iter().zip(0u32..).filter_map(|(at, line)| Some(((*at)?, line))).min();
                let first = heads.first().map(|line| (heads.at(), line));
                prop_assert_eq!(first, least);
            }
        }
    }

    #[test]
    fn without_lines_nothing_comes() {
        assert_eq!(
            (Heads::default().first(), Heads::default().at()),
            (None, Nanos::MAX)
        );
    }
}
