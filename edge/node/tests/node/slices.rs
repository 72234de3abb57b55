//! Large bodies in slices: a seek fetches what it touches, a body may be larger than memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\n";

/// A hundred bytes, each pair another.
fn hundred() -> String {
    (0..50).map(|number| format!("{number:02}")).collect()
}

fn ranged(range: &str) -> String {
    get_with("/x", &format!("Range: bytes={range}\r\n"))
}

async fn sliced(origin: &Origin) -> edge::Running {
    node(origin, |config| config.slice = Some(10)).await
}

/// What an honest upstream with this body answers.
fn honest(asked: &Asked, fields: &str, body: &str) -> String {
    let Some(range) = asked.head.field("range") else {
        return response("200 OK", fields, body);
    };
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let end = body.len() - 1;
    let (start, last) = match (start, last) {
        ("", suffix) => (body.len() - suffix.parse::<usize>().unwrap(), end),
        (start, "") => (start.parse().unwrap(), end),
        (start, last) => (
            start.parse().unwrap(),
            last.parse::<usize>().unwrap().min(end),
        ),
    };
    let fields = format!(
        "{fields}Content-Range: bytes {start}-{last}/{}\r\n",
        body.len()
    );
    response("206 Partial Content", &fields, &body[start..=last])
}

/// Asks, and answers so many requests upstream; says what they asked for.
async fn ask(
    origin: &mut Origin,
    node: &edge::Running,
    request: &str,
    fields: &str,
    upstream: usize,
) -> (Got, Vec<String>) {
    let mut wire = connect(node).await;
    let serve = async {
        let mut asked_for = Vec::new();
        for _ in 0..upstream {
            let asked = origin.asked().await;
            asked_for.push(asked.head.field("range").unwrap_or("all").to_owned());
            let answer = honest(&asked, fields, &hundred());
            asked.answer(answer).await;
        }
        asked_for
    };
    tokio::join!(exchange(&mut wire, request), serve)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_fetches_the_slices_that_it_touches() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let mut check = async |range: Option<&str>, text: &str, from: &[&str]| {
        let request = range.map_or_else(|| get_with("/x", ""), ranged);
        let (got, asked) = ask(&mut origin, &node, &request, CACHED, from.len()).await;
        assert_eq!(
            (got.text(), got.complete),
            (text, true),
            "{range:?} {got:?}"
        );
        assert_eq!(asked, from, "{range:?}");
        assert_eq!(got.head.status(), if range.is_some() { 206 } else { 200 });
        assert_eq!(
            got.head.lines("content-range").count(),
            usize::from(range.is_some())
        );
        got.cache_status().to_owned()
    };
    let all = hundred();
    let slices = ["bytes=30-39", "bytes=40-49", "bytes=50-59"];
    let status = check(Some("35-54"), &all[35..55], &slices).await;
    assert!(
        status.contains("fwd=uri-miss; fwd-status=206; stored"),
        "{status}"
    );
    for range in ["35-54", "30-59", "41-41"] {
        let (start, last) = range.split_once('-').unwrap();
        let text = &all[start.parse().unwrap()..=last.parse().unwrap()];
        let status = check(Some(range), text, &[]).await;
        assert!(status.contains("; hit"), "{range}: {status}");
    }
    let status = check(Some("28-31"), &all[28..32], &["bytes=20-29"]).await;
    assert!(
        status.contains("fwd=partial; fwd-status=206; stored"),
        "{status}"
    );
    check(Some("95-"), &all[95..], &["bytes=90-99"]).await;
    check(Some("-3"), &all[97..], &[]).await;
    // The whole: what is still missing.
    let missing = [
        "bytes=0-9",
        "bytes=10-19",
        "bytes=60-69",
        "bytes=70-79",
        "bytes=80-89",
    ];
    check(None, &all, &missing).await;
    let status = check(None, &all, &[]).await;
    assert!(status.contains("; hit"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suffix_is_asked_for_as_it_stands() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let all = hundred();
    let (got, asked) = ask(&mut origin, &node, &ranged("-25"), CACHED, 1).await;
    assert_eq!(
        (got.text(), asked),
        (&all[75..], vec!["bytes=-25".to_owned()])
    );
    // The slices that it holds whole are stored; by now the length is known.
    let (got, _) = ask(&mut origin, &node, &ranged("-20"), CACHED, 0).await;
    assert_eq!(got.text(), &all[80..]);
    let (got, asked) = ask(&mut origin, &node, &ranged("-25"), CACHED, 1).await;
    assert_eq!(
        (got.text(), asked),
        (&all[75..], vec!["bytes=70-79".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn small_ones_are_stored_whole() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.slice = Some(1000)).await;
    let all = hundred();
    let (got, asked) = ask(&mut origin, &node, &ranged("35-54"), CACHED, 1).await;
    assert_eq!(
        (got.text(), asked),
        (&all[35..55], vec!["bytes=0-999".to_owned()])
    );
    assert_eq!(got.head.field("content-range"), Some("bytes 35-54/100"));
    let (got, _) = ask(&mut origin, &node, &get_with("/x", ""), CACHED, 0).await;
    assert_eq!(got.text(), all);
    assert!(got.cache_status().contains("; hit"), "{got:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slices_that_are_of_no_use_to_others_are_not_asked_for_again() {
    for fields in [
        "Cache-Control: max-age=60\r\n",
        "Cache-Control: no-store\r\nETag: \"v1\"\r\n",
    ] {
        let mut origin = Origin::start().await;
        let node = sliced(&origin).await;
        let (got, asked) = ask(&mut origin, &node, &ranged("35-54"), fields, 2).await;
        assert_eq!(
            (got.head.status(), got.text()),
            (206, &hundred()[35..55]),
            "{fields}"
        );
        assert_eq!(asked, ["bytes=30-39", "bytes=35-54"], "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_a_slice_ask_once() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let all = hundred();
    let mut first = connect(&node).await;
    first.send(ranged("31-32")).await;
    let mut asked = origin.asked().await;
    let answer = honest(&asked, CACHED, &all);
    let (now, later) = answer.split_at(answer.len() - 4);
    asked.wire.send(now).await;
    let head = soon(first.head()).await.unwrap();
    assert_eq!(soon(first.body(&head)).await.0, &all.as_bytes()[31..33]);
    // Another part of the same slice, while it comes.
    let mut second = connect(&node).await;
    second.send(ranged("34-38")).await;
    let head = soon(second.head()).await.unwrap();
    assert_eq!(head.field("content-range"), Some("bytes 34-38/100"));
    asked.answer(later).await;
    assert_eq!(
        soon(second.body(&head)).await,
        (all.as_bytes()[34..39].to_vec(), true)
    );
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_middle_ends_the_answer_short_and_drops_the_slices() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let all = hundred();
    let mut wire = connect(&node).await;
    wire.send(ranged("30-49")).await;
    let asked = origin.asked().await;
    let answer = honest(&asked, CACHED, &all);
    asked.answer(answer).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-range"), Some("\"v1\""));
    let new = "Cache-Control: max-age=60\r\nETag: \"v2\"\r\n";
    asked
        .answer(response("200 OK", new, &"z".repeat(100)))
        .await;
    let head = soon(wire.head()).await.unwrap();
    let (body, complete) = soon(wire.body(&head)).await;
    assert_eq!(
        (body.as_slice(), complete),
        (&all.as_bytes()[30..40], false)
    );
    let (got, asked) = ask(&mut origin, &node, &ranged("30-31"), new, 1).await;
    assert_eq!(
        (got.text(), asked),
        (&all[30..32], vec!["bytes=30-39".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slice_that_cannot_be_had_is_an_answer() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    ask(&mut origin, &node, &ranged("30-31"), CACHED, 1).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("50-51")).await;
    let head = unanswered(&mut origin, &mut wire).await;
    assert_eq!(head.status(), 502);
    soon(wire.body(&head)).await;
    wire.send(ranged("50-51")).await;
    let busy = response("503 Service Unavailable", "", "busy");
    origin.asked().await.answer(busy).await;
    assert_eq!(soon(wire.head()).await.expect("an answer").status(), 502);
    // What is here is still here.
    let (got, _) = ask(&mut origin, &node, &ranged("30-31"), CACHED, 0).await;
    assert_eq!(got.head.status(), 206);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_takes_the_slices_along_and_a_stale_sheet_is_validated() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let stale = "Cache-Control: max-age=0\r\nETag: \"v1\"\r\n";
    ask(&mut origin, &node, &ranged("30-31"), stale, 1).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("30-31")).await;
    let asked = origin.asked().await;
    assert_eq!(asked.head.field("if-none-match"), Some("\"v1\""));
    asked
        .answer("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: \"v1\"\r\n\r\n")
        .await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        soon(wire.body(&head)).await.0,
        &hundred().as_bytes()[30..32]
    );
    let (got, _) = ask(&mut origin, &node, &ranged("30-31"), CACHED, 0).await;
    assert!(got.cache_status().contains("; hit"), "{got:?}");
    let (status, _) = admin(&node, "POST", "/purge?url=http://www.example.test/x").await;
    assert_eq!(status, 200);
    let (_, asked) = ask(&mut origin, &node, &ranged("30-31"), CACHED, 1).await;
    assert_eq!(asked, ["bytes=30-39"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_larger_than_memory_is_stored_as_it_comes() {
    const SIZE: usize = 8 << 20;
    let byte = |at: usize| ((at.wrapping_mul(31)) ^ (at >> 9).wrapping_mul(17)) as u8;
    let body: &'static [u8] = (0..SIZE).map(byte).collect::<Vec<_>>().leak();
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.memory = 2 << 20;
        config.window = 1 << 20;
        config.slice = Some(256 << 10);
    })
    .await;
    static RANGED: AtomicUsize = AtomicUsize::new(0);
    let serving = tokio::spawn(async move {
        loop {
            let asked = origin.asked().await;
            let range = asked.head.field("range").map(|range| {
                RANGED.fetch_add(1, Ordering::SeqCst);
                let range = range
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                (
                    range.0.parse::<usize>().unwrap(),
                    range.1.parse::<usize>().unwrap(),
                )
            });
            let (status, line, part) = match range {
                None => ("200 OK", String::new(), body),
                Some((start, last)) => (
                    "206 Partial Content",
                    format!("Content-Range: bytes {start}-{last}/{SIZE}\r\n"),
                    &body[start..=last],
                ),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\n{CACHED}{line}Content-Length: {}\r\n\r\n",
                part.len()
            );
            asked.answer([head.as_bytes(), part].concat()).await;
        }
    });
    let got = get(&node, "/x").await;
    assert!(got.complete && got.body == body);
    assert_eq!(RANGED.load(Ordering::SeqCst), 0);
    // The end is still in memory.
    let mut wire = connect(&node).await;
    let last = SIZE - (256 << 10);
    let got = exchange(&mut wire, &ranged(&format!("{last}-"))).await;
    assert!(got.complete && got.body == body[last..]);
    assert!(got.cache_status().contains("; hit"), "{:?}", got.head);
    assert_eq!(RANGED.load(Ordering::SeqCst), 0);
    // All of it, of which most has left memory.
    let got = exchange(&mut wire, &get_with("/x", "")).await;
    assert!(got.complete && got.body == body);
    let fetched = RANGED.load(Ordering::SeqCst);
    assert!((1..=32).contains(&fetched), "{fetched}");
    let stats = stats(&node).await;
    assert!(stats["stored_bytes"] <= 2 << 20, "{stats:?}");
    serving.abort();
}
