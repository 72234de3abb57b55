//! The body of a request to upstream, as the client sends it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// How long upstream has for its `100 Continue` before the body is sent all the same: it may well
/// not know the expectation (RFC 9110 section 10.1.1).
const CONTINUE: Duration = Duration::from_secs(1);

/// The body of a request to upstream.
pub(crate) enum RequestBody {
    /// None at all.
    None,
    /// As the client sends it.
    Client(Upload),
}

/// A client's body on its way upstream.
pub(crate) struct Upload {
    body: Incoming,
    progress: Arc<Progress>,
    /// Until upstream has said that it wants the body.
    gate: Option<Gate>,
}

/// How far a client's body has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Frames that have gone through.
    gone: AtomicU64,
    /// The client's message was malformed or ended short.
    broken: AtomicBool,
    /// The final answer is there: the body is not wanted any more unless it was before.
    answered: AtomicBool,
    /// Opens the gate; dropping it gives the body up.
    opener: Mutex<Option<oneshot::Sender<()>>>,
}

/// Keeps a body back: the client's `Expect: 100-continue` has gone upstream.
struct Gate {
    opened: oneshot::Receiver<()>,
    patience: Pin<Box<Sleep>>,
}

/// Held by the answer: a body that upstream did not want is given up when the answer is over, and
/// the connection with it.
pub(super) type Unwanted = Option<oneshot::Sender<()>>;

impl Progress {
    pub(super) fn gone(&self) -> u64 {
        self.gone.load(Ordering::Relaxed)
    }

    pub(super) fn broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn opener(&self) -> Option<oneshot::Sender<()>> {
        self.opener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Upstream wants the body. False if nobody asked whether it does.
    pub(super) fn wanted(&self) -> bool {
        self.opener().is_some_and(|opener| opener.send(()).is_ok())
    }

    /// The final answer's head is there.
    pub(super) fn answered(&self) -> Unwanted {
        self.answered.store(true, Ordering::Release);
        self.opener()
    }
}

impl RequestBody {
    /// No body, and no field that announces one: the head came from a client that may well have
    /// sent one, and upstream would take the next request on the connection for it.
    pub(crate) fn none(headers: &mut HeaderMap) -> Self {
        let empty = |length: &http::HeaderValue| length == "0";
        if !headers.get(header::CONTENT_LENGTH).is_some_and(empty) {
            headers.remove(header::CONTENT_LENGTH);
        }
        headers.remove(header::EXPECT);
        headers.remove(header::TRAILER);
        Self::None
    }

    /// The client's body. If the client expects `100-continue`, so does the request to upstream:
    /// the body is only asked for when upstream wants it, and the server side of this node says
    /// 100 to the client then.
    pub(crate) fn client(body: Incoming, headers: &HeaderMap) -> Self {
        let expects = headers
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let progress = Progress::default();
        let gate = expects.then(|| {
            let (opener, opened) = oneshot::channel();
            *progress
                .opener
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(opener);
            Gate {
                opened,
                patience: Box::pin(tokio::time::sleep(CONTINUE)),
            }
        });
        Self::Client(Upload {
            body,
            progress: Arc::new(progress),
            gate,
        })
    }

    /// How far the client's body has come.
    pub(super) fn progress(&self) -> Arc<Progress> {
        match self {
            Self::None => Arc::default(),
            Self::Client(upload) => Arc::clone(&upload.progress),
        }
    }
}

impl Upload {
    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(gate) = &mut self.gate else {
            return Poll::Ready(Ok(()));
        };
        let opened = match Pin::new(&mut gate.opened).poll(cx) {
            Poll::Ready(opened) => opened.map_err(|_| io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending if self.progress.answered.load(Ordering::Acquire) => {
                return Poll::Pending;
            }
            Poll::Pending => {
                ready!(gate.patience.as_mut().poll(cx));
                Ok(())
            }
        };
        self.gate = None;
        Poll::Ready(opened)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self::Client(upload) = self.get_mut() else {
            return Poll::Ready(None);
        };
        ready!(upload.poll_gate(cx))?;
        let frame = ready!(Pin::new(&mut upload.body).poll_frame(cx));
        upload.progress.gone.fetch_add(1, Ordering::Relaxed);
        if let Some(Err(_)) = &frame {
            upload.progress.broken.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Client(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            Self::Client(upload) => upload.body.size_hint(),
        }
    }
}
