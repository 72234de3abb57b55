//! Cutting what a reply needs out of a body that comes once, from its first byte on.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use edge_core::Body as Which;
use edge_core::ranges::{ByteRange, Multipart};
use smallvec::SmallVec;

/// What a reply sends, in order.
#[derive(Debug)]
enum Step {
    /// What stands between the parts of a multipart body.
    Text(Bytes),
    /// Bytes of the body.
    Bytes(ByteRange),
    /// All that comes, however much that is.
    Rest,
}

/// What a reply needs of a body.
#[derive(Debug)]
pub(crate) struct Cut {
    steps: VecDeque<Step>,
    /// Where in the whole body the next byte belongs.
    at: u64,
}

/// Tells the parts of a multipart body apart. The system's random number is behind it.
pub(crate) fn boundary() -> u64 {
    RandomState::new().hash_one(())
}

/// What is cut from a body that comes once, and how many bytes that are; the whole has `length`.
pub(crate) fn cut(which: Which, length: Option<u64>) -> (Cut, Option<u64>) {
    match which {
        Which::None | Which::Whole => (Cut::all(), length),
        Which::Part(range) => (Cut::part(range), Some(range.len())),
        Which::Parts(multipart) => {
            let length = multipart.length();
            (Cut::parts(multipart), Some(length))
        }
    }
}

/// Drops from the front of `chunk` what is still to be passed over.
pub(crate) fn pass_over(chunk: &mut Bytes, over: &mut u64) {
    let here = (chunk.len() as u64).min(*over);
    *over -= here;
    // No more than the chunk's own length, which is a usize.
    drop(chunk.split_to(here as usize));
}

/// What is wanted of a body of `length` bytes that is all here, each part as `cut` gives it.
pub(crate) fn pieces(
    length: u64,
    which: Which,
    cut: impl Fn(ByteRange) -> SmallVec<[Bytes; 1]>,
) -> SmallVec<[Bytes; 1]> {
    match which {
        Which::None => SmallVec::new(),
        Which::Whole => ByteRange::new(0, length).map(cut).unwrap_or_default(),
        Which::Part(range) => cut(range),
        Which::Parts(multipart) => {
            let mut pieces = SmallVec::new();
            for (head, range) in multipart.parts() {
                pieces.push(head);
                pieces.extend(cut(range));
            }
            pieces.push(multipart.end());
            pieces
        }
    }
}

/// What a [`Cut`] needs next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this.
    Text(Bytes),
    /// More of the body is needed.
    More,
    /// Nothing more is wanted.
    Done,
}

impl Cut {
    /// All that comes.
    fn all() -> Self {
        Self::of([Step::Rest])
    }

    /// This part of the body.
    pub(crate) fn part(range: ByteRange) -> Self {
        Self::of([Step::Bytes(range)])
    }

    /// A multipart body, its parts in the order in which they come.
    fn parts(multipart: Multipart) -> Self {
        let multipart = multipart.in_order();
        let end = multipart.end();
        let parts = multipart.parts();
        let steps = parts.flat_map(|(head, range)| [Step::Text(head), Step::Bytes(range)]);
        Self::of(steps.chain([Step::Text(end)]))
    }

    fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            at: 0,
        }
    }

    /// The same, from a body that comes only from this offset of the whole on.
    pub(crate) fn from(mut self, at: u64) -> Self {
        self.at = at;
        self
    }

    /// What is needed next.
    pub(crate) fn next(&mut self) -> Next {
        match self.steps.front_mut() {
            None => Next::Done,
            Some(Step::Text(text)) => {
                let text = std::mem::take(text);
                self.steps.pop_front();
                Next::Text(text)
            }
            Some(Step::Bytes(_) | Step::Rest) => Next::More,
        }
    }

    /// Takes in the bytes that come next; returns those of them that are wanted now. What is left
    /// in `chunk` is to be taken in later.
    pub(crate) fn take(&mut self, chunk: &mut Bytes) -> Bytes {
        let range = match self.steps.front() {
            Some(Step::Rest) => {
                self.at += chunk.len() as u64;
                return std::mem::take(chunk);
            }
            Some(Step::Bytes(range)) => *range,
            Some(Step::Text(_)) | None => return Bytes::new(),
        };
        self.drop_front(chunk, range.start);
        let here = (chunk.len() as u64).min(range.end.saturating_sub(self.at));
        // No more than the chunk's own length, which is a usize.
        let wanted = chunk.split_to(here as usize);
        self.at += here;
        if self.at >= range.end {
            self.steps.pop_front();
        }
        wanted
    }

    /// Drops from the front of `chunk` what comes before `start`.
    fn drop_front(&mut self, chunk: &mut Bytes, start: u64) {
        let before = start.saturating_sub(self.at);
        let mut over = before;
        pass_over(chunk, &mut over);
        self.at += before - over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(mut cut: Cut, body: &[u8], size: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        let mut chunks = body.chunks(size).map(Bytes::copy_from_slice);
        let mut rest = Bytes::new();
        loop {
            match cut.next() {
                Next::Done => return sent,
                Next::Text(text) => sent.extend_from_slice(&text),
                Next::More => {
                    if rest.is_empty() {
                        let Some(chunk) = chunks.next() else {
                            return sent;
                        };
                        rest = chunk;
                    }
                    sent.extend_from_slice(&cut.take(&mut rest));
                }
            }
        }
    }

    #[test]
    fn parts_are_cut_whatever_the_chunks() {
        let range = |start, end| ByteRange { start, end };
        for size in 1..12 {
            let part = |start, end| cut(Cut::part(range(start, end)), b"0123456789", size);
            assert_eq!(cut(Cut::all(), b"0123456789", size), b"0123456789");
            assert_eq!(part(2, 5), b"234");
            assert_eq!(part(0, 10), b"0123456789");
            assert_eq!(part(9, 10), b"9");
            let from = Cut::part(range(6, 8)).from(5);
            assert_eq!(cut(from, b"56789", size), b"67");
            let multipart = Multipart::new([range(7, 9), range(1, 2)], 10, None, 0);
            let length = multipart.length();
            let sent = cut(Cut::parts(multipart), b"0123456789", size);
            assert_eq!(sent.len() as u64, length);
            let text = String::from_utf8(sent).unwrap();
            let bodies: Vec<_> = text
                .split("\r\n\r\n")
                .skip(1)
                .map(|part| part.split("\r\n").next().unwrap())
                .collect();
            assert_eq!(bodies, ["1", "78"], "{text}");
        }
    }
}
