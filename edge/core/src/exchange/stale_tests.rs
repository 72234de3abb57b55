use super::{
    tests::{T0, answer, at, class, fresh, play, policy, reply, stale},
    *,
};
use crate::{Class, Digest, Flags, NotStorable, UpstreamError};

#[test]
fn stale_while_revalidate_refreshes_once() {
    let digest = Digest {
        stale_while_revalidate: 10_000,
        ..fresh()
    };
    let stored = stale(digest);
    let found = reply(play(&policy(), &[Event::Found(Lookup::Hit(stored))]));
    assert!(found.refresh);
    assert_eq!(class(&found, 200), Class::HitStaleSwr);
    assert_eq!(found.handling.detail, Some(Detail::StaleWhileRevalidate));
    // The second refresh finds the first under way.
    let (mut second, action) = Exchange::refresh(&policy(), stored, T0);
    assert_eq!(action, Action::Join);
    let found = reply(second.handle(&policy(), Event::Following, T0));
    assert_eq!((found.from, found.keep), (From::Nobody, Keep::Nothing));
    // The first validates, and lands its flight.
    let (mut first, _) = Exchange::refresh(&policy(), stored, T0);
    let forward = first.handle(&policy(), Event::Lead, T0);
    assert!(matches!(
        forward,
        Action::Forward(Forward {
            why: Fwd::Stale,
            conditional: true,
            leads: true,
            ..
        })
    ));
    assert!(!first.is_done());
    let event = Event::Upstream(answer(304, Ok(digest), at(10)));
    let found = reply(first.handle(&policy(), event, at(10)));
    assert_eq!((found.from, found.keep), (From::Nobody, Keep::Update));
    assert!(matches!(found.land, Some(Landing::NotModified(_))));
    assert!(first.is_done());
}

#[test]
fn stale_if_error() {
    let digest = Digest {
        stale_if_error: 10_000,
        ..fresh()
    };
    let strict = Digest {
        flags: Flags::VALIDATOR.with(Flags::MUST_REVALIDATE),
        ..digest
    };
    let unavailable = Event::Upstream(answer(503, Err(NotStorable::NoFreshness), at(10)));
    let down = Event::Failed(UpstreamError::Refused);
    let check = |digest: Digest, event: Event, from: From, expected: Class| {
        let stored = stale(digest);
        let found = reply(play(
            &policy(),
            &[Event::Found(Lookup::Hit(stored)), Event::Lead, event],
        ));
        assert_eq!(found.from, from, "{digest:?} {event:?}");
        let status = if let From::Synthetic(status) = from {
            status
        } else {
            200
        };
        let status = if from == From::Upstream { 503 } else { status };
        assert_eq!(class(&found, status), expected);
        assert!(found.land.is_some());
        assert_eq!(found.keep, Keep::Nothing);
    };
    check(digest, unavailable, From::Stored, Class::HitStaleError);
    check(digest, down, From::Stored, Class::HitStaleError);
    check(fresh(), unavailable, From::Upstream, Class::Error);
    check(fresh(), down, From::Stored, Class::HitStaleError);
    check(strict, unavailable, From::Upstream, Class::Error);
    check(strict, down, From::Synthetic(504), Class::Error);
    // Followers of a leader that got the error answer stand on their own stored response.
    let found = reply(play(
        &policy(),
        &[
            Event::Found(Lookup::Hit(stale(digest))),
            Event::Following,
            Event::Landed(Landing::ErrorAnswer { status: 503 }),
        ],
    ));
    assert_eq!(found.from, From::Stored);
    assert_eq!(class(&found, 200), Class::HitStaleError);
    // Cache-Status tells of it what it tells of the leader's.
    let handling = found.handling;
    assert_eq!(
        (handling.fwd_status, handling.ttl, handling.detail),
        (Some(503), Some(-1_010), Some(Detail::StaleIfError))
    );
}

#[test]
fn no_cache_responses_are_not_waited_for() {
    let digest = Digest {
        flags: Flags::VALIDATOR.with(Flags::NO_CACHE),
        ..fresh()
    };
    let stored = Stored { digest, born: T0 };
    let action = play(&policy(), &[Event::Found(Lookup::Hit(stored))]);
    let expected = Forward {
        why: Fwd::Stale,
        conditional: true,
        leads: false,
        passes: false,
    };
    assert_eq!(action, Action::Forward(expected));
}

#[test]
fn a_refresh_that_meets_an_error_leaves_the_stale_response() {
    let digest = Digest {
        stale_while_revalidate: 10_000,
        ..fresh()
    };
    // Even an error that may be stored, by a policy with a lifetime for errors.
    let error = Digest {
        status: 503,
        ..fresh()
    };
    let (mut refresh, _) = Exchange::refresh(&policy(), stale(digest), T0);
    let _ = refresh.handle(&policy(), Event::Lead, T0);
    let event = Event::Upstream(answer(503, Ok(error), at(10)));
    let found = reply(refresh.handle(&policy(), event, at(10)));
    assert_eq!((found.from, found.keep), (From::Nobody, Keep::Nothing));
    assert!(found.land.is_some());
}
