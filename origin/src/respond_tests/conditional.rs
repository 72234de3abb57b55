use super::*;

#[test]
fn if_none_match_compares_weakly() {
    for matching in [
        TAG,
        "*",
        "\"x\", TAG",
        "W/TAG",
        "\"a,b\",TAG",
        ",, TAG",
        " TAG ",
    ] {
        status("GET", "plain", &[("if-none-match", matching)], 304);
    }
    for other in ["\"x\"", "W/\"x\"", "", "x", "TA\"G", "\"unclosed", "w/TAG"] {
        status("GET", "plain", &[("if-none-match", other)], 200);
    }
    status(
        "GET",
        "plain",
        &[("if-none-match", "\"x\""), ("if-none-match", TAG)],
        304,
    );
    status("GET", "dated", &[("if-none-match", "\"x\"")], 200);
    status("GET", "dated", &[("if-none-match", "*")], 304);
}

#[test]
fn if_modified_since_counts_only_without_if_none_match() {
    status("GET", "plain", &[("if-modified-since", MODIFIED)], 304);
    status("GET", "plain", &[("if-modified-since", LATER)], 304);
    status("GET", "plain", &[("if-modified-since", EARLIER)], 200);
    status(
        "GET",
        "plain",
        &[("if-modified-since", "Tuesday, 14-Nov-23 22:13:30 GMT")],
        304,
    );
    status(
        "GET",
        "plain",
        &[("if-modified-since", "Tue Nov 14 22:13:30 2023")],
        304,
    );
    status("GET", "plain", &[("if-modified-since", "yesterday")], 200);
    status(
        "GET",
        "plain",
        &[("if-modified-since", LATER), ("if-modified-since", LATER)],
        200,
    );
    status("GET", "bare", &[("if-modified-since", LATER)], 200);
    status(
        "GET",
        "plain",
        &[("if-none-match", "\"x\""), ("if-modified-since", LATER)],
        200,
    );
    status(
        "GET",
        "plain",
        &[("if-none-match", TAG), ("if-modified-since", EARLIER)],
        304,
    );
}

#[test]
fn if_match_and_if_unmodified_since_fail_with_412() {
    status("GET", "plain", &[("if-match", TAG)], 200);
    status("GET", "plain", &[("if-match", "*")], 200);
    status("GET", "plain", &[("if-match", "\"x\"")], 412);
    // Strong comparison: a weak tag matches nothing.
    status("GET", "plain", &[("if-match", "W/TAG")], 412);
    status("GET", "plain", &[("if-unmodified-since", MODIFIED)], 200);
    status("GET", "plain", &[("if-unmodified-since", EARLIER)], 412);
    status("GET", "plain", &[("if-unmodified-since", "never")], 200);
    // If-Match takes precedence over If-Unmodified-Since, and both over If-None-Match.
    status(
        "GET",
        "plain",
        &[("if-match", TAG), ("if-unmodified-since", EARLIER)],
        200,
    );
    status(
        "GET",
        "plain",
        &[("if-match", "\"x\""), ("if-none-match", TAG)],
        412,
    );
    status(
        "GET",
        "plain",
        &[("if-match", TAG), ("if-none-match", TAG)],
        304,
    );
    status(
        "GET",
        "plain",
        &[
            ("if-unmodified-since", EARLIER),
            ("if-modified-since", LATER),
        ],
        412,
    );
    // 304 comes before ranges.
    status(
        "GET",
        "plain",
        &[("if-none-match", TAG), ("range", "bytes=0-1")],
        304,
    );
}

#[test]
fn not_modified_carries_what_guides_a_cache() {
    let tag = field(&ask("GET", "/plain/1", &[]), "etag").to_owned();
    let answer = ask("GET", "/plain/1", &[("if-none-match", &tag)]);
    assert_eq!(field(&answer, "cache-control"), "max-age=5");
    assert_eq!(field(&answer, "etag"), tag);
    for name in [
        "content-length",
        "content-type",
        "last-modified",
        "accept-ranges",
    ] {
        assert_eq!(field(&answer, name), "-", "{name}");
    }
    assert!(answer.conditional && answer.parts.is_empty());
    let dated = ask("GET", "/dated/1", &[("if-modified-since", MODIFIED)]);
    assert_eq!(field(&dated, "last-modified"), MODIFIED);
    assert_eq!(
        field(&ask("GET", "/varied/1", &[("if-none-match", "*")]), "vary"),
        "accept-language"
    );
}

#[test]
fn if_range_needs_a_strong_match() {
    let with = |value: &'static str| [("range", "bytes=0-1"), ("if-range", value)];
    status("GET", "plain", &with(TAG), 206);
    status("GET", "plain", &with("\"x\""), 200);
    status("GET", "plain", &with("W/TAG"), 200);
    status("GET", "plain", &with(MODIFIED), 206);
    status("GET", "plain", &with(LATER), 200);
    status("GET", "plain", &with(EARLIER), 200);
    status("GET", "plain", &with("nonsense"), 200);
    status("GET", "bare", &with(MODIFIED), 200);
    // If-Range that fails hides even a range that could not be satisfied.
    status(
        "GET",
        "plain",
        &[("range", "bytes=5000-"), ("if-range", "\"x\"")],
        200,
    );
    status(
        "GET",
        "plain",
        &[("range", "bytes=5000-"), ("if-range", TAG)],
        416,
    );
    status("GET", "plain", &[("if-range", "\"x\"")], 200);
}

#[test]
fn a_date_is_weak_in_a_second_with_two_versions() {
    let catalogue = catalogue();
    let mut versions = catalogue.versions();
    versions.publish(Selector::All, 10_000);
    versions.publish(Selector::All, 10_400);
    let mut headers = HeaderMap::new();
    headers.insert("range", HeaderValue::from_static("bytes=0-1"));
    headers.insert("if-range", HeaderValue::from_static(MODIFIED));
    let request = Request {
        method: &Method::GET,
        target: "/plain/1",
        headers: &headers,
    };
    let outcome = respond(
        &catalogue,
        &versions,
        &Faults::default(),
        request,
        EPOCH + 20_000,
        0,
    );
    assert!(matches!(outcome, Outcome::Answer(answer) if answer.status == 200));
}
