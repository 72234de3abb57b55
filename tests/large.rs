//! A body larger than the edge's memory, read by many at different speeds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::machine;
use crate::support::node::Node;
use crate::support::upstream::{Request, Then, Upstream};

const SIZE: u64 = 200_000_000;
const MIB: u64 = 1 << 20;

/// The whole body; any two windows of it differ, so a gap or a repetition shows.
fn body() -> &'static [u8] {
    static BODY: OnceLock<Vec<u8>> = OnceLock::new();
    BODY.get_or_init(|| {
        (0..SIZE / 8)
            .flat_map(|word| {
                word.wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .swap_bytes()
                    .to_le_bytes()
            })
            .collect()
    })
}

/// `bytes=N-` as N.
fn range_start(request: &Request) -> Option<u64> {
    request
        .field("range")?
        .strip_prefix("bytes=")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

fn origin(chunked: bool) -> Upstream {
    Upstream::start(move |request, stream| {
        let start = range_start(request).unwrap_or(0);
        let mut head = match start {
            0 => "HTTP/1.1 200 OK\r\n".to_owned(),
            _ => format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{SIZE}\r\n",
                SIZE - 1
            ),
        };
        head.push_str("ETag: \"large\"\r\nCache-Control: max-age=600\r\n");
        match chunked {
            true => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
            false => head.push_str(&format!("Content-Length: {}\r\n\r\n", SIZE - start)),
        }
        if stream.write_all(head.as_bytes()).is_err() {
            return Then::Close;
        }
        let mut offset = start;
        while offset < SIZE {
            let length = (SIZE - offset).min(256 << 10) as usize;
            let bytes = &body()[offset as usize..offset as usize + length];
            let sent = match chunked {
                true => stream
                    .write_all(format!("{length:x}\r\n").as_bytes())
                    .and_then(|()| stream.write_all(bytes))
                    .and_then(|()| stream.write_all(b"\r\n")),
                false => stream.write_all(bytes),
            };
            if sent.is_err() {
                return Then::Close;
            }
            offset += length as u64;
        }
        if chunked && stream.write_all(b"0\r\n\r\n").is_err() {
            return Then::Close;
        }
        Then::KeepOpen
    })
}

/// Reads the whole body and checks each byte; takes at most `rate` bytes a second.
fn read_all(address: SocketAddr, rate: Option<u64>) -> u64 {
    let mut stream = TcpStream::connect(address).expect("a listening edge");
    // HTTP/1.0: the body is not chunked, so that its bytes can be compared as they come.
    stream
        .write_all(b"GET /large HTTP/1.0\r\nHost: www.example.test\r\n\r\n")
        .expect("a writable connection");
    let mut buffer = vec![0; 256 << 10];
    let mut head = Vec::new();
    let (mut offset, started) = (0u64, Instant::now());
    let mut body_from = None;
    loop {
        let read = stream.read(&mut buffer).expect("a readable connection");
        if read == 0 {
            break;
        }
        let mut bytes = &buffer[..read];
        if body_from.is_none() {
            head.extend_from_slice(bytes);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            body_from = Some(end + 4);
            bytes = &head[end + 4..];
        }
        assert!(
            body()[offset as usize..].starts_with(bytes),
            "a wrong byte in {} after {offset}",
            bytes.len()
        );
        offset += bytes.len() as u64;
        if let Some(rate) = rate {
            // The laggard's pace is the test's subject, not a wait for a state.
            let due = Duration::from_secs_f64(offset as f64 / rate as f64);
            let ahead = due.saturating_sub(started.elapsed());
            std::thread::park_timeout(ahead);
        }
    }
    offset
}

fn fifty_readers(chunked: bool) {
    let _machine = machine::shared();
    let upstream = origin(chunked);
    let edge = Node::edge(&upstream.url(), &["--memory", "64MiB"]);
    let address = edge.listen;
    let mut readers = vec![std::thread::spawn(move || {
        read_all(address, Some(5_000_000))
    })];
    readers.extend((0..49).map(|_| std::thread::spawn(move || read_all(address, None))));
    for reader in readers {
        assert_eq!(reader.join().expect("every byte right"), SIZE);
    }
    if let Some((now, peak)) = edge.resident() {
        println!(
            "chunked {chunked}: resident {} MiB, peak {} MiB",
            now / MIB,
            peak / MIB
        );
        assert!(peak < 200 * MIB, "peak resident memory {} MiB", peak / MIB);
    }
}

#[test]
fn fifty_readers_with_content_length() {
    fifty_readers(false);
}

#[test]
fn fifty_readers_chunked() {
    fifty_readers(true);
}
