use super::*;
use crate::{Class, Digest, Millis, NotStorable, UpstreamError};

pub(super) const T0: Timestamp = Timestamp(1_000_000_000);

pub(super) fn policy() -> Policy {
    Policy::default()
}

pub(super) fn at(ms: Millis) -> Timestamp {
    T0.plus(ms)
}

pub(super) fn fresh() -> Digest {
    Digest::fresh_for(5_000)
}

/// A stored response that has been stale for a second at `T0`.
pub(super) fn stale(digest: Digest) -> Stored {
    Stored {
        digest,
        born: T0.minus(digest.lifetime + 1_000),
    }
}

pub(super) fn answer(status: u16, storable: Result<Digest, NotStorable>, now: Timestamp) -> Answer {
    Answer {
        status,
        storable,
        born: now,
        received: now,
    }
}

pub(super) fn begin() -> Exchange {
    let (exchange, action) = Exchange::begin(&policy(), RequestKind::PLAIN, T0);
    assert_eq!(action, Action::Lookup);
    exchange
}

/// Plays events to a plain GET and returns the last action.
pub(super) fn play(policy: &Policy, events: &[Event]) -> Action {
    let (mut exchange, mut action) = Exchange::begin(policy, RequestKind::PLAIN, T0);
    for event in events {
        action = exchange.handle(policy, *event, at(10));
    }
    action
}

pub(super) fn reply(action: Action) -> Reply {
    match action {
        Action::Reply(reply) => reply,
        other => panic!("no reply: {other:?}"),
    }
}

pub(super) fn class(reply: &Reply, status: u16) -> Class {
    reply.handling.class(status)
}

#[test]
fn a_miss_leads_and_is_stored() {
    let answer = answer(200, Ok(fresh()), at(10));
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Lead,
            Event::Upstream(answer),
        ],
    ));
    assert_eq!(found.from, From::Upstream);
    assert_eq!(found.keep, Keep::Response);
    assert_eq!(found.land, Some(Landing::Shared(answer)));
    assert_eq!(class(&found, 200), Class::Miss);
    assert_eq!(found.handling.ttl, Some(5_000));
}

#[test]
fn a_follower_shares() {
    let mut exchange = begin();
    let policy = policy();
    assert_eq!(
        exchange.handle(&policy, Event::Found(Lookup::Miss), at(0)),
        Action::Join
    );
    let wait = exchange.handle(&policy, Event::Following, at(0));
    assert_eq!(wait, Action::Wait { until: at(10_000) });
    // Its lifetime is used up by the way here: those who waited may have it all the same.
    let used_up = Answer {
        born: at(-6_000),
        ..answer(200, Ok(fresh()), at(50))
    };
    let event = Event::Landed(Landing::Shared(used_up));
    let found = reply(exchange.handle(&policy, event, at(50)));
    assert_eq!(
        (found.from, found.keep, found.land),
        (From::Flight, Keep::Nothing, None)
    );
    assert_eq!(class(&found, 200), Class::Coalesced);
}

#[test]
fn who_comes_late_gets_fresh_answers_only() {
    let policy = policy();
    let old = Answer {
        received: at(-9_000),
        born: at(-9_000),
        ..answer(200, Ok(fresh()), T0)
    };
    let action = play(
        &policy,
        &[
            Event::Found(Lookup::Miss),
            Event::Landed(Landing::Shared(old)),
        ],
    );
    assert!(matches!(
        action,
        Action::Forward(Forward { leads: false, .. })
    ));
    let young = Answer {
        received: at(-1_000),
        born: at(-1_000),
        ..old
    };
    let action = play(
        &policy,
        &[
            Event::Found(Lookup::Miss),
            Event::Landed(Landing::Shared(young)),
        ],
    );
    let found = reply(action);
    assert_eq!(found.from, From::Flight);
    // What Cache-Status tells of a shared answer is what it would tell of an own one.
    let Handling {
        collapsed,
        fwd_status,
        ttl,
        ..
    } = found.handling;
    assert_eq!((collapsed, fwd_status), (true, Some(200)));
    // A play happens at 10 ms.
    assert_eq!(ttl, Some(fresh().lifetime - 1_010));
}

