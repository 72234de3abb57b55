//! Starting, watching and stopping a node.

use std::time::Duration;

use crate::support::*;
use edge::{Config, StartError};

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics() {
    let origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let got = get(&node, "/.well-known/cdnlab/health").await;
    assert_eq!((got.head.status(), got.text()), (200, "ok\n"));
    assert_eq!(admin(&node, "GET", "/health").await.0, 200);
    assert_eq!(admin(&node, "GET", "/ready").await.0, 200);
    let (status, text) = admin(&node, "GET", "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "cdnlab_edge_requests_total{handling=\"hit\"} 0",
        "cdnlab_edge_open_connections",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert_eq!(origin.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_purged_is_said() {
    let origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    for wrong in [
        "/purge",
        "/purge?url=nonsense",
        "/purge?url=http://a/&all=true",
        "/purge?url=http://a/&mode=x",
    ] {
        assert_eq!(admin(&node, "POST", wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(admin(&node, "POST", "/purge?all=true").await.0, 200);
    assert_eq!(stats(&node).await["purges"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_an_error() {
    let origin = Origin::start().await;
    let first = node(&origin, |_| {}).await;
    let mut config = Config::new("edge-2", origin.url());
    config.listen = first.listen();
    let error = edge::start(config).await.unwrap_err();
    assert!(
        matches!(error, StartError::Listen { address, .. } if address == first.listen()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_what_is_under_way_first() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut idle = connect(&node).await;
    assert_eq!(
        exchange(&mut idle, &get_with("/.well-known/cdnlab/health", ""))
            .await
            .head
            .status(),
        200
    );
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let mut asked = origin.asked().await;
    asked
        .wire
        .send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=60\r\n\r\nabc")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(admin(&node, "POST", "/stop").await.0, 202);
    soon(node.stop_requested()).await;
    let stopping = tokio::spawn(node.stop(LIMIT));
    // The idle connection ends at once; the one under way does not.
    assert!(soon(idle.some()).await.is_empty());
    assert!(!stopping.is_finished());
    asked.wire.send("def").await;
    assert_eq!(soon(wire.body(&head)).await, (b"abcdef".to_vec(), true));
    soon(stopping).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_ever() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let _silent = origin.asked().await;
    soon(node.stop(Duration::ZERO)).await;
    assert!(soon(wire.head()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tiers_tell_of_each_other() {
    let mut origin = Origin::start().await;
    let shield = {
        let mut config = Config::new("shield", origin.url());
        config.threads = 1;
        edge::start(config).await.unwrap()
    };
    let mut config = Config::new("edge-1", format!("http://{}", shield.listen()));
    config.threads = 1;
    config.upstream_host = Some("www.example.test".into());
    let node = edge::start(config).await.unwrap();
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    let via: Vec<&str> = asked.head.lines("via").collect();
    let via = via.join(", ");
    assert!(
        via.find("edge-1").unwrap() < via.find("shield").unwrap(),
        "{via}"
    );
    asked
        .answer(response(
            "200 OK",
            "Cache-Control: max-age=60\r\nAge: 5\r\n",
            "x",
        ))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"x");
    let status: Vec<&str> = head.lines("cache-status").collect();
    let status = status.join(", ");
    assert!(
        status.find("shield").unwrap() < status.find("edge-1").unwrap(),
        "{status}"
    );
    assert!(head.field("age").unwrap().parse::<u32>().unwrap() >= 5);
    let got = get(&node, "/x").await;
    assert!(got.head.field("age").unwrap().parse::<u32>().unwrap() >= 5);
    assert_eq!(origin.count(), 1);
}
