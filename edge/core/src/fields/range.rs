//! `Range` and `Content-Range` for bytes (RFC 9110 section 14). One range; several are for later.

use http::HeaderValue;

/// A byte range within a body: `start..end`, in bytes, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// How many bytes.
    #[allow(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// The Content-Range of this part of a body of `length` bytes.
    pub fn content_range(&self, length: u64) -> HeaderValue {
        let text = format!("bytes {}-{}/{length}", self.start, self.end - 1);
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
    }
}

/// What a Range field asks for, given the length of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Not a single valid byte range: the field is ignored, the whole is sent.
    Whole,
    /// This part.
    Part(ByteRange),
    /// Nothing of the body: 416.
    Unsatisfiable,
}

/// Reads a Range field against a body of `length` bytes.
pub fn parse(value: &[u8], length: u64) -> Asked {
    single(value, length).unwrap_or(Asked::Whole)
}

fn single(value: &[u8], length: u64) -> Option<Asked> {
    let at = value.iter().position(|byte| *byte == b'=')?;
    if !value[..at].trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut members = value[at + 1..]
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii);
    let spec = members.find(|member| !member.is_empty())?;
    if members.any(|member| !member.is_empty()) {
        return None;
    }
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    let range = if first.is_empty() {
        let suffix = number(last)?.min(length);
        (length - suffix)..length
    } else {
        let start = number(first)?;
        let end = if last.is_empty() {
            u64::MAX
        } else {
            number(last)?
        };
        if end < start {
            return None;
        }
        start..end.saturating_add(1).min(length)
    };
    Some(if range.start < range.end {
        Asked::Part(ByteRange {
            start: range.start,
            end: range.end,
        })
    } else {
        Asked::Unsatisfiable
    })
}

/// Digits, held at the greatest number.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges() {
        let part = |start, end| Asked::Part(ByteRange { start, end });
        let check = |text: &str, expected: Asked| {
            assert_eq!(parse(text.as_bytes(), 100), expected, "{text}");
        };
        check("bytes=0-9", part(0, 10));
        check("Bytes=0-0", part(0, 1));
        check("bytes= 5-", part(5, 100));
        check("bytes=-5", part(95, 100));
        check("bytes=-500", part(0, 100));
        check("bytes=90-500", part(90, 100));
        check("bytes=0-99999999999999999999999", part(0, 100));
        check("bytes=,0-9,", part(0, 10));
        check("bytes=100-", Asked::Unsatisfiable);
        check("bytes=-0", Asked::Unsatisfiable);
        check("bytes=99999999999999999999999-", Asked::Unsatisfiable);
        for whole in [
            "bytes=0-1,5-6",
            "bytes=9-0",
            "bytes=",
            "bytes",
            "items=0-1",
            "bytes=a-b",
            "bytes=-",
            "bytes=+1-2",
            "bytes=1 - 2",
            "",
        ] {
            check(whole, Asked::Whole);
        }
        assert_eq!(parse(b"bytes=0-", 0), Asked::Unsatisfiable);
    }

    #[test]
    fn content_range() {
        let range = ByteRange { start: 5, end: 10 };
        assert_eq!(range.content_range(100), "bytes 5-9/100");
        assert_eq!(range.len(), 5);
    }
}
