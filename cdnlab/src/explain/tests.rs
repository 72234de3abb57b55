use super::*;

fn explained(request: &str, response: &str) -> String {
    let request = heads::request(request).expect("a request");
    let (status, headers) = heads::response(response).expect("a response");
    let received = Timestamp::from_seconds(1_700_000_000);
    let response = ResponseHead::received(status, headers, received);
    explain(
        &Policy::default(),
        &request,
        &response,
        received,
        &[Duration::from_secs(90)],
    )
}

#[test]
fn a_fresh_response_and_its_future() {
    let text = explained(
        "GET http://example.test/a",
        "HTTP/1.1 200 OK\nCache-Control: max-age=60, stale-while-revalidate=20\nETag: \"1\"\nAge: 10",
    );
    let expected = "\
request     GET http://example.test/a
response    200 OK
cache key   http://example.test/a
stored      yes
lifetime    60 s
age         10 s when it came
at once     hit, fresh for another 50 s
after 50 s  hit, stale by 0 s, and validated in the background (stale-while-revalidate)
after 70 s  asks the origin whether it still holds (stale); if the origin is out of reach, the stale answer
after 90 s  asks the origin whether it still holds (stale); if the origin is out of reach, the stale answer
";
    assert_eq!(text, expected);
}

#[test]
fn a_refusal_has_its_reason() {
    let text = explained(
        "GET http://example.test/a",
        "HTTP/1.1 200 OK\nCache-Control: no-store",
    );
    assert!(
        text.contains("stored      no: no-store. The response says no-store (RFC 9111"),
        "{text}"
    );
    assert!(
        text.contains("a second request goes to the origin"),
        "{text}"
    );
}

#[test]
fn variants_are_shown() {
    let text = explained(
        "GET /a HTTP/1.1\nHost: example.test\nAccept-Language: de",
        "HTTP/1.1 200 OK\nVary: Accept-Language\nCache-Control: no-cache\nETag: \"1\"",
    );
    assert!(text.contains("varies by   accept-language (de)"), "{text}");
    assert!(text.contains("validated before each use"), "{text}");
}
