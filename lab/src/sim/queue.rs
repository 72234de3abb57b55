//! The event queue: what happens next, by (time, kind, sequence). It knows nothing of what events mean.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    /// The request of a plain miss has reached another node.
    FillArrives(Id),
    /// The head of the answer to a plain miss has reached its node.
    FillHead(Id),
    /// The last byte of the answer to a plain miss has reached its node.
    FillWhole(Id),
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

/// When something has its turn: an instant in nanoseconds, of which the first is whatever the plan says, then what ends, then what
/// begins, then what was waited for in vain: what comes at the very instant of an alarm is in time. So the order of what falls
/// together does not hang on when it was foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

/// Bits below the instant.
const RANK_BITS: u32 = 3;
/// The rank of what arrives.
const ARRIVAL: u64 = 4;

impl Turn {
    /// After everything.
    pub(super) const NEVER: Self = Self(u64::MAX);

    #[inline]
    fn ranked(at: Nanos, rank: u64) -> Self {
        match at >> (u64::BITS - RANK_BITS) {
            0 => Self(at << RANK_BITS | rank),
            _ => Self::NEVER,
        }
    }

    /// Before all that happens at an instant; [`Turn::NEVER`] from the 73rd year on.
    #[inline]
    pub(super) fn first(at: Nanos) -> Self {
        Self::ranked(at, 0)
    }

    /// Before what arrives at an instant.
    #[inline]
    pub(super) fn arrival(at: Nanos) -> Self {
        Self::ranked(at, ARRIVAL)
    }

    #[inline]
    fn of(at: Nanos, what: Happening) -> Self {
        use Happening::*;
        let rank = match what {
            Planned(_) | Border | Second | Check(_) | Checked(..) => 0,
            Whole(_) | FillWhole(_) => 1,
            Head(_) | FillHead(_) => 2,
            Served(_) => 3,
            Arrive(_) | FillArrives(_) | Broken(_) => ARRIVAL,
            Alarm(_) => ARRIVAL + 1,
        };
        Self::ranked(at, rank)
    }

    #[inline]
    fn at(self) -> Nanos {
        self.0 >> RANK_BITS
    }

    #[inline]
    fn slot(self) -> u64 {
        self.at() >> SLOT_BITS
    }
}

/// One near event to come: 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Due {
    turn: Turn,
    what: Happening,
    /// The next one of its list, or [`END`].
    next: u32,
}

/// The width of a slot, as a power of two: 33 microseconds.
const SLOT_BITS: u32 = 15;
/// Slots of the wheel: it reaches 268 ms ahead.
const SLOTS: u64 = 1 << 13;
/// The end of a list.
const END: u32 = u32::MAX;

/// Events to come.
///
/// A wheel of slots holds the near ones, so that adding and taking one costs the same however many
/// there are; a heap holds the few far ones until the wheel reaches them.
#[derive(Debug)]
pub(super) struct Queue {
    /// The slot that is being played; everything before it is over.
    slot: u64,
    /// The events of that slot (and any earlier ones), the next one last.
    current: Vec<Due>,
    /// Per slot, the first of a list through `pool`.
    heads: Vec<u32>,
    /// Which slots have a list, one bit each.
    occupied: Vec<u64>,
    pool: Vec<Due>,
    free: u32,
    near: usize,
    /// Nothing happens before this.
    quiet_until: Turn,
    far: BinaryHeap<Reverse<(Turn, u64, Happening)>>,
    sequence: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            slot: 0,
            current: Vec::new(),
            heads: vec![END; SLOTS as usize],
            occupied: vec![0; SLOTS as usize / 64],
            pool: Vec::new(),
            free: END,
            near: 0,
            quiet_until: Turn::first(0),
            far: BinaryHeap::new(),
            sequence: 0,
        }
    }
}

impl Queue {
    /// Adds an event. Of two that have one turn, the first added comes first.
    pub(super) fn push(&mut self, at: Nanos, what: Happening) {
        let turn = Turn::of(at, what);
        self.quiet_until = self.quiet_until.min(turn);
        let slot = turn.slot();
        if slot <= self.slot {
            // Of equal turns, the one added last stands first, for the next one stands last.
            let place = self.current.partition_point(|other| other.turn > turn);
            let next = END;
            self.current.insert(place, Due { turn, what, next });
        } else if slot < self.slot + SLOTS {
            self.put(turn, what);
        } else {
            self.sequence += 1;
            self.far.push(Reverse((turn, self.sequence, what)));
        }
    }

