//! What a stored response answers, and what it never does.

use crate::support::*;

const CACHED: &str =
    "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

async fn stored(origin: &mut Origin, node: &edge::Running, fields: &str, body: &str) -> Wire {
    let mut wire = connect(node).await;
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", fields, body))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, body.as_bytes());
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_tells_its_age_and_where_it_came_from() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let fields = format!(
        "{CACHED}Age: 7\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
    );
    let mut wire = stored(&mut origin, &node, &fields, "hello").await;
    let got = exchange(&mut wire, &get_with("/x", "")).await;
    assert_eq!((got.head.status(), got.text()), (200, "hello"));
    assert!(
        got.cache_status().starts_with("edge-1; hit"),
        "{}",
        got.cache_status()
    );
    assert_eq!(got.head.field("age"), Some("7"));
    assert!(got.head.field("date").is_some());
    assert!(got.head.field("via").unwrap().contains("edge-1"));
    assert_eq!(got.head.field("x-hop"), None);
    assert_eq!(got.head.lines("set-cookie").count(), 2);
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_precondition_is_answered_from_the_store() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = stored(&mut origin, &node, CACHED, "hello").await;
    let check = async |wire: &mut Wire, fields: &str, status: u16| {
        let got = exchange(wire, &get_with("/x", fields)).await;
        assert_eq!(got.head.status(), status, "{fields}");
        assert_eq!(got.text(), if status == 304 { "" } else { "hello" });
    };
    check(&mut wire, "If-None-Match: \"v0\", W/\"v1\"\r\n", 304).await;
    check(&mut wire, "If-None-Match: \"v2\"\r\n", 200).await;
    check(
        &mut wire,
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        304,
    )
    .await;
    check(
        &mut wire,
        "If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT\r\n",
        200,
    )
    .await;
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_from_the_store() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    asked.answer(response("200 OK", CACHED, "0123456789")).await;
    let head = soon(wire.head()).await.unwrap();
    soon(wire.body(&head)).await;
    for (range, status, body) in [
        ("0-0", 206, "0"),
        ("-3", 206, "789"),
        ("5-", 206, "56789"),
        ("10-", 416, ""),
        ("0-1,2-4", 206, "01234"),
    ] {
        let got = exchange(
            &mut wire,
            &get_with("/x", &format!("Range: bytes={range}\r\n")),
        )
        .await;
        assert_eq!((got.head.status(), got.text()), (status, body), "{range}");
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_from_a_stored_get() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = stored(&mut origin, &node, CACHED, "hello").await;
    let request = "HEAD /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
    let got = exchange(&mut wire, request).await;
    assert_eq!(
        (got.head.status(), got.head.field("content-length")),
        (200, Some("5"))
    );
    // The connection is still in step: what follows is the next reply, not a body.
    assert_eq!(
        exchange(&mut wire, &get_with("/x", "")).await.text(),
        "hello"
    );
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_is_final_also_for_a_fill_under_way() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n{CACHED}\r\nold"
        ))
        .await;
    let head = soon(wire.head()).await.unwrap();
    let (status, text) = admin(&node, "POST", "/purge?url=http://www.example.test/x").await;
    assert_eq!(status, 200, "{text}");
    // Who comes after the purge does not share what was asked for before it.
    let mut after = connect(&node).await;
    after.send(get_with("/x", "")).await;
    let second = origin.asked().await;
    asked.wire.send("old").await;
    asked.done();
    assert_eq!(soon(wire.body(&head)).await.0, b"oldold");
    second.answer(response("200 OK", CACHED, "new")).await;
    let head = soon(after.head()).await.unwrap();
    assert_eq!(soon(after.body(&head)).await.0, b"new");
    assert_eq!(get(&node, "/x").await.text(), "new");
    assert_eq!(origin.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_a_purge_overtook_is_not_served_later() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    admin(&node, "POST", "/purge?url=http://www.example.test/x").await;
    asked.answer(response("200 OK", CACHED, "old")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"old");
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", CACHED, "new"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_purge_makes_stale() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = stored(&mut origin, &node, CACHED, "hello").await;
    let (status, _) = admin(
        &node,
        "POST",
        "/purge?url=http://www.example.test/x&mode=soft",
    )
    .await;
    assert_eq!(status, 200);
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-none-match"), Some("\"v1\""));
    asked
        .answer("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nCache-Control: max-age=60\r\n\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"hello");
    assert!(get(&node, "/x").await.cache_status().contains("hit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_method_that_succeeds_invalidates() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = stored(&mut origin, &node, CACHED, "hello").await;
    wire.send("POST /x HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 2\r\n\r\nhi")
        .await;
    let mut asked = origin.asked().await;
    assert_eq!(soon(asked.wire.exactly(2)).await.unwrap(), b"hi");
    asked.answer(response("200 OK", "", "done")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"done");
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", CACHED, "new"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_shares_the_sites_responses() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config
            .aliases
            .insert("edge-1.localhost".into(), "www.example.test".into());
    })
    .await;
    stored(&mut origin, &node, CACHED, "hello").await;
    let request = "GET /x HTTP/1.1\r\nHost: Edge-1.localhost:8080\r\n\r\n";
    let got = exchange(&mut connect(&node).await, request).await;
    assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    let (status, _) = admin(&node, "POST", "/purge?url=http://edge-1.localhost:8080/x").await;
    assert_eq!(status, 200);
    let mut wire = connect(&node).await;
    wire.send(request).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", CACHED, "new"))
        .await;
    assert_eq!(soon(wire.head()).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_by_evicting() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.memory = 64 << 10).await;
    let body = "x".repeat(4 << 10);
    let mut wire = connect(&node).await;
    for object in 0..100 {
        wire.send(get_with(&format!("/{object}"), "")).await;
        origin
            .asked()
            .await
            .answer(response("200 OK", CACHED, &body))
            .await;
        let head = soon(wire.head()).await.unwrap();
        assert!(soon(wire.body(&head)).await.1);
    }
    let stats = stats(&node).await;
    assert!(stats["stored_bytes"] <= 64 << 10, "{stats:?}");
    assert!(stats["stored_objects"] >= 8, "{stats:?}");
    assert_eq!(stats["filling_bytes"], 0);
}
