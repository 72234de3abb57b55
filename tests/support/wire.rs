//! A client that shows the wire as it is: one connection, one request, the bytes that came back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A response as it came over the wire.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    /// The body without its chunks; complete or not.
    pub(crate) body: Vec<u8>,
    /// False where the connection ended before the body did.
    pub(crate) complete: bool,
}

impl Response {
    /// All field lines of that name, joined by ", ".
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

/// Sends one GET on a connection of its own.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str, fields: &[(&str, &str)]) -> Response {
    send(address, "GET", path, fields)
}

/// Sends one request without a body on a connection of its own.
#[track_caller]
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Response {
    attempt(address, method, path, fields)
        .expect("a connection that takes the request")
        .expect("a response head")
}

/// The same towards a node that may die over it: `None` where no whole head came back.
pub(crate) fn attempt(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> std::io::Result<Option<Response>> {
    let mut stream = TcpStream::connect(address)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !fields
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        head.push_str("Host: www.example.test\r\n");
    }
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    // A reset is one way for a response to end; what came before it is still looked at.
    let clean = stream.read_to_end(&mut bytes).is_ok();
    Ok(parse(&bytes, clean, method == "HEAD"))
}

fn parse(bytes: &[u8], clean: bool, head_only: bool) -> Option<Response> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let raw = &bytes[end + 4..];
    let value = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    };
    let (body, complete) = if head_only || status == 204 || status == 304 {
        (raw.to_vec(), raw.is_empty())
    } else if value("transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        dechunk(raw)
    } else if let Some(length) = value("content-length").and_then(|text| text.parse::<usize>().ok())
    {
        (raw.to_vec(), raw.len() == length)
    } else {
        (raw.to_vec(), clean)
    };
    Some(Response {
        status,
        fields,
        body,
        complete,
    })
}

fn dechunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = raw.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = std::str::from_utf8(&raw[..end])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size else {
            return (body, false);
        };
        raw = &raw[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if raw.len() < size + 2 {
            body.extend_from_slice(&raw[..size.min(raw.len())]);
            return (body, false);
        }
        body.extend_from_slice(&raw[..size]);
        raw = &raw[size + 2..];
    }
}
