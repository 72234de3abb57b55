//! HTTP/1.1 messages as bytes: read leniently, so that what a cache really sends is seen. Values are taken byte by byte
//! (ISO 8859-1), so that every byte survives.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Beyond this a head or a body is not read on, in bytes.
const LIMIT: usize = 32 << 20;

/// Field lines in order.
pub(crate) type Fields = Vec<(String, String)>;

/// All lines of a name, joined as RFC 9110 section 5.3 has it.
pub(crate) fn combined(fields: &[(String, String)], name: &str) -> Option<String> {
    let lines: Vec<_> = fields
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Text to bytes, one for each character below 256.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// `Name: value` in its parts.
pub(crate) fn split_line(line: &str) -> (String, String) {
    match line.split_once(':') {
        Some((name, value)) => (name.to_owned(), value.trim().to_owned()),
        None => (line.to_owned(), String::new()),
    }
}

/// The first line and the fields of a message.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) fields: Fields,
}

/// How the body of a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is none.
    Empty,
    /// After so many bytes.
    After(usize),
    /// With the last chunk.
    LastChunk,
    /// With the connection.
    Close,
}

/// A body as far as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Fields,
    pub(crate) complete: bool,
}

/// Reads messages from a connection.
pub(crate) struct Reader<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The next head; `None` where the connection ended before it began.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let head = text(&self.buffer[..at]);
                self.buffer.drain(..at + 4);
                let mut lines = head.split("\r\n");
                let first = lines.next().unwrap_or_default().to_owned();
                let fields = lines.map(split_line).collect();
                return Ok(Some(Head { first, fields }));
            }
            if !self.more().await? {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                let what = format!(
                    "the connection ended within a head: {:?}",
                    text(&self.buffer)
                );
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
        }
    }

    /// A body; one that is cut off or malformed is not complete.
    pub(crate) async fn body(&mut self, end: End) -> Body {
        let mut body = Body::default();
        body.complete = match end {
            End::Empty => true,
            End::After(length) => self.take(length, &mut body.bytes).await,
            End::LastChunk => self.chunks(&mut body).await.is_some(),
            End::Close => loop {
                match self.more().await {
                    Ok(true) => {}
                    // A reset is no end.
                    ended => {
                        body.bytes.append(&mut self.buffer);
                        break ended.is_ok();
                    }
                }
            },
        };
        body
    }

    async fn chunks(&mut self, body: &mut Body) -> Option<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .ok()
                .filter(|size| *size <= LIMIT)?;
            if size == 0 {
                break;
            }
            if !self.take(size, &mut body.bytes).await || !self.line().await?.is_empty() {
                return None;
            }
        }
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(());
            }
            body.trailers.push(split_line(&line));
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = text(&self.buffer[..at]);
                self.buffer.drain(..at + 2);
                return Some(line);
            }
            if !self.more().await.unwrap_or(false) {
                return None;
            }
        }
    }

    async fn take(&mut self, length: usize, into: &mut Vec<u8>) -> bool {
        while self.buffer.len() < length {
            if !self.more().await.unwrap_or(false) {
                into.append(&mut self.buffer);
                return false;
            }
        }
        into.extend(self.buffer.drain(..length));
        true
    }

    async fn more(&mut self) -> io::Result<bool> {
        if self.buffer.len() > LIMIT {
            return Err(io::Error::other("a message too large to be looked at"));
        }
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// How the body of a message with these fields ends (RFC 9112 section 6.3); `otherwise` where they do not say.
pub(crate) fn end(fields: &[(String, String)], otherwise: End) -> End {
    if let Some(codings) = combined(fields, "transfer-encoding") {
        let last = codings.rsplit(',').next().unwrap_or_default().trim();
        return if last.eq_ignore_ascii_case("chunked") {
            End::LastChunk
        } else {
            End::Close
        };
    }
    match combined(fields, "content-length").map(|length| length.parse()) {
        Some(Ok(length)) => End::After(length),
        Some(Err(_)) => End::Close,
        None => otherwise,
    }
}
