//! Which of several lines comes first: a tournament of their heads. It knows nothing of what stands in the lines.

use crate::plan::Nanos;

/// The time of each line's head, and the winner of each pair of them, of each pair of those, and so on.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// The winner of all at 1; those below the one at `n` are at `2n` and `2n + 1`; the lines themselves come last.
    tree: Vec<(Nanos, u32)>,
}

impl Heads {
    /// For so many lines, all of them empty.
    pub(super) fn new(lines: usize) -> Self {
        let leaves = lines.next_power_of_two();
        let line = |place: usize| u32::try_from(place.saturating_sub(leaves)).unwrap_or(u32::MAX);
        Self {
            tree: (0..2 * leaves)
                .map(|place| (Nanos::MAX, line(place)))
                .collect(),
        }
    }

    /// The line whose head comes first, and when; of equal ones that of the lowest number. None if all lines are empty.
    #[inline]
    pub(super) fn first(&self) -> Option<(Nanos, u32)> {
        self.tree.get(1).copied().filter(|(at, _)| *at < Nanos::MAX)
    }

    /// The head of a line comes then; `None`: the line is empty.
    #[inline]
    pub(super) fn set(&mut self, line: u32, at: Option<Nanos>) {
        let mut place = self.tree.len() / 2 + line as usize;
        self.tree[place] = (at.unwrap_or(Nanos::MAX), line);
        while place > 1 {
            place /= 2;
            self.tree[place] = self.tree[2 * place].min(self.tree[2 * place + 1]);
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
            lines in 1..20usize,
            sets in prop::collection::vec((0..20usize, prop::option::of(0..50u64)), 0..60),
        ) {
            let (mut heads, mut all) = (Heads::new(lines), vec![None; lines]);
            for (line, at) in sets {
                let line = line % lines;
                heads.set(line as u32, at);
                all[line] = at;
                let least = all.iter().zip(0u32..).filter_map(|(at, line)| Some(((*at)?, line))).min();
                prop_assert_eq!(heads.first(), least);
            }
        }
    }

    #[test]
    fn without_lines_nothing_comes() {
        assert_eq!(Heads::new(0).first(), None);
        assert_eq!(Heads::default().first(), None);
    }
}
