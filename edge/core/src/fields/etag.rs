//! Entity tags and the conditions on them (RFC 9110 sections 8.8.3 and 13.1).

use http::{HeaderMap, HeaderName, header};

use super::split_tags;

/// An entity tag as it stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag<'a> {
    /// Marked as weak.
    pub weak: bool,
    /// The opaque part, without its quotes.
    pub opaque: &'a [u8],
}

impl<'a> ETag<'a> {
    /// Reads one entity tag. One without quotes, as some origins and clients send them, is the same
    /// as with them; nothing at all is none.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        let (weak, opaque) = match bytes {
            [b'W', b'/', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let bare = match opaque {
            [b'"', inside @ .., b'"'] => inside,
            _ => opaque,
        };
        (!opaque.is_empty()).then_some(Self { weak, opaque: bare })
    }

    /// The tag of a message.
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        Self::parse(headers.get(header::ETAG)?.as_bytes())
    }

    /// Weak comparison: the opaque parts are the same (RFC 9110 section 8.8.3.2).
    pub fn weakly_equals(&self, other: &ETag<'_>) -> bool {
        self.opaque == other.opaque
    }

    /// Strong comparison: the same, and neither is weak.
    pub fn strongly_equals(&self, other: &ETag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }
}

/// Whether a list of entity tags, such as If-None-Match, has `*` or one that equals weakly.
pub fn list_matches(headers: &HeaderMap, name: &HeaderName, tag: Option<&ETag<'_>>) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| split_tags(line.as_bytes()))
        .any(|member| {
            member == b"*"
                || tag.is_some_and(|tag| {
                    ETag::parse(member).is_some_and(|candidate| candidate.weakly_equals(tag))
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn lists() {
        let check = |value: &'static [u8], tag: &'static [u8], expected: bool| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(value).expect("a field value");
            headers.insert(header::IF_NONE_MATCH, value);
            let tag = ETag::parse(tag);
            assert_eq!(
                list_matches(&headers, &header::IF_NONE_MATCH, tag.as_ref()),
                expected
            );
        };
        check(b"\"a\"", b"\"a\"", true);
        check(b"W/\"a\"", b"\"a\"", true);
        check(b"\"a\"", b"W/\"a\"", true);
        check(b"\"b\", \"a\"", b"\"a\"", true);
        check(b"\"b, \\\"", b"\"b\"", false);
        check(b"\"a,b\"", b"\"a,b\"", true);
        check(b"\"a,b\"", b"\"a\"", false);
        check(b"\"a\\\", \"b\"", b"\"b\"", true);
        check(b"*", b"\"a\"", true);
        check(b"*", b"", true);
        check(b"\"\xfc\"", b"\"\xfc\"", true);
        check(b"abc", b"abc", true);
        check(b"\"abc\"", b"abc", true);
        check(b"abc", b"\"abc\"", true);
        check(b"abc, \"d\"", b"\"abc\"", true);
        check(b"\"\"", b"\"\"", true);
        check(b"W\"a\"", b"\"a\"", false);
        check(b"W\\\"a\"", b"\"a\"", false);
        check(b"w/\"a\"", b"\"a\"", false);
        check(b"", b"\"a\"", false);
    }

    #[test]
    fn strong_comparison() {
        let strong = ETag::parse(b"\"a\"").expect("a tag");
        let weak = ETag::parse(b"W/\"a\"").expect("a tag");
        assert!(strong.strongly_equals(&strong));
        assert!(!strong.strongly_equals(&weak));
        assert!(!weak.strongly_equals(&weak));
    }
}
