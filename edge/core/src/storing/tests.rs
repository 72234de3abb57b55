use super::*;
use crate::TargetUri;
use http::{HeaderName, HeaderValue};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

pub(crate) fn head(status: u16, lines: &[(&str, &str)]) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::try_from(*value).unwrap());
    }
    ResponseHead::received(StatusCode::from_u16(status).unwrap(), headers, NOW)
}

fn request(lines: &[(&str, &str)]) -> RequestHead {
    let headers = head(200, lines).headers;
    let target = TargetUri::parse("http://a.test/").unwrap();
    RequestHead {
        method: Method::GET,
        target,
        headers,
    }
}

fn of(status: u16, lines: &[(&str, &str)]) -> Result<Digest, NotStorable> {
    digest(&request(&[]), &head(status, lines), &Policy::default(), NOW)
}

fn at(offset: i64) -> String {
    date::format(NOW.plus(offset * 1000))
}

#[test]
fn explicit_lifetimes() {
    let check = |lines: &[(&str, &str)], seconds: i64| {
        assert_eq!(
            of(200, lines).map(|d| d.lifetime),
            Ok(seconds * 1000),
            "{lines:?}"
        );
    };
    let (soon, now, past) = (at(30), at(0), at(-30));
    check(&[("cache-control", "max-age=60")], 60);
    check(&[("cache-control", "max-age=60, s-maxage=10")], 10);
    check(&[("cache-control", "max-age=60"), ("expires", &soon)], 60);
    check(&[("expires", &soon), ("date", &now)], 30);
    check(&[("expires", &soon), ("date", &past)], 60);
    check(&[("expires", &past), ("etag", "\"a\"")], 0);
    check(&[("expires", "0"), ("etag", "\"a\"")], 0);
    check(
        &[("expires", &soon), ("expires", &now), ("etag", "\"a\"")],
        0,
    );
    check(
        &[
            ("expires", &soon),
            ("cache-control", "max-age=x"),
            ("etag", "\"a\""),
        ],
        0,
    );
    check(
        &[("cache-control", "max-age=60"), ("set-cookie", "a=b")],
        60,
    );
    check(&[("cache-control", "max-age=60, proxy-revalidate")], 60);
    check(&[("cache-control", "max-age=60"), ("vary", "accept")], 60);
    check(
        &[
            ("cache-control", "max-age=60"),
            ("age", "99999999999999999999999"),
        ],
        60,
    );
    check(&[("cache-control", "max-age=9999999999999")], 1 << 31);
}

#[test]
fn statuses() {
    for status in [200, 201, 203, 204, 302, 403, 404, 429, 500, 503, 299, 599] {
        let found = of(status, &[("cache-control", "max-age=60")]);
        assert_eq!(found.map(|d| (d.lifetime, d.status)), Ok((60_000, status)));
    }
    for (status, why) in [
        (100, NotStorable::NotFinal),
        (206, NotStorable::Partial),
        (304, NotStorable::NotModified),
    ] {
        assert_eq!(of(status, &[("cache-control", "max-age=60")]), Err(why));
    }
    let wary = [("cache-control", "max-age=60, must-understand, no-store")];
    assert!(of(200, &wary).is_ok());
    assert_eq!(of(299, &wary), Err(NotStorable::NotUnderstood));
}

#[test]
fn heuristics() {
    let modified = at(-1000);
    let lines: &[(&str, &str)] = &[("last-modified", &modified)];
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        let found = of(status, lines).unwrap();
        assert_eq!(found.lifetime, 100_000, "{status}");
        assert!(found.flags.has(Flags::HEURISTIC));
    }
    for status in [201, 302, 307, 403, 500, 503] {
        assert_eq!(of(status, lines), Err(NotStorable::NoFreshness), "{status}");
    }
    let old = at(-100_000_000);
    assert_eq!(
        of(200, &[("last-modified", &old)]).map(|d| d.lifetime),
        Ok(86_400_000)
    );
    let public = of(
        302,
        &[("last-modified", &modified), ("cache-control", "public")],
    );
    assert_eq!(public.map(|d| d.lifetime), Ok(100_000));
    // public allows a guess for any status, those too that http-cache-semantics does not know.
    let public = of(
        403,
        &[("last-modified", &modified), ("cache-control", "public")],
    );
    assert_eq!(public.map(|d| d.lifetime), Ok(100_000));
}

