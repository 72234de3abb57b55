use super::*;
use crate::{Digest, Fwd, TargetUri};

const NOW: Timestamp = Timestamp::from_seconds(784_111_837);
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:47 GMT";

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(*name).unwrap();
        headers.append(name, HeaderValue::try_from(*value).unwrap());
    }
    headers
}

fn answer(
    method: Method,
    asked: &[(&str, &str)],
    stored: &[(&str, &str)],
    length: Option<u64>,
) -> ClientResponse {
    let target = TargetUri::parse("http://a.test/").unwrap();
    let request = RequestHead {
        method,
        target,
        headers: fields(asked),
    };
    let head = ResponseHead::received(StatusCode::OK, fields(stored), NOW.minus(5_500));
    let stored = Stored {
        digest: Digest::fresh_for(60_000),
        born: NOW.minus(5_500),
    };
    let source = Source {
        from: From::Stored,
        stored: Some(stored),
        length,
        passed: false,
        boundary: || 7,
    };
    let handling = Handling::hit(stored.ttl(NOW));
    let policy = Policy {
        name: "fra-1".into(),
        ..Policy::default()
    };
    client_response(&request, head, source, &handling, Some("k"), &policy, NOW)
}

fn line<'a>(response: &'a ClientResponse, name: &str) -> Option<&'a str> {
    response
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[test]
fn a_hit() {
    let stored = [
        ("cache-status", "shield; fwd=uri-miss"),
        ("age", "900"),
        ("link", "a"),
    ];
    let found = answer(Method::GET, &[], &stored, Some(10));
    assert_eq!((found.status.as_u16(), &found.body), (200, &Body::Whole));
    assert_eq!(line(&found, "age"), Some("5"));
    assert_eq!(line(&found, "via"), Some("1.1 fra-1"));
    assert_eq!(line(&found, "content-length"), Some("10"));
    let lines: Vec<_> = found.headers.get_all("cache-status").iter().collect();
    assert_eq!(lines, ["shield; fwd=uri-miss", "fra-1; hit; ttl=54"]);
}

#[test]
fn a_304_keeps_its_content_length_and_a_204_has_none() {
    let length = |status| {
        let target = TargetUri::parse("http://a.test/").unwrap();
        let request = RequestHead {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
        };
        let head = ResponseHead::received(status, fields(&[("content-length", "5")]), NOW);
        let source = Source {
            from: From::Upstream,
            stored: None,
            length: Some(0),
            passed: true,
            boundary: || 7,
        };
        let handling = Handling::forwarded(Fwd::UriMiss);
        let policy = Policy::default();
        let found = client_response(&request, head, source, &handling, None, &policy, NOW);
        assert_eq!(found.body, Body::None);
        line(&found, "content-length").map(str::to_owned)
    };
    assert_eq!(length(StatusCode::NOT_MODIFIED).as_deref(), Some("5"));
    assert_eq!(length(StatusCode::NO_CONTENT), None);
}

#[test]
fn head_has_no_body_and_the_same_fields() {
    let found = answer(Method::HEAD, &[("range", "bytes=0-1")], &[], Some(10));
    assert_eq!((found.status.as_u16(), &found.body), (200, &Body::None));
    assert_eq!(line(&found, "content-length"), Some("10"));
}

