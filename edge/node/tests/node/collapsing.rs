//! Many requests, one fetch.

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_cold_requests_are_one_fetch_and_all_stream() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    const COUNT: usize = 2_000;
    let mut clients = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let mut wire = connect(&node).await;
        wire.send(get_with("/cold", "")).await;
        clients.push(wire);
    }
    let mut asked = origin.asked().await;
    asked
        .wire
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n{CACHED}\r\nfirst"
        ))
        .await;
    // Each client has its first bytes before the origin sends the last ones.
    for client in &mut clients {
        let head = soon(client.head()).await.expect("a reply");
        assert_eq!(head.status(), 200);
        assert_eq!(soon(client.exactly(5)).await.unwrap(), b"first");
    }
    assert_eq!(origin.count(), 1);
    asked.wire.send("+last").await;
    asked.done();
    for client in &mut clients {
        assert_eq!(soon(client.exactly(5)).await.unwrap(), b"+last");
    }
    assert_eq!(origin.count(), 1);
    let stats = stats(&node).await;
    assert_eq!(stats["requests.miss"], 1);
    assert_eq!(stats["requests.coalesced"], COUNT as u64 - 1);
    assert_eq!(stats["upstream_requests"], 1);
    assert!(get(&node, "/cold").await.cache_status().contains("hit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_leaves_does_not_end_the_fill() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut leader = connect(&node).await;
    leader.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    drop(leader);
    let follower = tokio::spawn({
        let mut wire = connect(&node).await;
        async move { exchange(&mut wire, &get_with("/x", "")).await }
    });
    asked
        .wire
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n{CACHED}\r\nab"
        ))
        .await;
    asked.wire.send("cd").await;
    asked.done();
    let got = soon(follower).await.unwrap();
    assert_eq!((got.text(), got.complete), ("abcd", true));
    assert_eq!(origin.count(), 1);
    assert_eq!(get(&node, "/x").await.text(), "abcd");
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncacheable_answer_is_not_shared_and_the_next_do_not_wait() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let ask = async |path: &str| {
        let mut wire = connect(&node).await;
        wire.send(get_with(path, "")).await;
        wire
    };
    let mut one = ask("/x").await;
    let first = origin.asked().await;
    let mut two = ask("/x").await;
    assert!(origin.idle());
    first
        .answer(response("200 OK", "Cache-Control: no-store\r\n", "one"))
        .await;
    let head = soon(one.head()).await.unwrap();
    assert_eq!(soon(one.body(&head)).await.0, b"one");
    // The follower goes by itself, and so do those who come while it is under way.
    let second = origin.asked().await;
    let mut three = ask("/x").await;
    let third = origin.asked().await;
    for (asked, wire, body) in [(third, &mut three, "three"), (second, &mut two, "two")] {
        asked
            .answer(response("200 OK", "Cache-Control: no-store\r\n", body))
            .await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(soon(wire.body(&head)).await.0, body.as_bytes());
    }
    assert_eq!(origin.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_leader_fails_one_follower_takes_over() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut clients = Vec::new();
    let mut first = None;
    for _ in 0..20 {
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", "")).await;
        if first.is_none() {
            first = Some(origin.asked().await);
        }
        clients.push(wire);
    }
    // Each request has arrived at the node before the leader fails: the counter says so.
    while stats(&node).await["open_connections"] < 20 {
        tokio::task::yield_now().await;
    }
    drop(first);
    let second = origin.asked().await;
    second.answer(response("200 OK", CACHED, "good")).await;
    let mut good = 0;
    for client in &mut clients {
        let head = soon(client.head()).await.unwrap();
        let (body, complete) = soon(client.body(&head)).await;
        assert!(complete);
        match head.status() {
            200 => good += usize::from(body == b"good"),
            status => assert_eq!(status, 502),
        }
    }
    // The leader's own client has its error; nobody else has.
    assert!(good >= 19, "{good} of 20");
    assert_eq!(origin.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn variants_of_a_cold_resource_are_fetched_once_each() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut clients = Vec::new();
    let mut first = None;
    for turn in 0..30 {
        let language = ["en", "de", "ja"][turn % 3];
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", &format!("Accept-Language: {language}\r\n")))
            .await;
        if first.is_none() {
            first = Some(origin.asked().await);
        }
        clients.push((language, wire));
    }
    while stats(&node).await["open_connections"] < 30 {
        tokio::task::yield_now().await;
    }
    let vary = format!("{CACHED}Vary: Accept-Language\r\n");
    let mut asked = first;
    for _ in 0..3 {
        let now = match asked.take() {
            Some(asked) => asked,
            None => origin.asked().await,
        };
        let language = now.head.field("accept-language").unwrap().to_owned();
        now.answer(response("200 OK", &vary, &language)).await;
    }
    for (language, mut wire) in clients {
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(soon(wire.body(&head)).await, (language.into(), true));
    }
    assert_eq!(origin.count(), 3);
    for language in ["ja", "en", "de"] {
        let request = get_with("/x", &format!("Accept-Language: {language}\r\n"));
        let got = exchange(&mut connect(&node).await, &request).await;
        assert_eq!(got.text(), language);
        assert!(got.cache_status().contains("hit"), "{}", got.cache_status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_collapsing_each_goes_by_itself() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.policy.collapse.enabled = false).await;
    let mut clients = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..5 {
        let mut wire = connect(&node).await;
        wire.send(get_with("/x", "")).await;
        asked.push(origin.asked().await);
        clients.push(wire);
    }
    for asked in asked {
        asked.answer(response("200 OK", CACHED, "x")).await;
    }
    for client in &mut clients {
        assert_eq!(soon(client.head()).await.unwrap().status(), 200);
    }
    assert_eq!(origin.count(), 5);
}
