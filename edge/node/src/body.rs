//! The bodies of replies: nothing, pieces from memory, a share of a transfer, or straight from
//! upstream. A body that cannot be completed ends in an error, and hyper then ends the connection
//! without the end that HTTP would need: nobody takes it for whole.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use smallvec::SmallVec;
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::cut::{self, Cut};
use crate::interim::Outlet;
use crate::laggard::Resume;
use crate::trailers::Trailers;
use crate::transfer::{Next, Reader};
use crate::upstream::{Failure, UpstreamBody};

/// The body of a reply to a client.
pub(crate) struct ReplyBody {
    kind: Kind,
    /// Body bytes still to come, where known.
    left: Option<u64>,
    /// What comes behind the bytes: they go out in chunks then, although their length is known.
    trailers: Option<Trailers>,
    /// Who is to know if it ends short, where nothing but the connection's end says where it ends.
    unframed: Option<Arc<Outlet>>,
    counters: Arc<Counters>,
}

enum Kind {
    Pieces(std::iter::Peekable<smallvec::IntoIter<[Bytes; 1]>>),
    Streamed(Box<Streamed>),
    Upstream(UpstreamBody),
    Assembled(mpsc::Receiver<Result<Bytes, Failure>>),
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
            trailers: None,
            unframed: None,
            counters,
        }
    }

    /// What `cut` wants of a transfer, `length` bytes in all where that is known.
    pub(crate) fn shared(
        reader: Reader,
        resume: Option<Resume>,
        cut: Cut,
        length: Option<u64>,
        counters: Arc<Counters>,
    ) -> Self {
        let from = From::Transfer(reader, resume.map(Box::new));
        Self::streamed(from, cut, length, counters)
    }

    /// As it comes from upstream, for this client alone.
    pub(crate) fn upstream(body: UpstreamBody, counters: Arc<Counters>) -> Self {
        let left = body.size_hint().exact();
        Self {
            kind: Kind::Upstream(body),
            left,
            trailers: None,
            unframed: None,
            counters,
        }
    }

    /// What is put together elsewhere, `length` bytes in all.
    pub(crate) fn assembled(
        pieces: mpsc::Receiver<Result<Bytes, Failure>>,
        length: u64,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            kind: Kind::Assembled(pieces),
            left: Some(length),
            trailers: None,
            unframed: None,
            counters,
        }
    }

    /// What `cut` wants of what comes from upstream, for this client alone.
    pub(crate) fn part_of_upstream(
        body: UpstreamBody,
        cut: Cut,
        length: Option<u64>,
        counters: Arc<Counters>,
    ) -> Self {
        Self::streamed(From::Own(body, 0), cut, length, counters)
    }

    /// Behind the bytes come these.
    pub(crate) fn trail(&mut self, trailers: Trailers) {
        self.trailers = Some(trailers);
    }

    /// It goes to a client of HTTP/1.0, which knows no chunks: without a length its end is that of the
    /// connection, and if it ends short the connection has to be reset (RFC 9112 section 8).
    pub(crate) fn without_chunks(&mut self, outlet: &Arc<Outlet>) {
        if self.left.is_none() {
            self.unframed = Some(Arc::clone(outlet));
        }
    }

    fn streamed(from: From, cut: Cut, length: Option<u64>, counters: Arc<Counters>) -> Self {
        let streamed = Streamed {
            from,
            cut,
            rest: Bytes::new(),
        };
        Self {
            kind: Kind::Streamed(Box::new(streamed)),
            left: length,
            trailers: None,
            unframed: None,
            counters,
        }
    }
}

/// What is cut out of a body as it comes.
struct Streamed {
    from: From,
    cut: Cut,
    /// What has come and is not cut yet.
    rest: Bytes,
}

type Resuming = Pin<Box<dyn Future<Output = Result<(UpstreamBody, u64), Failure>> + Send>>;

enum From {
    Transfer(Reader, Option<Box<Resume>>),
    Resuming(Resuming),
    /// A response of the reader's own, and how many of its bytes the reader already has.
    Own(UpstreamBody, u64),
}

impl Streamed {
    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        counters: &Counters,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            let wanted = match self.cut.next() {
                cut::Next::Done => return Poll::Ready(None),
                cut::Next::Text(text) => text,
                cut::Next::More => {
                    if self.rest.is_empty() {
                        match ready!(self.from.poll_chunk(cx, counters)) {
                            Some(Ok(chunk)) => self.rest = chunk,
                            end => return Poll::Ready(end),
                        }
                    }
                    self.cut.take(&mut self.rest)
                }
            };
            if !wanted.is_empty() {
                return Poll::Ready(Some(Ok(wanted)));
            }
        }
    }
}

impl From {
    /// What came behind the body of a transfer. Who has gone on alone gets none: they belong to
    /// another message.
    fn trailers(&self) -> Option<Trailers> {
        match self {
            Self::Transfer(reader, _) => reader.trailers(),
            Self::Resuming(_) | Self::Own(..) => None,
        }
    }

    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        counters: &Counters,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            match self {
                Self::Transfer(reader, resume) => match ready!(reader.poll_next(cx)) {
                    Next::Chunk(chunk) => return Poll::Ready(Some(Ok(chunk))),
                    Next::End => return Poll::Ready(None),
                    Next::Failed(failure) => return Poll::Ready(Some(Err(failure))),
                    Next::Behind(offset) => {
                        let Some(resume) = resume.take() else {
                            counters.laggards_ended.inc();
                            return Poll::Ready(Some(Err(Failure::Changed)));
                        };
                        *self = Self::Resuming(Box::pin(resume.from(offset)));
                    }
                },
                Self::Resuming(resuming) => match ready!(resuming.as_mut().poll(cx)) {
                    Ok((body, had)) => {
                        counters.laggards_refetched.inc();
                        *self = Self::Own(body, had);
                    }
                    Err(failure) => {
                        counters.laggards_ended.inc();
                        return Poll::Ready(Some(Err(failure)));
                    }
                },
                Self::Own(body, had) => match ready!(Pin::new(body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                    Some(Ok(frame)) => {
                        let Ok(mut chunk) = frame.into_data() else {
                            continue;
                        };
                        cut::pass_over(&mut chunk, had);
                        if !chunk.is_empty() {
                            return Poll::Ready(Some(Ok(chunk)));
                        }
                    }
                },
            }
        }
    }
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
            Kind::Streamed(_) if whole => None,
            Kind::Streamed(streamed) => ready!(streamed.poll_chunk(cx, &this.counters)),
            Kind::Assembled(pieces) => ready!(pieces.poll_recv(cx)),
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
            Some(Err(failure)) => {
                if let Some(outlet) = &this.unframed {
                    outlet.cut_short();
                }
                Some(Err(failure))
            }
            None => {
                let trailers = match &this.kind {
                    // Cut out of the whole there is nothing behind the bytes.
                    Kind::Streamed(streamed) if this.left.is_none() => streamed.from.trailers(),
                    _ => this.trailers.take(),
                };
                this.left = Some(0);
                trailers.map(|trailers| Ok(Frame::trailers(HeaderMap::clone(&trailers))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0) && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .filter(|_| self.trailers.is_none())
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
