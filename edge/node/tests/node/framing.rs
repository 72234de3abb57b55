//! Lies about where messages begin and end: RFC 9112 sections 2.2, 5, 6 and 7.

use crate::support::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright";

/// What a client gets when upstream sends these bytes and then nothing more.
async fn answered(sent: &[u8]) -> Got {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.threads = 1).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked.wire.send(sent).await;
    let head = soon(wire.head())
        .await
        .expect("an answer, whatever upstream sends");
    let (body, complete) = soon(wire.body(&head)).await;
    let shown = String::from_utf8_lossy(&sent[..sent.len().min(200)]).into_owned();
    assert_eq!((head.status(), complete), (502, true), "{shown:?}");
    // The connection is of no more use: the next request makes its own, and gets its own answer.
    let next = get_with("/y", "");
    let (again, ()) = tokio::join!(exchange(&mut wire, &next), async {
        origin.asked().await.answer(OK).await;
    });
    assert_eq!(again.text(), "right", "after {shown:?}");
    assert!(soon(asked.wire.head()).await.is_none(), "after {shown:?}");
    Got {
        head,
        body,
        complete,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_breaks_the_rules_is_a_bad_gateway() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(500));
    let cached = "Cache-Control: max-age=60\r\n";
    for sent in [
        // Heads.
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        huge.as_str(),
        many.as_str(),
        // Nobody asked for an upgrade.
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        // Lengths.
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
        // Codings that are not known.
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        // The first chunk.
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\nhello",
    ] {
        let got = answered(sent.as_bytes()).await;
        let shown: String = sent.chars().take(200).collect();
        assert_eq!(got.head.status(), 502, "{shown:?}");
        assert!(got.complete);
        assert!(
            got.cache_status().contains("detail=upstream-protocol"),
            "{shown:?}: {got:?}"
        );
        if sent.starts_with("HTTP/1.1 200 OK\r\n") {
            let storable = sent.replacen("OK\r\n", &format!("OK\r\n{cached}"), 1);
            answered(storable.as_bytes()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_coding_ends_with_its_connection() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    let sent =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: none\r\nCache-Control: max-age=60\r\n\r\nhello";
    asked.wire.send(sent).await;
    drop(asked);
    let head = soon(wire.head()).await.expect("an answer");
    let (body, complete) = soon(wire.body(&head)).await;
    assert_eq!(
        (head.status(), body.as_slice(), complete),
        (200, &b"hello"[..], true)
    );
    let again = exchange(&mut wire, &get_with("/x", "")).await;
    assert_eq!(again.text(), "hello");
    assert!(again.cache_status().contains("; hit"), "{again:?}");
    for head in [&head, &again.head] {
        assert_ne!(head.field("transfer-encoding"), Some("none"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_response_stands_in_for_a_broken_one() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let stale = response(
        "200 OK",
        "Cache-Control: max-age=0\r\nETag: \"a\"\r\n",
        "stored",
    );
    origin.asked().await.answer(stale).await;
    let head = soon(wire.head()).await.unwrap();
    soon(wire.body(&head)).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"b\"\r\n\r\nzz\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(soon(wire.body(&head)).await.0, b"stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_begins_is_a_bad_gateway() {
    for fields in ["", "Cache-Control: max-age=60\r\n"] {
        for framing in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let mut origin = Origin::start().await;
            let node = node(&origin, |_| {}).await;
            let mut wire = connect(&node).await;
            wire.send(get_with("/x", "")).await;
            let mut asked = origin.asked().await;
            asked
                .wire
                .send(format!("HTTP/1.1 200 OK\r\n{fields}{framing}\r\n"))
                .await;
            drop(asked);
            let head = soon(wire.head()).await.expect("an answer");
            // Where the end came later than the head, the client sees a body cut short.
            let (_, complete) = soon(wire.body(&head)).await;
            assert_eq!(
                (head.status(), complete).1,
                head.status() == 502,
                "{head:?}"
            );
        }
    }
}

/// Sends an answer that is usable, and says what the client gets and whether the connection to
/// upstream goes on.
async fn used(sent: &str) -> (Got, bool) {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.threads = 1).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked.wire.send(sent).await;
    let head = soon(wire.head()).await.expect("an answer");
    let (body, complete) = soon(wire.body(&head)).await;
    let got = Got {
        head,
        body,
        complete,
    };
    // Either the next request comes on this connection, or it ends.
    wire.send(get_with("/y", "")).await;
    let again = soon(asked.wire.head()).await;
    let kept = again.is_some();
    if kept {
        asked.wire.send(OK).await;
    } else {
        origin.asked().await.answer(OK).await;
    }
    let head = soon(wire.head()).await.expect("an answer");
    let (body, _) = soon(wire.body(&head)).await;
    assert_eq!(String::from_utf8_lossy(&body), "right", "behind {sent:?}");
    (got, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_honest_connection_is_used_again() {
    let check = async |sent: &str, body: &str, kept: bool| {
        let (got, was_kept) = used(sent).await;
        assert_eq!((got.text(), got.complete), (body, true), "{sent:?}");
        assert_eq!(was_kept, kept, "{sent:?}");
        let lengths: Vec<_> = got.head.lines("content-length").collect();
        let chunked = got.head.field("transfer-encoding").is_some();
        assert!(lengths.len() + usize::from(chunked) == 1, "{got:?}");
    };
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "hello",
        true,
    )
    .await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    check(chunked, "hello", true).await;
    // Two words for one length; the same word twice.
    let both = chunked.replace("Transfer", "Content-Length: 3\r\nTransfer");
    check(&both, "hello", false).await;
    let both = chunked.replace("chunked\r\n", "chunked\r\nContent-Length: 3\r\n");
    check(&both, "hello", false).await;
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    check(twice, "hello", false).await;
    // Bytes behind the end: nobody's answer.
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    check(&format!("{OK}{evil}"), "right", false).await;
    check(&format!("{chunked}{evil}"), "hello", false).await;
    let cached = OK.replacen("OK\r\n", "OK\r\nCache-Control: max-age=60\r\n", 1);
    check(&format!("{cached}{evil}"), "right", false).await;
    // The other side has said that it closes.
    let last = OK.replacen("OK\r\n", "OK\r\nConnection: close\r\n", 1);
    check(&last, "right", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_request_is_the_clients_fault() {
    let post = "POST /x HTTP/1.1\r\nHost: www.example.test\r\n";
    for (rest, ends) in [
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", false),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            false,
        ),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhel", true),
        ("Content-Length: 9\r\n\r\nhello", true),
    ] {
        let origin = Origin::start().await;
        let node = node(&origin, |_| {}).await;
        let mut wire = connect(&node).await;
        wire.send(format!("{post}{rest}")).await;
        if ends {
            wire.half_close().await;
        }
        let head = soon(wire.head())
            .await
            .unwrap_or_else(|| panic!("no answer to {rest:?}"));
        assert_eq!(head.status(), 400, "{rest:?}");
        // What comes behind is no request of its own.
        soon(wire.rest()).await;
        assert!(origin.count() <= 1);
        assert_eq!(stats(&node).await["upstream_failures"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_could_smuggle_a_request_passes() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
    for (fields, status) in [
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            501,
        ),
        ("Transfer-Encoding: chunked, chunked\r\n", 501),
        ("Transfer-Encoding: chunked, gzip\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n", 400),
        ("Transfer-Encoding : chunked\r\n", 400),
        ("Transfer-Encoding:\x0bchunked\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5, 5\r\n", 400),
        ("Content-Length: +5\r\n", 400),
        ("Content-Length: 0x5\r\n", 400),
        ("X: a\0b\r\n", 400),
        ("X: a\rContent-Length: 5\r\n", 400),
        ("X: a\r\n Content-Length: 5\r\n", 400),
        (" X: a\r\n", 400),
    ] {
        let origin = Origin::start().await;
        let node = node(&origin, |_| {}).await;
        let mut wire = connect(&node).await;
        let post = format!("POST /x HTTP/1.1\r\nHost: www.example.test\r\n{fields}\r\n");
        wire.send(format!("{post}0\r\n\r\n{hidden}")).await;
        let head = soon(wire.head())
            .await
            .unwrap_or_else(|| panic!("no answer to {fields:?}"));
        assert_eq!(head.status(), status, "{fields:?}");
        soon(wire.rest()).await;
        assert_eq!(origin.count(), 0, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lengths_the_chunks_count_and_the_connection_ends() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(
        "POST /x HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 4\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
         GET /hidden HTTP/1.1\r\nHost: www.example.test\r\n\r\n",
    )
    .await;
    let mut asked = origin.asked().await;
    assert_eq!(asked.head.field("content-length"), None);
    assert_eq!(asked.head.field("transfer-encoding"), Some("chunked"));
    assert_eq!(soon(asked.wire.chunk()).await.unwrap(), b"hello");
    assert_eq!(soon(asked.wire.chunk()).await.unwrap(), b"");
    asked.answer(OK).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"right");
    assert!(soon(wire.head()).await.is_none());
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nominated_length_is_sent_all_the_same() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(
        "POST /x HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 5\r\n\
         Connection: content-length, host\r\n\r\nhello",
    )
    .await;
    let mut asked = origin.asked().await;
    assert_eq!(asked.head.field("content-length"), Some("5"));
    assert!(asked.head.field("host").is_some());
    assert_eq!(soon(asked.wire.exactly(5)).await.unwrap(), b"hello");
    asked.answer(OK).await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_said_all_still_gets_an_answer() {
    for fields in ["", "Cache-Control: max-age=60\r\n"] {
        let mut origin = Origin::start().await;
        let node = node(&origin, |_| {}).await;
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", "")).await;
        wire.half_close().await;
        let asked = origin.asked().await;
        asked.answer(response("200 OK", fields, "hello")).await;
        let head = soon(wire.head()).await.expect("an answer");
        assert_eq!(soon(wire.body(&head)).await, (b"hello".to_vec(), true));
        assert!(soon(wire.rest()).await.is_empty());
    }
}
