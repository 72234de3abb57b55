//! What a 304, or the answer to HEAD, does to a stored head (RFC 9111 sections 3.2, 4.3.4 and 4.3.5).

use http::{HeaderMap, HeaderName, header};

use crate::{
    ResponseHead, StoredHead,
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

/// The stored head as a 304 updates it: each field of the 304 replaces all stored lines of that
/// name with all of its own lines; the other stored fields stay. The 304's Age is left in, so that
/// [`crate::born`] and [`crate::digest`] can be asked about the result.
pub fn update_304(stored: &StoredHead, response: &ResponseHead) -> Result<ResponseHead, Mismatch> {
    let head = stored.to_head();
    check(&head.headers, &response.headers)?;
    Ok(merged(head, &response.headers))
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

/// Whether the 304 selects the stored response (section 4.3.4): by a strong validator if it has
/// one, else by what it has.
fn check(stored: &HeaderMap, response: &HeaderMap) -> Result<(), Mismatch> {
    if let Some(new) = ETag::of(response) {
        let matches = ETag::of(stored).is_some_and(|old| {
            if new.weak {
                new.weakly_equals(&old)
            } else {
                new.strongly_equals(&old)
            }
        });
        return if matches { Ok(()) } else { Err(Mismatch) };
    }
    match (
        response.get(header::LAST_MODIFIED),
        stored.get(header::LAST_MODIFIED),
    ) {
        (Some(new), Some(old)) if new != old => Err(Mismatch),
        _ => Ok(()),
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
        let found = update_304(&stored, &head(StatusCode::NOT_MODIFIED, news))?;
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
    fn another_validator_is_a_mismatch() {
        let check = |stored: (&str, &str), new: (&str, &str), ok: bool| {
            assert_eq!(updated(&[stored], &[new]).is_ok(), ok, "{stored:?} {new:?}");
        };
        check(("etag", "\"a\""), ("etag", "\"a\""), true);
        check(("etag", "\"a\""), ("etag", "\"b\""), false);
        check(("etag", "W/\"a\""), ("etag", "\"a\""), false);
        check(("etag", "\"a\""), ("etag", "W/\"a\""), true);
        check(("last-modified", "x"), ("last-modified", "y"), false);
        check(("last-modified", "x"), ("etag", "\"a\""), false);
        check(("etag", "\"a\""), ("date", "x"), true);
    }
}
