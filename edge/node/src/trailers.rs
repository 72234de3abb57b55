//! The fields behind a body (RFC 9110 section 6.5): which may stand there, and who gets them.
//!
//! They are passed on where upstream has announced them and the client has said that it takes them. They never
//! become fields of a head.

use std::sync::Arc;

use edge_core::fields::connection::is_hop_by_hop;
use edge_core::fields::list;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The trailers of one response, shared by all who get them; never empty.
pub(crate) type Trailers = Arc<HeaderMap>;

/// Whether the client has said that it takes trailers (RFC 9110 section 6.5.1).
pub(crate) fn taken(request: &HeaderMap) -> bool {
    list(request, &header::TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// What a response announces in `Trailer`.
#[derive(Debug, Default)]
pub(crate) struct Announced(Vec<HeaderName>);

impl Announced {
    /// Reads the field, and leaves in it what may come.
    pub(crate) fn read(headers: &mut HeaderMap) -> Self {
        if !headers.contains_key(header::TRAILER) {
            return Self::default();
        }
        let (mut names, mut text) = (Vec::new(), Vec::new());
        for member in list(headers, &header::TRAILER) {
            let Ok(name) = HeaderName::from_bytes(member) else {
                continue;
            };
            if may_trail(&name) {
                names.push(name);
                text.push(member);
            }
        }
        let value = HeaderValue::from_bytes(&text.join(&b", "[..]));
        headers.remove(header::TRAILER);
        if let Some(value) = value.ok().filter(|value| !value.is_empty()) {
            headers.insert(header::TRAILER, value);
        }
        Self(names)
    }

    /// Those of the trailers that have come which were announced.
    pub(crate) fn of(&self, come: &HeaderMap) -> HeaderMap {
        let wanted = come.iter().filter(|(name, _)| self.0.contains(name));
        wanted
            .map(|(name, value)| (name.clone(), value.clone()))
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            })
    }
}

/// The value of `Trailer` that announces these.
pub(crate) fn announcing(trailers: &HeaderMap) -> Option<HeaderValue> {
    let names: Vec<&str> = trailers.keys().map(HeaderName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}

/// Bytes that they take in memory, about.
pub(crate) fn size(trailers: &HeaderMap) -> usize {
    let lines = trailers.iter();
    let bytes = lines.map(|(name, value)| name.as_str().len() + value.len());
    bytes.sum::<usize>() + trailers.len() * size_of::<(HeaderName, HeaderValue, u64)>()
}

/// Fields that mean something before the body is read (RFC 9110 section 6.5.1): framing, routing,
/// authentication, what modifies a request, what controls a response or a cache.
const BEFORE_THE_BODY: [HeaderName; 29] = [
    header::TRAILER,
    header::HOST,
    header::VIA,
    header::FORWARDED,
    HeaderName::from_static("cdn-loop"),
    header::MAX_FORWARDS,
    header::AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    header::COOKIE,
    header::SET_COOKIE,
    header::EXPECT,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::AGE,
    header::CACHE_CONTROL,
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("cache-groups"),
    header::PRAGMA,
    header::EXPIRES,
    header::DATE,
    header::LOCATION,
    header::RETRY_AFTER,
    header::VARY,
    header::STRICT_TRANSPORT_SECURITY,
];

/// Whether a field may stand behind a body.
fn may_trail(name: &HeaderName) -> bool {
    let text = name.as_str();
    // Of what describes the content only its digests are defined for trailers (RFC 9530 section 6.1).
    let of_content =
        text.starts_with("content-") && !matches!(text, "content-digest" | "content-md5");
    let targeted = text.ends_with("-cache-control");
    !of_content && !targeted && !is_hop_by_hop(name) && !BEFORE_THE_BODY.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn check(trailer: &[&'static str], announced: Option<&str>, come: &[&str]) {
        let lines: Vec<_> = trailer.iter().map(|line| ("trailer", *line)).collect();
        let mut headers = fields(&lines);
        let read = Announced::read(&mut headers);
        let left = headers.get_all("trailer").iter();
        let left: Vec<_> = left.map(|value| value.to_str().unwrap()).collect();
        assert_eq!(left, Vec::from_iter(announced), "{trailer:?}");
        let all = [
            ("x-sum", "1"),
            ("x-sum", "2"),
            ("x-other", "3"),
            ("content-digest", "4"),
            ("content-length", "5"),
            ("cache-control", "no-store"),
            ("set-cookie", "a"),
            ("x-hidden", "6"),
        ];
        let found = read.of(&fields(&all));
        let values: Vec<_> = found
            .values()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert_eq!(values, come, "{trailer:?}");
    }

    #[test]
    fn what_is_announced_and_may_come() {
        check(&[], None, &[]);
        check(&["X-Sum"], Some("X-Sum"), &["1", "2"]);
        check(
            &["X-Sum, a b", "x-other"],
            Some("X-Sum, x-other"),
            &["1", "2", "3"],
        );
        check(&["Content-Digest"], Some("Content-Digest"), &["4"]);
        let wrong = "Content-Length, Cache-Control, Set-Cookie, Trailer, Connection, TE";
        check(&[wrong], None, &[]);
        check(&[wrong, "X-Other"], Some("X-Other"), &["3"]);
        check(&[", ,"], None, &[]);
    }

    #[test]
    fn who_takes_them() {
        for (te, expected) in [
            ("trailers", true),
            ("gzip;q=0.5, Trailers", true),
            ("trailers;q=1", false),
            ("gzip", false),
        ] {
            assert_eq!(taken(&fields(&[("te", te)])), expected, "{te}");
        }
        assert!(!taken(&HeaderMap::new()));
    }

    #[test]
    fn announcing_those_that_are_stored() {
        let stored = fields(&[("x-sum", "1"), ("x-sum", "2"), ("x-other", "3")]);
        assert_eq!(announcing(&stored).unwrap(), "x-sum, x-other");
        assert!(size(&stored) > 20);
    }
}
