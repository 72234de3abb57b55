//! `Cache-Status` (RFC 9211): writing one member, reading all. Knows nothing about decisions.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, List, ListEntry, Parser};
use smallvec::SmallVec;

use crate::{Fwd, Handling, Millis};

/// The field's name.
pub const NAME: HeaderName = HeaderName::from_static("cache-status");

/// The member that tells how this node handled a request. Append it as a line of its own.
pub fn member(name: &str, handling: &Handling, key: Option<&str>) -> HeaderValue {
    let mut text = String::with_capacity(64);
    if is_sf_token(name) {
        text.push_str(name);
    } else {
        push_string(&mut text, name);
    }
    if handling.hit {
        text.push_str("; hit");
    }
    if let Some(fwd) = handling.fwd {
        text.push_str("; fwd=");
        text.push_str(fwd.as_str());
    }
    if let Some(status) = handling.fwd_status {
        let _ = write!(text, "; fwd-status={status}");
    }
    if handling.stored {
        text.push_str("; stored");
    }
    if handling.collapsed {
        text.push_str("; collapsed");
    }
    if let Some(ttl) = handling.ttl {
        let _ = write!(text, "; ttl={}", ttl_seconds(ttl));
    }
    if let Some(detail) = handling.detail {
        text.push_str("; detail=");
        text.push_str(detail.as_str());
    }
    if let Some(key) = key {
        text.push_str("; key=");
        push_string(&mut text, key);
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("cache"))
}

/// Whole seconds, rounded down; what is stale by less than a second still shows as stale.
fn ttl_seconds(ttl: Millis) -> i64 {
    let seconds = ttl.div_euclid(1000);
    // The integers of structured fields have 15 digits.
    if ttl > 0 {
        seconds.min(999_999_999_999_999)
    } else {
        seconds.clamp(-999_999_999_999_999, -1)
    }
}

fn is_sf_token(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*');
    starts
        && name
            .bytes()
            .all(|byte| byte == b':' || byte == b'/' || crate::fields::is_token(&[byte]))
}

/// A string of structured fields; what cannot stand in one becomes `?`.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    text.push('"');
}

/// One cache's word about a request, as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The cache's name.
    pub cache: Box<str>,
    /// Answered from its store.
    pub hit: bool,
    /// Why it went upstream; an unknown reason is none.
    pub fwd: Option<Fwd>,
    /// The status that upstream answered with.
    pub fwd_status: Option<u16>,
    /// The answer was stored.
    pub stored: bool,
    /// Collapsed with another request.
    pub collapsed: bool,
    /// What is left of the lifetime. Seconds, negative when stale.
    pub ttl: Option<i64>,
    /// More about it.
    pub detail: Option<Box<str>>,
    /// The cache key.
    pub key: Option<Box<str>>,
}

/// The members that tell of this request: from the client's side, up to and with the first `hit` or
/// `collapsed`; what is behind it is history that was stored with the response. Empty where the
/// field is absent or malformed.
pub fn parse_path(headers: &HeaderMap) -> SmallVec<[Member; 2]> {
    let mut path = SmallVec::new();
    for member in parse(headers).into_iter().rev() {
        let last = member.hit || member.collapsed;
        path.push(member);
        if last {
            break;
        }
    }
    path
}

/// All members, in the order of the field: the cache nearest to the origin first. Empty where the
/// field is absent or malformed.
pub fn parse(headers: &HeaderMap) -> Vec<Member> {
    let mut joined = Vec::new();
    for line in headers.get_all(NAME) {
        if !joined.is_empty() {
            joined.extend_from_slice(b", ");
        }
        joined.extend_from_slice(line.as_bytes());
    }
    if joined.is_empty() {
        return Vec::new();
    }
    let list: List = match Parser::new(&joined).parse() {
        Ok(list) => list,
        Err(_) => return Vec::new(),
    };
    list.iter().filter_map(one).collect()
}

fn one(entry: &ListEntry) -> Option<Member> {
    let ListEntry::Item(item) = entry else {
        return None;
    };
    let mut member = Member {
        cache: text(&item.bare_item)?,
        ..Member::default()
    };
    for (name, value) in &item.params {
        let flag = matches!(value, BareItem::Boolean(true));
        match name.as_str() {
            "hit" => member.hit = flag,
            "stored" => member.stored = flag,
            "collapsed" => member.collapsed = flag,
            "fwd" => member.fwd = text(value).and_then(|token| Fwd::parse(&token)),
            "fwd-status" => member.fwd_status = integer(value).and_then(|n| n.try_into().ok()),
            "ttl" => member.ttl = integer(value),
            "detail" => member.detail = text(value),
            "key" => member.key = text(value),
            _ => {}
        }
    }
    Some(member)
}

