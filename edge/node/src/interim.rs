//! Interim responses (RFC 9110 section 15.2) on their way from upstream to those who wait for its
//! final one. hyper's server sends none by itself; they are written to the client's socket between
//! messages, when hyper has nothing of its own to write there.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use edge_core::fields::connection::remove_hop_by_hop;
use http::{HeaderMap, StatusCode, header};

/// Bytes of interim responses that one final response may have before it; more are dropped. An
/// upstream without end of them must not fill the memory of a node whose client does not read.
const MOST: usize = 64 << 10;

/// What one client connection may be sent before the next final response.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    /// Whether the socket has to look at the rest: a hit never does.
    some: AtomicBool,
    /// A reply has ended short whose end is that of the connection.
    cut: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the request that is being answered; `open` as long as its final head has not begun.
    request: u64,
    open: bool,
    waiting: BytesMut,
    taken: usize,
    /// The connection's task, which writes.
    socket: Option<Waker>,
    /// The request's task, which waits until it is written.
    drained: Option<Waker>,
}

impl Outlet {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come whose answer is not at hand.
    pub(crate) fn open(self: &Arc<Self>) -> Interim {
        let mut state = self.state();
        state.request += 1;
        state.open = true;
        state.taken = 0;
        self.some.store(true, Ordering::Release);
        Interim {
            outlet: Arc::clone(self),
            request: state.request,
        }
    }

    /// A reply ends short, and its end is that of the connection: an orderly one would look whole.
    pub(crate) fn cut_short(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Whether the connection has to end with a reset.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// What the socket is to write next. `None`: nothing; if there comes more, `cx` is woken.
    pub(crate) fn take(&self, cx: &Context<'_>) -> Option<Bytes> {
        if !self.some.load(Ordering::Acquire) {
            return None;
        }
        let mut state = self.state();
        if state.waiting.is_empty() {
            let drained = state.drained.take();
            if state.open {
                state.socket = Some(cx.waker().clone());
            } else {
                state.socket = None;
                self.some.store(false, Ordering::Release);
            }
            drop(state);
            drained.into_iter().for_each(Waker::wake);
            return None;
        }
        Some(state.waiting.split().freeze())
    }
}

/// Where interim responses to one request go.
#[derive(Debug, Clone)]
pub(crate) struct Interim {
    outlet: Arc<Outlet>,
    request: u64,
}

impl Interim {
    fn send(&self, message: &[u8]) {
        let mut state = self.outlet.state();
        if !state.open || state.request != self.request || state.taken + message.len() > MOST {
            return;
        }
        state.taken += message.len();
        state.waiting.extend_from_slice(message);
        let socket = state.socket.take();
        drop(state);
        socket.into_iter().for_each(Waker::wake);
    }

    /// The final response is there: returns when all that came before it is with the socket.
    pub(crate) async fn close(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.outlet.state();
            state.open = false;
            if state.waiting.is_empty() {
                return Poll::Ready(());
            }
            state.drained = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// The interim responses of one request to upstream, and all who want them.
#[derive(Debug, Default)]
pub(crate) struct Hints(Mutex<Relayed>);

#[derive(Debug, Default)]
struct Relayed {
    /// All that have come, for those who join late.
    messages: Vec<Bytes>,
    size: usize,
    listeners: Vec<Interim>,
}

impl Hints {
    fn relayed(&self) -> MutexGuard<'_, Relayed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends those that have come and all that will come.
    pub(crate) fn listen(&self, interim: Interim) {
        let mut relayed = self.relayed();
        relayed
            .messages
            .iter()
            .for_each(|message| interim.send(message));
        relayed.listeners.push(interim);
    }

    /// One has come.
    pub(crate) fn relay(&self, status: StatusCode, headers: &HeaderMap) {
        let message = Bytes::from(message(status, headers));
        let mut relayed = self.relayed();
        relayed.size += message.len();
        if relayed.size > MOST {
            return;
        }
        relayed
            .listeners
            .iter()
            .for_each(|interim| interim.send(&message));
        relayed.messages.push(message);
    }
}

/// The message as it goes to a client: without what belongs to upstream's connection, and without
/// what would frame a body, which it has none of (RFC 9110 section 15.2).
fn message(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRAILER);
    let reason = status.canonical_reason().unwrap_or("Interim");
    let mut head = String::new();
    // Writing to a string cannot fail.
    let _ = write!(head, "HTTP/1.1 {} {reason}\r\n", status.as_u16());
    let mut message = head.into_bytes();
    for (name, value) in &headers {
        message.extend_from_slice(name.as_str().as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(value.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_before_the_final_response_and_never_without_bound() {
        let outlet = Arc::new(Outlet::default());
        let cx = Context::from_waker(Waker::noop());
        assert_eq!(outlet.take(&cx), None);
        let first = outlet.open();
        first.send(b"a");
        first.send(b"b");
        assert_eq!(outlet.take(&cx).as_deref(), Some(&b"ab"[..]));
        assert_eq!(outlet.take(&cx), None);
        let mut closing = std::pin::pin!(first.close());
        first.send(b"c");
        let mut polled = Context::from_waker(Waker::noop());
        assert!(closing.as_mut().poll(&mut polled).is_pending());
        first.send(b"too late");
        assert_eq!(outlet.take(&cx).as_deref(), Some(&b"c"[..]));
        assert!(closing.as_mut().poll(&mut polled).is_ready());
        assert_eq!(outlet.take(&cx), None);
        // What is left of an earlier request does not get before a later one's answer.
        let second = outlet.open();
        first.send(b"stray");
        assert_eq!(outlet.take(&cx), None);
        second.send(&[b'x'; MOST]);
        second.send(b"y");
        assert_eq!(outlet.take(&cx).map(|bytes| bytes.len()), Some(MOST));
    }

    #[test]
    fn a_message_has_no_framing_and_nothing_of_the_connection() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("link", "</a>; rel=preload"),
            ("link", "</b>; rel=preload"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
        ] {
            let value = http::HeaderValue::from_static(value);
            headers.append(http::HeaderName::from_static(name), value);
        }
        let text = String::from_utf8(message(StatusCode::EARLY_HINTS, &headers)).unwrap();
        let expected = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>; rel=preload\r\n\r\n";
        assert_eq!(text, expected);
    }
}
