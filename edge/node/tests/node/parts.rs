//! Stored parts of bodies: combined, completed by what is missing, dropped (RFC 9111 sections 3.3 and 3.4).

use crate::ranges::{of, parts};
use crate::support::{self, *};

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/plain\r\n";

const TEN: &str = "0123456789";

/// As [`support::ask`], of ten bytes; all of the answer comes.
async fn ask(
    origin: &mut Origin,
    node: &edge::Running,
    range: Option<&str>,
    upstream: usize,
) -> (Got, Vec<String>) {
    let request = range.map_or_else(|| get_with("/x", ""), ranged);
    let (got, asked) = support::ask(origin, node, &request, (CACHED, TEN), upstream).await;
    assert!(got.complete, "{got:?}");
    (got, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_stored_combined_and_completed() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut check = async |range: Option<&str>, text: &str, from: &[&str]| {
        let (got, asked) = ask(&mut origin, &node, range, from.len()).await;
        assert_eq!(got.text(), text, "{range:?} {got:?}");
        assert_eq!(asked, from, "{range:?}");
        assert_eq!(got.head.status(), if range.is_some() { 206 } else { 200 });
        assert_eq!(
            got.head.lines("content-range").count(),
            usize::from(range.is_some())
        );
        assert_eq!(
            got.head.field("content-length"),
            Some(text.len().to_string().as_str())
        );
        got.cache_status().to_owned()
    };
    // A part, asked for as the client asks.
    let status = check(Some("-3"), "789", &["bytes=-3"]).await;
    assert!(
        status.contains("fwd=uri-miss; fwd-status=206; stored"),
        "{status}"
    );
    // It answers what lies within.
    for (range, text) in [
        ("-3", "789"),
        ("7-9", "789"),
        ("8-8", "8"),
        ("8-", "89"),
        ("-1", "9"),
    ] {
        let status = check(Some(range), text, &[]).await;
        assert!(status.contains("; hit"), "{range}: {status}");
    }
    // Only what is missing is asked for; from here on it is there.
    let status = check(Some("5-8"), "5678", &["bytes=5-6"]).await;
    assert!(
        status.contains("fwd=partial; fwd-status=206; stored"),
        "{status}"
    );
    check(Some("5-9"), "56789", &[]).await;
    check(Some("0-1"), "01", &["bytes=0-1"]).await;
    // The whole, of which the middle is missing.
    let status = check(None, TEN, &["bytes=2-4"]).await;
    assert!(status.contains("fwd=partial"), "{status}");
    // By now it is all there.
    let status = check(None, TEN, &[]).await;
    assert!(status.contains("; hit"), "{status}");
    check(Some("1-8"), "12345678", &[]).await;
    assert_eq!(stats(&node).await["stored_objects"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_gaps_and_several_ranges() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    ask(&mut origin, &node, Some("2-3"), 1).await;
    ask(&mut origin, &node, Some("6-7"), 1).await;
    let (got, asked) = ask(&mut origin, &node, Some("6-8, 0-2"), 2).await;
    assert_eq!(asked, ["bytes=8-8", "bytes=0-1"]);
    assert_eq!(parts(&got), of(&[("6-8/10", "678"), ("0-2/10", "012")]));
    let (got, asked) = ask(&mut origin, &node, None, 2).await;
    assert_eq!(
        (got.text(), asked),
        (TEN, vec!["bytes=4-5".to_owned(), "bytes=9-9".to_owned()])
    );
}

/// A node that holds bytes 0 to 4, with these fields.
async fn half(origin: &mut Origin, fields: &str) -> edge::Running {
    let node = node(origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("0-4")).await;
    let asked = origin.asked().await;
    let answer = honest(&asked, fields, TEN);
    asked.answer(answer).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, b"01234");
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_asked_for_on_condition() {
    let mut origin = Origin::start().await;
    let node = half(&mut origin, CACHED).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-range"), Some("\"v1\""));
    assert_eq!(asked.head.field("range"), Some("bytes=5-9"));
    // It is another one by now: all of it is asked for anew, and nothing of the old is sent.
    let new = "Cache-Control: max-age=60\r\nETag: \"v2\"\r\n";
    asked.answer(response("200 OK", new, "abcdefghij")).await;
    let asked = origin.asked().await;
    assert_eq!(
        (asked.head.field("range"), asked.head.field("if-range")),
        (None, None)
    );
    asked.answer(response("200 OK", new, "abcdefghij")).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!((head.status(), head.field("etag")), (200, Some("\"v2\"")));
    assert_eq!(soon(wire.body(&head)).await, (b"abcdefghij".to_vec(), true));
    assert_eq!(get(&node, "/x").await.text(), "abcdefghij");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_middle_ends_the_answer_short() {
    let mut origin = Origin::start().await;
    let node = half(&mut origin, CACHED).await;
    ask(&mut origin, &node, Some("7-7"), 1).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    let answer = honest(&asked, CACHED, TEN);
    asked.answer(answer).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("range"), Some("bytes=8-9"));
    let other = honest(&asked, "Cache-Control: max-age=60\r\nETag: \"v2\"\r\n", TEN);
    asked.answer(other).await;
    let head = soon(wire.head()).await.unwrap();
    let (body, complete) = soon(wire.body(&head)).await;
    assert_eq!((body.as_slice(), complete), (&b"01234567"[..], false));
    // Nothing of it is used any more.
    let (got, asked) = ask(&mut origin, &node, Some("0-1"), 1).await;
    assert_eq!((got.text(), asked), ("01", vec!["bytes=0-1".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_cannot_be_had_is_an_answer() {
    let mut origin = Origin::start().await;
    let node = half(&mut origin, CACHED).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let head = unanswered(&mut origin, &mut wire).await;
    assert_eq!(head.status(), 502);
    soon(wire.body(&head)).await;
    // What is here is still here.
    let got = exchange(&mut wire, &ranged("1-2")).await;
    assert_eq!((got.head.status(), got.text()), (206, "12"));
    // An answer that says nothing of the stored one goes to who asked for more than is here.
    wire.send(get_with("/x", "")).await;
    let error = response("503 Service Unavailable", "", "busy");
    origin.asked().await.answer(&error).await;
    origin.asked().await.answer(&error).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), soon(wire.body(&head)).await.0),
        (503, b"busy".to_vec())
    );
    assert_eq!(exchange(&mut wire, &ranged("1-2")).await.text(), "12");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_without_a_strong_validator_are_not_put_together() {
    for fields in [
        "",
        "ETag: W/\"v1\"\r\n",
        "Last-Modified: Sun, 06 Nov 2033 08:49:37 GMT\r\n",
    ] {
        let mut origin = Origin::start().await;
        let fields = format!("Cache-Control: max-age=60\r\n{fields}");
        let node = half(&mut origin, &fields).await;
        let mut wire = connect(&node).await;
        let got = exchange(&mut wire, &ranged("2-4")).await;
        assert_eq!((got.head.status(), got.text()), (206, "234"), "{fields}");
        wire.send(get_with("/x", "")).await;
        let asked = origin.asked().await;
        assert_eq!(asked.head.field("range"), Some("bytes=5-"), "{fields}");
        assert_eq!(asked.head.field("if-range"), None, "{fields}");
        asked.answer(response("200 OK", &fields, TEN)).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(soon(wire.body(&head)).await.0, TEN.as_bytes(), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_last_modified_is_a_strong_validator() {
    let mut origin = Origin::start().await;
    let dated = "Cache-Control: max-age=600\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let node = half(&mut origin, dated).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let asked = origin.asked().await;
    assert_eq!(
        asked.head.field("if-range"),
        Some("Sun, 06 Nov 1994 08:49:37 GMT")
    );
    let answer = honest(&asked, dated, TEN);
    asked.answer(answer).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(soon(wire.body(&head)).await.0, TEN.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_206_that_is_not_what_it_says_is_not_stored() {
    for (fields, body) in [
        // More or fewer bytes than it says; no part at all.
        ("Content-Range: bytes 2-4/10\r\n", "23456"),
        ("Content-Range: bytes 2-4/10\r\n", "23"),
        ("Content-Range: bytes 2-4/3\r\n", "234"),
        ("Content-Range: bytes 2-4/*\r\n", "234"),
        (
            "Content-Range: bytes 2-4/10\r\nContent-Range: bytes 2-4/11\r\n",
            "234",
        ),
        ("", "234"),
    ] {
        let mut origin = Origin::start().await;
        let node = node(&origin, |_| {}).await;
        let mut wire = connect(&node).await;
        for _ in 0..2 {
            wire.send(ranged("2-4")).await;
            let asked = origin.asked().await;
            let fields = format!("{CACHED}{fields}");
            asked
                .answer(response("206 Partial Content", &fields, body))
                .await;
            let head = soon(wire.head()).await.unwrap();
            assert_eq!(head.status(), 206);
            assert_eq!(
                soon(wire.body(&head)).await,
                (body.as_bytes().to_vec(), true)
            );
        }
        assert_eq!(stats(&node).await["stored"], 0, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_ends_short_is_not_stored() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("2-4")).await;
    let asked = origin.asked().await;
    let chunked = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\n\
                   Transfer-Encoding: chunked\r\n";
    asked
        .answer(format!("{chunked}{CACHED}\r\n2\r\n23\r\n0\r\n\r\n"))
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert!(!soon(wire.body(&head)).await.1);
    assert_eq!(stats(&node).await["stored_objects"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_part_is_validated() {
    let mut origin = Origin::start().await;
    let stale = "Cache-Control: max-age=0\r\nETag: \"v1\"\r\n";
    let node = half(&mut origin, stale).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("1-3")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-none-match"), Some("\"v1\""));
    assert_eq!(asked.head.field("range"), None);
    asked
        .answer("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: \"v1\"\r\n\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), head.field("content-range")),
        (206, Some("bytes 1-3/10"))
    );
    assert_eq!(soon(wire.body(&head)).await.0, b"123");
    let got = exchange(&mut wire, &ranged("0-4")).await;
    assert!(got.cache_status().contains("; hit"), "{got:?}");
    // HEAD speaks of the whole.
    let got = exchange(
        &mut wire,
        "HEAD /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n",
    )
    .await;
    assert_eq!(
        (got.head.status(), got.head.field("content-length")),
        (200, Some("10"))
    );
    assert_eq!(got.head.field("content-range"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_updates_a_stale_part() {
    let mut origin = Origin::start().await;
    let stale = "Cache-Control: max-age=0\r\nETag: \"v1\"\r\n";
    let node = half(&mut origin, stale).await;
    let mut wire = connect(&node).await;
    let head = "HEAD /x HTTP/1.1\r\nHost: www.example.test\r\n\r\n";
    let (got, ()) = tokio::join!(exchange(&mut wire, head), async {
        let fields = format!("HTTP/1.1 200 OK\r\n{CACHED}Content-Length: 10\r\n\r\n");
        origin.asked().await.answer(fields).await;
    });
    assert_eq!(got.head.status(), 200);
    let got = exchange(&mut wire, &ranged("1-3")).await;
    assert_eq!((got.head.status(), got.text()), (206, "123"));
    assert!(got.cache_status().contains("; hit"), "{got:?}");
}

/// Upstream sends another part than it was asked for, and nothing to tie it to: the client gets it, and
/// it is stored as what it says it is. Who wants the whole asks for the rest, and makes do with the
/// whole only.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_without_a_validator_is_completed_by_the_whole_only() {
    const BARE: &str = "Cache-Control: max-age=60\r\n";
    let part = |range: &str, body: &str| {
        let fields = format!("{BARE}Content-Range: bytes {range}/10\r\n");
        response("206 Partial Content", &fields, body)
    };
    for knows_ranges in [false, true] {
        let mut origin = Origin::start().await;
        let node = node(&origin, |_| {}).await;
        let mut wire = connect(&node).await;
        wire.send(ranged("-5")).await;
        let asked = origin.asked().await;
        assert_eq!(asked.head.field("range"), Some("bytes=-5"));
        asked.answer(part("0-4", "01234")).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(head.status(), 206);
        assert_eq!(head.field("content-range"), Some("bytes 0-4/10"));
        assert_eq!(soon(wire.body(&head)).await, (b"01234".to_vec(), true));
        let got = exchange(&mut wire, &ranged("1-2")).await;
        assert_eq!((got.head.status(), got.text()), (206, "12"));
        assert_eq!(origin.count(), 1);

        wire.send(get_with("/x", "")).await;
        let mut asked = origin.asked().await;
        assert_eq!(asked.head.field("range"), Some("bytes=5-"));
        assert_eq!(asked.head.field("if-range"), None);
        if knows_ranges {
            asked.answer(part("5-9", "OTHER")).await;
            asked = origin.asked().await;
            assert_eq!(asked.head.field("range"), None);
        }
        asked.answer(response("200 OK", BARE, TEN)).await;
        let head = soon(wire.head()).await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(
            soon(wire.body(&head)).await,
            (TEN.as_bytes().to_vec(), true)
        );
        let got = exchange(&mut wire, &get_with("/x", "")).await;
        assert_eq!((got.head.status(), got.text()), (200, TEN));
        assert_eq!(origin.count(), 2 + usize::from(knows_ranges));
    }
}
