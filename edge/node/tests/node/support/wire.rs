//! One side of a connection, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    pub(super) fn new(stream: TcpStream) -> Self {
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
