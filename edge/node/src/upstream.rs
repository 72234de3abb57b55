//! Requests to upstream and the bodies of its responses, each within its bounds of time.
//!
//! Knows nothing of caching: what to ask and what to make of the answer is the caller's.

mod body;
mod connect;
mod request;
pub(crate) mod tls;

use std::error::Error as StdError;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use edge_core::UpstreamError;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub(crate) use self::body::UpstreamBody;
use self::connect::{Connector, Obstacle, Uses};
pub(crate) use self::request::RequestBody;
use crate::config::{Config, UpstreamAddress};
use crate::counters::Counters;
use crate::framing::{self, Framing};
use crate::interim::Hints;
use crate::trailers::Announced;

/// A connection that no request needs is closed after this long.
const KEPT_IDLE: Duration = Duration::from_secs(60);
/// A request that cannot be sent again goes on no connection that has been idle for longer: servers
/// close those at any time, most after 5 s and more, and nobody would know whether they had seen it.
const KEPT_FOR_ONCE: Duration = Duration::from_secs(1);
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
    /// The client's own message was malformed or ended short: not upstream's fault.
    #[error("the request's body is malformed or incomplete")]
    Request,
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
            | Failure::Request
            | Failure::Unwanted => Self::Closed,
            Failure::Malformed => Self::Protocol,
        }
    }
}

/// One data thread's way to upstream, with its own kept-alive connections.
#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client<Connector, RequestBody>,
    /// For what cannot be sent again.
    once: Client<Connector, RequestBody>,
    scheme: Scheme,
    authority: Authority,
    first_byte: Duration,
    idle: Duration,
    counters: Arc<Counters>,
}

impl Upstream {
    pub(crate) fn new(config: &Config, address: &UpstreamAddress, counters: Arc<Counters>) -> Self {
        let connector = Connector::new(address.tls.clone(), config.connect_timeout);
        let client = |kept_idle| {
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(kept_idle)
                .pool_timer(TokioTimer::new())
                // A request of which nothing was sent, since a kept-alive connection had ended, moves
                // to another connection: upstream has not seen it.
                .retry_canceled_requests(true)
                .set_host(false)
                .http1_max_buf_size(READ_BUFFER)
                .build(connector.clone())
        };
        Self {
            client: client(KEPT_IDLE),
            once: client(KEPT_FOR_ONCE),
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
    /// connection: servers close those at any time, and the request is not to blame. All others have
    /// connections that were used a moment ago. Interim responses go to `hints`.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: RequestBody,
        hints: &Arc<Hints>,
    ) -> Result<Response<UpstreamBody>, Failure> {
        let again = repeatable(&method, &body).then(|| (method.clone(), headers.clone()));
        match self.attempt(method, target, headers, body, hints).await {
            Err((Failure::Closed, true)) if again.is_some() => {
                let (method, headers) = again.ok_or(Failure::Closed)?;
                self.counters.upstream_retries.inc();
                let answer = self
                    .attempt(method, target, headers, RequestBody::None, hints)
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
        hints: &Arc<Hints>,
    ) -> Result<Response<UpstreamBody>, (Failure, bool)> {
        let malformed = |_| (Failure::Malformed, false);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(malformed)?;
        let progress = body.progress();
        let repeatable = repeatable(&method, &body);
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .body(body)
            .map_err(malformed)?;
        *request.headers_mut() = headers;
        let (hints, expecting) = (Arc::clone(hints), Arc::clone(&progress));
        hyper::ext::on_informational(&mut request, move |interim| {
            // A 100 that the client has asked for is said when its body is read.
            if interim.status() != StatusCode::CONTINUE || !expecting.wanted() {
                hints.relay(interim.status(), interim.headers());
            }
        });
        let connection = capture_connection(&mut request);
        self.counters.upstream_requests.inc();
        let client = if repeatable { &self.client } else { &self.once };
        let mut answer = pin!(client.request(request));
        let answer = loop {
            let before = progress.gone();
            match tokio::time::timeout(self.first_byte, answer.as_mut()).await {
                Ok(answer) => break answer,
                // As long as a body moves, its answer is not late.
                Err(_) if progress.gone() != before => {}
                Err(_) => return Err((Failure::FirstByteTimeout, false)),
            }
        };
        if answer.is_err() && progress.broken() {
            return Err((Failure::Request, false));
        }
        let response = answer.map_err(|error| failure(&error))?;
        let framing = framing::of_response(response.status(), response.headers());
        if framing != Framing::Fine
            && let Some(connected) = connection.connection_metadata().as_ref()
        {
            connected.poison();
        }
        if framing == Framing::Wrong {
            return Err((Failure::Malformed, false));
        }
        if let Some(uses) = response.extensions().get::<Uses>() {
            uses.note();
        }
        let (mut head, body) = response.into_parts();
        let announced = Announced::read(&mut head.headers);
        let (unwanted, counters) = (progress.answered(), Arc::clone(&self.counters));
        let mut body = UpstreamBody::new(body, self.idle, announced, unwanted, counters);
        body.begin().await.map_err(|failure| (failure, false))?;
        Ok(Response::from_parts(head, body))
    }
}

/// Whether a request may be sent again without asking its client.
fn repeatable(method: &Method, body: &RequestBody) -> bool {
    method.is_safe() && matches!(body, RequestBody::None)
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
