//! Cache groups (RFC 9875), and what the operator's purges answer.

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\n";

/// One request, answered by the origin with these fields.
async fn fetched(origin: &mut Origin, node: &edge::Running, path: &str, fields: &str) {
    let mut wire = connect(node).await;
    wire.send(get_with(path, "")).await;
    let fields = format!("{CACHED}{fields}");
    let answer = response("200 OK", &fields, "hello");
    origin.asked().await.answer(answer).await;
    let head = soon(wire.head()).await.unwrap();
    assert!(soon(wire.body(&head)).await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_purged_by_its_name() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    fetched(
        &mut origin,
        &node,
        "/a",
        "Cache-Groups: \"news\", \"sport\"\r\n",
    )
    .await;
    fetched(&mut origin, &node, "/b", "Cache-Groups: \"art\"\r\n").await;
    let (status, text) = admin(&node, "POST", "/purge?group=sport").await;
    assert_eq!(status, 200, "{text}");
    let other = get(&node, "/b").await;
    assert!(
        other.cache_status().contains("hit"),
        "{}",
        other.cache_status()
    );
    // Gone: the request goes upstream, or this would wait for an answer in vain.
    fetched(&mut origin, &node, "/a", "").await;
    assert_eq!(origin.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_purge_is_said_as_json() {
    let origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    for (wrong, word) in [
        ("/purge", "group=NAME"),
        ("/purge?group=a&all=true", "one of"),
        ("/purge?all=true&mode=xx", "xx"),
        ("/purge?al=true", "al"),
    ] {
        let (status, text) = admin(&node, "POST", wrong).await;
        assert_eq!(status, 400, "{wrong}");
        let body: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let error = body["error"].as_str().expect("an error");
        assert!(error.contains(word), "{wrong}: {error}");
    }
}
