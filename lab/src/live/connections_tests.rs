//! A few lines of TCP play the server: they answer with the bytes that a test gives them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

/// What the server does with the n-th request that reaches it.
enum Do {
    /// Writes this and waits for the next request on the connection.
    Answer(&'static str),
    /// Writes this and closes.
    AnswerAndClose(&'static str),
    /// Closes with RST, unanswered.
    Reset,
    /// Says nothing more.
    Silence,
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Serves connections one after the other; tells the number of each connection as it is accepted.
fn serve(listener: TcpListener, script: Vec<Do>) -> mpsc::UnboundedReceiver<usize> {
    let (tell, told) = mpsc::unbounded_channel();
    tokio::task::spawn_local(async move {
        let mut script = script.into_iter();
        let mut next = script.next();
        for number in 1.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tell.send(number);
            loop {
                let mut buffer = [0; 1024];
                let Ok(read) = stream.read(&mut buffer).await else {
                    break;
                };
                if read == 0 {
                    break;
                }
                match next.take() {
                    Some(Do::Answer(text)) => stream.write_all(text.as_bytes()).await.unwrap(),
                    Some(Do::AnswerAndClose(text)) => {
                        stream.write_all(text.as_bytes()).await.unwrap();
                        next = script.next();
                        break;
                    }
                    Some(Do::Reset) => {
                        stream.set_zero_linger().unwrap();
                        next = script.next();
                        break;
                    }
                    Some(Do::Silence) | None => std::future::pending().await,
                }
                next = script.next();
            }
        }
    });
    told
}

struct Outcome {
    results: Vec<Result<String, Failure>>,
    connections: usize,
}

/// Sends `requests` one after the other over one pool.
fn play(script: Vec<Do>, requests: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepted = serve(listener, script);
        let connections = Connections::default();
        let request = Request::get("/a")
            .header("host", "www.example.test")
            .body(())
            .unwrap();
        let mut results = Vec::new();
        for _ in 0..requests {
            let body = RefCell::new(Vec::new());
            let deadline = Instant::now() + Duration::from_millis(500);
            let fetched = connections
                .fetch((0, address), &request, deadline, |_| {
                    |piece: &[u8]| body.borrow_mut().extend_from_slice(piece)
                })
                .await;
            results.push(fetched.map(|fetched| {
                assert_eq!(fetched.bytes, body.borrow().len() as u64);
                String::from_utf8(body.take()).unwrap()
            }));
        }
        let mut count = 0;
        while let Ok(number) = accepted.try_recv() {
            count = number;
        }
        Outcome {
            results,
            connections: count,
        }
    })
}

#[track_caller]
fn check(script: Vec<Do>, expected: &[Result<&str, Failure>], connections: usize) {
    let outcome = play(script, expected.len());
    let results: Vec<_> = outcome
        .results
        .iter()
        .map(|r| r.as_deref().map_err(|f| *f))
        .collect();
    assert_eq!(results, expected);
    assert_eq!(outcome.connections, connections);
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    check(
        vec![Do::Answer(WHOLE), Do::Answer(WHOLE)],
        &[Ok("hello"), Ok("hello")],
        1,
    );
}

#[test]
fn connection_close_is_obeyed() {
    let close = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    check(
        vec![Do::AnswerAndClose(close), Do::Answer(WHOLE)],
        &[Ok("ok"), Ok("hello")],
        2,
    );
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_in_silence() {
    check(
        vec![Do::AnswerAndClose(WHOLE), Do::Answer(WHOLE)],
        &[Ok("hello"), Ok("hello")],
        2,
    );
    check(
        vec![Do::Answer(WHOLE), Do::Reset, Do::Answer(WHOLE)],
        &[Ok("hello"), Ok("hello")],
        2,
    );
}

#[test]
fn failures_are_told_apart() {
    check(vec![Do::Reset], &[Err(Failure::Reset)], 1);
    check(vec![Do::Silence], &[Err(Failure::Deadline)], 1);
    check(
        vec![Do::AnswerAndClose(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        )],
        &[Err(Failure::Truncated)],
        1,
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    check(
        vec![Do::AnswerAndClose(chunked)],
        &[Err(Failure::Truncated)],
        1,
    );
    check(
        vec![Do::AnswerAndClose("SSH-2.0-OpenSSH_9.2\r\n")],
        &[Err(Failure::Protocol)],
        1,
    );
}

#[test]
fn a_body_that_ends_with_its_connection_is_whole() {
    check(
        vec![Do::AnswerAndClose("HTTP/1.1 200 OK\r\n\r\nuntil the end")],
        &[Ok("until the end")],
        1,
    );
}

#[test]
fn a_refused_connection_is_told_as_such() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    let failed = local.block_on(&runtime, async {
        // A port that was just free and has no listener.
        let address = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let request = Request::get("/").body(()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        Connections::default()
            .fetch((0, address), &request, deadline, |_| |_: &[u8]| {})
            .await
    });
    assert_eq!(failed.err(), Some(Failure::Refused));
}
