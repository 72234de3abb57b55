//! The control API over a real socket, spoken by hand.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Sends one request; status and body.
async fn call(node: &Running, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(node.admin()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn json(node: &Running, method: &str, path: &str, body: Value) -> (u16, Value) {
    let (status, body) = call(node, method, path, &body.to_string()).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

async fn target() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn links_are_added_changed_listed_and_removed() {
    let node = start(Config::default()).await.unwrap();
    let (listener, address) = target().await;
    let link =
        json!({"name": "fra-origin", "target": address, "model": {"rtt_ns": 2_000_000}, "seed": 7});
    let (status, added) = json(&node, "POST", "/links", link.clone()).await;
    assert_eq!((status, &added["name"]), (201, &json!("fra-origin")));
    assert_eq!(json(&node, "POST", "/links", link).await.0, 409);

    let listen = added["listen"].as_str().unwrap();
    let mut client = TcpStream::connect(listen).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"hello").await.unwrap();
    server.read_exact(&mut [0; 5]).await.unwrap();

    let path = "/links/fra-origin";
    let (status, changed) = json(
        &node,
        "PATCH",
        path,
        json!({"model": {"rtt_ns": 5_000_000}}),
    )
    .await;
    assert_eq!(
        (status, &changed["model"]["rtt_ns"]),
        (200, &json!(5_000_000))
    );
    let (_, cut) = json(&node, "PATCH", path, json!({"cut": {"direction": "to"}})).await;
    assert_eq!(cut["cut"], json!({"direction": "to", "how": "blackhole"}));
    // What a change does not name stays.
    let (_, kept) = json(&node, "PATCH", path, json!({"target": address})).await;
    assert_eq!(
        (&kept["cut"]["direction"], &kept["model"]["rtt_ns"]),
        (&json!("to"), &json!(5_000_000))
    );
    let (_, healed) = json(&node, "PATCH", path, json!({"cut": null})).await;
    assert_eq!(healed["cut"], Value::Null);

    let (_, list) = json(&node, "GET", "/links", Value::Null).await;
    assert_eq!(
        list[0]["stats"]["to"],
        json!({"read": 5, "delivered": 5, "held": 0})
    );
    let (_, text) = call(&node, "GET", "/metrics", "").await;
    assert!(
        text.contains("cdnlab_link_bytes_read_total{link=\"fra-origin\",direction=\"to\"} 5\n"),
        "{text}"
    );
    assert!(
        text.contains("cdnlab_link_connections_open{link=\"fra-origin\"} 1\n"),
        "{text}"
    );

    assert_eq!(call(&node, "DELETE", path, "").await.0, 204);
    assert!(client.read_u8().await.is_err(), "reset");
    assert!(TcpStream::connect(listen).await.is_err());
    assert_eq!(call(&node, "GET", path, "").await.0, 404);
    node.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let node = start(Config::default()).await.unwrap();
    let check = async |method: &str, path: &str, body: &str, expected: u16, part: &str| {
        let (status, body) = call(&node, method, path, body).await;
        let answer: crate::control::ErrorBody = serde_json::from_str(&body).unwrap();
        assert_eq!(status, expected, "{answer:?}");
        assert!(answer.error.contains(part), "{answer:?}");
    };
    check("POST", "/links", "{", 400, "EOF").await;
    check(
        "POST",
        "/links",
        r#"{"name": "a"}"#,
        422,
        "missing field `target`",
    )
    .await;
    check(
        "POST",
        "/links",
        r#"{"name": "a", "target": "h:1", "rtt": 5}"#,
        422,
        "unknown field `rtt`",
    )
    .await;
    check(
        "POST",
        "/links",
        r#"{"name": "a", "target": "h"}"#,
        422,
        "host:port",
    )
    .await;
    check(
        "POST",
        "/links",
        r#"{"name": "", "target": "h:1"}"#,
        422,
        "needs a name",
    )
    .await;
    let slow = r#"{"name": "a", "target": "h:1", "model": {"rate_bps": 1}}"#;
    check("POST", "/links", slow, 422, "below 1 kb/s").await;
    check("PATCH", "/links/b", "{}", 404, "no link of the name `b`").await;
    check("DELETE", "/links/b", "", 404, "no link of the name `b`").await;
}

#[tokio::test]
async fn a_configuration_brings_links_of_its_own() {
    let (_listener, target) = target().await;
    let text = json!({"name": "links", "links": [{"name": "a", "target": target}, {"name": "b", "target": target}]});
    let config: Config = serde_json::from_value(text).unwrap();
    let node = start(config.clone()).await.unwrap();
    let names: Vec<_> = node
        .links()
        .await
        .into_iter()
        .map(|link| link.name)
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(call(&node, "GET", "/health", "").await.0, 200);
    assert_eq!(call(&node, "GET", "/ready", "").await.0, 200);

    let twice = Config {
        links: vec![config.links[0].clone(), config.links[0].clone()],
        ..Config::default()
    };
    let error = start(twice).await.unwrap_err().to_string();
    assert_eq!(error, "link `a`: there is a link of the name `a` already");
    let taken = start(Config {
        admin: node.admin(),
        ..Config::default()
    })
    .await
    .unwrap_err();
    assert!(
        taken.to_string().starts_with("cannot listen on 127.0.0.1:"),
        "{taken}"
    );
}

#[tokio::test]
async fn a_stop_is_asked_for_and_done_by_the_owner() {
    let node = start(Config::default()).await.unwrap();
    let (_listener, target) = target().await;
    let (_, added) = json(
        &node,
        "POST",
        "/links",
        json!({"name": "a", "target": target}),
    )
    .await;
    assert_eq!(call(&node, "POST", "/stop", "").await.0, 202);
    node.stop_requested().await;
    let admin = node.admin();
    node.stop(Duration::from_secs(1)).await;
    assert!(
        TcpStream::connect(added["listen"].as_str().unwrap())
            .await
            .is_err()
    );
    assert!(TcpStream::connect(admin).await.is_err());
}

#[tokio::test]
async fn a_dropped_node_takes_its_links_down() {
    let node = start(Config::default()).await.unwrap();
    let (_listener, target) = target().await;
    let (_, added) = json(
        &node,
        "POST",
        "/links",
        json!({"name": "a", "target": target}),
    )
    .await;
    let listen = added["listen"].as_str().unwrap().to_owned();
    let mut client = TcpStream::connect(&listen).await.unwrap();
    drop(node);
    // Closed or reset, but closed.
    assert!(!client.read(&mut [0; 1]).await.is_ok_and(|read| read > 0));
}