/// Only a stated lifetime, or public, lets a response with a cookie be stored.
#[test]
fn cookies_are_not_guessed_about() {
    let modified = at(-1000);
    let cookie = ("set-cookie", "session=1");
    let guess: &[(&str, &str)] = &[("last-modified", &modified), cookie];
    assert_eq!(of(200, guess), Err(NotStorable::SetCookie));
    let mut policy = Policy::default();
    policy.lifetimes.default_ms = Some(60_000);
    policy.lifetimes.negative_ms = Some(60_000);
    for status in [200, 404] {
        let found = digest(&request(&[]), &head(status, guess), &policy, NOW);
        assert_eq!(found, Err(NotStorable::SetCookie), "{status}");
    }
    for said in ["public", "max-age=60", "s-maxage=60"] {
        let said = [
            ("cache-control", said),
            ("last-modified", &modified),
            cookie,
        ];
        assert!(of(200, &said).is_ok(), "{said:?}");
    }
}

#[test]
fn refusals() {
    let check = |lines: &[(&str, &str)], why| assert_eq!(of(200, lines), Err(why), "{lines:?}");
    check(
        &[("cache-control", "max-age=60, no-store")],
        NotStorable::NoStore,
    );
    check(
        &[("cache-control", "max-age=60, private")],
        NotStorable::Private,
    );
    check(
        &[("cache-control", "max-age=60"), ("vary", "*")],
        NotStorable::VaryStar,
    );
    check(&[], NotStorable::NoFreshness);
    check(&[("cache-control", "public")], NotStorable::NoFreshness);
    check(&[("cache-control", "no-cache")], NotStorable::Useless);
    check(&[("cache-control", "max-age=0")], NotStorable::Useless);
    assert!(of(200, &[("cache-control", "max-age=0, stale-if-error=60")]).is_ok());
    assert!(of(200, &[("cache-control", "no-cache"), ("etag", "\"a\"")]).is_ok());
}

#[test]
fn qualified_directives_are_for_fields_alone() {
    let found = of(200, &[("cache-control", "max-age=60, private=\"x\"")]);
    assert_eq!(found.map(|d| d.lifetime), Ok(60_000));
    let found = of(200, &[("cache-control", "max-age=60, no-cache=\"x\"")]).unwrap();
    assert!(!found.no_cache());
}

#[test]
fn pragma_stops_guesses_only() {
    let (past, soon) = (at(-1000), at(30));
    let check = |status, lines: &[(&str, &str)], policy: &Policy, seconds| {
        let mut lines = lines.to_vec();
        lines.extend([("pragma", "no-cache"), ("etag", "\"a\"")]);
        let found = digest(&request(&[]), &head(status, &lines), policy, NOW);
        let found = found.map(|digest| (digest.lifetime / 1000, digest.no_cache()));
        assert_eq!(found, Ok((seconds, false)), "{status} {lines:?}");
    };
    let plain = Policy::default();
    check(200, &[("expires", &soon)], &plain, 30);
    check(200, &[("cache-control", "max-age=60")], &plain, 60);
    check(200, &[("last-modified", &past)], &plain, 0);
    // Beside any Cache-Control it says nothing at all.
    let public = [
        ("last-modified", past.as_str()),
        ("cache-control", "public"),
    ];
    check(200, &public, &plain, 100);
    let mut guessing = Policy::default();
    guessing.lifetimes.default_ms = Some(60_000);
    guessing.lifetimes.negative_ms = Some(60_000);
    check(200, &[], &guessing, 0);
    check(404, &[], &guessing, 0);
}

#[test]
fn targeted_fields_take_the_place_of_the_others() {
    let later = at(30);
    let check = |cdn: &str, others: &[(&str, &str)], expected: Result<i64, NotStorable>| {
        let mut lines = vec![("cdn-cache-control", cdn)];
        lines.extend(others);
        let found = of(200, &lines).map(|digest| digest.lifetime / 1000);
        assert_eq!(found, expected, "{lines:?}");
    };
    check("max-age=60", &[("cache-control", "no-store")], Ok(60));
    check("max-age=60", &[("pragma", "no-cache")], Ok(60));
    check("max-age=60", &[("expires", "0")], Ok(60));
    check(
        "no-store",
        &[("cache-control", "max-age=60")],
        Err(NotStorable::NoStore),
    );
    // Expires counts as little as Cache-Control.
    check(
        "public",
        &[("expires", &later)],
        Err(NotStorable::NoFreshness),
    );
    check("max-age=x", &[("expires", &later)], Ok(30));
    let policy = Policy {
        targeted: Vec::new(),
        ..Policy::default()
    };
    let lines = [
        ("cdn-cache-control", "max-age=60"),
        ("cache-control", "max-age=5"),
    ];
    let found = digest(&request(&[]), &head(200, &lines), &policy, NOW);
    assert_eq!(found.map(|d| d.lifetime), Ok(5_000));
}

