//! Methods other than GET, clients' conditions, and what answers do to the store.

use super::tests::*;
use super::*;
use crate::{Digest, NotStorable};

#[test]
fn unsafe_methods_pass_and_invalidate() {
    let request = RequestKind::plain(MethodClass::Unsafe);
    for (status, keep) in [
        (200, Keep::Forget),
        (303, Keep::Forget),
        (404, Keep::Nothing),
    ] {
        let (mut exchange, action) = Exchange::begin(&policy(), request, T0);
        assert!(matches!(
            action,
            Action::Forward(Forward {
                why: Fwd::Method,
                passes: true,
                ..
            })
        ));
        let event = Event::Upstream(answer(status, Err(NotStorable::Method), T0));
        let found = reply(exchange.handle(&policy(), event, T0));
        assert_eq!(found.keep, keep, "{status}");
    }
}

/// The kind of a request with one field line.
fn kind(method: http::Method, name: http::HeaderName, value: &'static str) -> RequestKind {
    let mut headers = http::HeaderMap::new();
    headers.insert(name, http::HeaderValue::from_static(value));
    RequestKind::of_parts(&method, &headers, &policy())
}

fn last(policy: &Policy, request: RequestKind, events: &[Event]) -> Action {
    let (mut exchange, mut action) = Exchange::begin(policy, request, T0);
    for event in events {
        action = exchange.handle(policy, *event, at(10));
    }
    action
}

#[test]
fn a_clients_condition_goes_upstream_where_nothing_is_stored() {
    let asked = kind(http::Method::GET, http::header::IF_NONE_MATCH, "\"a\"");
    let miss = Event::Found(Lookup::Miss);
    let Action::Forward(forward) = last(&policy(), asked, &[miss]) else {
        panic!("forwarded alone");
    };
    assert!(forward.passes && !forward.leads && !forward.conditional);
    // Its 304 is for the client alone, whatever the fields of the 304 would allow.
    let not_modified = Event::Upstream(answer(304, Ok(fresh()), at(10)));
    let found = reply(last(&policy(), asked, &[miss, not_modified]));
    assert_eq!((found.from, found.keep), (From::Upstream, Keep::Nothing));
    assert!(!found.handling.stored);
    // Its 200 is everybody's.
    let whole = Event::Upstream(answer(200, Ok(fresh()), at(10)));
    let found = reply(last(&policy(), asked, &[miss, whole]));
    assert_eq!(found.keep, Keep::Response);
    // With something stored, it stays here.
    let stored = Event::Found(Lookup::Hit(stale(fresh())));
    assert_eq!(last(&policy(), asked, &[stored]), Action::Join);
    let held = Policy {
        forward_conditions: false,
        ..policy()
    };
    assert_eq!(last(&held, asked, &[miss]), Action::Join);
}

#[test]
fn what_unsafe_methods_do_to_the_store() {
    let asked = RequestKind::plain(MethodClass::Unsafe);
    let keep = |status, storable| {
        let event = Event::Upstream(answer(status, storable, at(10)));
        let found = reply(last(&policy(), asked, &[event]));
        (found.keep, found.handling.stored)
    };
    let not = Err(NotStorable::Method);
    for status in [200, 204, 301, 303, 399] {
        assert_eq!(keep(status, not), (Keep::Forget, false), "{status}");
    }
    for status in [400, 404, 500, 503] {
        assert_eq!(keep(status, not), (Keep::Nothing, false), "{status}");
    }
    assert_eq!(keep(200, Ok(fresh())), (Keep::Replace, true));
}

#[test]
fn an_answer_to_head_is_held_against_what_is_stored() {
    let asked = RequestKind::plain(MethodClass::Head);
    let keep = |lookup, status| {
        let event = Event::Upstream(answer(status, Err(NotStorable::Method), at(10)));
        reply(last(&policy(), asked, &[Event::Found(lookup), event])).keep
    };
    assert_eq!(keep(Lookup::Hit(stale(fresh())), 200), Keep::Compare);
    assert_eq!(keep(Lookup::Hit(stale(fresh())), 404), Keep::Nothing);
    assert_eq!(keep(Lookup::Miss, 200), Keep::Nothing);
}

#[test]
fn what_a_304_and_its_handling_say() {
    let start = [Event::Found(Lookup::Hit(stale(fresh()))), Event::Lead];
    for (storable, keep, stored) in [
        (Ok(fresh()), Keep::Update, true),
        (Err(NotStorable::NoStore), Keep::Forget, false),
    ] {
        let event = Event::Upstream(answer(304, storable, at(10)));
        let found = reply(play(&policy(), &[&start[..], &[event]].concat()));
        assert_eq!((found.from, found.keep), (From::Updated, keep));
        assert_eq!(found.handling.stored, stored);
        assert_eq!(found.handling.ttl, stored.then_some(5_000));
        let detail = storable.err().map(Detail::NotStored);
        assert_eq!(found.handling.detail, detail);
    }
}

#[test]
fn what_is_not_to_be_stored_leaves_nothing() {
    let start = [Event::Found(Lookup::Miss), Event::Lead];
    let keep = |policy: &Policy, status| {
        let event = Event::Upstream(answer(status, Err(NotStorable::NoStore), at(10)));
        reply(play(policy, &[&start[..], &[event]].concat())).keep
    };
    let until = at(10).plus(policy().hit_for_miss_ms);
    assert_eq!(keep(&policy(), 200), Keep::HitForMiss { until });
    assert_eq!(keep(&policy(), 500), Keep::Nothing);
    let without = Policy {
        hit_for_miss_ms: 0,
        ..policy()
    };
    assert_eq!(keep(&without, 200), Keep::Nothing);
}

#[test]
fn a_stale_answer_for_an_error_tells_how_stale() {
    let digest = Digest {
        stale_if_error: 60_000,
        ..fresh()
    };
    let events = [
        Event::Found(Lookup::Hit(stale(digest))),
        Event::Lead,
        Event::Upstream(answer(503, Err(NotStorable::NoFreshness), at(10))),
    ];
    let found = reply(play(&policy(), &events));
    assert_eq!(found.from, From::Stored);
    assert_eq!(found.handling.ttl, Some(-1_010));
    assert_eq!(found.handling.fwd_status, Some(503));
}

#[test]
fn requests_own_words_where_they_are_heeded() {
    let policy = Policy {
        request_directives: true,
        ..policy()
    };
    let asked = |directives: &'static str| {
        let mut headers = http::HeaderMap::new();
        let value = http::HeaderValue::from_static(directives);
        headers.insert(http::header::CACHE_CONTROL, value);
        RequestKind::of_parts(&http::Method::GET, &headers, &policy)
    };
    let stored = Event::Found(Lookup::Hit(stale(fresh())));
    let found = reply(last(&policy, asked("max-stale=60"), &[stored]));
    assert_eq!(found.from, From::Stored);
    assert_eq!(found.handling.detail, Some(Detail::MaxStale));
    // RFC 9111 section 5.2.1.5: nothing of the answer is stored, whatever the answer allows.
    let whole = Event::Upstream(answer(200, Ok(fresh()), at(10)));
    let miss = Event::Found(Lookup::Miss);
    let events = [miss, whole];
    let found = reply(last(&policy, asked("no-store"), &events));
    assert_eq!((found.from, found.keep), (From::Upstream, Keep::Nothing));
    // A lifetime is told of what is stored.
    assert_eq!(found.handling.ttl, None);
}