#[test]
fn a_shared_validation_tells_the_same_as_an_own_one() {
    let stored = Stored {
        digest: fresh(),
        born: at(-1_000),
    };
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Landed(Landing::NotModified(stored)),
        ],
    ));
    let ttl = Some(fresh().lifetime - 1_010);
    assert_eq!(found.from, From::Updated);
    assert_eq!(
        (found.handling.fwd_status, found.handling.ttl),
        (Some(304), ttl)
    );
}

#[test]
fn a_validation_that_says_no_cache_is_for_one_request_alone() {
    let stored = Stored {
        digest: Digest {
            flags: crate::Flags::VALIDATOR.with(crate::Flags::NO_CACHE),
            ..fresh()
        },
        born: T0,
    };
    let landed = Event::Landed(Landing::NotModified(stored));
    let action = play(&policy(), &[Event::Found(Lookup::Miss), landed]);
    assert!(matches!(
        action,
        Action::Forward(Forward { leads: false, .. })
    ));
}

#[test]
fn an_error_answer_lands_as_such_and_has_no_lifetime() {
    let unavailable = answer(503, Err(NotStorable::NoFreshness), at(10));
    let events = [
        Event::Found(Lookup::Miss),
        Event::Lead,
        Event::Upstream(unavailable),
    ];
    let found = reply(play(&policy(), &events));
    assert_eq!(found.land, Some(Landing::ErrorAnswer { status: 503 }));
    assert_eq!((found.handling.ttl, found.handling.stored), (None, false));
}

#[test]
fn an_answer_that_cannot_be_shared_leaves_a_mark() {
    let refused = answer(200, Err(NotStorable::NoStore), at(10));
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Lead,
            Event::Upstream(refused),
        ],
    ));
    assert_eq!(found.keep, Keep::HitForMiss { until: at(10_010) });
    assert_eq!(found.land, Some(Landing::NotShareable));
    assert_eq!(class(&found, 200), Class::Pass);
    // Waiters and those who find the mark go each by itself, and take their preconditions along.
    let waiter = play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Following,
            Event::Landed(Landing::NotShareable),
        ],
    );
    assert!(matches!(
        waiter,
        Action::Forward(Forward { leads: false, .. })
    ));
    let marked = play(&policy(), &[Event::Found(Lookup::HitForMiss)]);
    assert!(matches!(
        marked,
        Action::Forward(Forward {
            leads: false,
            passes: true,
            ..
        })
    ));
}

#[test]
fn a_failed_leader_hands_over_once() {
    let policy = policy();
    let mut exchange = begin();
    let failed = Event::Landed(Landing::Failed(UpstreamError::Refused));
    let _ = exchange.handle(&policy, Event::Found(Lookup::Miss), at(0));
    let _ = exchange.handle(&policy, Event::Following, at(0));
    assert_eq!(exchange.handle(&policy, failed, at(1)), Action::Join);
    let _ = exchange.handle(&policy, Event::Following, at(1));
    let found = reply(exchange.handle(&policy, failed, at(2)));
    assert_eq!(found.from, From::Synthetic(502));
    assert_eq!(
        found.handling.detail,
        Some(Detail::Upstream(UpstreamError::Refused))
    );
    assert_eq!(class(&found, 502), Class::Error);
}

#[test]
fn the_heir_leads() {
    let failed = Event::Landed(Landing::Failed(UpstreamError::Closed));
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Following,
            failed,
            Event::Lead,
            Event::Failed(UpstreamError::FirstByteTimeout),
        ],
    ));
    assert_eq!(found.from, From::Synthetic(504));
    assert_eq!(
        found.land,
        Some(Landing::Failed(UpstreamError::FirstByteTimeout))
    );
}

