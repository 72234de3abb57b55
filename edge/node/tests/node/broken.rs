//! Bodies that end short never look whole, and are never stored.

use crate::support::*;

/// How an origin ends a body.
enum End {
    Close,
    Reset,
}

/// The origin sends `sent` and ends the connection; the client must see whether that was whole.
async fn check(sent: &str, end: End, whole: bool) {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked.wire.send(sent).await;
    let head = soon(wire.head()).await.expect("a head");
    assert_eq!(head.status(), 200);
    match end {
        End::Close => drop(asked),
        End::Reset => {
            // What was sent must have been read before the reset overtakes it.
            assert_eq!(first_bytes(&mut wire, &head).await, b"abc");
            asked.wire.reset();
        }
    }
    let (_, complete) = soon(wire.body(&head)).await;
    assert_eq!(complete, whole, "{sent:?}");
    drop(wire);
    let again = tokio::spawn({
        let mut wire = connect(&node).await;
        async move { exchange(&mut wire, &get_with("/x", "")).await }
    });
    if whole {
        assert!(soon(again).await.unwrap().cache_status().contains("hit"));
        assert_eq!(origin.count(), 1);
    } else {
        origin
            .asked()
            .await
            .answer(response("200 OK", "", "fresh"))
            .await;
        assert_eq!(soon(again).await.unwrap().text(), "fresh");
        assert_eq!(stats(&node).await["truncated"], 1);
    }
}

async fn first_bytes(wire: &mut Wire, head: &Head) -> Vec<u8> {
    if head.field("transfer-encoding").is_some() {
        soon(wire.chunk()).await.unwrap()
    } else {
        soon(wire.exactly(3)).await.unwrap()
    }
}

