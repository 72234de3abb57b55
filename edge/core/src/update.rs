//! What a 304, or the answer to HEAD, does to a stored head (RFC 9111 sections 3.2, 4.3.4 and 4.3.5).

use http::{HeaderMap, HeaderName, header};

use crate::{
    Policy, ResponseHead, StoredHead,
    fields::{connection::remove_hop_by_hop, etag::ETag},
};

/// The answer does not belong to the stored response, which must not be used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is about another response than the stored one")]
pub struct Mismatch;

/// What describes the stored bytes themselves, and so stays as it was stored (section 3.2).
const OF_THE_BODY: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    HeaderName::from_static("content-md5"),
];

/// What says how long a response holds and since when, beside the targeted fields.
const OF_THE_LIFETIME: [HeaderName; 4] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::DATE,
    header::EXPIRES,
];

/// The stored head as a 304 updates it: each field of the 304 replaces all stored lines of that
/// name with all of its own lines; the other stored fields stay. The 304's Age is left in, so that
/// [`crate::born`] and [`crate::digest`] can be asked about the result.
///
/// The 304 is the answer to the stored response's own validators and to no others. If it has another
/// entity tag than the one that it confirms, it updates nothing but the lifetime: see [`Selects`].
pub fn update_304(
    stored: &StoredHead,
    response: &ResponseHead,
    policy: &Policy,
) -> Result<ResponseHead, Mismatch> {
    let head = stored.to_head();
    match selects(&head.headers, &response.headers) {
        Selects::This => Ok(merged(head, &response.headers)),
        Selects::Lifetime => Ok(merged(head, &of_the_lifetime(&response.headers, policy))),
        Selects::Other => Err(Mismatch),
    }
}

fn of_the_lifetime(response: &HeaderMap, policy: &Policy) -> HeaderMap {
    let lines = response.iter().filter(|(name, _)| {
        let targeted = |field: &String| name.as_str().eq_ignore_ascii_case(field);
        OF_THE_LIFETIME.contains(name) || policy.targeted.iter().any(targeted)
    });
    let mut found = HeaderMap::new();
    for (name, value) in lines {
        found.append(name.clone(), value.clone());
    }
    found
}

/// The stored head as a 200 to HEAD updates it: if all validators that it has are the stored ones,
/// and its Content-Length, if it has one, is the stored body's `length` in bytes. If not, the stored
/// response is to count as stale.
pub fn update_head(
    stored: &StoredHead,
    length: u64,
    response: &ResponseHead,
) -> Result<ResponseHead, Mismatch> {
    let head = stored.to_head();
    let same =
        [header::ETAG, header::LAST_MODIFIED]
            .iter()
            .all(|name| match response.headers.get(name) {
                Some(new) => head.headers.get(name) == Some(new),
                None => true,
            });
    let as_long = match response.headers.get(header::CONTENT_LENGTH) {
        Some(value) => delta(value.as_bytes()) == Some(length),
        None => true,
    };
    if same && as_long {
        Ok(merged(head, &response.headers))
    } else {
        Err(Mismatch)
    }
}

