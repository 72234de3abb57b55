//! The clients' HTTP/1.1: kept-alive connections, and one request on one of them.
//!
//! One pool per pair of client place and destination, as the users behind one resolver would have.
//! It belongs to one thread and takes no locks. It knows sockets, heads and the failures of both; it
//! knows nothing of plans, caches or versions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::observe::Failure;

/// A pool's name: the client's place and where its connections lead.
pub type Route = (u16, SocketAddr);

type Sender = SendRequest<Empty<Bytes>>;

/// Idle connections by route, the latest used last.
#[derive(Debug, Default, Clone)]
pub struct Connections {
    idle: Rc<RefCell<BTreeMap<Route, Vec<Sender>>>>,
}

/// What a request came to: the final head, when it came, and the body's length.
#[derive(Debug)]
pub struct Fetched {
    /// The head of the response.
    pub head: response::Parts,
    /// When its request was handed to a connection.
    pub asked: Instant,
    /// Whether that connection was there already.
    pub kept: bool,
    /// When its head was there.
    pub first_byte: Instant,
    /// Body bytes.
    pub bytes: u64,
}

impl Connections {
    /// Sends a request and reads the whole answer before `deadline`. `on_head` sees the head and gives
    /// the function that sees each piece of the body.
    ///
    /// A kept-alive connection that its other end had closed is replaced by a new one in silence, as
    /// every HTTP client does (RFC 9110 section 9.2.2); a new connection that fails is a failure.
    ///
    /// # Errors
    /// The failure as the client would see it.
    pub async fn fetch<P: FnMut(&[u8])>(
        &self,
        route: Route,
        request: &Request<()>,
        deadline: Instant,
        on_head: impl FnOnce(&response::Parts) -> P,
    ) -> Result<Fetched, Failure> {
        let whole = self.exchange(route, request, on_head);
        match tokio::time::timeout_at(deadline.into(), whole).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Deadline),
        }
    }

    async fn exchange<P: FnMut(&[u8])>(
        &self,
        route: Route,
        request: &Request<()>,
        on_head: impl FnOnce(&response::Parts) -> P,
    ) -> Result<Fetched, Failure> {
        let (mut sender, answer, asked, kept) = loop {
            let (mut sender, kept) = match self.kept(route).await {
                Some(sender) => (sender, true),
                None => (connect(route.1).await?, false),
            };
            let asked = Instant::now();
            match sender.send_request(bodiless(request)).await {
                Ok(answer) => break (sender, answer, asked, kept),
                Err(error) if kept && was_closed(&error) => {}
                Err(error) => return Err(failure(&error)),
            }
        };
        let first_byte = Instant::now();
        let (head, mut body) = answer.into_parts();
        let mut on_piece = on_head(&head);
        let bytes = read(&mut body, &mut on_piece).await?;
        // Ready again only if the answer allows the connection to be kept.
        if sender.ready().await.is_ok() {
            self.idle
                .borrow_mut()
                .entry(route)
                .or_default()
                .push(sender);
        }
        Ok(Fetched {
            head,
            asked,
            kept,
            first_byte,
            bytes,
        })
    }

    /// The connection of this route that was used last and is still open.
    async fn kept(&self, route: Route) -> Option<Sender> {
        loop {
            let mut sender = self.idle.borrow_mut().get_mut(&route)?.pop()?;
            if !sender.is_closed() && sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// How many connections are idle on a route.
    pub fn idle(&self, route: Route) -> usize {
        self.idle.borrow().get(&route).map_or(0, Vec::len)
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, Failure> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Failure::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Failure::Reset,
            _ => Failure::Connect,
        })?;
    // Without it a second small request could wait for the acknowledgement of the first.
    stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::Connect)?;
    // Ends with the connection; its errors reach the request that was on it.
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn bodiless(request: &Request<()>) -> Request<Empty<Bytes>> {
    let mut copy = Request::new(Empty::new());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

async fn read(body: &mut Incoming, on_piece: &mut impl FnMut(&[u8])) -> Result<u64, Failure> {
    let mut bytes = 0;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| match failure(&error) {
            Failure::Protocol => Failure::Truncated,
            other => other,
        })?;
        if let Some(piece) = frame.data_ref() {
            bytes += piece.len() as u64;
            on_piece(piece);
        }
    }
    Ok(bytes)
}

fn io_kind(error: &hyper::Error) -> Option<ErrorKind> {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = inner.source();
    }
    None
}

/// Whether the other end had closed the connection before it could have seen the request.
fn was_closed(error: &hyper::Error) -> bool {
    let reset = matches!(
        io_kind(error),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected)
    );
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || reset
}

fn failure(error: &hyper::Error) -> Failure {
    match io_kind(error) {
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted) => {
            Failure::Reset
        }
        Some(ErrorKind::UnexpectedEof) => Failure::Truncated,
        _ if error.is_incomplete_message() => Failure::Truncated,
        _ if error.is_canceled() || error.is_closed() => Failure::Reset,
        _ => Failure::Protocol,
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
