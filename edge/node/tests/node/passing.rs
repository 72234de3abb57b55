//! What goes through to upstream, and as what.

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_streams_upstream() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send("POST /x HTTP/1.1\r\nHost: www.example.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let mut asked = origin.asked().await;
    // The origin has the first piece before the client sends the second.
    assert_eq!(soon(asked.wire.chunk()).await.unwrap(), b"abc");
    wire.send("2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(soon(asked.wire.chunk()).await.unwrap(), b"de");
    assert_eq!(soon(asked.wire.chunk()).await.unwrap(), b"");
    asked.answer(response("200 OK", "", "done")).await;
    let head = soon(wire.head()).await.unwrap();
    assert!(
        head.field("cache-status").unwrap().contains("fwd=method"),
        "{head:?}"
    );
    assert_eq!(soon(wire.body(&head)).await.0, b"done");
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_sees_its_own_host_and_the_chain() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.trust = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    let mut wire = connect(&node).await;
    let fields =
        "X-Forwarded-For: 198.18.0.1\r\nX-Request-Id: abc\r\nConnection: X-Hop\r\nX-Hop: 1\r\n";
    wire.send(get_with("/x?q=1", fields)).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.first, "GET /x?q=1 HTTP/1.1");
    assert_eq!(
        asked.head.field("host").unwrap(),
        origin.address.to_string()
    );
    assert_eq!(
        asked.head.field("x-forwarded-for"),
        Some("198.18.0.1, 127.0.0.1")
    );
    assert_eq!(asked.head.field("x-request-id"), Some("abc"));
    assert_eq!(asked.head.field("x-hop"), None);
    assert!(asked.head.field("via").unwrap().contains("edge-1"));
    assert!(asked.head.field("cdn-loop").unwrap().contains("edge-1"));
    asked.answer(response("200 OK", "", "x")).await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_host_and_no_trust() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.upstream_host = Some("www.example.test".into())
    })
    .await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "X-Forwarded-For: 198.18.0.1\r\n"))
        .await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("host"), Some("www.example.test"));
    assert_eq!(asked.head.field("x-forwarded-for"), Some("127.0.0.1"));
    assert!(
        asked
            .head
            .field("x-request-id")
            .unwrap()
            .starts_with("edge-1-req-")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_refused() {
    let origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let request = get_with("/x", "CDN-Loop: other, edge-1\r\n");
    let got = exchange(&mut connect(&node).await, &request).await;
    assert_eq!(got.head.status(), 508);
    assert_eq!((origin.count(), stats(&node).await["loops"]), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_misses_keeps_the_connection_in_step() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send("HEAD /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n")
        .await;
    let asked = origin.asked().await;
    assert!(asked.head.first.starts_with("HEAD "));
    asked
        .answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), head.field("content-length")),
        (200, Some("5"))
    );
    wire.send(get_with("/y", "")).await;
    origin
        .asked()
        .await
        .answer(response("404 Not Found", "", "none"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), soon(wire.body(&head)).await.0),
        (404, b"none".to_vec())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_without_a_body() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    for status in ["204 No Content", "304 Not Modified"] {
        wire.send(get_with("/x", "If-Match: \"a\"\r\n")).await;
        let asked = origin.asked().await;
        assert_eq!(asked.head.field("if-match"), Some("\"a\""));
        asked
            .answer(format!("HTTP/1.1 {status}\r\nETag: \"a\"\r\n\r\n"))
            .await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(head.first, format!("HTTP/1.1 {status}"));
        assert_eq!(head.field("transfer-encoding"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_usable_host_is_refused() {
    let origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    for (request, status) in [
        ("GET /x HTTP/1.1\r\n\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
    ] {
        let got = exchange(&mut connect(&node).await, request).await;
        assert_eq!(got.head.status(), status, "{request}");
    }
    assert_eq!(origin.count(), 0);
}

/// The first of two hosts being a name of the node does not make the second go away.
#[tokio::test(flavor = "multi_thread")]
async fn several_hosts_are_refused_where_one_is_an_alias() {
    let origin = Origin::start().await;
    let node = node(&origin, |config| {
        let alias = ("edge.test".to_owned(), "www.example.test".to_owned());
        config.aliases.extend([alias]);
    })
    .await;
    let request = "GET /x HTTP/1.1\r\nHost: edge.test\r\nHost: b\r\n\r\n";
    let got = exchange(&mut connect(&node).await, request).await;
    assert_eq!((got.head.status(), origin.count()), (400, 0));
}

/// A 502 says what stood in the way.
#[tokio::test(flavor = "multi_thread")]
async fn no_connection_has_its_reason() {
    let origin = Origin::start().await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let not_tls = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 No\r\n\r\n").await;
        }
    });
    for (upstream, reason) in [
        (format!("https://{not_tls}"), "upstream-tls"),
        ("http://a..invalid".to_owned(), "upstream-unresolved"),
    ] {
        let node = node(&origin, |config| config.upstream = upstream).await;
        let got = get(&node, "/x").await;
        assert_eq!(got.head.status(), 502, "{reason}");
        assert!(
            got.cache_status().contains(reason),
            "{}",
            got.cache_status()
        );
    }
}

/// A fetch that others may share goes without the body that a GET came with. A length that is still
/// announced would make upstream take the next client's request for that body.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_left_out_is_not_announced() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    for (path, fields, body) in [
        ("/length", "Content-Length: 5\r\n", "hello"),
        (
            "/expect",
            "Expect: 100-continue\r\nContent-Length: 5\r\n",
            "hello",
        ),
        (
            "/chunked",
            "Transfer-Encoding: chunked\r\nTrailer: X-T\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ] {
        let mut wire = connect(&node).await;
        wire.send(get_with(path, fields) + body).await;
        let asked = origin.asked().await;
        for name in ["content-length", "transfer-encoding", "expect", "trailer"] {
            assert_eq!(asked.head.field(name), None, "{path}");
        }
        asked.answer(response("200 OK", "", "ok")).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(soon(wire.body(&head)).await.0, b"ok", "{path}");
    }
}
