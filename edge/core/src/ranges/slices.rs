//! How a large body is cut into slices of one size, each stored by itself.

use super::ByteRange;

/// A body of known length, sliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slices {
    /// Bytes per slice, above 0; the last one may be shorter.
    size: u64,
    /// Bytes of the whole body.
    length: u64,
}

impl Slices {
    /// A body of `length` bytes in slices of `size`; a size of 0 counts as 1.
    pub const fn new(size: u64, length: u64) -> Self {
        Self {
            size: if size == 0 { 1 } else { size },
            length,
        }
    }

    /// Bytes per slice.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the whole body.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The number of the slice that has the byte at this offset.
    pub const fn number(&self, at: u64) -> u64 {
        at / self.size
    }

    /// The bytes of a slice, if the body has a slice of that number.
    pub fn slice(&self, number: u64) -> Option<ByteRange> {
        let start = number.checked_mul(self.size)?;
        ByteRange::new(start, start.saturating_add(self.size).min(self.length))
    }

    /// The numbers of the slices that a range touches.
    pub const fn touched(&self, range: ByteRange) -> std::ops::RangeInclusive<u64> {
        self.number(range.start)..=self.number(range.end - 1)
    }
}
