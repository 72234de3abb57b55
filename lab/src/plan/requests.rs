//! The stream of planned requests: a merge of all populations by time, drawn as it is read.

use std::net::IpAddr;
use std::sync::Arc;

use super::traffic::Player;
use super::{Nanos, ObjectId, Plan, TraceError};

/// One request that a driver is to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRequest {
    /// Number of the request in the plan, from 0.
    pub step: u64,
    /// When it is to be sent; 0 in a sequential plan.
    pub due: Nanos,
    /// Index of the population.
    pub population: u16,
    /// Index of the client's place.
    pub place: u16,
    /// The client's address.
    pub client: IpAddr,
    /// What is asked for.
    pub object: ObjectId,
    /// Index of the `Vary` value that the client sends; 0 without one.
    pub variant: u16,
    /// How long the client waits, counted from `due`.
    pub deadline: Nanos,
}

/// The requests of a plan, ordered by `due`; memory does not depend on their number. Ends after the first error.
pub struct Requests {
    players: Vec<Player>,
    /// The next arrival of each population, or [`NEVER`]; ties go to the population that stands first in the file.
    next: Vec<Nanos>,
    step: u64,
}

/// After the last arrival of a population.
const NEVER: Nanos = Nanos::MAX;

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// The requests of this plan: the same each time it is called.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.requests_with(true)
    }

    /// The same, with or without the clients' addresses: for a driver to which they make no difference, those are not drawn.
    pub(crate) fn requests_with(&self, addresses: bool) -> Requests {
        let open = |(population, index): (&super::PopulationPlan, u16)| {
            let traffic = Arc::clone(&population.traffic);
            Player::new(traffic, index, self.seed, addresses)
        };
        let players: Vec<Player> = self.populations.iter().zip(0..).map(open).collect();
        let next = players.iter().map(due).collect();
        Requests {
            players,
            next,
            step: 0,
        }
    }
}

impl Requests {
    /// Appends the next requests to a batch, so many at most; fewer only at the end. As often [`Iterator::next`], in fewer
    /// steps: those of one population that come before any other's are taken together.
    ///
    /// # Errors
    /// If a trace cannot be read on; what came before it is in the batch.
    pub(crate) fn fill(
        &mut self,
        batch: &mut Vec<PlannedRequest>,
        most: usize,
    ) -> Result<(), TraceError> {
        let full = batch.len() + most;
        while batch.len() < full
            && let Some((index, until)) = self.first()
        {
            let from = batch.len();
            let player = &mut self.players[index];
            if let Err(error) = player.take_while(batch, full - from, until) {
                self.next.fill(NEVER);
                return Err(error);
            }
            self.next[index] = due(player);
            for request in &mut batch[from..] {
                request.step = self.step;
                self.step += 1;
            }
        }
        Ok(())
    }

    /// The population whose request comes next, and the instant before which no other's comes. Populations are few: to look
    /// at each takes less than to keep them in order.
    #[inline]
    fn first(&self) -> Option<(usize, Nanos)> {
        let (mut first, mut index, mut until) = (NEVER, 0, NEVER);
        for (at, due) in self.next.iter().enumerate() {
            if *due < first {
                // Of equal ones, that which stands first in the file comes first.
                (until, first, index) = (first, *due, at);
            } else if *due < until {
                // Whoever stands behind it in the file comes after it at the same instant.
                until = due.saturating_add(1);
            }
        }
        (first < NEVER).then_some((index, until))
    }
}

fn due(player: &Player) -> Nanos {
    player.due().unwrap_or(NEVER)
}

impl Iterator for Requests {
    type Item = Result<PlannedRequest, TraceError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (index, _) = self.first()?;
        let player = &mut self.players[index];
        let request = player.take(self.step);
        self.next[index] = due(player);
        match &request {
            Some(Ok(_)) => self.step += 1,
            _ => self.next.fill(NEVER),
        }
        request
    }
}
