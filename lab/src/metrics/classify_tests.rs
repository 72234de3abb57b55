use super::*;
use crate::metrics::testing::{self, answer, forwarded, hit, observation};
use crate::observe::{Failure, Hop, Path, RequestClass as Class, Verified};

fn class(status: u16, path: &[Handling]) -> Class {
    let shape = testing::shape();
    let hops: Vec<_> = path
        .iter()
        .map(|handling| Hop {
            node: None,
            handling: *handling,
        })
        .collect();
    let observation = observation(
        0,
        0,
        Ok(Answer {
            status,
            path: Path::of(&hops),
            ..answer()
        }),
    );
    judge(&observation, &shape).class
}

#[test]
fn each_rule_of_metrics_gives_its_class() {
    let check = |status, path: &[Handling], expected| {
        assert_eq!(class(status, path), expected, "{status} {path:?}")
    };
    let fwd = |why| forwarded(why, None, false);
    check(200, &[hit(Some(5))], Class::Hit);
    check(200, &[hit(Some(0))], Class::Hit);
    check(200, &[hit(None)], Class::Hit);
    check(304, &[hit(Some(5))], Class::Hit);
    check(200, &[hit(Some(-1))], Class::HitStaleSwr);
    check(404, &[hit(Some(5))], Class::HitNegative);
    check(503, &[hit(Some(-5))], Class::HitNegative);
    check(
        200,
        &[forwarded(Fwd::Stale, Some(503), false)],
        Class::HitStaleError,
    );
    check(
        200,
        &[forwarded(Fwd::Stale, Some(304), true)],
        Class::Revalidated,
    );
    check(
        304,
        &[forwarded(Fwd::Stale, Some(304), true)],
        Class::Revalidated,
    );
    check(
        200,
        &[forwarded(Fwd::Stale, Some(200), true)],
        Class::Expired,
    );
    check(200, &[fwd(Fwd::Stale)], Class::Expired);
    check(503, &[fwd(Fwd::Stale)], Class::Error);
    for why in [
        Fwd::UriMiss,
        Fwd::VaryMiss,
        Fwd::Miss,
        Fwd::Partial,
        Fwd::Bypass,
    ] {
        check(200, &[fwd(why)], Class::Miss);
    }
    for why in [Fwd::Method, Fwd::Request] {
        check(200, &[fwd(why)], Class::Pass);
    }
    check(502, &[fwd(Fwd::UriMiss)], Class::Error);
    check(302, &[Handling::Own], Class::Synthetic);
    check(504, &[Handling::Own], Class::Synthetic);
    check(508, &[Handling::Own], Class::Synthetic);
    check(502, &[Handling::Own], Class::Error);
    check(200, &[fwd(Fwd::UriMiss), hit(Some(-3))], Class::Miss);
    check(503, &[fwd(Fwd::UriMiss), hit(Some(3))], Class::Miss);
    check(200, &[hit(Some(1)), fwd(Fwd::Stale)], Class::Hit);
    check(200, &[], Class::Miss);
}

#[test]
fn a_collapsed_request_is_coalesced_whatever_it_waited_for() {
    for why in [Fwd::UriMiss, Fwd::Stale] {
        let collapsed = Handling::Forwarded {
            why,
            status: None,
            stored: false,
            collapsed: true,
            failed: false,
        };
        assert_eq!(class(200, &[collapsed]), Class::Coalesced);
        assert_eq!(class(502, &[collapsed]), Class::Error);
    }
}

#[test]
fn an_upstream_failure_without_a_status_counts_by_its_detail() {
    let failed = Handling::Forwarded {
        why: Fwd::Stale,
        status: None,
        stored: false,
        collapsed: false,
        failed: true,
    };
    assert_eq!(class(200, &[failed]), Class::HitStaleError);
    assert_eq!(class(504, &[failed]), Class::Error);
}

#[test]
fn what_is_not_cacheable_passes_and_what_never_came_is_an_error() {
    let shape = testing::shape();
    let judged = |class, outcome| {
        let mut observation = observation(0, 0, outcome);
        observation.object.class = class;
        judge(&observation, &shape)
    };
    let path = Path::of(&[Hop {
        node: Some(0),
        handling: forwarded(Fwd::UriMiss, None, false),
    }]);
    let miss = Answer { path, ..answer() };
    assert_eq!(judged(0, Ok(miss)).class, Class::Miss);
    assert_eq!(judged(1, Ok(miss)).class, Class::Pass);
    assert_eq!(
        judged(
            1,
            Ok(Answer {
                cacheable: Cacheable::Fresh(1),
                ..miss
            })
        )
        .class,
        Class::Miss
    );
    assert_eq!(
        judged(
            0,
            Ok(Answer {
                cacheable: Cacheable::No,
                ..miss
            })
        )
        .class,
        Class::Pass
    );
    assert_eq!(
        judged(
            0,
            Ok(Answer {
                status: 404,
                ..miss
            })
        )
        .class,
        Class::Pass
    );
    assert_eq!(judged(0, Err(Failure::Deadline)).class, Class::Error);
    assert_eq!(
        judged(
            0,
            Ok(Answer {
                verified: Verified::Wrong,
                ..miss
            })
        )
        .class,
        Class::Miss
    );
}

#[test]
fn staleness_comes_from_ttl_or_from_age() {
    let shape = testing::shape();
    let stale = |handling, age| {
        let path = Path::of(&[Hop {
            node: Some(0),
            handling,
        }]);
        judge(
            &observation(
                0,
                0,
                Ok(Answer {
                    path,
                    age,
                    ..answer()
                }),
            ),
            &shape,
        )
        .stale_ms
    };
    assert_eq!(stale(hit(Some(3)), Some(7)), None);
    assert_eq!(stale(hit(Some(-3)), Some(13)), Some(3000));
    assert_eq!(
        stale(forwarded(Fwd::Stale, Some(503), false), Some(13)),
        Some(3000)
    );
    assert_eq!(
        stale(forwarded(Fwd::Stale, Some(503), false), None),
        Some(0)
    );
}
