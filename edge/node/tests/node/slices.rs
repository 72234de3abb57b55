//! Large bodies in slices: a seek fetches what it touches, a body may be larger than memory.

use crate::support::{self, *};

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\n";

/// A hundred bytes, each pair another.
fn hundred() -> String {
    (0..50).map(|number| format!("{number:02}")).collect()
}

async fn sliced(origin: &Origin) -> edge::Running {
    node(origin, |config| config.slice = Some(10)).await
}

/// As [`support::ask`], of a hundred bytes.
async fn ask(
    origin: &mut Origin,
    node: &edge::Running,
    request: &str,
    fields: &str,
    upstream: usize,
) -> (Got, Vec<String>) {
    support::ask(origin, node, request, (fields, &hundred()), upstream).await
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

/// While one slice goes to the client, the next one is on its way already.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_slice_is_asked_for_ahead() {
    let mut origin = Origin::start().await;
    let node = sliced(&origin).await;
    let all = hundred();
    let mut wire = connect(&node).await;
    wire.send(ranged("30-59")).await;
    let mut first = origin.asked().await;
    let answer = honest(&first, CACHED, &all);
    let (now, later) = answer.split_at(answer.len() - 4);
    first.wire.send(now).await;
    let second = origin.asked().await;
    assert_eq!(second.head.field("range"), Some("bytes=40-49"));
    first.answer(later).await;
    let answer = honest(&second, CACHED, &all);
    second.answer(answer).await;
    let third = origin.asked().await;
    assert_eq!(third.head.field("range"), Some("bytes=50-59"));
    let answer = honest(&third, CACHED, &all);
    third.answer(answer).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        soon(wire.body(&head)).await,
        (all.as_bytes()[30..60].to_vec(), true)
    );
    assert_eq!(origin.count(), 3);
}
