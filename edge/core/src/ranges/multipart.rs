//! The `multipart/byteranges` body of an answer with several parts (RFC 9110 section 14.6): what
//! stands between the parts, and how long it all is.

use bytes::Bytes;
use http::HeaderValue;

use super::ByteRange;

/// The first delimiter needs no line break before it.
const FIRST_BREAK: usize = 2;

/// A multipart body: heads and ranges in turn, and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipart {
    boundary: String,
    /// Each part's delimiter and head, beginning with the line break that ends what goes before it,
    /// and its bytes.
    parts: Vec<(Bytes, ByteRange)>,
    end: Bytes,
}

impl Multipart {
    /// The body for these parts of a body of `length` bytes and this media type. `boundary` must
    /// not be foreseeable: whoever could guess it could write parts of their own into a body.
    pub fn new(
        parts: impl IntoIterator<Item = ByteRange>,
        length: u64,
        media_type: Option<&HeaderValue>,
        boundary: u64,
    ) -> Self {
        let boundary = format!("part{boundary:016x}");
        let head = |range: ByteRange| {
            let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
            if let Some(media_type) = media_type {
                head.extend_from_slice(b"Content-Type: ");
                head.extend_from_slice(media_type.as_bytes());
                head.extend_from_slice(b"\r\n");
            }
            head.extend_from_slice(b"Content-Range: ");
            head.extend_from_slice(range.content_range(length).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            (Bytes::from(head), range)
        };
        Self {
            parts: parts.into_iter().map(head).collect(),
            end: Bytes::from(format!("\r\n--{boundary}--\r\n")),
            boundary,
        }
    }

    /// The answer's Content-Type.
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/byteranges; boundary={}", self.boundary))
            .unwrap_or_else(|_| HeaderValue::from_static("multipart/byteranges"))
    }

    /// Length of the whole multipart body in bytes.
    pub fn length(&self) -> u64 {
        let parts = self.parts.iter();
        let parts = parts.map(|(head, range)| head.len() as u64 + range.len());
        let breaks = if self.parts.is_empty() {
            0
        } else {
            FIRST_BREAK
        };
        parts.sum::<u64>() + self.end.len() as u64 - breaks as u64
    }

    /// Each part: what goes before its bytes, and which bytes.
    pub fn parts(&self) -> impl Iterator<Item = (Bytes, ByteRange)> + '_ {
        let parts = self.parts.iter().enumerate();
        parts.map(|(number, (head, range))| {
            let from = if number == 0 { FIRST_BREAK } else { 0 };
            (head.slice(from..), *range)
        })
    }

    /// What goes behind the last part.
    pub fn end(&self) -> Bytes {
        self.end.clone()
    }

    /// The same parts in the order of the body, so that they can be cut from it as it comes. As
    /// long as before.
    pub fn in_order(mut self) -> Self {
        self.parts.sort_by_key(|(_, range)| range.start);
        self
    }
}
