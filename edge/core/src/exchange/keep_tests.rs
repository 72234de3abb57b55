//! Methods other than GET, clients' conditions, and what answers do to the store.

use super::tests::*;
use super::*;
use crate::NotStorable;

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
