//! Interim responses, `Expect: 100-continue` and trailers: RFC 9110 sections 15.2, 10.1.1 and 6.5.

use crate::support::*;

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Hint: 1\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn hints_reach_all_who_wait_and_stay_out_of_the_response() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut leader = connect(&node).await;
    leader.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked.wire.send(HINTS).await;
    let head = soon(leader.head()).await.unwrap();
    assert_eq!((head.status(), head.field("x-hint")), (103, Some("1")));
    assert_eq!(head.field("link"), Some("</a.css>; rel=preload"));
    // Who comes later, and still waits, gets what has come before.
    let mut follower = connect(&node).await;
    follower.send(get_with("/x", "")).await;
    let head = soon(follower.head()).await.unwrap();
    assert_eq!((head.status(), head.field("x-hint")), (103, Some("1")));
    asked
        .wire
        .send("HTTP/1.1 103 Early Hints\r\nX-Hint: 2\r\n\r\n")
        .await;
    for wire in [&mut leader, &mut follower] {
        let head = soon(wire.head()).await.unwrap();
        assert_eq!((head.status(), head.field("x-hint")), (103, Some("2")));
    }
    asked
        .answer(response("200 OK", "Cache-Control: max-age=60\r\n", "hello"))
        .await;
    for wire in [&mut leader, &mut follower] {
        let head = soon(wire.head()).await.unwrap();
        assert_eq!((head.status(), head.field("link")), (200, None));
        assert_eq!(head.field("x-hint"), None);
        assert_eq!(soon(wire.body(&head)).await, (b"hello".to_vec(), true));
    }
    // Not stored: a hit has none before it.
    let got = exchange(&mut leader, &get_with("/x", "")).await;
    assert!(got.cache_status().contains("hit"), "{got:?}");
    assert_eq!((got.head.status(), got.head.field("link")), (200, None));
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_in_one_go_comes_in_order() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    for (path, fields) in [("/x", "Cache-Control: max-age=60\r\n"), ("/y", "")] {
        let mut wire = connect(&node).await;
        wire.send(get_with(path, "")).await;
        let last = response("200 OK", fields, "hello");
        let processing = "HTTP/1.1 102 Processing\r\n\r\n";
        let asked = origin.asked().await;
        asked.answer(format!("{processing}{HINTS}{last}")).await;
        for status in [102, 103, 200] {
            let head = soon(wire.head()).await.unwrap();
            assert_eq!(head.status(), status);
            if status == 200 {
                assert_eq!(soon(wire.body(&head)).await.0, b"hello");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_gets_none() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send("GET /x HTTP/1.0\r\nHost: www.example.test\r\n\r\n")
        .await;
    let asked = origin.asked().await;
    asked
        .answer(format!("{HINTS}{}", response("200 OK", "", "hello")))
        .await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_hit_on_the_same_connection() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.memory = 64 << 20).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/big", "")).await;
    let big = "b".repeat(8 << 20);
    let cached = response("200 OK", "Cache-Control: max-age=60\r\n", &big);
    let (head, ()) = tokio::join!(
        async {
            let head = soon(wire.head()).await.unwrap();
            soon(wire.body(&head)).await;
            head
        },
        async { origin.asked().await.answer(cached).await }
    );
    assert_eq!(head.status(), 200);
    // Two at once: the hints for the second must not get into the middle of the first.
    wire.send(get_with("/big", "") + &get_with("/x", "")).await;
    let send = async {
        let asked = origin.asked().await;
        asked
            .answer(format!("{HINTS}{}", response("200 OK", "", "hello")))
            .await;
    };
    let read = async {
        let head = soon(wire.head()).await.unwrap();
        let (body, complete) = soon(wire.body(&head)).await;
        assert!(complete && body == big.as_bytes());
        for status in [103, 200] {
            assert_eq!(soon(wire.head()).await.unwrap().status(), status);
        }
    };
    tokio::join!(send, read);
}

const POST: &str = "POST /x HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 5\r\n\
                    Expect: 100-continue\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_expectation_goes_upstream_and_the_body_waits() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(POST).await;
    let mut asked = origin.asked().await;
    assert_eq!(asked.head.field("expect"), Some("100-continue"));
    asked.wire.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 100);
    wire.send("hello").await;
    assert_eq!(soon(asked.wire.exactly(5)).await.unwrap(), b"hello");
    asked.answer(response("200 OK", "", "thanks")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(soon(wire.body(&head)).await.0, b"thanks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_upstream_refuses_is_never_asked_for() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(POST).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send(response("413 Content Too Large", "", "too much"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(head.status(), 413);
    assert_eq!(soon(wire.body(&head)).await.0, b"too much");
    // Nobody can know on that connection where a next request would begin.
    assert!(soon(asked.wire.head()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_knows_no_expectations_gets_the_body_in_the_end() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(POST).await;
    let mut asked = origin.asked().await;
    // Upstream just waits for the body.
    assert_eq!(soon(wire.head()).await.unwrap().status(), 100);
    wire.send("hello").await;
    assert_eq!(soon(asked.wire.exactly(5)).await.unwrap(), b"hello");
    asked.answer(response("200 OK", "", "")).await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_passed_on_to_who_takes_them_and_never_into_a_head() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n";
    let body = "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n";
    let ends = async |origin: &mut Origin, te: &str, fields: &str| {
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", te)).await;
        let asked = origin.asked().await;
        let asks = asked.head.field("te").map(str::to_owned);
        asked.answer(format!("{chunked}{fields}\r\n{body}")).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(head.field("x-sum"), None);
        assert_eq!(soon(wire.chunk()).await.unwrap(), b"hello");
        wire.half_close().await;
        let end = String::from_utf8(soon(wire.rest()).await).unwrap();
        (asks, head.field("trailer").map(str::to_owned), end)
    };
    let own = |text: &str| Some(text.to_owned());
    let te = "TE: trailers\r\nConnection: te\r\n";
    let (asks, announced, end) = ends(&mut origin, te, "").await;
    assert_eq!((asks, announced), (own("trailers"), own("X-Sum")));
    assert_eq!(end, "0\r\nx-sum: 7\r\n\r\n");
    let (asks, _, end) = ends(&mut origin, "", "").await;
    assert_eq!((asks, end.as_str()), (None, "0\r\n\r\n"));
    // What is stored is stored with them, apart from its head.
    let (_, announced, end) = ends(&mut origin, te, "Cache-Control: max-age=60\r\n").await;
    assert_eq!(
        (announced, end.as_str()),
        (own("X-Sum"), "0\r\nx-sum: 7\r\n\r\n")
    );
    let got = get(&node, "/x").await;
    assert_eq!((got.text(), got.head.field("trailer")), ("hello", None));
    assert_eq!(got.head.field("x-sum"), None);
    assert_eq!(got.head.field("content-length"), Some("5"));
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", te)).await;
    let head = soon(wire.head()).await.unwrap();
    let fields = ["trailer", "content-length", "x-sum"].map(|name| head.field(name));
    assert_eq!(fields, [Some("x-sum"), None, None]);
    assert_eq!(soon(wire.chunk()).await.unwrap(), b"hello");
    wire.half_close().await;
    let end = String::from_utf8(soon(wire.rest()).await).unwrap();
    assert_eq!(end, "0\r\nx-sum: 7\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_reach_all_who_share_a_fetch_and_take_them() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut first = connect(&node).await;
    first.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    let mut wire = asked.wire;
    wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length\r\nCache-Control: max-age=60\r\n\r\n5\r\nhello\r\n").await;
    let head = soon(first.head()).await.unwrap();
    assert_eq!(head.field("trailer"), None);
    let mut second = connect(&node).await;
    second
        .send(get_with("/x", "TE: trailers\r\nConnection: te\r\n"))
        .await;
    let head = soon(second.head()).await.unwrap();
    assert_eq!(head.field("trailer"), Some("X-Sum"));
    wire.send("0\r\nX-Sum: 7\r\nContent-Length: 3\r\nX-Other: 8\r\n\r\n")
        .await;
    for (wire, behind) in [(&mut first, ""), (&mut second, "x-sum: 7\r\n")] {
        assert_eq!(soon(wire.chunk()).await.unwrap(), b"hello");
        wire.half_close().await;
        let end = String::from_utf8(soon(wire.rest()).await).unwrap();
        assert_eq!(end, format!("0\r\n{behind}\r\n"));
    }
}
