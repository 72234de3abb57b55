//! Stale responses: validated, refreshed behind the client's back, or standing in. Responses are
//! made stale by the Age that they come with; no test waits for time to pass.

use crate::support::*;

const OLD: &str = "Cache-Control: max-age=10\r\nAge: 50\r\nETag: \"v1\"\r\n";

async fn first(origin: &mut Origin, node: &edge::Running, fields: &str) -> Wire {
    let mut wire = connect(node).await;
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", fields, "one"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"one");
    wire
}

async fn reply(wire: &mut Wire) -> Got {
    let head = soon(wire.head()).await.expect("a reply");
    let (body, complete) = soon(wire.body(&head)).await;
    Got {
        head,
        body,
        complete,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_304_makes_it_fresh_again() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = first(
        &mut origin,
        &node,
        &format!("{OLD}Link: </a>\r\nLink: </b>\r\n"),
    )
    .await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-none-match"), Some("\"v1\""));
    let fresh = "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nCache-Control: max-age=60\r\nX-New: yes\r\n\r\n";
    asked.answer(fresh).await;
    let got = reply(&mut wire).await;
    assert_eq!((got.head.status(), got.text()), (200, "one"));
    assert!(
        got.cache_status().contains("fwd=stale"),
        "{}",
        got.cache_status()
    );
    assert!(got.cache_status().contains("fwd-status=304"));
    assert_eq!(got.head.field("x-new"), Some("yes"));
    assert_eq!(got.head.lines("link").count(), 2);
    let hit = get(&node, "/x").await;
    assert!(hit.cache_status().contains("hit"), "{}", hit.cache_status());
    assert_eq!(hit.text(), "one");
    assert_eq!(origin.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_response_takes_its_place() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = first(&mut origin, &node, OLD).await;
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", "Cache-Control: max-age=60\r\n", "two"))
        .await;
    let got = reply(&mut wire).await;
    assert_eq!(got.text(), "two");
    assert!(got.cache_status().contains("fwd=stale"));
    assert_eq!(get(&node, "/x").await.text(), "two");
    let stats = stats(&node).await;
    assert_eq!(
        (
            stats["requests.miss"],
            stats["requests.expired"],
            stats["requests.hit"]
        ),
        (1, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_while_revalidate_serves_at_once_and_refreshes_once() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let fields = "Cache-Control: max-age=10, stale-while-revalidate=1000\r\nAge: 50\r\n";
    let mut wire = first(&mut origin, &node, fields).await;
    for _ in 0..10 {
        let got = exchange(&mut wire, &get_with("/x", "")).await;
        assert_eq!(got.text(), "one");
        assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    }
    let refresh = origin.asked().await;
    assert!(
        refresh
            .head
            .field("x-request-id")
            .unwrap()
            .starts_with("edge-1-bg-")
    );
    assert!(origin.idle());
    refresh
        .answer(response("200 OK", "Cache-Control: max-age=60\r\n", "two"))
        .await;
    while stats(&node).await["stored"] < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(exchange(&mut wire, &get_with("/x", "")).await.text(), "two");
    let stats = stats(&node).await;
    assert_eq!(
        (
            stats["background_refreshes"],
            stats["background_bytes"],
            stats["upstream_bytes"],
            stats["requests.hit-stale-swr"]
        ),
        (1, 3, 6, 10)
    );
    assert_eq!(origin.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_stands_in_for_an_error_where_it_may() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let fields = "Cache-Control: max-age=10, stale-if-error=1000\r\nAge: 50\r\n";
    let mut wire = first(&mut origin, &node, fields).await;
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("503 Busy", "", "busy"))
        .await;
    let got = reply(&mut wire).await;
    assert_eq!((got.head.status(), got.text()), (200, "one"));
    assert_eq!(stats(&node).await["requests.hit-stale-error"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_stands_in_for_no_answer_but_not_against_must_revalidate() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = first(&mut origin, &node, OLD).await;
    wire.send(get_with("/x", "")).await;
    drop(origin.asked().await);
    // A kept-alive connection that ends without an answer is tried once more.
    drop(origin.asked().await);
    let got = reply(&mut wire).await;
    assert_eq!((got.head.status(), got.text()), (200, "one"));

    let strict = "Cache-Control: max-age=10, must-revalidate\r\nAge: 50\r\n";
    wire.send(get_with("/strict", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", strict, "one"))
        .await;
    assert_eq!(reply(&mut wire).await.text(), "one");
    wire.send(get_with("/strict", "")).await;
    drop(origin.asked().await);
    drop(origin.asked().await);
    assert_eq!(reply(&mut wire).await.head.status(), 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_find_it_stale_validate_once() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    first(&mut origin, &node, OLD).await;
    let mut clients = Vec::new();
    let mut asked = None;
    for _ in 0..20 {
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", "")).await;
        if asked.is_none() {
            asked = Some(origin.asked().await);
        }
        clients.push(wire);
    }
    asked
        .unwrap()
        .answer("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nCache-Control: max-age=60\r\n\r\n")
        .await;
    for wire in &mut clients {
        assert_eq!(reply(wire).await.text(), "one");
    }
    assert_eq!(origin.count(), 2);
}