#[test]
fn preconditions() {
    let check = |asked: &[(&str, &str)], stored: &[(&str, &str)], status: u16| {
        let found = answer(Method::GET, asked, stored, Some(10));
        assert_eq!(found.status.as_u16(), status, "{asked:?} {stored:?}");
        assert_eq!(found.body == Body::None, status == 304);
    };
    let tagged = &[("etag", "\"a\""), ("last-modified", MODIFIED)][..];
    check(&[("if-none-match", "W/\"a\"")], tagged, 304);
    check(&[("if-none-match", "\"b\"")], tagged, 200);
    check(&[("if-none-match", "*")], tagged, 304);
    // If-Modified-Since does not count beside If-None-Match.
    check(
        &[("if-none-match", "\"b\""), ("if-modified-since", LATER)],
        tagged,
        200,
    );
    check(&[("if-modified-since", MODIFIED)], tagged, 304);
    check(&[("if-modified-since", LATER)], tagged, 304);
    check(
        &[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")],
        tagged,
        200,
    );
    check(&[("if-modified-since", "yesterday")], tagged, 200);
    check(
        &[
            ("if-modified-since", MODIFIED),
            ("if-modified-since", MODIFIED),
        ],
        tagged,
        200,
    );
    // Without Last-Modified, Date stands for it.
    check(
        &[("if-modified-since", MODIFIED)],
        &[("date", MODIFIED)],
        304,
    );
    check(&[("if-modified-since", MODIFIED)], &[("date", LATER)], 200);
    let found = answer(Method::GET, &[("if-none-match", "\"a\"")], tagged, Some(10));
    assert_eq!(line(&found, "content-length"), None);
    assert_eq!(line(&found, "etag"), Some("\"a\""));
}

#[test]
fn ranges() {
    let part = |start, end| Body::Part(ByteRange { start, end });
    let check = |asked: &[(&str, &str)], status: u16, body: Body| {
        let stored = [
            ("etag", "\"a\""),
            ("last-modified", MODIFIED),
            ("date", LATER),
        ];
        let found = answer(Method::GET, asked, &stored, Some(10));
        assert_eq!(
            (found.status.as_u16(), found.body),
            (status, body),
            "{asked:?}"
        );
    };
    let range = ("range", "bytes=2-4");
    check(&[range], 206, part(2, 5));
    check(&[range, ("if-range", "\"a\"")], 206, part(2, 5));
    check(&[range, ("if-range", "W/\"a\"")], 200, Body::Whole);
    check(&[range, ("if-range", "\"b\"")], 200, Body::Whole);
    check(&[range, ("if-range", MODIFIED)], 206, part(2, 5));
    check(&[range, ("if-range", LATER)], 200, Body::Whole);
    check(&[range, ("if-range", "x")], 200, Body::Whole);
    check(&[range, ("if-none-match", "\"a\"")], 304, Body::None);
    check(
        &[range, ("if-range", "\"a\""), ("if-range", "\"a\"")],
        200,
        Body::Whole,
    );
    check(&[("range", "bytes=0-1,2-4")], 206, part(0, 5));
    check(&[range, ("range", "bytes=3-4")], 200, Body::Whole);
    check(&[("range", "bytes=10-")], 416, Body::None);
    // A Last-Modified of the very second of Date is no strong validator.
    let young = [("last-modified", LATER), ("date", LATER)];
    let asked = [range, ("if-range", LATER)];
    assert_eq!(
        answer(Method::GET, &asked, &young, Some(10)).body,
        Body::Whole
    );
    let found = answer(Method::GET, &[("range", "bytes=-3")], &[], Some(10));
    assert_eq!(line(&found, "content-range"), Some("bytes 7-9/10"));
    assert_eq!(line(&found, "content-length"), Some("3"));
    let found = answer(Method::GET, &[("range", "bytes=10-")], &[], Some(10));
    assert_eq!(line(&found, "content-range"), Some("bytes */10"));
    assert_eq!(line(&found, "content-length"), Some("0"));
    assert_eq!(line(&found, "cache-control"), Some("no-store"));
    // An unknown length: the whole.
    let found = answer(Method::GET, &[range], &[], None);
    assert_eq!((found.status.as_u16(), &found.body), (200, &Body::Whole));
}

#[test]
fn several_ranges_are_a_multipart_body() {
    let asked = [("range", "bytes=5-6, 0-1")];
    let stored = [("content-type", "text/plain")];
    let found = answer(Method::GET, &asked, &stored, Some(10));
    assert_eq!(found.status, StatusCode::PARTIAL_CONTENT);
    // RFC 9110 section 15.3.7.2: the parts have the field, the whole must not.
    assert_eq!(line(&found, "content-range"), None);
    let boundary = "multipart/byteranges; boundary=part0000000000000007";
    assert_eq!(line(&found, "content-type"), Some(boundary));
    let Body::Parts(multipart) = &found.body else {
        panic!("{:?}", found.body);
    };
    let ranges: Vec<_> = multipart.parts().map(|(_, range)| range.start).collect();
    assert_eq!(ranges, [5, 0]);
    let length = multipart.length().to_string();
    assert_eq!(line(&found, "content-length"), Some(length.as_str()));
}

#[test]
fn first_hand_answers_have_no_age() {
    let target = TargetUri::parse("http://a.test/").unwrap();
    let request = RequestHead {
        method: Method::GET,
        target,
        headers: HeaderMap::new(),
    };
    let age = |lines: &[(&str, &str)]| {
        let stored = Stored {
            digest: Digest::fresh_for(0),
            born: NOW.minus(7_900),
        };
        let source = Source {
            from: From::Upstream,
            stored: Some(stored),
            length: None,
            passed: false,
            boundary: || 7,
        };
        let head = ResponseHead::received(StatusCode::OK, fields(lines), NOW);
        let handling = Handling::forwarded(Fwd::UriMiss);
        let found = client_response(
            &request,
            head,
            source,
            &handling,
            None,
            &Policy::default(),
            NOW,
        );
        line(&found, "age").map(str::to_owned)
    };
    assert_eq!(age(&[]), None);
    assert_eq!(age(&[("age", "6")]).as_deref(), Some("7"));
}
