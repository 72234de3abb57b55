//! What the parsers must hold for all bytes. Each target is run on its corpus by the ordinary tests
//! (`edge/core/tests/fuzz/main.rs`) and on whatever libFuzzer thinks of by `fuzz/run`.

use bytes::Bytes;
use edge_core::fields::{age, cache_control, date, directives, etag};
use edge_core::ranges::{Asked, ContentRange, Specs};
use edge_core::{
    CacheKey, KeyRules, Policy, RequestHead, ResponseHead, StoredHead, TargetUri, Timestamp, Vary,
    born, cache_status, digest, groups, update_304,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A target: its name and what it does with bytes. A failure is a panic.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 12] = [
    ("cache-control", cache_control),
    ("date", dates),
    ("age", ages),
    ("etag", etags),
    ("range", ranges),
    ("content-range", content_range),
    ("targeted", targeted),
    ("vary", vary),
    ("cache-status", cache_statuses),
    ("groups", cache_groups),
    ("target", target),
    ("response", response),
];

/// The lines of a field, as far as they can stand in a message.
fn lines(name: &HeaderName, bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

/// Fields, one in each line.
fn fields(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(name, value);
        }
    }
    headers
}

/// A directive that nobody knows changes nothing; upper case means the same.
fn cache_control(bytes: &[u8]) {
    let headers = lines(&header::CACHE_CONTROL, bytes);
    if headers.is_empty() {
        return;
    }
    let mut more = HeaderMap::new();
    more.append(header::CACHE_CONTROL, HeaderValue::from_static("x-unknown"));
    let upper = bytes.to_ascii_uppercase();
    for value in headers.get_all(header::CACHE_CONTROL) {
        more.append(header::CACHE_CONTROL, value.clone());
    }
    for read in [
        cache_control::response_directives,
        cache_control::request_directives,
    ] {
        let found = read(&headers);
        assert_eq!(read(&more), found);
        assert_eq!(read(&lines(&header::CACHE_CONTROL, &upper)), found);
        for millis in [
            found.max_age,
            found.s_maxage,
            found.min_fresh,
            found.max_stale,
        ] {
            assert!(millis.is_none_or(|millis| millis >= 0));
        }
    }
}

/// Fields, one in each line: either a target counts, and Cache-Control does not (RFC 9213), or
/// Cache-Control alone.
fn targeted(bytes: &[u8]) {
    let targets = ["own-control", "surrogate-control", "cdn-cache-control"].map(str::to_owned);
    let mut headers = fields(bytes);
    let found = directives::directives(&headers, &targets);
    for millis in [
        found.max_age,
        found.s_maxage,
        found.stale_while_revalidate,
        found.stale_if_error,
    ] {
        assert!(millis.is_none_or(|millis| (0..=(1 << 31) * 1000).contains(&millis)));
    }
    let names = directives::qualified(&headers, &targets);
    let there = targets.iter().any(|name| headers.contains_key(name));
    assert!(there || !found.targeted);
    if found.targeted {
        headers.remove(header::CACHE_CONTROL);
        assert_eq!(directives::directives(&headers, &targets), found);
        assert_eq!(directives::qualified(&headers, &targets), names);
    } else {
        assert_eq!(cache_control::response_directives(&headers), found);
    }
}

/// What is a date is the same date when it is written down.
fn dates(bytes: &[u8]) {
    // The leap second at the end of the year 9999 is a date that cannot be written.
    let last = 253_402_300_799;
    if let Some(seconds) = date::parse(bytes, NOW).filter(|seconds| *seconds <= last) {
        let written = date::format(Timestamp::from_seconds(seconds));
        assert_eq!(
            date::parse(written.as_bytes(), NOW),
            Some(seconds),
            "{written}"
        );
    }
}

fn ages(bytes: &[u8]) {
    let found = age::of(&lines(&header::AGE, bytes));
    if found.is_some() {
        assert!(bytes.iter().any(u8::is_ascii_digit));
    }
}

/// A tag that can be read equals itself, weakly at least.
fn etags(bytes: &[u8]) {
    let headers = lines(&header::IF_NONE_MATCH, bytes);
    let tag = etag::ETag::parse(bytes);
    if let Some(tag) = &tag {
        assert!(tag.weakly_equals(tag));
        assert_ne!(tag.strongly_equals(tag), tag.weak);
    }
    let _ = etag::list_matches(&headers, &header::IF_NONE_MATCH, tag.as_ref());
}

