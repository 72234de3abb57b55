//! What a `Content-Range` field says (RFC 9110 section 14.4).

use super::{ByteRange, asked::number};

/// A valid Content-Range for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// These bytes, of a body of this length where it is known.
    Part(ByteRange, Option<u64>),
    /// Nothing of a body of this length, in a 416.
    Unsatisfied(u64),
}

impl ContentRange {
    /// Reads the field; `None` if it is malformed, contradicts itself, or has another unit.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (unit, rest) = value.split_at_checked(6)?;
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (part, length) = (&rest[..slash], &rest[slash + 1..]);
        let length = match length {
            b"*" => None,
            digits => Some(number(digits)?),
        };
        if part == b"*" {
            return length.map(Self::Unsatisfied);
        }
        let dash = part.iter().position(|byte| *byte == b'-')?;
        let (start, last) = (number(&part[..dash])?, number(&part[dash + 1..])?);
        let range = ByteRange::new(start, last.checked_add(1)?)?;
        let within = length.is_none_or(|length| range.end <= length);
        within.then_some(Self::Part(range, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let part = |start, end, length| {
            ByteRange::new(start, end).map(|range| ContentRange::Part(range, length))
        };
        let check = |text: &str, expected: Option<ContentRange>| {
            assert_eq!(ContentRange::parse(text.as_bytes()), expected, "{text}");
        };
        check("bytes 5-9/100", part(5, 10, Some(100)));
        check("Bytes 5-9/*", part(5, 10, None));
        check("bytes 0-0/1", part(0, 1, Some(1)));
        check("bytes */100", Some(ContentRange::Unsatisfied(100)));
        for wrong in [
            "bytes 5-9",
            "bytes 9-5/100",
            "bytes 5-100/100",
            "bytes */*",
            "bytes=5-9/100",
            "bytes 5-9/x",
            "bytes -9/100",
            "bytes 5-/100",
            "items 5-9/100",
            "bytes 0-18446744073709551615/*",
            "",
        ] {
            check(wrong, None);
        }
        let range = ByteRange { start: 5, end: 10 };
        assert_eq!(range.content_range(100), "bytes 5-9/100");
        assert_eq!(range.range(), "bytes=5-9");
    }
}
