//! What a `Range` field asks for (RFC 9110 section 14.2).

use smallvec::SmallVec;

use super::ByteRange;

/// A field with more ranges than this is ignored, and the whole is sent: nobody who plays or
/// resumes something needs more, and each costs a part with a head of its own (RFC 9110 section
/// 14.2 leaves it to the server; section 17.15 says why).
pub const MOST: usize = 16;

/// One range as it is written, before the length of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spec {
    /// `5-`: from this byte on.
    From(u64),
    /// `5-9`: from this byte to that one, both included.
    Closed(u64, u64),
    /// `-5`: so many bytes at the end.
    Suffix(u64),
}

/// What a valid Range field for bytes says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specs(SmallVec<[Spec; 1]>);

/// What a Range field asks for, given the length of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing that is understood or reasonable: the field is ignored, the whole is sent.
    Whole,
    /// This part.
    Part(ByteRange),
    /// These parts, at least two, in the order asked for; they neither overlap nor touch.
    Parts(SmallVec<[ByteRange; 4]>),
    /// Nothing of the body: 416.
    Unsatisfiable,
}

impl Spec {
    /// The bytes it stands for in a body of `length` bytes, if there are any.
    pub fn within(self, length: u64) -> Option<ByteRange> {
        match self {
            Self::From(start) => ByteRange::new(start, length),
            Self::Closed(start, last) => ByteRange::new(start, last.saturating_add(1).min(length)),
            Self::Suffix(bytes) => ByteRange::new(length - bytes.min(length), length),
        }
    }
}

impl Specs {
    /// Reads a Range field. `None`: not a valid one for bytes, or one that asks for too many parts;
    /// such a field is ignored (RFC 9110 section 14.2).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let at = value.iter().position(|byte| *byte == b'=')?;
        if !value[..at].eq_ignore_ascii_case(b"bytes") {
            return None;
        }
        let members = value[at + 1..]
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty());
        let mut specs = SmallVec::new();
        for member in members {
            if specs.len() == MOST {
                return None;
            }
            specs.push(spec(member)?);
        }
        (!specs.is_empty()).then_some(Self(specs))
    }

    /// The only range, where it is one.
    pub fn single(&self) -> Option<Spec> {
        match self.0[..] {
            [spec] => Some(spec),
            _ => None,
        }
    }

    /// What they ask for of a body of `length` bytes. Ranges that overlap or touch become one.
    pub fn of(&self, length: u64) -> Asked {
        let mut parts: SmallVec<[ByteRange; 4]> = SmallVec::new();
        for spec in &self.0 {
            let Some(mut part) = spec.within(length) else {
                // A part of nothing has no name in Content-Range, but is no mistake either.
                if length == 0 && matches!(spec, Spec::Suffix(1..)) {
                    return Asked::Whole;
                }
                continue;
            };
            // It stands where the first of those stood that it is joined with.
            let mut place = parts.len();
            let mut at = 0;
            while at < parts.len() {
                let there = parts[at];
                if there.start <= part.end && part.start <= there.end {
                    part.start = part.start.min(there.start);
                    part.end = part.end.max(there.end);
                    parts.remove(at);
                    place = place.min(at);
                    // The larger one may reach some that it was compared with before.
                    at = 0;
                } else {
                    at += 1;
                }
            }
            parts.insert(place.min(parts.len()), part);
        }
        match parts[..] {
            [] => Asked::Unsatisfiable,
            [part] => Asked::Part(part),
            _ => Asked::Parts(parts),
        }
    }
}

fn spec(member: &[u8]) -> Option<Spec> {
    let dash = member.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&member[..dash], &member[dash + 1..]);
    if first.is_empty() {
        return Some(Spec::Suffix(number(last)?));
    }
    let start = number(first)?;
    if last.is_empty() {
        return Some(Spec::From(start));
    }
    let last = number(last)?;
    (start <= last).then_some(Spec::Closed(start, last))
}

/// Digits, held at the greatest number.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
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

    fn asked(text: &str, length: u64) -> Asked {
        Specs::parse(text.as_bytes()).map_or(Asked::Whole, |specs| specs.of(length))
    }

    #[test]
    fn single_ranges() {
        let part = |start, end| Asked::Part(ByteRange { start, end });
        let check = |text: &str, expected: Asked| assert_eq!(asked(text, 100), expected, "{text}");
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
            "bytes=9-0",
            "bytes=0-1,9-0",
            "bytes=",
            "bytes",
            "bytes =0-1",
            "items=0-1",
            "bytes=a-b",
            "bytes=-",
            "bytes=+1-2",
            "bytes=1 - 2",
            "",
        ] {
            check(whole, Asked::Whole);
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Unsatisfiable);
        assert_eq!(asked("bytes=-5", 0), Asked::Whole);
    }

    #[test]
    fn several_ranges() {
        let check = |text: &str, expected: &[(u64, u64)]| {
            let parts = match asked(text, 100) {
                Asked::Parts(parts) => parts.to_vec(),
                Asked::Part(part) => vec![part],
                other => panic!("{text}: {other:?}"),
            };
            let parts: Vec<_> = parts.iter().map(|part| (part.start, part.end)).collect();
            assert_eq!(parts, expected, "{text}");
        };
        check("bytes=0-1,5-6", &[(0, 2), (5, 7)]);
        // In the order asked for.
        check("bytes=50-59, 0-9, -1", &[(50, 60), (0, 10), (99, 100)]);
        // Overlapping and touching ones become one.
        check("bytes=0-9,5-14", &[(0, 15)]);
        check("bytes=0-9,10-14", &[(0, 15)]);
        check("bytes=0-9,20-29,5-24", &[(0, 30)]);
        check("bytes=50-59,0-9,55-64", &[(50, 65), (0, 10)]);
        check("bytes=0-,0-,0-,0-", &[(0, 100)]);
        // What cannot be satisfied is left out.
        check("bytes=0-1,100-", &[(0, 2)]);
        assert_eq!(asked("bytes=100-,-0", 100), Asked::Unsatisfiable);
    }

    #[test]
    fn too_many_are_ignored() {
        let many = |count: usize| {
            let list: Vec<_> = (0..count).map(|at| format!("{0}-{0}", at * 5)).collect();
            asked(&format!("bytes={}", list.join(",")), 1000)
        };
        assert!(matches!(many(MOST), Asked::Parts(parts) if parts.len() == MOST));
        assert_eq!(many(MOST + 1), Asked::Whole);
    }
}
