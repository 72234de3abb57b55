//! Requests to upstream and the bodies of its responses, each within its bounds of time.
//!
//! Knows nothing of caching: what to ask and what to make of the answer is the caller's.

mod body;
mod connect;
pub(crate) mod tls;

use std::error::Error as StdError;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use edge_core::UpstreamError;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub(crate) use self::body::UpstreamBody;
use self::connect::{Connector, Obstacle, Uses};
use crate::config::{Config, UpstreamAddress};
use crate::counters::Counters;

/// A connection that no request needs is closed after this long.
const KEPT_IDLE: Duration = Duration::from_secs(60);
/// Bounds hyper's read buffer per connection, and with it a response head.
const READ_BUFFER: usize = 256 << 10;

/// Why upstream gave no complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection: refused or unreachable.
    #[error("upstream cannot be reached")]
    Connect,
    /// No address for its name.
    #[error("upstream's name cannot be resolved")]
    Unresolved,
    /// TLS not agreed.
    #[error("upstream and this node do not agree on TLS")]
    Tls,
    /// No connection within the connect timeout.
    #[error("connecting to upstream took too long")]
    ConnectTimeout,
    /// No response head within the first byte timeout.
    #[error("upstream did not answer in time")]
    FirstByteTimeout,
    /// The connection ended before a response head came.
    #[error("upstream closed the connection without an answer")]
    Closed,
    /// What came is no HTTP response.
    #[error("what upstream sent is not HTTP")]
    Malformed,
    /// In the middle of a body nothing came for the idle timeout.
    #[error("upstream fell silent in the middle of a body")]
    Idle,
    /// The body ended before its end.
    #[error("the body from upstream ended short")]
    Truncated,
    /// The representation has changed while parts of it were fetched.
    #[error("the representation has changed meanwhile")]
    Changed,
    /// Nobody reads the body any more, and it is not to be stored.
    #[error("nobody reads the body any more")]
    Unwanted,
}

/// The core's word for it.
impl From<Failure> for UpstreamError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect => Self::Refused,
            Failure::Unresolved => Self::Unresolved,
            Failure::Tls => Self::Tls,
            Failure::ConnectTimeout => Self::ConnectTimeout,
            Failure::FirstByteTimeout => Self::FirstByteTimeout,
            Failure::Closed
            | Failure::Idle
            | Failure::Truncated
            | Failure::Changed
            | Failure::Unwanted => Self::Closed,
            Failure::Malformed => Self::Protocol,
        }
    }
}

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
    /// Frames that have gone through.
    gone: Arc<AtomicU64>,
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

    pub(crate) fn client(body: Incoming) -> Self {
        Self::Client(Upload {
            body,
            gone: Arc::default(),
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Client(upload) => {
                let frame = ready!(Pin::new(&mut upload.body).poll_frame(cx));
                upload.gone.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(frame)
            }
        }
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

/// One data thread's way to upstream, with its own kept-alive connections.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client<Connector, RequestBody>,
    scheme: Scheme,
    authority: Authority,
    first_byte: Duration,
    idle: Duration,
    counters: Arc<Counters>,
}

impl Upstream {
    pub(crate) fn new(config: &Config, address: &UpstreamAddress, counters: Arc<Counters>) -> Self {
        let connector = Connector::new(address.tls.clone(), config.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(KEPT_IDLE)
            .pool_timer(TokioTimer::new())
            // A request of which nothing was sent, since a kept-alive connection had ended, moves
            // to another connection: upstream has not seen it.
            .retry_canceled_requests(true)
            .set_host(false)
            .http1_max_buf_size(READ_BUFFER)
            .build(connector);
        Self {
            client,
            scheme: address.scheme.clone(),
            authority: address.authority.clone(),
            first_byte: config.first_byte_timeout,
            idle: config.idle_timeout,
            counters,
        }
    }

    /// Sends one request; returns when the response head has come. `headers` are sent as given,
    /// `Host` included.
    ///
    /// A safe request without a body is sent once more if it met the end of a kept-alive
    /// connection: servers close those at any time, and the request is not to blame.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Response<UpstreamBody>, Failure> {
        let again = match &body {
            RequestBody::None if method.is_safe() => Some((method.clone(), headers.clone())),
            _ => None,
        };
        match self.attempt(method, target, headers, body).await {
            Err((Failure::Closed, true)) if again.is_some() => {
                let (method, headers) = again.ok_or(Failure::Closed)?;
                self.counters.upstream_retries.inc();
                let answer = self
                    .attempt(method, target, headers, RequestBody::None)
                    .await;
                answer.map_err(|(failure, _)| failure)
            }
            answer => answer.map_err(|(failure, _)| failure),
        }
    }

    /// One attempt; a failure says whether the connection had been used before.
    async fn attempt(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Response<UpstreamBody>, (Failure, bool)> {
        let malformed = |_| (Failure::Malformed, false);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(malformed)?;
        let gone = match &body {
            RequestBody::None => Arc::default(),
            RequestBody::Client(upload) => Arc::clone(&upload.gone),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .map_err(malformed)?;
        *request.headers_mut() = headers;
        self.counters.upstream_requests.inc();
        let mut answer = pin!(self.client.request(request));
        let answer = loop {
            let before = gone.load(Ordering::Relaxed);
            match tokio::time::timeout(self.first_byte, answer.as_mut()).await {
                Ok(answer) => break answer,
                // As long as a body moves, its answer is not late.
                Err(_) if gone.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err((Failure::FirstByteTimeout, false)),
            }
        };
        let response = answer.map_err(|error| failure(&error))?;
        if let Some(uses) = response.extensions().get::<Uses>() {
            uses.note();
        }
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(
            head,
            UpstreamBody::new(body, self.idle, Arc::clone(&self.counters)),
        ))
    }
}

/// What went wrong, and whether on a connection that had been used before.
fn failure(error: &ClientError) -> (Failure, bool) {
    let reused = error.connect_info().is_some_and(|connected| {
        let mut extra = http::Extensions::new();
        connected.get_extras(&mut extra);
        extra.get::<Uses>().is_some_and(Uses::reused)
    });
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut io = None;
    let mut obstacle = None;
    let mut parse = false;
    while let Some(error) = cause {
        let found = error.downcast_ref::<io::Error>();
        io = io.or_else(|| found.map(io::Error::kind));
        obstacle = obstacle.or_else(|| found.and_then(Obstacle::of));
        parse |= error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse);
        cause = error.source();
    }
    let failure = match (error.is_connect(), io) {
        (true, _) if matches!(obstacle, Some(Obstacle::Name)) => Failure::Unresolved,
        (true, _) if matches!(obstacle, Some(Obstacle::Tls)) => Failure::Tls,
        (true, Some(io::ErrorKind::TimedOut)) => Failure::ConnectTimeout,
        (true, _) => Failure::Connect,
        (false, _) if parse => Failure::Malformed,
        (false, _) => Failure::Closed,
    };
    (failure, reused)
}

/// `Host` first, as RFC 9110 section 7.2 would like it.
pub(crate) fn with_host(headers: HeaderMap, host: &http::HeaderValue) -> HeaderMap {
    let mut all = HeaderMap::with_capacity(headers.len() + 1);
    all.insert(header::HOST, host.clone());
    let mut last = None;
    for (name, value) in headers {
        if let Some(name) = name {
            last = Some(name);
        }
        if let Some(name) = last.as_ref().filter(|name| **name != header::HOST) {
            all.append(name.clone(), value);
        }
    }
    all
}
