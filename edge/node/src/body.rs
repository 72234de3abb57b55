//! The bodies of replies: nothing, pieces from memory, a share of a transfer, or straight from
//! upstream. A body that cannot be completed ends in an error, and hyper then ends the connection
//! without the end that HTTP would need: nobody takes it for whole.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use smallvec::SmallVec;

use crate::counters::Counters;
use crate::laggard::Resume;
use crate::transfer::{Next, Reader};
use crate::upstream::{Failure, UpstreamBody};

/// The body of a reply to a client.
pub(crate) struct ReplyBody {
    kind: Kind,
    /// Body bytes still to come, where known.
    left: Option<u64>,
    counters: Arc<Counters>,
}

enum Kind {
    Pieces(std::iter::Peekable<smallvec::IntoIter<[Bytes; 1]>>),
    Shared(Box<Shared>),
    Upstream(UpstreamBody),
}

impl ReplyBody {
    pub(crate) fn empty(counters: Arc<Counters>) -> Self {
        Self::pieces(SmallVec::new(), counters)
    }

    /// Bytes that are all here.
    pub(crate) fn pieces(pieces: SmallVec<[Bytes; 1]>, counters: Arc<Counters>) -> Self {
        let left = Some(pieces.iter().map(|piece| piece.len() as u64).sum());
        Self {
            kind: Kind::Pieces(pieces.into_iter().peekable()),
            left,
            counters,
        }
    }

    /// A reader's share of a transfer: what comes after the first `skip` bytes, `take` bytes of it
    /// or all that comes.
    pub(crate) fn shared(
        reader: Reader,
        resume: Option<Resume>,
        skip: u64,
        take: Option<u64>,
        counters: Arc<Counters>,
    ) -> Self {
        let shared = Shared {
            from: From::Transfer(reader, resume.map(Box::new)),
            skip,
        };
        Self {
            kind: Kind::Shared(Box::new(shared)),
            left: take,
            counters,
        }
    }

    /// As it comes from upstream, for this client alone.
    pub(crate) fn upstream(body: UpstreamBody, counters: Arc<Counters>) -> Self {
        let left = body.size_hint().exact();
        Self {
            kind: Kind::Upstream(body),
            left,
            counters,
        }
    }
}

impl ReplyBody {
    /// A part of what comes from upstream, for this client alone.
    pub(crate) fn part_of_upstream(
        body: UpstreamBody,
        skip: u64,
        take: u64,
        counters: Arc<Counters>,
    ) -> Self {
        let shared = Shared {
            from: From::Own(body, 0),
            skip,
        };
        Self {
            kind: Kind::Shared(Box::new(shared)),
            left: Some(take),
            counters,
        }
    }
}

/// A reader's share of a transfer.
struct Shared {
    from: From,
    /// Bytes to pass over before the first one that is wanted.
    skip: u64,
}

type Resuming = Pin<Box<dyn Future<Output = Result<(UpstreamBody, u64), Failure>> + Send>>;

enum From {
    Transfer(Reader, Option<Box<Resume>>),
    Resuming(Resuming),
    /// A response of the reader's own, and how many of its bytes the reader already has.
    Own(UpstreamBody, u64),
}

impl Shared {
    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        counters: &Counters,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            let mut chunk = match &mut self.from {
                From::Transfer(reader, resume) => match ready!(reader.poll_next(cx)) {
                    Next::Chunk(chunk) => chunk,
                    Next::End => return Poll::Ready(None),
                    Next::Failed(failure) => return Poll::Ready(Some(Err(failure))),
                    Next::Behind(offset) => {
                        let Some(resume) = resume.take() else {
                            counters.laggards_ended.inc();
                            return Poll::Ready(Some(Err(Failure::Changed)));
                        };
                        self.from = From::Resuming(Box::pin(resume.from(offset)));
                        continue;
                    }
                },
                From::Resuming(resuming) => match ready!(resuming.as_mut().poll(cx)) {
                    Ok((body, had)) => {
                        counters.laggards_refetched.inc();
                        self.from = From::Own(body, had);
                        continue;
                    }
                    Err(failure) => {
                        counters.laggards_ended.inc();
                        return Poll::Ready(Some(Err(failure)));
                    }
                },
                From::Own(body, had) => match ready!(Pin::new(body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                    Some(Ok(frame)) => {
                        let Ok(mut chunk) = frame.into_data() else {
                            continue;
                        };
                        pass_over(&mut chunk, had);
                        chunk
                    }
                },
            };
            pass_over(&mut chunk, &mut self.skip);
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }
}

/// Drops from the front of `chunk` what is still to be passed over.
fn pass_over(chunk: &mut Bytes, over: &mut u64) {
    let here = (chunk.len() as u64).min(*over);
    *over -= here;
    // No more than the chunk's own length, which is a usize.
    drop(chunk.split_to(here as usize));
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let whole = this.left == Some(0);
        let chunk = match &mut this.kind {
            Kind::Pieces(pieces) => pieces.next().map(Ok),
            // Nothing more is wanted; the transfer may go on without this reader.
            Kind::Shared(_) if whole => None,
            Kind::Shared(shared) => ready!(shared.poll_chunk(cx, &this.counters)),
            Kind::Upstream(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => end.map(|end| end.map(|_| Bytes::new())),
            },
        };
        Poll::Ready(match chunk {
            Some(Ok(mut bytes)) => {
                if let Some(left) = &mut this.left {
                    if (bytes.len() as u64) > *left {
                        bytes.truncate(*left as usize);
                    }
                    *left -= bytes.len() as u64;
                }
                this.counters.client_bytes.inc_by(bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }
            // The end came before the bytes that the head has promised.
            None if this.left.is_some_and(|left| left > 0) => Some(Err(Failure::Truncated)),
            Some(Err(failure)) => Some(Err(failure)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
