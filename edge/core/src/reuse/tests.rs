use super::*;
use crate::{Flags, RequestHead, TargetUri};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

const T0: Timestamp = Timestamp(1_000_000_000);

fn kind(method: Method, lines: &[(&str, &str)], policy: &Policy) -> RequestKind {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::try_from(*value).unwrap());
    }
    let target = TargetUri::parse("http://a.test/").unwrap();
    RequestKind::of(
        &RequestHead {
            method,
            target,
            headers,
        },
        policy,
    )
}

fn honouring() -> Policy {
    Policy {
        request_directives: true,
        ..Policy::default()
    }
}

/// Decides for a response with this digest at this age, for a GET with this Cache-Control.
fn check(digest: Digest, age: Millis, directives: &str, expected: Reuse) {
    let policy = honouring();
    let request = kind(Method::GET, &[("cache-control", directives)], &policy);
    let found = decide(&policy, &digest, T0.minus(age), &request, T0);
    assert_eq!(found, expected, "{digest:?} {age} {directives}");
}

const SIMPLE: Digest = Digest::fresh_for(10_000);

#[test]
fn freshness_ends_on_the_millisecond() {
    check(SIMPLE, 9_999, "", Reuse::Hit);
    check(SIMPLE, 10_000, "", Reuse::Validate(Fwd::Stale));
    check(SIMPLE, -5_000, "", Reuse::Hit);
}

#[test]
fn request_directives() {
    check(SIMPLE, 0, "no-cache", Reuse::Validate(Fwd::Request));
    check(SIMPLE, 5_000, "max-age=5", Reuse::Hit);
    check(SIMPLE, 5_001, "max-age=5", Reuse::Validate(Fwd::Request));
    check(SIMPLE, 5_000, "min-fresh=5", Reuse::Hit);
    check(SIMPLE, 5_001, "min-fresh=5", Reuse::Validate(Fwd::Request));
    check(SIMPLE, 12_000, "max-stale=2", Reuse::HitStale);
    check(SIMPLE, 12_001, "max-stale=2", Reuse::Validate(Fwd::Stale));
    check(SIMPLE, 1_000_000, "max-stale", Reuse::HitStale);
    check(
        SIMPLE,
        12_000,
        "max-stale=9, max-age=11",
        Reuse::Validate(Fwd::Stale),
    );
    check(SIMPLE, 12_000, "only-if-cached", Reuse::GatewayTimeout);
    check(SIMPLE, 9_000, "only-if-cached", Reuse::Hit);
    check(SIMPLE, 0, "no-store", Reuse::Hit);
}

#[test]
fn directives_of_strangers_are_ignored_by_default() {
    let policy = Policy::default();
    for directives in ["no-cache", "max-age=0", "min-fresh=100", "no-store"] {
        let lines = [("cache-control", directives), ("pragma", "no-cache")];
        let request = kind(Method::GET, &lines, &policy);
        assert_eq!(decide(&policy, &SIMPLE, T0, &request, T0), Reuse::Hit);
    }
}

#[test]
fn stale_answers() {
    let swr = Digest {
        stale_while_revalidate: 5_000,
        ..SIMPLE
    };
    check(swr, 14_999, "", Reuse::HitAndRevalidate);
    check(swr, 15_000, "", Reuse::Validate(Fwd::Stale));
    check(swr, 12_000, "max-age=100", Reuse::Validate(Fwd::Stale));
    let strict = Digest {
        flags: Flags::MUST_REVALIDATE,
        ..swr
    };
    check(strict, 12_000, "", Reuse::Forward(Fwd::Stale));
    check(strict, 12_000, "max-stale", Reuse::Forward(Fwd::Stale));
    let wary = Digest {
        flags: Flags::NO_CACHE.with(Flags::VALIDATOR),
        ..swr
    };
    check(wary, 0, "", Reuse::Validate(Fwd::Stale));
    check(wary, 12_000, "max-stale", Reuse::Validate(Fwd::Stale));
}

#[test]
fn what_only_the_origin_may_judge() {
    let policy = Policy::default();
    let decided = |method, lines: &[(&str, &str)]| {
        decide(&policy, &SIMPLE, T0, &kind(method, lines, &policy), T0)
    };
    assert_eq!(
        decided(Method::GET, &[("if-match", "\"a\"")]),
        Reuse::Forward(Fwd::Request)
    );
    assert_eq!(decided(Method::POST, &[]), Reuse::Forward(Fwd::Method));
    assert_eq!(decided(Method::HEAD, &[]), Reuse::Hit);
    assert_eq!(decided(Method::GET, &[("range", "bytes=0-")]), Reuse::Hit);
    assert_eq!(decided(Method::GET, &[("if-none-match", "*")]), Reuse::Hit);
}