fn text(item: &BareItem) -> Option<Box<str>> {
    match item {
        BareItem::Token(token) => Some(token.as_str().into()),
        BareItem::String(string) => Some(string.as_str().into()),
        _ => None,
    }
}

fn integer(item: &BareItem) -> Option<i64> {
    match item {
        BareItem::Integer(number) => Some(i64::from(*number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detail, NotStorable, UpstreamError};
    use proptest::prelude::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (NAME, HeaderValue::from_str(line).unwrap()))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn writing() {
        let check = |name: &str, handling: Handling, key: Option<&str>, expected: &str| {
            assert_eq!(member(name, &handling, key), expected);
        };
        check("fra-1", Handling::hit(59_900), None, "fra-1; hit; ttl=59");
        check("fra-1", Handling::hit(0), None, "fra-1; hit; ttl=-1");
        check(
            "1 \"x\"",
            Handling::hit(1),
            None,
            "\"1 \\\"x\\\"\"; hit; ttl=0",
        );
        let miss = Handling {
            fwd_status: Some(200),
            detail: Some(Detail::NotStored(NotStorable::NoStore)),
            ..Handling::forwarded(Fwd::UriMiss)
        };
        check(
            "a",
            miss,
            Some("http://ä/"),
            "a; fwd=uri-miss; fwd-status=200; detail=no-store; key=\"http://?/\"",
        );
        let failed = Handling {
            detail: Some(Detail::Upstream(UpstreamError::Refused)),
            ..Handling::forwarded(Fwd::Stale)
        };
        check("a", failed, None, "a; fwd=stale; detail=upstream-refused");
    }

    #[test]
    fn the_path_ends_at_the_first_hit() {
        let path = |lines: &[&str]| -> Vec<String> {
            parse_path(&headers(lines))
                .iter()
                .map(|member| member.cache.to_string())
                .collect()
        };
        assert_eq!(
            path(&["shield; hit", "edge; fwd=uri-miss"]),
            ["edge", "shield"]
        );
        assert_eq!(path(&["shield; fwd=uri-miss, edge; hit"]), ["edge"]);
        assert_eq!(
            path(&["shield; hit", "edge; fwd=stale; collapsed"]),
            ["edge"]
        );
        assert_eq!(path(&["\"A B\"; hit=?0; ttl=5"]), ["A B"]);
        assert!(path(&["a; hit; ="]).is_empty());
        assert!(path(&["(a b); hit"]).is_empty());
        assert!(path(&[]).is_empty());
    }

    #[test]
    fn details_are_read_as_tokens_and_as_strings() {
        let found = parse(&headers(&[
            "a; fwd=miss; detail=STALE, b; detail=\"in words\", c; detail=7",
        ]));
        let details: Vec<_> = found
            .iter()
            .map(|member| member.detail.as_deref())
            .collect();
        assert_eq!(details, [Some("STALE"), Some("in words"), None]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            name in "[ -~]{1,12}",
            hit: bool,
            stored: bool,
            collapsed: bool,
            ttl in prop::option::of(any::<i64>()),
            status in prop::option::of(100_u16..600),
            key in prop::option::of("[ -~]{0,40}"),
        ) {
            let fwd = (!hit).then_some(Fwd::Stale);
            let handling =
                Handling { hit, fwd, fwd_status: status, stored, collapsed, ttl, detail: None };
            let mut headers = HeaderMap::new();
            headers.insert(NAME, member(&name, &handling, key.as_deref()));
            let expected = Member {
                cache: name.into(),
                hit,
                fwd,
                fwd_status: status,
                stored,
                collapsed,
                ttl: ttl.map(ttl_seconds),
                detail: None,
                key: key.map(Into::into),
            };
            prop_assert_eq!(parse(&headers), vec![expected]);
        }

        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(0x20_u8..0x7f, 0..80)) {
            let mut headers = HeaderMap::new();
            headers.insert(NAME, HeaderValue::from_bytes(&bytes).unwrap());
            let _ = parse_path(&headers);
        }
    }
}
