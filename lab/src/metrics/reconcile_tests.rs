use super::*;
use crate::metrics::classify::judge;
use crate::metrics::testing::{MS, by, forwarded, hit, observation, shape};
use crate::observe::{Failure, Fwd, Handling};

const MISS: Handling = Handling::Forwarded {
    why: Fwd::UriMiss,
    status: None,
    stored: true,
    collapsed: false,
    failed: false,
};

struct Both(Reconciliation);

impl Both {
    fn client(&mut self, step: u64, handling: Handling) -> &mut Self {
        let mut observation = observation(0, step * MS, Ok(by(handling)));
        observation.step = step;
        self.0.observe(&observation, &judge(&observation, &shape()));
        self
    }

    fn failed(&mut self, step: u64) -> &mut Self {
        let mut observation = observation(0, step * MS, Err(Failure::Deadline));
        observation.step = step;
        self.0.observe(&observation, &judge(&observation, &shape()));
        self
    }

    fn origin(&mut self, id: RequestId, body_bytes: u64) -> &mut Self {
        self.0.origin(&OriginRecord {
            id,
            at: MS,
            object: None,
            status: 200,
            body_bytes,
            conditional: false,
        });
        self
    }
}

fn sums(play: impl FnOnce(&mut Both)) -> Sums {
    let mut both = Both(Reconciliation::default());
    play(&mut both);
    both.0.finish()
}

#[test]
fn both_orders_match_and_hits_leave_nothing() {
    let sums = sums(|both| {
        both.client(1, MISS)
            .origin(RequestId::Step(1), 1000)
            .client(2, hit(Some(1)));
        both.origin(RequestId::Step(3), 1000).client(3, MISS);
        both.client(4, forwarded(Fwd::Stale, Some(304), true))
            .origin(RequestId::Step(4), 0);
        both.origin(
            RequestId::Background {
                node: Some(0),
                number: 1,
            },
            1000,
        );
        assert_eq!(both.0.open.len(), 3);
    });
    let expected = Sums {
        claimed: 3,
        matched: 3,
        background: 1,
        records: 4,
        bytes: 3000,
        ..Sums::default()
    };
    assert_eq!(sums, expected);
    assert!(sums.agrees());
}

#[test]
fn every_disagreement_has_its_own_count() {
    let check = |play: fn(&mut Both), expected: Sums| {
        let sums = sums(play);
        assert_eq!(sums, expected);
        assert!(!sums.agrees());
    };
    let one = Sums {
        records: 1,
        bytes: 1000,
        ..Sums::default()
    };
    check(
        |both| _ = both.client(1, MISS),
        Sums {
            claimed: 1,
            unseen: 1,
            ..Sums::default()
        },
    );
    let unclaimed = Sums {
        unclaimed: 1,
        ..one.clone()
    };
    check(
        |both| _ = both.client(1, hit(None)).origin(RequestId::Step(1), 1000),
        unclaimed.clone(),
    );
    check(
        |both| _ = both.origin(RequestId::Step(1), 1000).client(1, hit(None)),
        unclaimed,
    );
    check(
        |both| _ = both.origin(RequestId::Foreign, 1000),
        Sums { foreign: 1, ..one },
    );
    let short = Sums {
        claimed: 1,
        matched: 1,
        differing: 1,
        difference: 1,
        records: 1,
        bytes: 999,
        ..Sums::default()
    };
    check(
        |both| _ = both.client(1, MISS).origin(RequestId::Step(1), 999),
        short,
    );
}

#[test]
fn failures_and_repetitions_are_explained() {
    let sums = sums(|both| {
        both.failed(1).origin(RequestId::Step(1), 10).failed(2);
        both.client(3, MISS)
            .origin(RequestId::Step(3), 5)
            .origin(RequestId::Step(3), 1000);
    });
    assert!(sums.agrees());
    assert_eq!((sums.abandoned, sums.repeated, sums.matched), (1, 1, 1));
}

#[test]
fn settling_keeps_what_may_still_come_and_drops_the_rest() {
    let mut both = Both(Reconciliation::default());
    for step in 0..1000 {
        both.client(step, MISS).origin(RequestId::Step(step), 1000);
    }
    // Requests are done 20 ms after they were sent.
    both.0.settle(520 * MS);
    assert_eq!(both.0.open.len(), 500);
    both.0.settle(Nanos::MAX);
    assert!(both.0.open.is_empty());
    assert_eq!(both.0.sums.matched, 1000);
}

/// The client waited for a second; the request lay in a cut, and came to the origin when the cut healed.
#[test]
fn what_was_given_up_is_still_known_when_it_reaches_the_origin_late() {
    let late = |seconds: u64| {
        let mut both = Both(Reconciliation::default());
        both.failed(1000).failed(2000);
        both.0.settle(seconds * 1000 * MS);
        both.origin(RequestId::Step(1000), 1000);
        both.0.finish()
    };
    assert_eq!((late(12).abandoned, late(12).unclaimed), (1, 0));
    // Memory holds it for a minute, not for ever.
    assert_eq!((late(90).abandoned, late(90).unclaimed), (0, 1));
}