    /// Whether it is known without a search that nothing comes before `limit`.
    #[inline]
    pub(super) fn is_quiet_before(&self, limit: Turn) -> bool {
        limit <= self.quiet_until
    }

    /// The near events of later slots that come before `until` or soon after it, in no order of time.
    pub(super) fn coming(&self, until: Nanos) -> impl Iterator<Item = Happening> + '_ {
        let last = (until >> SLOT_BITS).min(self.slot + SLOTS - 1);
        let slots = self.slot + 1..=last;
        let occupied = |slot: &u64| {
            let slot = slot % SLOTS;
            self.occupied[(slot / 64) as usize] & 1 << (slot % 64) != 0
        };
        slots.filter(occupied).flat_map(|slot| {
            let first = self.pool.get(self.heads[(slot % SLOTS) as usize] as usize);
            let list = std::iter::successors(first, |due| self.pool.get(due.next as usize));
            list.map(|due| due.what)
        })
    }

    /// Takes the next event if it comes before `limit`.
    pub(super) fn pop_before(&mut self, limit: Turn) -> Option<(Nanos, Happening)> {
        loop {
            if let Some(next) = self.current.last() {
                self.quiet_until = next.turn;
                if next.turn >= limit {
                    return None;
                }
                return self.current.pop().map(|due| (due.turn.at(), due.what));
            }
            let Some(next) = self.next_slot() else {
                self.quiet_until = Turn::NEVER;
                return None;
            };
            self.quiet_until = Turn::first(next << SLOT_BITS);
            // No further than to the limit: what is added before it must still find its slot.
            let reached = next.min(limit.slot()).max(self.slot);
            self.slot = reached;
            self.fetch_far();
            if next > reached {
                return None;
            }
            self.collect();
        }
    }

    /// The next slot with an event in it, in the wheel or beyond.
    fn next_slot(&self) -> Option<u64> {
        if self.near == 0 {
            return self.far.peek().map(|Reverse((turn, _, _))| turn.slot());
        }
        let words = self.occupied.len() as u64;
        let first = (self.slot + 1) % SLOTS;
        let (word, bit) = (first / 64, first % 64);
        // The first word comes twice: its high bits at first, its low ones at the end.
        let mut bits = self.occupied[word as usize] & (u64::MAX << bit);
        let mut at = word;
        for _ in 0..=words {
            if bits != 0 {
                let found = at * 64 + u64::from(bits.trailing_zeros());
                return Some(self.slot + 1 + (found + SLOTS - first) % SLOTS);
            }
            at = (at + 1) % words;
            bits = self.occupied[at as usize];
        }
        None
    }

    /// Puts an event into the wheel, in front of its slot's list.
    #[inline]
    fn put(&mut self, turn: Turn, what: Happening) {
        let slot = (turn.slot() % SLOTS) as usize;
        let next = self.heads[slot];
        let place = self.free;
        if let Some(spare) = self.pool.get_mut(place as usize) {
            self.free = spare.next;
            *spare = Due { turn, what, next };
            self.heads[slot] = place;
        } else {
            self.heads[slot] = u32::try_from(self.pool.len()).unwrap_or(END);
            self.pool.push(Due { turn, what, next });
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.near += 1;
    }

    /// What was far is near now. It was added before anything that is near already, for that was far then, too.
    fn fetch_far(&mut self) {
        while let Some(Reverse((turn, _, what))) = self.far.peek().copied() {
            if turn.slot() >= self.slot + SLOTS {
                break;
            }
            self.far.pop();
            self.put(turn, what);
        }
    }

    /// Takes the list of the slot that was reached, in order.
    fn collect(&mut self) {
        let slot = (self.slot % SLOTS) as usize;
        let mut place = std::mem::replace(&mut self.heads[slot], END);
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        while let Some(due) = self.pool.get_mut(place as usize) {
            self.current.push(*due);
            let after = std::mem::replace(&mut due.next, self.free);
            self.free = place;
            place = after;
            self.near -= 1;
        }
        // The list has the latest first, and a stable order keeps equal turns so: the next one stands last.
        if self.current.len() > 1 {
            self.current.sort_by_key(|due| Reverse(due.turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_kind_and_then_in_the_order_of_their_coming() {
        let id = Id {
            index: 0,
            serial: 0,
        };
        let mut queue = Queue::default();
        queue.push(5, Happening::Alarm(0));
        queue.push(5, Happening::Arrive(id));
        queue.push(5, Happening::Head(id));
        queue.push(5, Happening::FillWhole(id));
        queue.push(5, Happening::Border);
        queue.push(3, Happening::Planned(1));
        queue.push(5, Happening::Check(0));
        queue.push(3, Happening::Planned(0));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_before(Turn::NEVER)).collect();
        assert_eq!(
            order,
            [
                (3, Happening::Planned(1)),
                (3, Happening::Planned(0)),
                (5, Happening::Border),
                (5, Happening::Check(0)),
                (5, Happening::FillWhole(id)),
                (5, Happening::Head(id)),
                (5, Happening::Arrive(id)),
                (5, Happening::Alarm(0)),
            ]
        );
    }

    #[test]
    fn a_limit_can_lie_within_an_instant() {
        let id = Id {
            index: 0,
            serial: 0,
        };
        let mut queue = Queue::default();
        queue.push(7, Happening::Arrive(id));
        queue.push(7, Happening::Head(id));
        assert_eq!(queue.pop_before(Turn::first(7)), None);
        let head = Some((7, Happening::Head(id)));
        assert_eq!(queue.pop_before(Turn::arrival(7)), head);
        assert_eq!(queue.pop_before(Turn::arrival(7)), None);
        let arrive = Some((7, Happening::Arrive(id)));
        assert_eq!(queue.pop_before(Turn::first(8)), arrive);
        assert_eq!(Turn::first(Nanos::MAX), Turn::NEVER);
    }

    #[test]
    fn what_comes_soon_can_be_seen_without_being_taken() {
        let slot = 1 << SLOT_BITS;
        let mut queue = Queue::default();
        let events = [
            (3 * slot, 3),
            (slot + 1, 1),
            (SLOTS * slot + slot, 9),
            (slot, 0),
            (slot / 2, 7),
            ((SLOTS - 1) * slot, 5),
        ];
        for (at, index) in events {
            queue.push(at, Happening::Planned(index));
        }
        let coming = |queue: &Queue, until| {
            let mut coming: Vec<_> = queue.coming(until).collect();
            coming.sort_unstable();
            coming
        };
        let planned = |indices: &[u32]| -> Vec<_> {
            let events = indices.iter().map(|index| Happening::Planned(*index));
            events.collect()
        };
        assert_eq!(
            coming(&queue, slot - 1),
            planned(&[]),
            "the slot of now is over soon"
        );
        assert_eq!(coming(&queue, 2 * slot), planned(&[0, 1]));
        assert_eq!(
            coming(&queue, Nanos::MAX),
            planned(&[0, 1, 3, 5]),
            "near ones alone"
        );
        for _ in 0..3 {
            queue.pop_before(Turn::NEVER);
        }
        assert_eq!(
            coming(&queue, 3 * slot),
            planned(&[3]),
            "what was taken is gone"
        );
    }

    #[test]
    fn it_agrees_with_a_heap_near_and_far_and_up_to_a_limit() {
        let mut queue = Queue::default();
        let mut heap = BinaryHeap::new();
        let (mut now, mut seed, mut sequence) = (0u64, 1u64, 0u64);
        for step in 0..200_000u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bits = seed >> 33;
            if bits & 3 != 0 {
                // From the same instant to some seconds ahead; many ties.
                let ahead = (bits >> 8) % (1 << ((bits >> 2) % 33));
                let at = now + (ahead & !0xff);
                sequence += 1;
                queue.push(at, Happening::Planned(step));
                heap.push(Reverse((at, sequence, step)));
                continue;
            }
            let limit = match bits & 4 {
                0 => Nanos::MAX,
                _ => now + (bits >> 8) % 1_000_000,
            };
            let expected = match heap.peek() {
                Some(Reverse((at, _, _))) if *at < limit => heap.pop(),
                _ => None,
            };
            let expected = expected.map(|Reverse((at, _, step))| (at, Happening::Planned(step)));
            assert_eq!(
                queue.pop_before(Turn::first(limit)),
                expected,
                "step {step}"
            );
            now = expected.map_or(if limit == Nanos::MAX { now } else { limit }, |(at, _)| at);
        }
    }
}