const CACHED: &str = "Cache-Control: max-age=60\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn content_length_not_reached() {
    check(
        &format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n{CACHED}\r\nabc"),
        End::Close,
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_without_its_last_chunk() {
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{CACHED}\r\n3\r\nabc\r\n");
    check(&chunked, End::Close, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_in_the_middle() {
    check(
        &format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n{CACHED}\r\nabc"),
        End::Reset,
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_delimited_body_that_is_reset() {
    check(
        &format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{CACHED}\r\nabc"),
        End::Reset,
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_delimited_body_is_complete() {
    check(
        &format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{CACHED}\r\nabc"),
        End::Close,
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_for_one_client_that_ends_short() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nCache-Control: no-store\r\n\r\nabc")
        .await;
    let head = soon(wire.head()).await.unwrap();
    drop(asked);
    assert!(!soon(wire.body(&head)).await.1);
}

/// A client of HTTP/1.0 knows no chunks: the end of its connection is that of the body.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_chunks_is_not_told_that_a_part_is_the_whole() {
    let chunks = "Transfer-Encoding: chunked\r\n";
    let closed = "Connection: close\r\n";
    let parts = ["", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n\r\n", "abc"];
    for (framing, part, reset, whole) in [
        (chunks, parts[0], false, false),
        (chunks, parts[1], false, false),
        (chunks, parts[1], true, false),
        (chunks, parts[2], false, true),
        (closed, parts[3], true, false),
        (closed, parts[3], false, true),
    ] {
        for cached in [CACHED, "Cache-Control: no-store\r\n"] {
            let what = (framing, part, reset, cached);
            let mut origin = Origin::start().await;
            let node = node(&origin, |_| {}).await;
            let mut wire = connect(&node).await;
            wire.send("GET /x HTTP/1.0\r\nHost: www.example.test\r\n\r\n")
                .await;
            let mut asked = origin.asked().await;
            let head = format!("HTTP/1.1 200 OK\r\n{framing}{cached}\r\n{part}");
            asked.wire.send(head).await;
            let head = soon(wire.head()).await.expect("a head");
            assert_eq!(head.status(), 200, "{what:?}");
            assert_eq!(head.field("content-length"), None, "{what:?}");
            if !part.is_empty() {
                assert_eq!(soon(wire.exactly(3)).await.unwrap(), b"abc");
            }
            match reset {
                true => asked.wire.reset(),
                false => drop(asked),
            }
            let (_, orderly) = soon(wire.until_closed()).await;
            assert_eq!(orderly, whole, "{what:?}");
            let again = tokio::spawn({
                let mut wire = connect(&node).await;
                async move { exchange(&mut wire, &get_with("/x", "")).await }
            });
            if !(whole && cached == CACHED) {
                let fresh = response("200 OK", "", "fresh");
                origin.asked().await.answer(fresh).await;
            }
            assert!(soon(again).await.unwrap().complete, "{what:?}");
        }
    }
}

/// Nothing of the body came: the client gets an error, or a message that is seen to be cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_before_its_first_byte() {
    let length = "Content-Length: 9\r\n";
    let chunks = "Transfer-Encoding: chunked\r\n";
    for framing in [length, chunks] {
        for cached in [CACHED, "Cache-Control: no-store\r\n"] {
            let mut origin = Origin::start().await;
            let node = node(&origin, |_| {}).await;
            let mut wire = connect(&node).await;
            wire.send(get_with("/x", "")).await;
            let mut asked = origin.asked().await;
            let head = format!("HTTP/1.1 200 OK\r\n{framing}{cached}\r\n");
            asked.wire.send(head).await;
            drop(asked);
            let Some(head) = soon(wire.head()).await else {
                continue;
            };
            let (body, complete) = soon(wire.body(&head)).await;
            let cut = head.status() == 200 && !complete && body.is_empty();
            assert!(cut || head.status() == 502, "{head:?} {complete}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_a_bad_gateway_and_too_late_a_timeout() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.first_byte_timeout = std::time::Duration::from_millis(200)
    })
    .await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    drop(origin.asked().await);
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 502);
    let (why, _) = soon(wire.body(&head)).await;
    assert!(String::from_utf8(why).unwrap().contains("upstream-closed"));
    wire.send(get_with("/y", "")).await;
    let _silent = origin.asked().await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 504);
    assert!(
        head.field("cache-status")
            .unwrap()
            .contains("upstream-first-byte-timeout")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_a_bad_gateway() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked.wire.send("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_not_there() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let config = edge::Config::new("edge-1", format!("http://{address}"));
    let node = edge::start(config).await.unwrap();
    let got = get(&node, "/x").await;
    assert_eq!(got.head.status(), 502);
    assert!(
        got.cache_status().contains("upstream-refused"),
        "{}",
        got.cache_status()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_in_the_middle_of_a_body_ends_it() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.idle_timeout = std::time::Duration::from_millis(200)
    })
    .await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n{CACHED}\r\nabc"
        ))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert!(!soon(wire.body(&head)).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_kept_alive_connection_is_tried_once_more() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.threads = 1).await;
    let mut wire = connect(&node).await;
    for (path, body) in [("/1", "one"), ("/2", "two")] {
        wire.send(get_with(path, "")).await;
        let asked = origin.asked().await;
        if path == "/2" {
            // The origin has read the request and closes without an answer, as servers do that
            // time out at the same moment.
            drop(asked);
            origin
                .asked()
                .await
                .answer(response("200 OK", CACHED, body))
                .await;
        } else {
            asked.answer(response("200 OK", CACHED, body)).await;
        }
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(soon(wire.body(&head)).await.0, body.as_bytes());
    }
    assert_eq!(stats(&node).await["upstream_retries"], 1);
}

/// The origin may be about to close a connection that a GET has left, and a POST cannot be sent again.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_repeated_takes_no_connection_that_lies_idle() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.threads = 1).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/1", "")).await;
    // Kept open by the origin, and not read from again.
    let mut left = origin.asked().await;
    left.wire.send(response("200 OK", CACHED, "one")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"one");
    let post = "POST /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx";
    wire.send(post).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("content-length"), Some("1"));
    asked.answer(response("200 OK", "", "two")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"two");
    drop(left);
}
