//! An origin that hands each request to the test, and what an honest one answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::wire::{Head, Wire};
use super::{Got, connect, exchange, soon};

/// A request that an origin has got.
pub(crate) struct Asked {
    pub(crate) head: Head,
    pub(crate) wire: Wire,
    again: mpsc::UnboundedSender<Wire>,
}

impl Asked {
    /// Answers whole and keeps the connection.
    pub(crate) async fn answer(mut self, response: impl AsRef<[u8]>) {
        self.wire.send(response).await;
        self.done();
    }

    /// Lets the origin take the next request from this connection.
    pub(crate) fn done(self) {
        let _ = self.again.send(self.wire);
    }
}

/// An origin that hands each request to the test.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: mpsc::UnboundedReceiver<Asked>,
    count: Arc<AtomicUsize>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (hand, asked) = mpsc::unbounded_channel();
        let (again, mut kept) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        tokio::spawn(async move {
            loop {
                let mut wire: Wire = tokio::select! {
                    accepted = listener.accept() => Wire::new(accepted.unwrap().0),
                    Some(wire) = kept.recv() => wire,
                };
                let (hand, again, count) = (hand.clone(), again.clone(), Arc::clone(&counting));
                tokio::spawn(async move {
                    if let Some(head) = wire.head().await {
                        count.fetch_add(1, Ordering::SeqCst);
                        let _ = hand.send(Asked { head, wire, again });
                    }
                });
            }
        });
        Self {
            address,
            asked,
            count,
        }
    }

    /// The next request.
    pub(crate) async fn asked(&mut self) -> Asked {
        soon(self.asked.recv()).await.expect("the origin runs")
    }

    /// Answers each request from now on, until the test ends.
    pub(crate) fn answer_all(&mut self, how: impl Fn(&Asked) -> String + Send + 'static) {
        let (_, none) = mpsc::unbounded_channel();
        let mut asked = std::mem::replace(&mut self.asked, none);
        drop(tokio::spawn(async move {
            while let Some(one) = asked.recv().await {
                let answer = how(&one);
                one.answer(answer).await;
            }
        }));
    }

    /// Requests so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether no request waits to be handed out.
    pub(crate) fn idle(&mut self) -> bool {
        self.asked.try_recv().is_err()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A response with its length.
pub(crate) fn response(status: &str, fields: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{fields}\r\n{body}",
        body.len()
    )
}

/// What a client gets while the origin closes on every request without an answer: one that met the
/// end of a kept connection is sent once more.
pub(crate) async fn unanswered(origin: &mut Origin, wire: &mut Wire) -> Head {
    loop {
        tokio::select! {
            asked = origin.asked() => drop(asked),
            head = wire.head() => return head.expect("an answer"),
        }
    }
}

/// What an honest upstream that knows ranges answers with this body.
pub(crate) fn honest(asked: &Asked, fields: &str, body: &str) -> String {
    let Some(range) = asked.head.field("range") else {
        return response("200 OK", fields, body);
    };
    let (start, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .expect("a range of bytes");
    let end = body.len() - 1;
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let (start, last) = match (start, last) {
        ("", suffix) => (body.len() - number(suffix), end),
        (start, "") => (number(start), end),
        (start, last) => (number(start), number(last).min(end)),
    };
    let whole = body.len();
    let fields = format!("{fields}Content-Range: bytes {start}-{last}/{whole}\r\n");
    response("206 Partial Content", &fields, &body[start..=last])
}

/// Asks, and answers so many requests upstream honestly; says for which ranges they asked.
pub(crate) async fn ask(
    origin: &mut Origin,
    node: &edge::Running,
    request: &str,
    (fields, body): (&str, &str),
    upstream: usize,
) -> (Got, Vec<String>) {
    let mut wire = connect(node).await;
    let serve = async {
        let mut asked_for = Vec::new();
        for _ in 0..upstream {
            let asked = origin.asked().await;
            asked_for.push(asked.head.field("range").unwrap_or("all").to_owned());
            let answer = honest(&asked, fields, body);
            asked.answer(answer).await;
        }
        asked_for
    };
    tokio::join!(exchange(&mut wire, request), serve)
}
