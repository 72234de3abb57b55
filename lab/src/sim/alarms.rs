//! Alarms: deadlines and timeouts, in rows of those of one kind, so that each row needs one event in the queue.

use std::collections::VecDeque;

use super::World;
use super::queue::Happening;
use super::slab::Id;
use crate::plan::Nanos;

/// Which row of alarms is whose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) nodes: u32,
    pub(super) places: u32,
}

/// What an alarm means.
enum Alarm {
    Connect,
    FirstByte,
    Wait,
    Deadline,
    Resolver,
}

impl Rows {
    pub(super) fn connect(self, node: u16) -> u32 {
        u32::from(node) * 3
    }

    pub(super) fn first_byte(self, node: u16) -> u32 {
        u32::from(node) * 3 + 1
    }

    pub(super) fn wait(self, node: u16) -> u32 {
        u32::from(node) * 3 + 2
    }

    /// Clients of one place come to the end of the lane in the order in which they began.
    pub(super) fn deadline(self, place: u16) -> u32 {
        self.nodes * 3 + u32::from(place)
    }

    pub(super) fn resolver(self) -> u32 {
        self.nodes * 3 + self.places
    }

    fn meaning(self, row: u32) -> Alarm {
        if row == self.resolver() {
            return Alarm::Resolver;
        }
        if row >= self.nodes * 3 {
            return Alarm::Deadline;
        }
        match row % 3 {
            0 => Alarm::Connect,
            1 => Alarm::FirstByte,
            _ => Alarm::Wait,
        }
    }
}

/// Alarms of one kind, by time. Most are set in the order in which they become due.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    row: VecDeque<(Nanos, Id)>,
    /// When the queue wakes the row.
    armed: Option<Nanos>,
    /// So long a row is looked through for alarms that nobody waits for any more.
    enough: usize,
}

/// Rows below this length are left alone.
const SHORT: usize = 1 << 10;

impl Alarms {
    /// Sets an alarm; the time at which the queue has to wake the row, if it does not by then.
    fn set(&mut self, at: Nanos, id: Id) -> Option<Nanos> {
        if self.row.back().is_none_or(|(last, _)| *last <= at) {
            self.row.push_back((at, id));
        } else {
            let place = self.row.partition_point(|(other, _)| *other <= at);
            self.row.insert(place, (at, id));
        }
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        self.armed
    }

    /// Drops alarms that nobody waits for any more, now and then, so that the row is about as long as what is under way.
    #[inline]
    fn trim(&mut self, open: impl Fn(Id) -> bool) {
        // Most are over in about the order in which they were set.
        for _ in 0..2 {
            if self.row.front().is_none_or(|(_, id)| open(*id)) {
                break;
            }
            self.row.pop_front();
        }
        if self.row.len() >= self.enough.max(SHORT) {
            self.row.retain(|(_, id)| open(*id));
            self.enough = self.row.len() * 2;
        }
    }

    /// Takes the next alarm that is due.
    fn due(&mut self, now: Nanos) -> Option<Id> {
        let (at, id) = *self.row.front()?;
        if at > now {
            return None;
        }
        self.row.pop_front();
        Some(id)
    }

    /// Drops alarms from the front that nobody waits for any more; when to wake the row again.
    fn rearm(&mut self, open: impl Fn(Id) -> bool) -> Option<Nanos> {
        while let Some((_, id)) = self.row.front()
            && !open(*id)
        {
            self.row.pop_front();
        }
        self.armed = self.row.front().map(|(at, _)| *at);
        self.armed
    }
}

impl World<'_> {
    pub(super) fn set_alarm(&mut self, row: u32, at: Nanos, id: Id) {
        let alarms = &mut self.alarms[row as usize];
        match self.rows.meaning(row) {
            Alarm::Deadline => alarms.trim(|id| self.clients.get(id).is_some()),
            Alarm::Wait => alarms.trim(|id| self.jobs.get(id).is_some()),
            Alarm::Resolver => alarms.trim(|id| self.fetches.get(id).is_some()),
            Alarm::Connect | Alarm::FirstByte => {
                alarms.trim(|id| self.fetches.get(id).is_some_and(|fetch| !fetch.headed));
            }
        }
        if let Some(at) = alarms.set(at, id) {
            self.queue.push(at, Happening::Alarm(row));
        }
    }

    /// The queue wakes a row.
    pub(super) fn alarm(&mut self, row: u32) {
        // It was woken earlier meanwhile.
        if self.alarms[row as usize].armed != Some(self.now) {
            return;
        }
        while let Some(id) = self.alarms[row as usize].due(self.now) {
            match self.rows.meaning(row) {
                Alarm::Connect => self.upstream_late(id, true),
                Alarm::FirstByte => self.upstream_late(id, false),
                Alarm::Wait => self.waited(id),
                Alarm::Deadline => self.client_late(id),
                Alarm::Resolver => self.resolver_late(id),
            }
        }
        let again = match self.rows.meaning(row) {
            Alarm::Connect | Alarm::FirstByte => {
                let open = |id| self.fetches.get(id).is_some_and(|fetch| !fetch.headed);
                self.alarms[row as usize].rearm(open)
            }
            Alarm::Resolver => self.alarms[row as usize].rearm(|id| self.fetches.get(id).is_some()),
            Alarm::Wait => self.alarms[row as usize].rearm(|id| self.jobs.get(id).is_some()),
            Alarm::Deadline => self.alarms[row as usize].rearm(|id| self.clients.get(id).is_some()),
        };
        if let Some(at) = again {
            self.queue.push(at, Happening::Alarm(row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // One that is due before all others wakes the row earlier.
        assert_eq!(alarms.set(35, id(5)), Some(35));
        assert_eq!(alarms.set(38, id(6)), None);
        let order: Vec<_> = std::iter::from_fn(|| alarms.due(50)).collect();
        assert_eq!(order, [id(5), id(6), id(4)]);
    }
}