/// RFC 9111 section 4, read sentence by sentence, without regard for speed. Each `None` is a
/// MUST NOT; the answer is whether, and how, the stored response may be used without validation.
fn plain_reading(
    policy: &Policy,
    digest: &Digest,
    age: i128,
    request: &RequestKind,
) -> Option<Reuse> {
    let lifetime = i128::from(digest.lifetime);
    // "the request method associated with the stored response allows it to be used for the
    // presented request": responses to GET, for GET and HEAD.
    if !matches!(request.method, MethodClass::Get | MethodClass::Head) {
        return None;
    }
    // Section 4.3.2: "A cache MUST NOT evaluate conditional header fields that only apply to an
    // origin server": If-Match and If-Unmodified-Since are for the origin.
    if request.for_origin() {
        return None;
    }
    // "the stored response does not contain the no-cache directive, unless it is successfully
    // validated".
    if digest.flags.has(Flags::NO_CACHE) {
        return None;
    }
    // Section 5.2.1.4: no-cache, "prefers a stored response not be used without validation".
    if request.no_cache() {
        return None;
    }
    // Section 5.2.1.1: max-age, "a response whose age is less than or equal".
    if request.max_age.is_some_and(|limit| age > i128::from(limit)) {
        return None;
    }
    let fresh = lifetime > age;
    // Section 5.2.1.3: min-fresh, "a freshness lifetime that is no less than its current age plus
    // the specified time".
    let fresh_enough = lifetime >= age + i128::from(request.min_fresh);
    // "the stored response is one of the following: fresh,"
    if fresh {
        return fresh_enough.then_some(Reuse::Hit);
    }
    // "allowed to be served stale (see Section 4.2.4)": not when an explicit directive prohibits it.
    let prohibited = digest.flags.has(Flags::MUST_REVALIDATE);
    if prohibited || request.min_fresh > 0 {
        return None;
    }
    let stale_by = age - lifetime;
    // Section 5.2.1.2: max-stale, "exceeded its freshness lifetime by no more than".
    if request
        .max_stale
        .is_some_and(|limit| stale_by <= i128::from(limit))
    {
        return Some(Reuse::HitStale);
    }
    // RFC 5861 section 3, unless section 5.2.1.1 says that the client "does not wish to receive a
    // stale response".
    let window = i128::from(digest.stale_while_revalidate);
    let wanted = policy.stale.while_revalidate && request.max_age.is_none();
    (wanted && stale_by < window).then_some(Reuse::HitAndRevalidate)
}

fn digests() -> impl Strategy<Value = Digest> {
    let times = (0..20_000_i64, 0..20_000_i64, 0..20_000_i64);
    (times, 0..8_u8).prop_map(|((lifetime, swr, sie), bits)| Digest {
        lifetime,
        stale_while_revalidate: swr,
        stale_if_error: sie,
        flags: Flags::none()
            .with_if(Flags::NO_CACHE, bits & 1 != 0)
            .with_if(Flags::MUST_REVALIDATE, bits & 2 != 0)
            .with_if(Flags::VALIDATOR, bits & 4 != 0),
        status: 200,
    })
}

fn requests() -> impl Strategy<Value = RequestKind> {
    let directive = prop_oneof![
        Just(String::new()),
        Just("no-cache".to_owned()),
        Just("no-store".to_owned()),
        Just("max-stale".to_owned()),
        Just("only-if-cached".to_owned()),
        (0..20_u8).prop_map(|n| format!("max-age={n}")),
        (0..20_u8).prop_map(|n| format!("min-fresh={n}")),
        (0..20_u8).prop_map(|n| format!("max-stale={n}")),
    ];
    let method = prop_oneof![
        8 => Just(Method::GET),
        2 => Just(Method::HEAD),
        1 => Just(Method::POST),
        1 => Just(Method::OPTIONS),
    ];
    let extra = prop_oneof![
        6 => Just(("x-none", "")),
        1 => Just(("if-match", "\"a\"")),
        1 => Just(("authorization", "Basic x")),
        1 => Just(("range", "bytes=0-1")),
        1 => Just(("if-none-match", "\"a\"")),
    ];
    (method, prop::collection::vec(directive, 0..3), extra).prop_map(
        |(method, directives, extra)| {
            kind(
                method,
                &[("cache-control", &directives.join(", ")), extra],
                &honouring(),
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn decide_agrees_with_a_plain_reading(
        digest in digests(),
        age in -1_000..45_000_i64,
        request in requests(),
        honours_swr: bool,
    ) {
        let mut policy = honouring();
        policy.stale.while_revalidate = honours_swr;
        let found = decide(&policy, &digest, T0.minus(age), &request, T0);
        let expected = plain_reading(&policy, &digest, i128::from(age.max(0)), &request);
        match expected {
            Some(reuse) => prop_assert_eq!(found, reuse),
            None => match found {
                Reuse::Validate(_) => prop_assert!(digest.validator() && request.cacheable()),
                Reuse::Forward(_) => prop_assert!(!digest.validator() || !request.cacheable()),
                Reuse::GatewayTimeout => prop_assert!(request.only_if_cached()),
                _ => prop_assert!(false, "{:?} although it must not be used", found),
            },
        }
        prop_assert_eq!(found == Reuse::Hit, age.max(0) < fresh_below(&digest, &request));
        if request.only_if_cached() && request.cacheable() {
            prop_assert!(!matches!(found, Reuse::Validate(_) | Reuse::Forward(_)));
        }
    }

    /// Nothing overflows, whatever the instants.
    #[test]
    fn extremes_are_no_panic(
        digest in digests(), born: i64, now: i64, lifetime: i64, request in requests(),
    ) {
        let digest = Digest { lifetime, ..digest };
        let found = decide(&honouring(), &digest, Timestamp(born), &request, Timestamp(now));
        let age = Stored { digest, born: Timestamp(born) }.age(Timestamp(now));
        prop_assert_eq!(found == Reuse::Hit, age < fresh_below(&digest, &request));
        let stored = Stored { digest, born: Timestamp(born) };
        let _ = stale_on_error(&honouring(), &stored, &request, true, Timestamp(now));
        let _ = stored.expired_at(Timestamp(now)).ttl(Timestamp(born));
    }
}

#[test]
fn a_window_of_errors_ends_on_the_millisecond() {
    let policy = Policy::default();
    let stored = Stored {
        digest: Digest {
            stale_if_error: 2_000,
            ..SIMPLE
        },
        born: T0,
    };
    let plain = kind(Method::GET, &[], &policy);
    let stands_in = |age: Millis| stale_on_error(&policy, &stored, &plain, false, T0.plus(age));
    assert!(stands_in(11_999));
    assert!(!stands_in(12_000));
}
