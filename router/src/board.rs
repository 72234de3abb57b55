//! What the router knows of all its nodes' health: pure, and time is a parameter.

use std::collections::VecDeque;

use serde::Serialize;

use crate::config::Node;
use crate::health::{Health, Rules, State};

/// Transitions that are kept; older ones are counted.
const KEPT_TRANSITIONS: usize = 1_024;

/// The health of all nodes, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Board {
    entries: Vec<Entry>,
    transitions: VecDeque<Change>,
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    health: Health,
    checks: u64,
    failures: u64,
    last_failure: Option<String>,
}

/// A node that went up or down.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    /// Milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    pub(crate) pop: String,
    pub(crate) node: String,
    pub(crate) from: State,
    pub(crate) to: State,
    /// What the last check found.
    pub(crate) why: String,
}

/// One node in `/stats`.
#[derive(Debug, Serialize)]
pub(crate) struct NodeReport<'a> {
    pop: &'a str,
    node: &'a str,
    url: &'a str,
    state: State,
    since_ms: u64,
    checks: u64,
    failures: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<&'a str>,
}

impl Board {
    pub(crate) fn new(nodes: usize, rules: Rules, now_ms: u64) -> Self {
        let entry = || Entry {
            health: Health::new(rules, now_ms),
            checks: 0,
            failures: 0,
            last_failure: None,
        };
        Self {
            entries: std::iter::repeat_with(entry).take(nodes).collect(),
            transitions: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// Takes the result of a check of the node at `index`: nothing, or why it failed.
    pub(crate) fn observe(
        &mut self,
        index: usize,
        pop: &str,
        node: &str,
        result: Result<(), String>,
        now_ms: u64,
    ) -> Option<Change> {
        let entry = self.entries.get_mut(index)?;
        entry.checks += 1;
        let transition = entry.health.observe(result.is_ok(), now_ms);
        let why = match result {
            Ok(()) => "the check succeeded".to_owned(),
            Err(why) => {
                entry.failures += 1;
                entry.last_failure = Some(why.clone());
                why
            }
        };
        let transition = transition?;
        let change = Change {
            at_ms: transition.at_ms,
            pop: pop.to_owned(),
            node: node.to_owned(),
            from: transition.from,
            to: transition.to,
            why,
        };
        if self.transitions.len() == KEPT_TRANSITIONS {
            self.transitions.pop_front();
            self.forgotten += 1;
        }
        self.transitions.push_back(change.clone());
        Some(change)
    }

    /// Which nodes clients may be sent to.
    pub(crate) fn up(&self) -> Vec<bool> {
        self.entries
            .iter()
            .map(|entry| entry.health.is_up())
            .collect()
    }

    /// Whether each node has been checked at least once.
    pub(crate) fn all_checked(&self) -> bool {
        self.entries.iter().all(|entry| entry.checks > 0)
    }

    /// The nodes as `/stats` shows them.
    pub(crate) fn report<'a>(
        &'a self,
        pops: &'a [String],
        nodes: &'a [Node],
    ) -> Vec<NodeReport<'a>> {
        nodes
            .iter()
            .zip(&self.entries)
            .map(|(node, entry)| NodeReport {
                pop: &pops[node.pop],
                node: &node.name,
                url: &node.url,
                state: entry.health.state(),
                since_ms: entry.health.since_ms(),
                checks: entry.checks,
                failures: entry.failures,
                last_failure: entry.last_failure.as_deref(),
            })
            .collect()
    }

    /// The transitions that are kept, oldest first.
    pub(crate) fn transitions(&self) -> &VecDeque<Change> {
        &self.transitions
    }

    /// How many older transitions are no longer kept.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_judged_apart_and_changes_are_kept() {
        let mut board = Board::new(2, Rules { rise: 1, fall: 2 }, 0);
        assert_eq!(board.up(), [true, true]);
        assert!(!board.all_checked());
        board.observe(0, "fra", "fra-1", Ok(()), 1);
        assert!(!board.all_checked());
        board.observe(1, "lhr", "lhr-1", Ok(()), 2);
        assert!(board.all_checked());
        assert!(
            board
                .observe(1, "lhr", "lhr-1", Err("timeout".into()), 3)
                .is_none()
        );
        let change = board
            .observe(1, "lhr", "lhr-1", Err("refused".into()), 4)
            .expect("a change");
        assert_eq!(
            (change.at_ms, change.from, change.to),
            (4, State::Up, State::Down)
        );
        assert_eq!(change.why, "refused");
        assert_eq!(board.up(), [true, false]);
        assert_eq!(board.transitions().len(), 3);
    }

    #[test]
    fn old_changes_are_forgotten_and_counted() {
        let mut board = Board::new(1, Rules { rise: 1, fall: 1 }, 0);
        for at in 0..2_000 {
            let result = if at % 2 == 0 {
                Ok(())
            } else {
                Err(String::new())
            };
            board.observe(0, "fra", "fra-1", result, at);
        }
        assert_eq!(board.transitions().len(), KEPT_TRANSITIONS);
        assert_eq!(board.forgotten(), 2_000 - KEPT_TRANSITIONS as u64);
    }

    #[test]
    fn a_node_that_is_not_there_changes_nothing() {
        let mut board = Board::new(1, Rules { rise: 1, fall: 1 }, 0);
        assert!(board.observe(7, "x", "x", Ok(()), 0).is_none());
    }
}
