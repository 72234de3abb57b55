//! The stream of planned requests: a merge of all populations by time, drawn as it is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
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
    /// The next arrival of each population; ties go to the population that stands first in the file.
    next: BinaryHeap<Reverse<(Nanos, u16)>>,
    step: u64,
}

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
        let open = |(population, index): (&super::PopulationPlan, u16)| {
            Player::new(Arc::clone(&population.traffic), index, self.seed)
        };
        let players: Vec<Player> = self.populations.iter().zip(0..).map(open).collect();
        let next = players
            .iter()
            .zip(0..)
            .filter_map(|(player, index)| Some(Reverse((player.due()?, index))))
            .collect();
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
            && let Some(Reverse((_, index))) = self.next.pop()
        {
            let Some(player) = self.players.get_mut(usize::from(index)) else {
                break;
            };
            let other = self.next.peek().map(|Reverse(other)| *other);
            let before = |due: Nanos| other.is_none_or(|other| (due, index) < other);
            let from = batch.len();
            if let Err(error) = player.take_while(batch, full - from, before) {
                self.next.clear();
                return Err(error);
            }
            for request in &mut batch[from..] {
                request.step = self.step;
                self.step += 1;
            }
            if let Some(due) = player.due() {
                self.next.push(Reverse((due, index)));
            }
        }
        Ok(())
    }
}

impl Iterator for Requests {
    type Item = Result<PlannedRequest, TraceError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut top = self.next.peek_mut()?;
        let Reverse((_, index)) = *top;
        let player = self.players.get_mut(usize::from(index))?;
        let request = player.take(self.step);
        match player.due() {
            Some(due) => {
                *top = Reverse((due, index));
                drop(top);
            }
            None => {
                PeekMut::pop(top);
            }
        }
        match &request {
            Some(Ok(_)) => self.step += 1,
            _ => self.next = BinaryHeap::new(),
        }
        request
    }
}
