//! Byte ranges: RFC 9110 section 14, for a body of known size.

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

/// What a request's Range field selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// No field, or one that is to be ignored.
    Whole,
    /// These stretches, in the order asked for; at least one, none empty.
    Some(Vec<Range<u64>>),
    /// A valid field that selects nothing: 416.
    Unsatisfiable,
}

/// Requests for more ranges than this, or for more bytes than there are, are answered with the
/// whole body (section 14.2 allows it, against requests that mean harm).
const MOST: usize = 100;

/// Reads the Range field. Other units and syntax errors mean that it is ignored (section 14.2).
pub(crate) fn select(request: &HeaderMap, size: u64) -> Ranges {
    let mut lines = request.get_all(RANGE).iter();
    let (Some(value), None) = (lines.next(), lines.next()) else {
        return Ranges::Whole;
    };
    let Some(specs) = value.to_str().ok().and_then(parse) else {
        return Ranges::Whole;
    };
    if specs.len() > MOST {
        return Ranges::Whole;
    }
    // A suffix of an empty body is satisfiable, but no Content-Range could say so.
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Suffix(1..))) {
        return Ranges::Whole;
    }
    let list: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.within(size)).collect();
    if list.is_empty() {
        return Ranges::Unsatisfiable;
    }
    let total = list.iter().fold(0u64, |sum, range| {
        sum.saturating_add(range.end - range.start)
    });
    if list.len() > 1 && total > size {
        return Ranges::Whole;
    }
    Ranges::Some(list)
}

enum Spec {
    From(u64),
    FromTo(u64, u64),
    Suffix(u64),
}

impl Spec {
    /// The bytes of a body of `size` bytes, if there are any.
    fn within(&self, size: u64) -> Option<Range<u64>> {
        let range = match *self {
            Spec::From(first) => first..size,
            Spec::FromTo(first, last) => first..last.saturating_add(1).min(size),
            Spec::Suffix(length) => size.saturating_sub(length)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// `bytes=` and a list; the unit's name has no case (section 14.1). `None` if it is not valid.
fn parse(text: &str) -> Option<Vec<Spec>> {
    let (unit, list) = text.trim().split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for item in list.split(',') {
        let item = item.trim_matches([' ', '\t']);
        if item.is_empty() {
            // Empty list elements are to be tolerated (section 5.6.1).
            continue;
        }
        let (first, last) = item.split_once('-')?;
        specs.push(match (first, last) {
            ("", length) => Spec::Suffix(number(length)?),
            (first, "") => Spec::From(number(first)?),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                Spec::FromTo(first, last)
            }
        });
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits only; numbers beyond 64 bits mean the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}
