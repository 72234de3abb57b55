//! The event queue: what happens next, by (time, sequence). It knows nothing of what events mean.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::slab::Id;
use crate::plan::Nanos;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A request has reached the far end of its link.
    Arrive(Id),
    /// The origin has thought about a request for long enough.
    Served(Id),
    /// The head of an answer has reached the node that asked.
    Head(Id),
    /// The last byte of an answer has reached whoever asked.
    Whole(Id),
    /// An exchange over a link has failed, and whoever asked hears of it now.
    Broken(Id),
    /// The first alarm of this row is due.
    Alarm(u32),
    /// A health check of this node begins.
    Check(u16),
    /// A health check of this node has ended so.
    Checked(u16, bool),
    /// The event of this index in the plan.
    Planned(u32),
    /// A window begins or ends.
    Border,
    /// A second has passed.
    Second,
}

/// Events to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Nanos, u64, Happening)>>,
    sequence: u64,
}

impl Queue {
    /// Adds an event. Of two at one time, the first added comes first.
    pub(super) fn push(&mut self, at: Nanos, what: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, what)));
    }

    /// When the next event is.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the next event.
    pub(super) fn pop(&mut self) -> Option<(Nanos, Happening)> {
        self.heap.pop().map(|Reverse((at, _, what))| (at, what))
    }
}

/// Alarms of one length: they become due in the order in which they were set, so that a row of them
/// needs one event in the queue, however many there are.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    row: VecDeque<(Nanos, Id)>,
    armed: bool,
}

impl Alarms {
    /// Sets an alarm; the time at which the queue has to wake the row, if it does not yet.
    pub(super) fn set(&mut self, at: Nanos, id: Id) -> Option<Nanos> {
        // A row keeps its order even if somebody sets a shorter one: it comes late rather than never.
        let at = self.row.back().map_or(at, |(last, _)| at.max(*last));
        self.row.push_back((at, id));
        let arm = !self.armed;
        self.armed = true;
        arm.then_some(at)
    }

    /// Takes the next alarm that is due.
    pub(super) fn due(&mut self, now: Nanos) -> Option<Id> {
        let (at, id) = *self.row.front()?;
        if at > now {
            return None;
        }
        self.row.pop_front();
        Some(id)
    }

    /// Drops alarms from the front that nobody waits for any more; when to wake the row again.
    pub(super) fn rearm(&mut self, open: impl Fn(Id) -> bool) -> Option<Nanos> {
        while let Some((_, id)) = self.row.front()
            && !open(*id)
        {
            self.row.pop_front();
        }
        let next = self.row.front().map(|(at, _)| *at);
        self.armed = next.is_some();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_their_coming() {
        let mut queue = Queue::default();
        queue.push(5, Happening::Border);
        queue.push(3, Happening::Planned(1));
        queue.push(5, Happening::Check(0));
        queue.push(3, Happening::Planned(0));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(
            order,
            [
                (3, Happening::Planned(1)),
                (3, Happening::Planned(0)),
                (5, Happening::Border),
                (5, Happening::Check(0)),
            ]
        );
    }

    #[test]
    fn a_row_of_alarms_wakes_once() {
        let id = |index| Id { index, serial: 0 };
        let mut alarms = Alarms::default();
        assert_eq!(alarms.set(10, id(1)), Some(10));
        assert_eq!(alarms.set(20, id(2)), None);
        assert_eq!(alarms.set(30, id(3)), None);
        assert_eq!(alarms.due(10), Some(id(1)));
        assert_eq!(alarms.due(10), None);
        assert_eq!(alarms.rearm(|open| open != id(2)), Some(30));
        assert_eq!(alarms.due(30), Some(id(3)));
        assert_eq!(alarms.rearm(|_| true), None);
        assert_eq!(alarms.set(40, id(4)), Some(40));
    }
}
