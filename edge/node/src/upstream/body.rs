//! The body of a response from upstream, within its bound of time, counted as it comes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::Failure;
use super::request::Unwanted;
use crate::counters::Counters;
use crate::trailers::Announced;

/// A response body from upstream. It ends in an error unless it ended where it said it would.
pub(crate) struct UpstreamBody {
    body: Incoming,
    idle: Duration,
    /// When the wait for the next bytes ends; made only when there is a wait.
    deadline: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    /// No client waits for it.
    background: bool,
    /// What came before anybody asked for it.
    ahead: Option<Frame<Bytes>>,
    /// The body has ended.
    ended: bool,
    announced: Announced,
    /// What has come behind it.
    trailers: Option<Box<HeaderMap>>,
    _unwanted: Unwanted,
    counters: Arc<Counters>,
}

/// How often a body that is not there yet gets its turn before the head goes on without it.
const TURNS: usize = 4;

impl UpstreamBody {
    pub(super) fn new(
        body: Incoming,
        idle: Duration,
        announced: Announced,
        unwanted: Unwanted,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            body,
            idle,
            deadline: None,
            waiting: false,
            background: false,
            ahead: None,
            ended: false,
            announced,
            trailers: None,
            _unwanted: unwanted,
            counters,
        }
    }

    /// Looks at the first bytes, if they came together with the head: a body that is broken from
    /// its first byte on is no answer, and the client gets one instead of a head without a body.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        for _ in 0..TURNS {
            if self.body.is_end_stream() {
                return Ok(());
            }
            let body = &mut self.body;
            let frame = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx)));
            match frame.await {
                Poll::Ready(Some(Ok(frame))) => {
                    self.ahead = Some(frame);
                    return Ok(());
                }
                Poll::Ready(Some(Err(_))) => return Err(Failure::Malformed),
                Poll::Ready(None) => {
                    self.ended = true;
                    return Ok(());
                }
                // The connection's task is to read on.
                Poll::Pending => tokio::task::yield_now().await,
            }
        }
        Ok(())
    }

    /// The same body, its bytes counted as a background refresh's too.
    pub(crate) fn in_background(mut self) -> Self {
        self.background = true;
        self
    }

    /// The next bytes, `None` at the end. Trailers are there to be taken then.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await?;
            match frame.map(Frame::into_data) {
                Ok(Ok(bytes)) => return Some(Ok(bytes)),
                Ok(Err(trailers)) => self.trailers = trailers.into_trailers().ok().map(Box::new),
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}

impl UpstreamBody {
    /// The trailers that [`UpstreamBody::chunk`] has come by.
    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take().map(|trailers| *trailers)
    }

    /// Leaves of trailers those that were announced; without any, there is nothing but the end.
    fn announced(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(trailers) = frame.trailers_ref() else {
            return Some(frame);
        };
        self.ended = true;
        let announced = self.announced.of(trailers);
        (!announced.is_empty()).then(|| Frame::trailers(announced))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        let next = match this.ahead.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if this.ended => Poll::Ready(None),
            None => Pin::new(&mut this.body).poll_frame(cx),
        };
        if let Poll::Ready(frame) = next {
            this.waiting = false;
            if let Some(Ok(frame)) = &frame
                && let Some(bytes) = frame.data_ref()
            {
                let bytes = bytes.len() as u64;
                this.counters.upstream_bytes.inc_by(bytes);
                if this.background {
                    this.counters.background_bytes.inc_by(bytes);
                }
            }
            return Poll::Ready(match frame {
                Some(Ok(frame)) => this.announced(frame).map(Ok),
                Some(Err(_)) => Some(Err(Failure::Truncated)),
                None => None,
            });
        }
        let until = Instant::now() + this.idle;
        let deadline = this
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !std::mem::replace(&mut this.waiting, true) {
            deadline.as_mut().reset(until);
        }
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(Failure::Idle)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && (self.ended || self.body.is_end_stream())
    }

    /// Of all that is still to come.
    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.as_ref().and_then(Frame::data_ref);
        let ahead = ahead.map_or(0, |bytes| bytes.len() as u64);
        match self.body.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + ahead),
            None if self.ended => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}