/// What is cut lies within the body, in parts that do not touch.
fn ranges(bytes: &[u8]) {
    let Some(specs) = Specs::parse(bytes) else {
        return;
    };
    for length in [0, 1, 7, 1_000, u64::MAX] {
        match specs.of(length) {
            Asked::Part(range) => assert!(range.start < range.end && range.end <= length),
            Asked::Parts(parts) => {
                assert!(parts.len() > 1);
                for (at, one) in parts.iter().enumerate() {
                    assert!(one.start < one.end && one.end <= length);
                    for two in &parts[at + 1..] {
                        assert!(one.end < two.start || two.end < one.start);
                    }
                }
            }
            Asked::Whole | Asked::Unsatisfiable => {}
        }
    }
}

fn content_range(bytes: &[u8]) {
    if let Some(ContentRange::Part(range, length)) = ContentRange::parse(bytes) {
        assert!(range.start < range.end && length.is_none_or(|length| range.end <= length));
        if let Some(length) = length {
            let written = range.content_range(length);
            assert_eq!(
                ContentRange::parse(written.as_bytes()),
                Some(ContentRange::Part(range, Some(length)))
            );
        }
    }
}

/// Vary in the first line, a request's fields in the others. The order of names does not matter.
fn vary(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (names, request) = bytes.split_at(end.unwrap_or(bytes.len()));
    let request = fields(request);
    let read = |names: &[u8]| Vary::of(&lines(&header::VARY, names));
    if let Vary::Fields(found) = read(names) {
        let mut members: Vec<&[u8]> = names.split(|byte| *byte == b',').collect();
        members.reverse();
        let Vary::Fields(reversed) = read(&members.join(&b',')) else {
            panic!("the same names in another order are none");
        };
        let variant = found.variant(&request, &[]);
        assert_eq!(variant, reversed.variant(&request, &[]));
        let key = CacheKey::from_text("http://a.test/").with_variant(&variant);
        assert_eq!(key.primary(), "http://a.test/");
    }
}

/// The path of a request is a part of the whole field.
fn cache_statuses(bytes: &[u8]) {
    let headers = lines(&HeaderName::from_static("cache-status"), bytes);
    let all = cache_status::parse(&headers);
    let path = cache_status::parse_path(&headers);
    assert!(path.len() <= all.len());
    assert_eq!(path.is_empty(), all.is_empty());
}

fn cache_groups(bytes: &[u8]) {
    let name = HeaderName::from_static("cache-group-invalidation");
    let key = CacheKey::from_text("http://a.test/x");
    for group in groups::invalidated(&lines(&name, bytes)) {
        assert_eq!(groups::tag_at(&key, &group), groups::tag_at(&key, &group));
    }
    let head = ResponseHead {
        status: StatusCode::OK,
        headers: lines(&HeaderName::from_static("cache-groups"), bytes),
    };
    let _ = groups::tags(&key, &StoredHead::new(&head));
}

/// A key names itself: what is normal stays as it is. Not so where a percent sign is none of an
/// encoding's: what follows it may become one (`%%332`).
fn target(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(target) = TargetUri::parse(text) else {
        return;
    };
    let rules = KeyRules::default();
    let key = rules.key(&target);
    let encoded = |part: &str| {
        let digits = part.as_bytes().iter().take(2);
        digits.filter(|byte| byte.is_ascii_hexdigit()).count() == 2
    };
    if !text.split('%').skip(1).all(encoded) {
        return;
    }
    let again = TargetUri::parse(key.as_str()).map(|target| rules.key(&target));
    assert_eq!(
        again.map(|key| key.as_str().to_owned()),
        Ok(key.as_str().to_owned())
    );
}

/// A whole head: what is stored of it is read back, and its facts make sense.
fn response(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first() else {
        return;
    };
    let status = StatusCode::from_u16(200 + u16::from(*status)).unwrap_or(StatusCode::OK);
    let head = ResponseHead::received(status, fields(rest), NOW);
    let request = RequestHead {
        method: Method::GET,
        target: TargetUri::parse("http://a.test/x").expect("a URI"),
        headers: HeaderMap::new(),
    };
    if let Ok(digest) = digest(&request, &head, &Policy::default(), NOW) {
        assert!(digest.lifetime >= 0 && digest.stale_if_error >= 0);
        assert!(digest.stale_while_revalidate >= 0);
    }
    assert!(born(&head, NOW, NOW) <= NOW);
    let stored = StoredHead::new(&head);
    let again = StoredHead::from_bytes(stored.as_bytes().clone());
    assert_eq!(again.as_ref(), Some(&stored));
    let _ = update_304(&stored, &head, &Policy::default());
    if let Some(damaged) = StoredHead::from_bytes(Bytes::copy_from_slice(bytes)) {
        let _ = (damaged.status(), damaged.headers());
    }
}