#[test]
fn answers_to_post() {
    let check = |method: Method, status, lines: &[(&str, &str)], expected: bool| {
        let mut request = request(&[]);
        request.target = TargetUri::parse("http://a.test/dir/form?x=1").unwrap();
        request.method = method;
        let found = digest(&request, &head(status, lines), &Policy::default(), NOW);
        assert_eq!(found.is_ok(), expected, "{status} {lines:?}");
        assert!(expected || found == Err(NotStorable::Method));
    };
    let fresh = ("cache-control", "max-age=60");
    for (location, same) in [
        ("/dir/form?x=1", true),
        ("http://a.test/dir/form?x=1", true),
        ("HTTP://A.test:80/dir/../dir/form?x=1#part", true),
        ("form?x=1", true),
        ("?x=1", true),
        ("//a.test/dir/form?x=1", true),
        ("/dir/form", false),
        ("https://a.test/dir/form?x=1", false),
        ("http://b.test/dir/form?x=1", false),
    ] {
        let lines = [fresh, ("content-location", location)];
        check(Method::POST, 200, &lines, same);
    }
    let here = ("content-location", "/dir/form?x=1");
    check(Method::PATCH, 200, &[fresh, here], true);
    check(Method::PUT, 200, &[fresh, here], false);
    check(Method::POST, 200, &[fresh], false);
    check(Method::POST, 200, &[here, ("etag", "\"a\"")], false);
    check(Method::POST, 404, &[fresh, here], false);
    // Explicit freshness may come from Expires; a targeted field takes its word away (RFC 9213 section 2.1).
    let date = ("date", at(0));
    let expires = ("expires", at(60));
    let stated = [
        (date.0, date.1.as_str()),
        (expires.0, expires.1.as_str()),
        here,
    ];
    check(Method::POST, 200, &stated, true);
    let targeted = [&stated[..], &[("cdn-cache-control", "must-revalidate")]].concat();
    check(Method::POST, 200, &targeted, false);
}

#[test]
fn authorization_needs_leave() {
    let check = |directives: &str, expected: bool| {
        let request = request(&[("authorization", "Basic x")]);
        let response = head(200, &[("cache-control", directives)]);
        let found = digest(&request, &response, &Policy::default(), NOW);
        assert_eq!(found.is_ok(), expected, "{directives}");
    };
    check("max-age=60", false);
    check("max-age=60, public", true);
    check("max-age=60, must-revalidate", true);
    check("s-maxage=60", true);
    check("max-age=60, proxy-revalidate", false);
}

#[test]
fn never_stale() {
    let check = |directives: &str, expected: bool| {
        let found = of(200, &[("cache-control", directives), ("etag", "\"a\"")]).unwrap();
        assert_eq!(found.forbids_stale(), expected, "{directives}");
    };
    check("max-age=60", false);
    check("max-age=60, must-revalidate", true);
    check("max-age=60, proxy-revalidate", true);
    check("s-maxage=60", true);
    check("s-maxage=60, stale-while-revalidate=5", true);
    check("no-cache", true);
    let mut policy = Policy::default();
    policy.stale.beside_s_maxage = true;
    let response = head(
        200,
        &[("cache-control", "s-maxage=60, stale-while-revalidate=5")],
    );
    let found = digest(&request(&[]), &response, &policy, NOW).unwrap();
    assert!(!found.forbids_stale());
    assert_eq!(found.stale_while_revalidate, 5_000);
}

#[test]
fn policy_lifetimes() {
    let mut policy = Policy::default();
    policy.lifetimes.negative_ms = Some(5_000);
    policy.lifetimes.default_ms = Some(7_000);
    policy.max_object = Some(100);
    let of = |status, lines: &[(&str, &str)]| {
        digest(&request(&[]), &head(status, lines), &policy, NOW).map(|d| d.lifetime)
    };
    assert_eq!(of(503, &[]), Ok(5_000));
    assert_eq!(
        of(503, &[("cache-control", "no-store")]),
        Err(NotStorable::NoStore)
    );
    assert_eq!(of(503, &[("cache-control", "max-age=1")]), Ok(1_000));
    assert_eq!(of(200, &[]), Ok(7_000));
    assert_eq!(of(302, &[]), Err(NotStorable::NoFreshness));
    assert_eq!(
        of(200, &[("content-length", "101")]),
        Err(NotStorable::TooLarge)
    );
}

#[test]
fn preconditions_that_only_the_origin_judges_keep_their_answers_out() {
    for field in ["if-match", "if-unmodified-since"] {
        let found = digest(
            &request(&[(field, "x")]),
            &head(200, &[("cache-control", "max-age=60")]),
            &Policy::default(),
            NOW,
        );
        assert_eq!(found, Err(NotStorable::Precondition), "{field}");
    }
}

#[test]
fn errors_are_flagged() {
    for (status, negative) in [(200, false), (301, false), (404, true), (503, true)] {
        let digest = of(status, &[("cache-control", "max-age=60")]).unwrap();
        assert_eq!(digest.flags.has(Flags::NEGATIVE), negative, "{status}");
    }
}
