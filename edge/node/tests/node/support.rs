//! An origin that does what a test tells it, a client that sees every byte, and a node between.
//! Nothing here waits by the clock: the test decides what happens when.

mod origin;
mod wire;

use std::collections::HashMap;
use std::time::Duration;

use edge::{Config, Running};
use tokio::net::TcpStream;

pub(crate) use origin::{Origin, ask, honest, response, unanswered};
pub(crate) use wire::{Head, Wire};

/// No test waits longer than this for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Fails the test instead of hanging it.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("took too long")
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

/// `GET` of `/x` for these ranges.
pub(crate) fn ranged(ranges: &str) -> String {
    get_with("/x", &format!("Range: bytes={ranges}\r\n"))
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
            if let Some(number) = value.as_u64() {
                flat.insert(format!("{name}.{inner}"), number);
            }
        }
    }
    flat
}
