//! One edge process in front of somebody's application.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Barrier, Mutex};

use crate::support::machine;
use crate::support::node::Node;
use crate::support::upstream::{Request, Then, Upstream};
use crate::support::wire::{get, send};

fn now() -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now())
}

/// A complete response with a body of five bytes and the given field lines.
fn hello(fields: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nDate: {}\r\n{fields}Content-Length: 5\r\n\r\nhello",
        now()
    )
}

#[test]
fn a_second_request_is_a_hit() {
    let upstream = Upstream::always(&hello(
        "Cache-Control: max-age=60\r\nLink: <a>\r\nLink: <b>\r\n",
    ));
    let edge = Node::edge(&upstream.url(), &["--name", "fra-1"]);
    let first = get(edge.listen, "/a", &[]);
    let second = get(edge.listen, "/a", &[]);
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(second.body, b"hello");
    assert_eq!(upstream.requests(), 1);
    let status = second.field("cache-status").expect("a Cache-Status");
    assert!(status.starts_with("fra-1; hit"), "{status}");
    assert!(
        first
            .field("cache-status")
            .expect("a Cache-Status")
            .contains("fwd=uri-miss")
    );
    assert_eq!(
        second.field("link").as_deref(),
        Some("<a>, <b>"),
        "repeated lines stay"
    );
    assert!(second.field("age").is_some(), "a hit says its age");
    assert!(second.field("via").is_some_and(|via| via.contains("fra-1")));
}

#[test]
fn the_application_sees_its_own_authority_unless_told_otherwise() {
    let seen = Arc::new(Mutex::new(Vec::<Request>::new()));
    let log = seen.clone();
    let upstream = Upstream::start(move |request, stream| {
        log.lock()
            .expect("no panic in the script")
            .push(request.clone());
        let _ = stream.write_all(hello("").as_bytes());
        Then::KeepOpen
    });
    let plain = Node::edge(&upstream.url(), &[]);
    get(
        plain.listen,
        "/a",
        &[("Connection", "x-private"), ("X-Private", "1")],
    );
    let named = Node::edge(&upstream.url(), &["--upstream-host", "app.example.test"]);
    get(named.listen, "/b", &[]);
    let seen = seen.lock().expect("no panic in the script");
    assert_eq!(
        seen[0].field("host"),
        Some(upstream.address.to_string().as_str())
    );
    assert_eq!(seen[1].field("host"), Some("app.example.test"));
    assert!(seen[0].field("via").is_some() && seen[0].field("cdn-loop").is_some());
    assert_eq!(
        seen[0].field("x-private"),
        None,
        "fields nominated by Connection stop here"
    );
}

#[test]
fn a_loop_is_refused_with_508() {
    let upstream = Upstream::always(&hello(""));
    let edge = Node::edge(&upstream.url(), &["--name", "fra-1"]);
    assert_eq!(get(edge.listen, "/a", &[("CDN-Loop", "fra-1")]).status, 508);
    assert_eq!(
        get(edge.listen, "/a", &[("CDN-Loop", "other.example")]).status,
        200
    );
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn a_body_that_ends_short_is_neither_stored_nor_ended_cleanly() {
    let cases: [(&str, &str); 2] = [
        (
            "Content-Length",
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhello",
        ),
        (
            "chunked",
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
    ];
    for (name, response) in cases {
        let upstream = Upstream::start(move |_, stream| {
            let _ = stream.write_all(response.as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
            Then::Close
        });
        let edge = Node::edge(&upstream.url(), &[]);
        for round in 1..=2 {
            let answer = get(edge.listen, "/a", &[]);
            assert!(
                !answer.complete || answer.status == 502,
                "{name}: {answer:?}"
            );
            assert_eq!(upstream.requests(), round, "{name}: never stored");
        }
    }
}

#[test]
fn a_close_delimited_body_is_complete() {
    let upstream = Upstream::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhello");
        Then::Close
    });
    let edge = Node::edge(&upstream.url(), &[]);
    let first = get(edge.listen, "/a", &[]);
    assert!(first.complete && first.body == b"hello", "{first:?}");
    assert_eq!(get(edge.listen, "/a", &[]).body, b"hello");
    assert_eq!(upstream.requests(), 1, "stored");
}

#[test]
fn an_upstream_that_is_not_there_gives_502_with_a_reason() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound")
        .port();
    let edge = Node::edge(&format!("http://127.0.0.1:{port}"), &[]);
    let answer = get(edge.listen, "/a", &[]);
    assert_eq!(answer.status, 502);
    assert!(
        answer
            .field("cache-status")
            .expect("a Cache-Status")
            .contains("detail="),
        "{answer:?}"
    );
}

#[test]
fn a_silent_upstream_gives_504() {
    let upstream = Upstream::start(|_, stream| {
        // Say nothing until the edge gives up and closes.
        let _ = std::io::Read::read(stream, &mut [0; 1]);
        Then::Close
    });
    let edge = Node::edge(&upstream.url(), &["--first-byte-timeout", "200ms"]);
    assert_eq!(get(edge.listen, "/a", &[]).status, 504);
}

