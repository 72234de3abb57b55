//! Byte ranges (RFC 9110 section 14): which bytes a `Range` field asks for, how they are named in
//! answers, what is missing of a body of which parts are at hand, and how large bodies are sliced.
//! Arithmetic only: it knows nothing of the bytes themselves, of the store or of upstream.

mod asked;
mod content;
mod multipart;
#[cfg(test)]
mod properties;
mod slices;

use http::HeaderValue;
use smallvec::SmallVec;

pub use asked::{Asked, MOST, Spec, Specs};
pub use content::ContentRange;
pub use multipart::Multipart;
pub use slices::Slices;

/// A byte range within a body: `start..end`, in bytes, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// `start..end`, if it is not empty.
    pub const fn new(start: u64, end: u64) -> Option<Self> {
        if start < end {
            Some(Self { start, end })
        } else {
            None
        }
    }

    /// How many bytes.
    #[allow(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether all of `other` lies within.
    pub const fn covers(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// What lies within both.
    pub fn common(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// What lies before `other` and what lies behind it.
    pub fn without(&self, other: &Self) -> [Option<Self>; 2] {
        [
            Self::new(self.start, self.end.min(other.start)),
            Self::new(self.start.max(other.end), self.end),
        ]
    }

    /// The Content-Range of this part of a body of `length` bytes.
    pub fn content_range(&self, length: u64) -> HeaderValue {
        let text = format!("bytes {}-{}/{length}", self.start, self.end - 1);
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
    }

    /// The Range field that asks for exactly these bytes.
    pub fn range(&self) -> HeaderValue {
        let text = format!("bytes={}-{}", self.start, self.end - 1);
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes=0-"))
    }
}

/// What of `wanted` is not among `held`, which are in order and do not overlap.
pub fn missing(
    held: impl IntoIterator<Item = ByteRange>,
    wanted: ByteRange,
) -> SmallVec<[ByteRange; 2]> {
    let mut gaps = SmallVec::new();
    let mut at = wanted.start;
    for part in held {
        let Some(part) = part.common(&wanted) else {
            continue;
        };
        gaps.extend(ByteRange::new(at, part.start));
        at = part.end;
    }
    gaps.extend(ByteRange::new(at, wanted.end));
    gaps
}