#[test]
fn waits_are_bounded() {
    let action = play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Following,
            Event::WaitExpired,
        ],
    );
    assert!(matches!(
        action,
        Action::Forward(Forward { leads: false, .. })
    ));
}

#[test]
fn validation() {
    let stored = stale(fresh());
    let start = [Event::Found(Lookup::Hit(stored)), Event::Lead];
    let forward = play(&policy(), &start);
    let expected = Forward {
        why: Fwd::Stale,
        conditional: true,
        leads: true,
        passes: false,
    };
    assert_eq!(forward, Action::Forward(expected));

    let valid = answer(304, Ok(fresh()), at(10));
    let found = reply(play(
        &policy(),
        &[start[0], start[1], Event::Upstream(valid)],
    ));
    assert_eq!((found.from, found.keep), (From::Updated, Keep::Update));
    let updated = Stored {
        digest: fresh(),
        born: at(10),
    };
    assert_eq!(found.land, Some(Landing::NotModified(updated)));
    assert_eq!(class(&found, 200), Class::Revalidated);

    let new = answer(200, Ok(fresh()), at(10));
    let found = reply(play(&policy(), &[start[0], start[1], Event::Upstream(new)]));
    assert_eq!((found.from, found.keep), (From::Upstream, Keep::Response));
    assert_eq!(class(&found, 200), Class::Expired);

    let forbidden = answer(304, Err(NotStorable::NoStore), at(10));
    let found = reply(play(
        &policy(),
        &[start[0], start[1], Event::Upstream(forbidden)],
    ));
    assert_eq!((found.from, found.keep), (From::Updated, Keep::Forget));
    assert_eq!(found.land, Some(Landing::NotShareable));

    let again = play(&policy(), &[start[0], start[1], Event::Mismatch]);
    assert_eq!(
        again,
        Action::Forward(Forward {
            conditional: false,
            ..expected
        })
    );
}

#[test]
fn a_304_that_nobody_asked_for_is_no_answer() {
    let odd = answer(304, Err(NotStorable::NotModified), at(10));
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Miss),
            Event::Lead,
            Event::Upstream(odd),
        ],
    ));
    assert_eq!(found.from, From::Synthetic(502));
    assert!(matches!(found.land, Some(Landing::Failed(_))));
}

#[test]
fn a_store_that_changed_meanwhile_is_looked_at_again() {
    let policy = policy();
    let mut exchange = begin();
    let _ = exchange.handle(&policy, Event::Found(Lookup::Miss), T0);
    let newer = Stored {
        digest: fresh(),
        born: T0,
    };
    let found = reply(exchange.handle(&policy, Event::Found(Lookup::Hit(newer)), at(1)));
    assert_eq!(class(&found, 200), Class::Hit);
    // And not for ever.
    let mut exchange = begin();
    let mut action = exchange.handle(&policy, Event::Found(Lookup::Miss), T0);
    for _ in 0..PATIENCE {
        assert_eq!(action, Action::Join);
        action = exchange.handle(&policy, Event::Found(Lookup::Miss), T0);
    }
    assert!(matches!(
        action,
        Action::Forward(Forward { leads: false, .. })
    ));
}

/// A follower of a flight that failed, which then has to go upstream by itself and fails there, too.
#[test]
fn an_own_failure_is_not_a_shared_one() {
    let error = UpstreamError::FirstByteTimeout;
    let shared = [
        Event::Found(Lookup::Miss),
        Event::Following,
        Event::Landed(Landing::Failed(error)),
        Event::Following,
    ];
    let ends = |last: &[Event]| reply(play(&policy(), &[&shared, last].concat()));
    let own = ends(&[Event::WaitExpired, Event::Failed(error)]);
    assert!(!own.handling.collapsed);
    let second = ends(&[Event::Landed(Landing::Failed(error))]);
    assert!(second.handling.collapsed);
}
