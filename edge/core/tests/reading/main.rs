//! The core against a plain reading of RFC 9111, written from its text and from nothing of the core:
//! slow, without digests, from field lines to the answer. Random fields, times and request
//! directives; the two never disagree.

mod cases;
mod plain;

use cases::cases;
use edge_core::{
    NotStorable, Policy, RequestHead, RequestKind, ResponseHead, Reuse, TargetUri, Timestamp, born,
    decide, digest, fields::date,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use plain::{Case, Outcome, SENT, reading};
use proptest::prelude::*;

fn core(case: &Case) -> Result<Outcome, NotStorable> {
    let policy = Policy {
        request_directives: case.honours,
        stale: edge_core::StaleRules {
            beside_s_maxage: case.beside_s_maxage,
            ..edge_core::StaleRules::default()
        },
        ..Policy::default()
    };
    let mut lines: Vec<(&str, String)> = Vec::new();
    lines.extend(
        case.cache_control
            .iter()
            .map(|line| ("cache-control", line.clone())),
    );
    lines.extend(
        case.targeted
            .iter()
            .map(|value| ("cdn-cache-control", value.clone())),
    );
    lines.extend(case.expires.iter().map(|at| ("expires", at.text())));
    lines.extend(case.date.iter().map(|at| ("date", at.text())));
    lines.extend(case.age.iter().map(|age| ("age", age.clone())));
    let modified = case
        .modified
        .map(|ago| date::format(Timestamp::from_seconds(SENT - ago)));
    lines.extend(modified.map(|text| ("last-modified", text)));
    for (there, name, value) in [
        (case.etag, "etag", "\"a\""),
        (case.pragma, "pragma", "no-cache"),
        (case.star, "vary", "accept, *"),
        (case.cookie, "set-cookie", "a=b"),
    ] {
        lines.extend(there.then(|| (name, value.to_owned())));
    }
    let target = TargetUri::parse("http://a.test/").expect("a URI");
    let request = |lines: Vec<(&str, String)>| RequestHead {
        method: Method::GET,
        target: target.clone(),
        headers: headers(lines),
    };
    let asked = || {
        case.asked
            .iter()
            .map(|line| ("cache-control", line.clone()))
            .collect::<Vec<_>>()
    };
    let mut first = asked();
    first.extend(
        case.authorization
            .then(|| ("authorization", "Basic x".to_owned())),
    );

    let (sent, received) = (
        Timestamp::from_seconds(SENT),
        Timestamp::from_seconds(SENT).plus(case.delay_ms),
    );
    let status = StatusCode::from_u16(case.status).expect("a status");
    let response = ResponseHead::received(status, headers(lines), received);
    let kind = RequestKind::of(&request(asked()), &policy);
    let stored = digest(&request(first), &response, &policy, received)?;
    let born = born(&response, sent, received);
    Ok(
        match decide(&policy, &stored, born, &kind, received.plus(case.later_ms)) {
            Reuse::Hit => Outcome::Fresh,
            Reuse::HitStale => Outcome::Stale,
            Reuse::HitAndRevalidate => Outcome::StaleWhileRevalidate,
            Reuse::Validate(_) | Reuse::Forward(_) => Outcome::Upstream,
            Reuse::GatewayTimeout => Outcome::GatewayTimeout,
        },
    )
}

fn headers(lines: Vec<(&str, String)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(name).expect("a name");
        headers.append(name, HeaderValue::try_from(value).expect("a value"));
    }
    headers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_core_reads_as_the_rfc_says(case in cases()) {
        let expected = reading(&case);
        match core(&case) {
            Ok(outcome) => prop_assert_eq!(outcome, expected),
            // What could serve nobody but a client that takes anything is not stored at all.
            Err(NotStorable::Useless | NotStorable::NoFreshness) => {
                prop_assert!(!matches!(expected, Outcome::Fresh | Outcome::StaleWhileRevalidate));
            }
            Err(why) => prop_assert!(
                matches!(expected, Outcome::Upstream | Outcome::GatewayTimeout),
                "{why} {expected:?}"
            ),
        }
    }
}
