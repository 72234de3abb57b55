//! Whether a node is up, from the results of its checks: pure, and time is a parameter.
//!
//! A node begins unknown and counts as up, so that a router that starts beside its edges does not turn clients away.
//! Its first check decides at once; from then on it takes `fall` failures in a row to take it out and `rise`
//! successes in a row to take it back, so that one lost packet moves nobody.

use serde::Serialize;

/// How many results in a row it takes.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Successes in a row that bring a node back.
    pub rise: u32,
    /// Failures in a row that take a node out.
    pub fall: u32,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not checked yet; counts as up.
    Unknown,
    /// Clients are sent to it.
    Up,
    /// Clients are sent elsewhere.
    Down,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// One node's health.
#[derive(Clone, Debug)]
pub struct Health {
    rules: Rules,
    state: State,
    /// Results in a row that speak against the state.
    against: u32,
    since_ms: u64,
}

impl Health {
    /// A node that has not been checked.
    #[must_use]
    pub fn new(rules: Rules, now_ms: u64) -> Self {
        Self {
            rules,
            state: State::Unknown,
            against: 0,
            since_ms: now_ms,
        }
    }

    /// Takes the result of one check; says so if it changed the state.
    pub fn observe(&mut self, success: bool, now_ms: u64) -> Option<Transition> {
        match (self.state, success) {
            // Unknown => Up, Unknown => Down
            (State::Unknown, true) => Some(self.become_(State::Up, now_ms)),
            (State::Unknown, false) => Some(self.become_(State::Down, now_ms)),
            // Up => Up, Down => Down: a streak against it, if any, is broken
            (State::Up, true) | (State::Down, false) => {
                self.against = 0;
                None
            }
            // Up => Down, after `fall` in a row
            (State::Up, false) => self.count_against(self.rules.fall, State::Down, now_ms),
            // Down => Up, after `rise` in a row
            (State::Down, true) => self.count_against(self.rules.rise, State::Up, now_ms),
        }
    }

    /// Whether clients may be sent there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state != State::Down
    }

    /// What is known now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when the state is what it is, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    fn count_against(&mut self, needed: u32, next: State, now_ms: u64) -> Option<Transition> {
        self.against += 1;
        (self.against >= needed).then(|| self.become_(next, now_ms))
    }

    fn become_(&mut self, next: State, now_ms: u64) -> Transition {
        let from = std::mem::replace(&mut self.state, next);
        self.against = 0;
        self.since_ms = now_ms;
        Transition {
            from,
            to: next,
            at_ms: now_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results as `+` and `-`, one each 1,000 ms from 0; expected: the transitions as `<letter>@<ms>`.
    fn check(rise: u32, fall: u32, results: &str, expected: &str) {
        let mut health = Health::new(Rules { rise, fall }, 0);
        let mut seen = Vec::new();
        for (step, result) in results.chars().enumerate() {
            let now = step as u64 * 1_000;
            if let Some(transition) = health.observe(result == '+', now) {
                assert_eq!(transition.to, health.state());
                assert_eq!(health.since_ms(), now);
                let letter = if health.is_up() { 'U' } else { 'D' };
                seen.push(format!("{letter}@{}", transition.at_ms));
            }
        }
        assert_eq!(
            seen.join(" "),
            expected,
            "rise {rise}, fall {fall}, {results}"
        );
    }

    #[test]
    fn the_first_check_decides() {
        check(2, 3, "+", "U@0");
        check(2, 3, "-", "D@0");
    }

    #[test]
    fn it_takes_fall_failures_in_a_row_to_go_down() {
        check(2, 3, "+--", "U@0");
        check(2, 3, "+---", "U@0 D@3000");
        check(2, 3, "+--+--+--", "U@0");
        check(2, 1, "+-", "U@0 D@1000");
    }

    #[test]
    fn it_takes_rise_successes_in_a_row_to_come_back() {
        check(2, 3, "-+", "D@0");
        check(2, 3, "-+-+-+", "D@0");
        check(2, 3, "-++", "D@0 U@2000");
        check(2, 3, "-++---", "D@0 U@2000 D@5000");
    }

    #[test]
    fn an_unchecked_node_counts_as_up() {
        let health = Health::new(Rules { rise: 2, fall: 3 }, 7);
        assert!(health.is_up());
        assert_eq!(health.state(), State::Unknown);
        assert_eq!(health.since_ms(), 7);
    }
}
