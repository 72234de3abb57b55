//! Which of several lines comes first, by the times of their heads. It knows nothing of what stands in the lines.

use crate::plan::Nanos;

/// Lines whose heads are held against each other at once.
const BLOCK: usize = 8;

/// The time of each line's head, the first of each block of lines, and the first of all: to change one takes a look at its block
/// and at the firsts of the others.
#[derive(Debug)]
pub(super) struct Heads {
    lines: Vec<[Nanos; BLOCK]>,
    blocks: Vec<Nanos>,
    first: Nanos,
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            blocks: Vec::new(),
            first: Nanos::MAX,
        }
    }
}

impl Heads {
    /// There are so many lines now.
    pub(super) fn grow(&mut self, lines: usize) {
        let blocks = lines.div_ceil(BLOCK).max(self.blocks.len());
        self.lines.resize(blocks, [Nanos::MAX; BLOCK]);
        self.blocks.resize(blocks, Nanos::MAX);
    }

    /// When the first of all heads comes; [`Nanos::MAX`] if all lines are empty.
    #[inline]
    pub(super) fn at(&self) -> Nanos {
        self.first
    }

    /// The line whose head comes first; of equal ones that of the lowest number. None if all lines are empty.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        if self.first == Nanos::MAX {
            return None;
        }
        let block = self.blocks.iter().position(|at| *at == self.first)?;
        let line = self.lines[block].iter().position(|at| *at == self.first)?;
        Some((block * BLOCK + line) as u32)
    }

    /// The head of a line comes then; `None`: the line is empty.
    #[inline]
    pub(super) fn set(&mut self, line: u32, at: Option<Nanos>) {
        let (block, line) = (line as usize / BLOCK, line as usize % BLOCK);
        let lines = &mut self.lines[block];
        lines[line] = at.unwrap_or(Nanos::MAX);
        self.blocks[block] = least(lines);
        self.first = least(&self.blocks);
    }
}

#[inline(always)]
fn least(times: &[Nanos]) -> Nanos {
    times.iter().fold(Nanos::MAX, |least, at| least.min(*at))
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
