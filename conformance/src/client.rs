//! The client: one connection, one request, and all that comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::case::Step;
use crate::script::Words;
use crate::wire::{self, End, Fields, Reader};

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client got.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of the final response.
    pub status: u16,
    /// Its field lines.
    pub fields: Fields,
    /// Its content as far as it came.
    pub body: Vec<u8>,
    /// Its trailer fields.
    pub trailers: Fields,
    /// The interim responses before it.
    pub interim: Vec<(u16, Fields)>,
    /// Whether the content came whole, as far as its framing tells.
    pub complete: bool,
}

/// The request of a step as it goes over the wire.
pub(crate) fn request(step: &Step, number: usize, words: &Words) -> Vec<u8> {
    if let Some(raw) = &step.raw {
        return wire::bytes(&words.fill(raw));
    }
    let target = words.fill(&step.target);
    let mut head = format!("{} {}{target} HTTP/1.1\r\n", step.method, words.path);
    let lines: Vec<String> = step.send.iter().map(|line| words.fill(line)).collect();
    let names = |name: &str| {
        lines
            .iter()
            .any(|line| wire::split_line(line).0.eq_ignore_ascii_case(name))
    };
    if !names("host") {
        head.push_str(&format!("Host: {}\r\n", words.authority));
    }
    head.push_str(&format!("X-Step: {number}\r\n"));
    if !names("connection") {
        head.push_str("Connection: close\r\n");
    }
    for line in &lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    let mut content = Vec::new();
    if let Some(text) = &step.content {
        content = wire::bytes(text);
        head.push_str(&format!("Content-Length: {}\r\n", content.len()));
    }
    head.push_str("\r\n");
    let mut bytes = wire::bytes(&head);
    bytes.extend(content);
    bytes
}

/// Sends a request and reads what comes.
///
/// # Errors
/// A sentence where no final response came.
pub(crate) async fn send(
    address: SocketAddr,
    request: &[u8],
    method: &str,
) -> Result<Answer, String> {
    let sent = exchange(address, request, method);
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(result) => result,
        Err(_) => Err(format!("no whole answer within {PATIENCE:?}")),
    }
}

async fn exchange(address: SocketAddr, request: &[u8], method: &str) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("cannot connect to {address}: {error}"))?;
    let (read, mut write) = stream.split();
    // A cache may answer and close before it has read all: what it said counts.
    let written = write.write_all(request).await;
    match self::read(&mut Reader::new(read), method).await {
        Err(error) => Err(match written {
            Err(why) => format!("{error} ({why})"),
            Ok(()) => error,
        }),
        answer => answer,
    }
}

/// Reads the response to a request.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    method: &str,
) -> Result<Answer, String> {
    let mut interim = Vec::new();
    loop {
        let head = match reader.head().await {
            Ok(Some(head)) => head,
            Ok(None) => return Err("the connection ended without an answer".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let status = head
            .first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| format!("no status line: {:?}", head.first))?;
        if (100..200).contains(&status) && status != 101 {
            interim.push((status, head.fields));
            continue;
        }
        let end = if method == "HEAD" || matches!(status, 204 | 304) {
            End::Empty
        } else {
            wire::end(&head.fields, End::Close)
        };
        let body = reader.body(end).await;
        return Ok(Answer {
            status,
            fields: head.fields,
            body: body.bytes,
            trailers: body.trailers,
            interim,
            complete: body.complete,
        });
    }
}
