//! The core against http-cache-semantics, whole way from field lines to the decision, in the region
//! where that crate follows RFC 9111: lower-case directives without quotes, one line each, valid
//! dates, no Age, no response delay, no max-stale, no proxy-revalidate, no Set-Cookie, heuristic
//! lifetimes of whole seconds (the crate drops the rest, RFC 9111 section 4.2.2 does not ask for it).

use std::time::{Duration, SystemTime};

use edge_core::{
    Policy, RequestHead, RequestKind, ResponseHead, Reuse, TargetUri, Timestamp, born, decide,
    digest, fields::date,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use proptest::prelude::*;

const RECEIVED: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs())
}

fn response_directives() -> impl Strategy<Value = Vec<String>> {
    let directive = prop_oneof![
        3 => (0..100_u32).prop_map(|n| format!("max-age={n}")),
        1 => (0..100_u32).prop_map(|n| format!("s-maxage={n}")),
        1 => Just("no-cache".to_owned()),
        1 => Just("no-store".to_owned()),
        1 => Just("private".to_owned()),
        1 => Just("public".to_owned()),
        1 => Just("must-revalidate".to_owned()),
        1 => Just("x-unknown=\"y\"".to_owned()),
    ];
    prop::collection::vec(directive, 0..4).prop_map(unique)
}

fn request_directives() -> impl Strategy<Value = Vec<String>> {
    let directive = prop_oneof![
        Just("no-cache".to_owned()),
        (0..100_u32).prop_map(|n| format!("max-age={n}")),
        (0..100_u32).prop_map(|n| format!("min-fresh={n}")),
    ];
    prop::collection::vec(directive, 0..3).prop_map(unique)
}

/// The crate takes repeated directives for malformed ones.
fn unique(mut directives: Vec<String>) -> Vec<String> {
    let mut seen = Vec::new();
    directives.retain(|directive| {
        let name = directive.split('=').next().unwrap_or_default().to_owned();
        let new = !seen.contains(&name);
        seen.push(name);
        new
    });
    directives
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn agrees_with_http_cache_semantics(
        stored in response_directives(),
        asked in request_directives(),
        expires in prop::option::of(-50..100_i64),
        modified in prop::option::of((0..200_i64).prop_map(|tens| tens * 10)),
        status in prop::sample::select(vec![200_u16, 203, 301, 404, 410, 302, 307]),
        authorization: bool,
        later in 0..120_000_i64,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, date::value(RECEIVED));
        headers.insert(header::ETAG, "\"a\"".parse().expect("a tag"));
        if !stored.is_empty() {
            let value = stored.join(", ").parse().expect("a field value");
            headers.insert(header::CACHE_CONTROL, value);
        }
        if let Some(offset) = expires {
            headers.insert(header::EXPIRES, date::value(RECEIVED.plus(offset * 1000)));
        }
        if let Some(offset) = modified {
            headers.insert(header::LAST_MODIFIED, date::value(RECEIVED.minus(offset * 1000)));
        }
        let mut first = HeaderMap::new();
        if authorization {
            first.insert(header::AUTHORIZATION, "Basic x".parse().expect("a value"));
        }
        let mut second = first.clone();
        if !asked.is_empty() {
            let value = asked.join(", ").parse().expect("a field value");
            second.insert(header::CACHE_CONTROL, value);
        }
        let now = RECEIVED.plus(later);

        // Theirs.
        let mut request = Request::new(());
        *request.headers_mut() = first.clone();
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        *response.headers_mut() = headers.clone();
        let received = system_time(RECEIVED);
        let theirs =
            CachePolicy::new_options(&request, &response, received, CacheOptions::default());
        *request.headers_mut() = second.clone();
        let fresh = theirs.is_storable()
            && matches!(theirs.before_request(&request, system_time(now)), BeforeRequest::Fresh(_));

        // Ours.
        let policy = Policy { request_directives: true, ..Policy::default() };
        let target = TargetUri::parse("http://a.test/").expect("a URI");
        let head = |headers| RequestHead { method: Method::GET, target: target.clone(), headers };
        let status = StatusCode::from_u16(status).expect("a status");
        let response = ResponseHead::received(status, headers, RECEIVED);
        let digest = digest(&head(first), &response, &policy, RECEIVED);
        let born = born(&response, RECEIVED, RECEIVED);
        let request = RequestKind::of(&head(second), &policy);
        let hit = digest
            .is_ok_and(|digest| decide(&policy, &digest, born, &request, now) == Reuse::Hit);

        prop_assert_eq!(hit, fresh, "{:?} {:?} {:?}", stored, asked, digest);
    }
}
