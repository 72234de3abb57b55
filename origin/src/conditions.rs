//! Conditional requests: RFC 9110 section 13, evaluated in the order of section 13.2.2.
//!
//! Knows the current representation only by its validators.

use std::time::UNIX_EPOCH;

use http::header::{self, HeaderName};
use http::{HeaderMap, Method};

/// The validators of the representation that would be sent.
#[derive(Clone, Copy)]
pub(crate) struct Current<'a> {
    /// Strong entity tag, quotes included.
    pub(crate) tag: Option<&'a str>,
    /// Last-Modified, Unix seconds.
    pub(crate) modified: Option<i64>,
    /// Whether no other version has the same Last-Modified (section 8.8.2.2).
    pub(crate) modified_strong: bool,
}

/// What the preconditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// Whether the request has preconditions.
pub(crate) fn any(request: &HeaderMap) -> bool {
    [
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
    ]
    .iter()
    .any(|name| request.contains_key(name))
}

/// Steps 1 to 4 of section 13.2.2; for GET and HEAD a false If-None-Match means 304.
pub(crate) fn evaluate(method: &Method, request: &HeaderMap, current: Current<'_>) -> Verdict {
    let reads = method == Method::GET || method == Method::HEAD;
    // Step 1: If-Match, strong comparison; step 2: If-Unmodified-Since where that is absent.
    if let Some(list) = tags(request, header::IF_MATCH) {
        if !list.has(current.tag, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) =
        (date(request, header::IF_UNMODIFIED_SINCE), current.modified)
        && modified > since
    {
        return Verdict::Failed;
    }
    // Step 3: If-None-Match, weak comparison; step 4: If-Modified-Since where that is absent.
    if let Some(list) = tags(request, header::IF_NONE_MATCH) {
        if list.has(current.tag, Comparison::Weak) {
            return if reads {
                Verdict::NotModified
            } else {
                Verdict::Failed
            };
        }
    } else if reads
        && let (Some(since), Some(modified)) =
            (date(request, header::IF_MODIFIED_SINCE), current.modified)
        && modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Step 5: whether a Range field is to be applied (section 13.1.5). True without If-Range.
pub(crate) fn if_range(request: &HeaderMap, current: Current<'_>) -> bool {
    let mut lines = request.get_all(header::IF_RANGE).iter();
    let Some(value) = lines.next() else {
        return true;
    };
    let Some(text) = value.to_str().ok().filter(|_| lines.next().is_none()) else {
        return false;
    };
    let text = text.trim();
    if text.starts_with('"') || text.starts_with("W/") {
        // Strong comparison: a weak tag never matches.
        current.tag == Some(text)
    } else {
        current.modified_strong
            && current.modified.is_some()
            && parse_date(text) == current.modified
    }
}

enum Comparison {
    Strong,
    Weak,
}

/// A list of entity tags, or the star that stands for any.
enum Tags {
    Any,
    List(Vec<(bool, Vec<u8>)>),
}

impl Tags {
    fn has(&self, current: Option<&str>, comparison: Comparison) -> bool {
        let (list, current) = match (self, current) {
            // There is always a current representation here.
            (Tags::Any, _) => return true,
            (Tags::List(list), Some(current)) => (list, current.as_bytes()),
            (Tags::List(_), None) => return false,
        };
        list.iter()
            .any(|(weak, tag)| tag == current && (!weak || matches!(comparison, Comparison::Weak)))
    }
}

/// The tags of all lines of a field; what does not parse matches nothing. `None` if it is absent.
fn tags(request: &HeaderMap, name: HeaderName) -> Option<Tags> {
    if !request.contains_key(&name) {
        return None;
    }
    let mut list = Vec::new();
    for value in request.get_all(&name) {
        let line = value.as_bytes().trim_ascii();
        if line == b"*" {
            return Some(Tags::Any);
        }
        parse_tags(line, &mut list);
    }
    Some(Tags::List(list))
}

/// Entity tags may hold commas, so they are read by their quotes. Reading stops at the first thing
/// that is no entity tag.
fn parse_tags(mut line: &[u8], list: &mut Vec<(bool, Vec<u8>)>) {
    loop {
        while let [b',' | b' ' | b'\t', rest @ ..] = line {
            line = rest;
        }
        let (weak, opaque) = match line {
            [b'W', b'/', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let [b'"', inner @ ..] = opaque else { return };
        let Some(end) = inner.iter().position(|&byte| byte == b'"') else {
            return;
        };
        list.push((weak, opaque[..end + 2].to_vec()));
        line = &inner[end + 1..];
    }
}

/// A date field with exactly one valid line; anything else is ignored (sections 13.1.3, 13.1.4).
fn date(request: &HeaderMap, name: HeaderName) -> Option<i64> {
    let mut lines = request.get_all(name).iter();
    let value = lines.next()?.to_str().ok()?;
    match lines.next() {
        Some(_) => None,
        None => parse_date(value.trim()),
    }
}

/// Any of the three forms of section 5.6.7, in Unix seconds.
fn parse_date(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
