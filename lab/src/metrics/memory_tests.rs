use super::*;
use crate::metrics::classify::judge;
use crate::metrics::testing::{SECOND, by, forwarded, hit, observation, shape};
use crate::observe::{Fwd, Handling};

/// Plays requests for one object at (seconds, variant, handling), and gives what was remembered.
fn visit(memory: &mut Memory, seconds: u64, variant: u16, handling: Handling) -> Remembered {
    let mut observation = observation(4, seconds * SECOND, Ok(by(handling)));
    observation.variant = variant;
    memory.visit(&observation, &judge(&observation, &shape()))
}

const STORED: Handling = Handling::Forwarded {
    why: Fwd::UriMiss,
    status: None,
    stored: true,
    collapsed: false,
    failed: false,
};

#[test]
fn each_miss_has_its_cause() {
    let mut memory = Memory::new(&shape());
    let mut cause =
        |seconds, variant, handling| visit(&mut memory, seconds, variant, handling).cause;
    assert_eq!(cause(0, 0, STORED), Some(Cause::Cold));
    assert_eq!(cause(1, 0, hit(Some(9))), None);
    assert_eq!(
        cause(2, 1, forwarded(Fwd::VaryMiss, None, true)),
        Some(Cause::Vary)
    );
    assert_eq!(
        cause(2, 2, forwarded(Fwd::Miss, None, true)),
        Some(Cause::Vary)
    );
    assert_eq!(cause(3, 0, STORED), Some(Cause::Evicted));
    assert_eq!(cause(14, 0, STORED), Some(Cause::Expired));
    assert_eq!(
        cause(25, 0, forwarded(Fwd::Stale, Some(200), false)),
        Some(Cause::Expired)
    );
    assert_eq!(
        cause(26, 0, forwarded(Fwd::UriMiss, None, false)),
        Some(Cause::NotStored)
    );
    assert_eq!(cause(27, 0, STORED), Some(Cause::NotStored));
    // A refresh in the background is seen by the hit that it makes possible.
    assert_eq!(cause(38, 0, hit(Some(-1))), None);
    assert_eq!(cause(47, 0, STORED), Some(Cause::Evicted));
    assert_eq!(cause(60, 0, hit(Some(3))), None);
    assert_eq!(cause(69, 0, STORED), Some(Cause::Evicted));
}

#[test]
fn purges_and_restarts_explain_what_comes_after_them_once() {
    let mut memory = Memory::new(&shape());
    visit(&mut memory, 0, 0, STORED);
    memory.purged(&[0], 0, 4, SECOND);
    assert_eq!(visit(&mut memory, 2, 0, STORED).cause, Some(Cause::Purged));
    assert_eq!(visit(&mut memory, 3, 0, STORED).cause, Some(Cause::Evicted));
    memory.emptied(0, 4 * SECOND);
    assert_eq!(visit(&mut memory, 5, 0, STORED).cause, Some(Cause::Cold));
    assert_eq!(visit(&mut memory, 6, 0, STORED).cause, Some(Cause::Evicted));
}

#[test]
fn an_infinite_cache_hits_whatever_is_unexpired() {
    let mut memory = Memory::new(&shape());
    let offered: Vec<_> = [0, 4, 9, 11, 20, 22]
        .map(|seconds| visit(&mut memory, seconds, 0, STORED).offered)
        .into();
    assert_eq!(offered, [false, true, true, false, true, false]);
}

#[test]
fn memory_does_not_grow_with_requests() {
    let mut memory = Memory::new(&shape());
    for second in 0..10_000 {
        visit(&mut memory, second, (second % 3) as u16, STORED);
    }
    let pages = memory.known.iter().flat_map(|known| &known.pages);
    assert_eq!(pages.flatten().count(), 1);
    assert_eq!(size_of::<Entry>(), 8);
}

#[test]
fn far_objects_take_no_room_for_those_between_them() {
    let mut memory = Memory::new(&shape());
    for object in [0, 7_000_000, 4] {
        let observation = observation(object, SECOND, Ok(by(STORED)));
        let judged = judge(&observation, &shape());
        let remembered = memory.visit(&observation, &judged);
        assert_eq!(remembered.cause, Some(Cause::Cold));
        let again = memory.visit(&observation, &judged);
        assert_eq!(again.cause, Some(Cause::Evicted));
    }
    let pages = memory.known.iter().flat_map(|known| &known.pages);
    assert_eq!(pages.flatten().count(), 2);
}
