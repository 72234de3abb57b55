//! Ranges of what is not stored: who asks upstream, and for what.

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/plain\r\n";

const TEN: &str = "0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_ranges_sends_the_whole_to_all() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut first = connect(&node).await;
    first.send(ranged("2-4")).await;
    let mut asked = origin.asked().await;
    let whole = response("200 OK", CACHED, TEN);
    let (now, later) = whole.split_at(whole.len() - 2);
    asked.wire.send(now).await;
    let head = soon(first.head()).await.unwrap();
    assert_eq!(
        (head.status(), head.field("content-range")),
        (206, Some("bytes 2-4/10"))
    );
    assert_eq!(soon(first.body(&head)).await.0, b"234");
    // Who wants another part finds this transfer.
    let mut second = connect(&node).await;
    second.send(ranged("7-9")).await;
    let head = soon(second.head()).await.unwrap();
    assert_eq!(head.field("content-range"), Some("bytes 7-9/10"));
    asked.answer(later).await;
    assert_eq!(soon(second.body(&head)).await.0, b"789");
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_satisfied_is_no_answer_to_others() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("10-")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("range"), Some("bytes=10-"));
    let fields = format!("{CACHED}Content-Range: bytes */10\r\n");
    asked
        .answer(response("416 Range Not Satisfiable", &fields, ""))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), head.field("content-range")),
        (416, Some("bytes */10"))
    );
    wire.send(get_with("/x", "")).await;
    origin
        .asked()
        .await
        .answer(response("200 OK", CACHED, TEN))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), soon(wire.body(&head)).await.0),
        (200, TEN.as_bytes().to_vec())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_the_same_part_ask_once() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut first = connect(&node).await;
    first.send(ranged("2-4")).await;
    let mut asked = origin.asked().await;
    let answer = honest(&asked, CACHED, TEN);
    let (now, later) = answer.split_at(answer.len() - 1);
    asked.wire.send(now).await;
    let mut heads = Vec::new();
    heads.push(soon(first.head()).await.unwrap());
    let mut second = connect(&node).await;
    second.send(ranged("2-4")).await;
    heads.push(soon(second.head()).await.unwrap());
    assert!(
        heads[1]
            .field("cache-status")
            .unwrap()
            .contains("collapsed"),
        "{heads:?}"
    );
    asked.answer(later).await;
    for (wire, head) in [&mut first, &mut second].into_iter().zip(&heads) {
        assert_eq!(head.field("content-range"), Some("bytes 2-4/10"));
        assert_eq!(soon(wire.body(head)).await, (b"234".to_vec(), true));
    }
    assert_eq!(origin.count(), 1);
}

/// Whoever comes before the first answer waits for it: it says whether upstream knows ranges.
#[tokio::test(flavor = "multi_thread")]
async fn many_ranges_of_an_upstream_without_ranges_are_one_fetch() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let wanted = ["2-4", "7-9", "4-4", "-1", "3-8"];
    let texts = ["234", "789", "4", "9", "345678"];
    let mut clients = Vec::new();
    for range in wanted {
        let mut wire = connect(&node).await;
        wire.send(ranged(range)).await;
        clients.push(wire);
    }
    origin.answer_all(|_| response("200 OK", CACHED, TEN));
    for (wire, text) in clients.iter_mut().zip(texts) {
        let head = soon(wire.head()).await.expect("a reply");
        assert_eq!(head.status(), 206, "{head:?}");
        let (body, complete) = soon(wire.body(&head)).await;
        assert_eq!((body.as_slice(), complete), (text.as_bytes(), true));
    }
    assert_eq!(origin.count(), 1);
}

/// An upstream that has sent the whole is asked for the whole from then on, by all together.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_come_whole_is_asked_for_as_a_whole() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    for (range, asked_for) in [("2-4", Some("bytes=2-4")), ("7-9", None)] {
        wire.send(ranged(range)).await;
        let asked = origin.asked().await;
        assert_eq!(asked.head.field("range"), asked_for, "{range}");
        asked.answer(response("200 OK", CACHED, TEN)).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(head.status(), 206, "{range} {head:?}");
        assert_eq!(soon(wire.body(&head)).await.0.len(), 3, "{range}");
        let (status, _) = admin(&node, "POST", "/purge?all=true").await;
        assert_eq!(status, 200);
    }
}

/// Each range is a fetch of its own once the first answer has shown that upstream knows ranges.
#[tokio::test(flavor = "multi_thread")]
async fn many_ranges_of_an_upstream_with_ranges_are_a_fetch_each() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut clients = Vec::new();
    for range in ["2-4", "7-9", "4-4", "7-9"] {
        let mut wire = connect(&node).await;
        wire.send(ranged(range)).await;
        clients.push(wire);
    }
    origin.answer_all(|asked| honest(asked, CACHED, TEN));
    for (wire, text) in clients.iter_mut().zip(["234", "789", "4", "789"]) {
        let head = soon(wire.head()).await.expect("a reply");
        assert_eq!(head.status(), 206, "{head:?}");
        let (body, complete) = soon(wire.body(&head)).await;
        assert_eq!((body.as_slice(), complete), (text.as_bytes(), true));
    }
    assert!(origin.count() <= 3, "{}", origin.count());
}