#[test]
fn stale_answers_bridge_an_outage() {
    let failing = Arc::new(Mutex::new(false));
    let fails = failing.clone();
    let moody = Upstream::start(move |_, stream| {
        let answer = if *fails.lock().expect("no panic") {
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            hello("Cache-Control: max-age=0, stale-if-error=60\r\n")
        };
        let _ = stream.write_all(answer.as_bytes());
        Then::KeepOpen
    });
    let edge = Node::edge(&moody.url(), &[]);
    assert_eq!(get(edge.listen, "/a", &[]).status, 200);
    *failing.lock().expect("no panic") = true;
    let stale = get(edge.listen, "/a", &[]);
    assert_eq!(
        (stale.status, stale.body.as_slice()),
        (200, b"hello".as_slice()),
        "{stale:?}"
    );
    let status = stale.field("cache-status").expect("a Cache-Status");
    assert!(
        status.contains("fwd=stale") && status.contains("fwd-status=503"),
        "{status}"
    );
}

#[test]
fn a_purge_by_url_takes_the_object_out() {
    let upstream = Upstream::always(&hello("Cache-Control: max-age=60\r\n"));
    let edge = Node::edge(&upstream.url(), &[]);
    get(edge.listen, "/a", &[]);
    get(edge.listen, "/b", &[]);
    let purge = send(
        edge.admin,
        "POST",
        "/purge?url=http://www.example.test/a",
        &[],
    );
    assert_eq!(purge.status, 200, "{purge:?}");
    get(edge.listen, "/a", &[]);
    get(edge.listen, "/b", &[]);
    assert_eq!(upstream.requests(), 3, "/a again, /b not");
}

#[test]
fn two_thousand_at_once_are_one_request_upstream() {
    let _machine = machine::shared();
    const READERS: usize = 2000;
    // The origin sends the second half only when every reader has had the first.
    let halves = Arc::new(Barrier::new(READERS + 1));
    let gate = halves.clone();
    let upstream = Upstream::start(move |_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nfirst",
        );
        gate.wait();
        let _ = stream.write_all(b"other");
        Then::KeepOpen
    });
    let edge = Node::edge(&upstream.url(), &[]);
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (halves, address) = (halves.clone(), edge.listen);
            std::thread::Builder::new()
                .stack_size(128 << 10)
                .spawn(move || {
                    use std::io::Read;
                    let mut stream = TcpStream::connect(address).expect("a listening edge");
                    stream
                        .write_all(b"GET /cold HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\n\r\n")
                        .expect("a writable connection");
                    let mut seen = Vec::new();
                    let mut buffer = [0; 1024];
                    while !seen.ends_with(b"first") {
                        let read = stream.read(&mut buffer).expect("a readable connection");
                        assert!(read > 0, "ended after {:?}", String::from_utf8_lossy(&seen));
                        seen.extend_from_slice(&buffer[..read]);
                    }
                    halves.wait();
                    stream.read_to_end(&mut seen).expect("a readable connection");
                    assert!(seen.ends_with(b"firstother"));
                })
                .expect("a thread")
        })
        .collect();
    for reader in readers {
        reader.join().expect(
            "a reader that saw all bytes, the first half before the origin sent the second",
        );
    }
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn a_shield_inherits_age_and_shows_in_the_path() {
    let upstream = Upstream::always(&hello("Cache-Control: max-age=60\r\nAge: 20\r\n"));
    let shield = Node::edge(&upstream.url(), &["--name", "shield-1"]);
    let fra = Node::edge(
        &format!("http://{}", shield.listen),
        &["--name", "fra-1", "--upstream-host", "www.example.test"],
    );
    let lhr = Node::edge(
        &format!("http://{}", shield.listen),
        &["--name", "lhr-1", "--upstream-host", "www.example.test"],
    );
    get(fra.listen, "/a", &[]);
    let second = get(lhr.listen, "/a", &[]);
    let path = second.field("cache-status").expect("a Cache-Status");
    let (near, far) = (path.find("shield-1; hit"), path.find("lhr-1; fwd=uri-miss"));
    assert!(
        near.is_some() && near < far,
        "members in order of the tiers, the origin's side first: {path}"
    );
    let age: u64 = second
        .field("age")
        .expect("an age")
        .parse()
        .expect("seconds");
    assert!((20..30).contains(&age), "{age}");
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn sigterm_drains_what_is_in_flight() {
    let gate = Arc::new(Barrier::new(2));
    let hold = gate.clone();
    let upstream = Upstream::start(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        hold.wait();
        let _ = stream.write_all(b"other");
        Then::KeepOpen
    });
    let edge = Node::edge(&upstream.url(), &[]);
    let mut stream = TcpStream::connect(edge.listen).expect("a listening edge");
    stream
        .write_all(b"GET /a HTTP/1.1\r\nHost: www.example.test\r\n\r\n")
        .expect("a writable connection");
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with(b"first") {
        let read = std::io::Read::read(&mut stream, &mut buffer).expect("a readable connection");
        assert!(read > 0);
        seen.extend_from_slice(&buffer[..read]);
    }
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &edge.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    gate.wait();
    std::io::Read::read_to_end(&mut stream, &mut seen).expect("a readable connection");
    assert!(
        seen.ends_with(b"firstother"),
        "the transfer under way is finished"
    );
    assert!(edge.wait(), "and the edge ends with success");
}

#[test]
fn an_edge_ends_when_its_stdin_closes() {
    let upstream = Upstream::always(&hello(""));
    let edge = Node::edge(&upstream.url(), &[]);
    assert!(edge.close_stdin());
}
