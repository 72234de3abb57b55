//! Bodies on their way out, and the receipt that turns each request into one log record.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Shared;
use crate::log::Record;
use crate::respond::{Answer, Part};

/// One request's record in the making. It is logged exactly once: when the response is whole, or
/// when this is dropped because the client or the upstream went away.
pub(super) struct Receipt {
    shared: Arc<Shared>,
    record: Option<Record>,
}

impl Receipt {
    pub(super) fn new(shared: &Arc<Shared>, request: &Parts) -> Receipt {
        shared.log.begin();
        let text = |value: &http::HeaderValue| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            text.chars().take(128).collect()
        };
        let target = request
            .uri
            .path_and_query()
            .map_or("*", |target| target.as_str());
        Receipt {
            shared: Arc::clone(shared),
            record: Some(Record {
                seq: 0,
                id: request.headers.get("x-request-id").map(text),
                at_ms: shared.clock.now_ms(),
                object: None,
                variant: 0,
                version: None,
                target: Some(target.chars().take(256).collect()),
                method: request.method.as_str().chars().take(32).collect(),
                status: 0,
                body_bytes: 0,
                conditional: crate::conditions::any(&request.headers),
                complete: false,
            }),
        }
    }

    /// What is being answered.
    pub(super) fn answered(&mut self, answer: &Answer) {
        if let Some(record) = &mut self.record {
            record.status = answer.status.as_u16();
            record.object = answer.object;
            record.variant = answer.variant;
            record.version = answer.version;
            if answer.object.is_some() {
                record.target = None;
            }
        }
    }

    pub(super) fn status(&mut self, status: u16) {
        if let Some(record) = &mut self.record {
            record.status = status;
        }
    }

    fn sent(&mut self, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.body_bytes += bytes as u64;
        }
    }

    /// The response is whole; called before its last bytes are handed on.
    fn complete(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.complete = true;
            self.end(record);
        }
    }
}

impl Receipt {
    fn end(&self, record: Record) {
        tracing::debug!(
            target: "access",
            id = record.id.as_deref().unwrap_or("-"),
            method = record.method,
            status = record.status,
            bytes = record.body_bytes,
            complete = record.complete,
            "request"
        );
        self.shared.log.end(record);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.end(record);
        }
    }
}

/// A response body that counts itself.
pub(super) enum Sending {
    /// Worked out here.
    Made(Made),
    /// Streamed from the user's application.
    Passed(Passed),
}

/// The parts of an answer, made piece by piece.
pub(super) struct Made {
    parts: VecDeque<Part>,
    left: u64,
    /// Without it the length is not known to the connection, which then uses chunked coding.
    announced: bool,
    receipt: Receipt,
}

/// An upstream body.
pub(super) struct Passed {
    body: Incoming,
    receipt: Receipt,
}

/// Bytes of one piece: large enough to make system calls rare, small enough for the processor's
/// cache.
const PIECE: u64 = 64 * 1024;

impl Sending {
    pub(super) fn made(parts: Vec<Part>, announced: bool, mut receipt: Receipt) -> Sending {
        let left = parts.iter().map(Part::len).sum();
        if left == 0 {
            receipt.complete();
        }
        Sending::Made(Made {
            parts: parts.into(),
            left,
            announced,
            receipt,
        })
    }

    pub(super) fn passed(body: Incoming, mut receipt: Receipt) -> Sending {
        if body.is_end_stream() {
            receipt.complete();
        }
        Sending::Passed(Passed { body, receipt })
    }
}

impl Made {
    fn piece(&mut self) -> Option<Bytes> {
        while self.parts.front().is_some_and(Part::is_empty) {
            self.parts.pop_front();
        }
        let piece = match self.parts.front_mut()? {
            Part::Bytes(bytes) => std::mem::take(bytes),
            Part::Object { body, range } => {
                let length = (range.end - range.start).min(PIECE);
                let mut piece = BytesMut::zeroed(length as usize);
                body.fill(range.start, &mut piece);
                range.start += length;
                piece.freeze()
            }
        };
        self.left = self.left.saturating_sub(piece.len() as u64);
        self.receipt.sent(piece.len());
        if self.left == 0 {
            self.receipt.complete();
        }
        Some(piece)
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Sending::Made(made) => Poll::Ready(made.piece().map(|piece| Ok(Frame::data(piece)))),
            Sending::Passed(passed) => {
                let frame = ready!(Pin::new(&mut passed.body).poll_frame(cx));
                match &frame {
                    Some(Ok(frame)) => {
                        passed.receipt.sent(frame.data_ref().map_or(0, Bytes::len));
                        if passed.body.is_end_stream() {
                            passed.receipt.complete();
                        }
                    }
                    // The error travels on, so that a body cut short never ends cleanly.
                    Some(Err(_)) => {}
                    None => passed.receipt.complete(),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Sending::Made(made) => made.left == 0,
            Sending::Passed(passed) => passed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sending::Made(made) if made.announced => SizeHint::with_exact(made.left),
            Sending::Made(_) => SizeHint::default(),
            Sending::Passed(passed) => passed.body.size_hint(),
        }
    }
}
