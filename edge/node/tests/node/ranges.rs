//! Ranges of bodies that are here whole, or on their way (RFC 9110 section 14).

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/plain\r\n";

const TEN: &str = "0123456789";

/// The parts of a multipart body, each with its Content-Range.
#[track_caller]
pub(crate) fn parts(got: &Got) -> Vec<(String, String)> {
    let media_type = got.head.field("content-type").expect("a media type");
    let boundary = media_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("{got:?}"));
    let text = got.text();
    let text = text
        .strip_suffix(&format!("\r\n--{boundary}--\r\n"))
        .unwrap_or_else(|| panic!("no end of the last part in {text:?}"));
    let delimiter = format!("--{boundary}\r\n");
    let parts = text.split(delimiter.as_str()).skip(1);
    parts
        .map(|part| {
            let (head, body) = part.split_once("\r\n\r\n").expect("a part has a head");
            let range = head
                .strip_prefix("Content-Type: text/plain\r\nContent-Range: bytes ")
                .unwrap_or_else(|| panic!("{head:?}"));
            (range.to_owned(), body.trim_end_matches("\r\n").to_owned())
        })
        .collect()
}

/// As owned texts.
pub(crate) fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(range, body): &(&str, &str)| ((*range).to_owned(), (*body).to_owned());
    pairs.iter().map(own).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_of_a_stored_body() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(get_with("/x", "")).await;
    let whole = response("200 OK", CACHED, "0123456789");
    origin.asked().await.answer(whole).await;
    let head = soon(wire.head()).await.unwrap();
    soon(wire.body(&head)).await;

    let got = exchange(&mut wire, &ranged("7-8, 0-1, -1")).await;
    assert_eq!((got.head.status(), got.complete), (206, true), "{got:?}");
    assert_eq!(got.head.field("content-range"), None);
    // 7-8 and the last one touch; the order is that of the request.
    assert_eq!(parts(&got), of(&[("7-9/10", "789"), ("0-1/10", "01")]));
    // More ranges than anybody needs are ignored.
    let got = exchange(&mut wire, &ranged(&["0-0"; 40].join(","))).await;
    assert_eq!((got.head.status(), got.text()), (200, "0123456789"));
    let got = exchange(&mut wire, &ranged("10-,11-")).await;
    assert_eq!(got.head.status(), 416);
    assert_eq!(got.head.field("content-range"), Some("bytes */10"));
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_of_a_body_on_its_way() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    wire.send(ranged("7-8, 0-1, 3-5")).await;
    let mut asked = origin.asked().await;
    // Several are not asked for: their answer could not be stored.
    assert_eq!(asked.head.field("range"), None);
    let whole = response("200 OK", CACHED, "0123456789");
    let (now, later) = whole.split_at(whole.len() - 5);
    asked.wire.send(now).await;
    let head = soon(wire.head()).await.unwrap();
    asked.answer(later).await;
    let (body, complete) = soon(wire.body(&head)).await;
    let got = Got {
        head,
        body,
        complete,
    };
    assert_eq!((got.head.status(), got.complete), (206, true), "{got:?}");
    // As they come.
    let expected = [("0-1/10", "01"), ("3-5/10", "345"), ("7-8/10", "78")];
    assert_eq!(parts(&got), of(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_if_range_is_answered_here() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |_| {}).await;
    let mut wire = connect(&node).await;
    let resume = |tag: &str| get_with("/x", &format!("Range: bytes=8-\r\nIf-Range: {tag}\r\n"));
    wire.send(resume("\"old\"")).await;
    let asked = origin.asked().await;
    assert_eq!(
        (asked.head.field("range"), asked.head.field("if-range")),
        (None, None)
    );
    asked.answer(response("200 OK", CACHED, TEN)).await;
    let head = soon(wire.head()).await.unwrap();
    assert_eq!(
        (head.status(), soon(wire.body(&head)).await.0),
        (200, TEN.as_bytes().to_vec())
    );
    let got = exchange(&mut wire, &resume("\"v1\"")).await;
    assert_eq!((got.head.status(), got.text()), (206, "89"));
    let got = exchange(&mut wire, &resume("W/\"v1\"")).await;
    assert_eq!((got.head.status(), got.text()), (200, TEN));
}
