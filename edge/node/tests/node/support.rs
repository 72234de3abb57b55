//! An origin that does what a test tells it, a client that sees every byte, and a node between.
//! Nothing here waits by the clock: the test decides what happens when.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edge::{Config, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// No test waits longer than this for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Fails the test instead of hanging it.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("took too long")
}

/// A message's first line and fields.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').expect("a field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            first,
            fields: lines.map(field).collect(),
        }
    }

    /// The first line of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// All lines of a field.
    pub(crate) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The number in a status line.
    pub(crate) fn status(&self) -> u16 {
        self.first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status")
    }
}

/// One side of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    /// The next head, `None` if the connection ends before one.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = self
                .ahead
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
                return Some(Head::parse(std::str::from_utf8(&head).unwrap()));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.ahead.extend_from_slice(&buffer[..n]);
                true
            }
        }
    }

    /// Exactly so many bytes, `None` if the connection ends before.
    pub(crate) async fn exactly(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < n {
            if !self.more().await {
                return None;
            }
        }
        Some(self.ahead.drain(..n).collect())
    }

    /// Some bytes of a body; empty at the end of the connection.
    pub(crate) async fn some(&mut self) -> Vec<u8> {
        if self.ahead.is_empty() {
            self.more().await;
        }
        std::mem::take(&mut self.ahead)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.ahead.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next piece of a chunked body: empty is its regular end, `None` a body cut short.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line().await?, 16).ok()?;
        let chunk = self.exactly(size).await?;
        self.exactly(2).await?;
        Some(chunk)
    }

    /// The body behind a response head: what came, and whether it came to its regular end.
    pub(crate) async fn body(&mut self, head: &Head) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        if let Some(length) = head.field("content-length") {
            let length: usize = length.parse().unwrap();
            while all.len() < length {
                let some = self.some().await;
                if some.is_empty() {
                    return (all, false);
                }
                let wanted = (length - all.len()).min(some.len());
                all.extend_from_slice(&some[..wanted]);
                self.ahead.extend_from_slice(&some[wanted..]);
            }
            return (all, true);
        }
        if head.field("transfer-encoding") == Some("chunked") {
            loop {
                match self.chunk().await {
                    Some(chunk) if chunk.is_empty() => return (all, true),
                    Some(chunk) => all.extend_from_slice(&chunk),
                    None => return (all, false),
                }
            }
        }
        if matches!(head.status(), 204 | 304) {
            return (all, true);
        }
        loop {
            let some = self.some().await;
            if some.is_empty() {
                return (all, true);
            }
            all.extend_from_slice(&some);
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The other side may be gone; then the test finds out by what it does not get.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says that nothing more will come.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// All that comes until the connection ends, and whether it ends in order, not by a reset.
    pub(crate) async fn until_closed(&mut self) -> (Vec<u8>, bool) {
        let mut all = std::mem::take(&mut self.ahead);
        let orderly = self.stream.read_to_end(&mut all).await.is_ok();
        (all, orderly)
    }

    /// All that comes until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.ahead)
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

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

/// A node in front of an origin, with settings changed by `change`.
pub(crate) async fn node(origin: &Origin, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config::new("edge-1", origin.url());
    config.threads = 2;
    change(&mut config);
    edge::start(config).await.unwrap()
}

/// A client's connection.
pub(crate) async fn connect(node: &Running) -> Wire {
    Wire::new(TcpStream::connect(node.listen()).await.unwrap())
}

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) complete: bool,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// This node's member of `Cache-Status`.
    pub(crate) fn cache_status(&self) -> &str {
        self.head.field("cache-status").unwrap_or_default()
    }
}

/// Sends a request on a connection and reads the reply.
pub(crate) async fn exchange(wire: &mut Wire, request: &str) -> Got {
    wire.send(request).await;
    let head = soon(wire.head()).await.expect("a reply");
    if request.starts_with("HEAD ") {
        return Got {
            head,
            body: Vec::new(),
            complete: true,
        };
    }
    let (body, complete) = soon(wire.body(&head)).await;
    Got {
        head,
        body,
        complete,
    }
}

/// `GET` as text, with more field lines, each ended by CRLF.
pub(crate) fn get_with(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: www.example.test\r\n{fields}\r\n")
}

/// One request on a connection of its own.
pub(crate) async fn get(node: &Running, path: &str) -> Got {
    exchange(&mut connect(node).await, &get_with(path, "")).await
}

/// One request of the operator: status and body.
pub(crate) async fn admin(node: &Running, method: &str, path: &str) -> (u16, String) {
    let mut wire = Wire::new(TcpStream::connect(node.admin()).await.unwrap());
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let got = exchange(&mut wire, &request).await;
    (got.head.status(), got.text().to_owned())
}

/// The node's counters, flat: `requests.hit`, `upstream_requests`.
pub(crate) async fn stats(node: &Running) -> HashMap<String, u64> {
    let (_, text) = admin(node, "GET", "/stats").await;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut flat = HashMap::new();
    for (name, value) in json.as_object().unwrap() {
        if let Some(number) = value.as_u64() {
            flat.insert(name.clone(), number);
        }
        for (inner, value) in value.as_object().into_iter().flatten() {
            flat.insert(format!("{name}.{inner}"), value.as_u64().unwrap());
        }
    }
    flat
}
