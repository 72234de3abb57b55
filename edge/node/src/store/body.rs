//! A whole body in memory, in one piece or several.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

/// A whole body in memory.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pieces: Pieces,
    length: u64,
}

/// Nearly all bodies are of one piece; those need no list.
#[derive(Debug, Clone)]
enum Pieces {
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Body {
    pub(crate) fn new(mut pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pieces = match pieces.len() {
            0 | 1 => Pieces::One(pieces.pop().unwrap_or_default()),
            _ => Pieces::Many(pieces.into()),
        };
        Self { pieces, length }
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Its pieces, in order.
    pub(super) fn pieces(&self) -> &[Bytes] {
        match &self.pieces {
            Pieces::One(piece) => std::slice::from_ref(piece),
            Pieces::Many(pieces) => pieces,
        }
    }

    /// The bytes from `start` to before `end`, not copied.
    pub(crate) fn part(&self, start: u64, end: u64) -> SmallVec<[Bytes; 1]> {
        let mut at = 0;
        let mut part = SmallVec::new();
        for piece in self.pieces() {
            let length = piece.len() as u64;
            let from = start.saturating_sub(at).min(length) as usize;
            let to = end.saturating_sub(at).min(length) as usize;
            if from < to {
                part.push(piece.slice(from..to));
            }
            at += length;
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_body_is_cut_across_pieces() {
        let body = Body::new(
            ["abc", "de", "fghi"]
                .map(|piece| Bytes::from_static(piece.as_bytes()))
                .to_vec(),
        );
        assert_eq!(body.length(), 9);
        let part = |start, end| body.part(start, end).concat();
        assert_eq!(part(0, 9), b"abcdefghi");
        assert_eq!(part(2, 6), b"cdef");
        assert_eq!(part(3, 5), b"de");
        assert_eq!(part(8, 100), b"i");
        assert_eq!(part(5, 5), b"");
        assert_eq!(Body::new(Vec::new()).part(0, 0).concat(), b"");
    }
}