fn delta(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn merged(mut head: ResponseHead, response: &HeaderMap) -> ResponseHead {
    let mut news = response.clone();
    remove_hop_by_hop(&mut news);
    for name in &OF_THE_BODY {
        news.remove(name);
    }
    for name in news.keys() {
        head.headers.remove(name);
    }
    for (name, value) in &news {
        head.headers.append(name.clone(), value.clone());
    }
    head
}

/// What of a stored response a 304 is about.
enum Selects {
    /// All of it: by the same validator, or by having none (section 4.3.4).
    This,
    /// Upstream was asked about one tag, says that it matches, and names another. It contradicts
    /// itself: its fields belong to nothing that is here, but what was asked about was confirmed
    /// (RFC 9110 section 13.1.2), as nginx and browsers take it too. Section 4.3.4 would have the
    /// whole fetched again.
    Lifetime,
    /// Nothing of it.
    Other,
}

fn selects(stored: &HeaderMap, response: &HeaderMap) -> Selects {
    match (ETag::of(response), ETag::of(stored)) {
        (Some(new), Some(old)) => {
            let same = if new.weak {
                new.weakly_equals(&old)
            } else {
                new.strongly_equals(&old)
            };
            if same {
                Selects::This
            } else {
                Selects::Lifetime
            }
        }
        (Some(_), None) => Selects::Other,
        (None, _) => {
            let modified = |headers: &HeaderMap| headers.get(header::LAST_MODIFIED).cloned();
            match (modified(response), modified(stored)) {
                (Some(new), Some(old)) if new != old => Selects::Other,
                _ => Selects::This,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, StatusCode};

    fn head(status: StatusCode, lines: &[(&str, &str)]) -> ResponseHead {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        ResponseHead { status, headers }
    }

    fn updated(stored: &[(&str, &str)], news: &[(&str, &str)]) -> Result<Vec<String>, Mismatch> {
        let stored = StoredHead::new(&head(StatusCode::OK, stored));
        let news = head(StatusCode::NOT_MODIFIED, news);
        let found = update_304(&stored, &news, &Policy::default())?;
        assert_eq!(found.status, StatusCode::OK);
        let mut lines: Vec<String> = found
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        // Stable: only names are put in order, so that the order of repeated lines shows.
        lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
        Ok(lines)
    }

    #[test]
    fn repeated_lines_are_kept_and_replaced() {
        let stored = [
            ("etag", "\"a\""),
            ("link", "<1>"),
            ("link", "<2>"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("content-length", "10"),
        ];
        let news = [
            ("etag", "\"a\""),
            ("link", "<4>"),
            ("link", "<3>"),
            ("content-length", "0"),
            ("content-encoding", "gzip"),
            ("x-new", "1"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ];
        let expected = [
            "content-length: 10",
            "etag: \"a\"",
            "link: <4>",
            "link: <3>",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "x-new: 1",
        ];
        assert_eq!(updated(&stored, &news).unwrap(), expected);
    }

    #[test]
    fn a_head_updates_what_it_agrees_with() {
        let stored = [("etag", "\"a\""), ("last-modified", "x"), ("x-own", "1")];
        let stored = StoredHead::new(&head(StatusCode::OK, &stored));
        let check = |news: &[(&str, &str)], fits: bool| {
            let found = update_head(&stored, 10, &head(StatusCode::OK, news));
            assert_eq!(found.is_ok(), fits, "{news:?}");
        };
        check(&[], true);
        check(&[("etag", "\"a\""), ("content-length", "10")], true);
        check(&[("etag", "\"b\"")], false);
        check(&[("etag", "W/\"a\"")], false);
        check(&[("etag", "\"a\""), ("last-modified", "y")], false);
        check(&[("content-length", "11")], false);
        check(&[("content-length", "ten")], false);
        let news = [("x-own", "2"), ("content-length", "10")];
        let found = update_head(&stored, 10, &head(StatusCode::OK, &news)).unwrap();
        assert_eq!(found.headers["x-own"], "2");
        assert!(!found.headers.contains_key("content-length"));
    }

    #[test]
    fn a_304_that_names_another_tag_renews_the_lifetime_only() {
        let fields = [
            ("etag", "\"b\""),
            ("cache-control", "max-age=9"),
            ("cdn-cache-control", "max-age=8"),
            ("date", "now"),
            ("x-own", "2"),
        ];
        for tag in ["\"a\"", "W/\"b\""] {
            let stored = [("etag", tag), ("x-own", "1"), ("date", "then")];
            let expected = [
                "cache-control: max-age=9",
                "cdn-cache-control: max-age=8",
                "date: now",
                &format!("etag: {tag}"),
                "x-own: 1",
            ];
            assert_eq!(updated(&stored, &fields).unwrap(), expected);
        }
    }

    #[test]
    fn another_validator_is_a_mismatch() {
        let check = |stored: (&str, &str), new: (&str, &str), ok: bool| {
            assert_eq!(updated(&[stored], &[new]).is_ok(), ok, "{stored:?} {new:?}");
        };
        check(("etag", "\"a\""), ("etag", "\"a\""), true);
        check(("etag", "\"a\""), ("etag", "W/\"a\""), true);
        check(("last-modified", "x"), ("last-modified", "y"), false);
        check(("last-modified", "x"), ("etag", "\"a\""), false);
        check(("etag", "\"a\""), ("date", "x"), true);
    }
}
