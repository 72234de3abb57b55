//! Slices that memory has lost: fetched again, or read from disk.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;

const CACHED: &str = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\n";

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

/// Each slice of it would be the whole: one fetch for one answer, and none for slices from then on.
#[tokio::test(flavor = "multi_thread")]
async fn missing_slices_of_an_upstream_without_ranges_are_one_fetch() {
    const SIZE: usize = 2 << 20;
    let body: &'static str = (0..SIZE / 8)
        .map(|at| format!("{at:08}"))
        .collect::<String>()
        .leak();
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.memory = 1 << 20;
        config.window = 256 << 10;
        config.slice = Some(64 << 10);
    })
    .await;
    origin.answer_all(move |_| response("200 OK", CACHED, body));
    let got = get(&node, "/x").await;
    assert!(got.complete && got.text() == body);
    assert_eq!(origin.count(), 1);
    // Its slices have left memory for later ones.
    let check = async |range: (usize, usize), count| {
        let mut wire = connect(&node).await;
        let got = exchange(&mut wire, &ranged(&format!("{}-{}", range.0, range.1))).await;
        assert!(
            got.complete && got.text() == &body[range.0..=range.1],
            "{range:?}"
        );
        assert_eq!(origin.count(), count, "{range:?} {:?}", got.head);
    };
    check((100, 600_000), 2).await;
    check((70_000, 700_000), 3).await;
}

/// What memory has lost is read from disk slice by slice, before and after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn slices_are_kept_on_disk() {
    const SIZE: usize = 2 << 20;
    const SLICE: u64 = 64 << 10;
    let body: &'static str = (0..SIZE / 8)
        .map(|at| format!("{at:08}"))
        .collect::<String>()
        .leak();
    let folder = tempfile::tempdir().unwrap();
    let mut origin = Origin::start().await;
    origin.answer_all(move |asked| honest(asked, CACHED, body));
    let start = async || {
        node(&origin, |config| {
            config.memory = 1 << 20;
            config.window = 256 << 10;
            config.slice = Some(SLICE);
            config.disk = Some(edge::Disk {
                folder: folder.path().to_owned(),
                size: 64 << 20,
            });
        })
        .await
    };
    let node = start().await;
    let got = get(&node, "/x").await;
    assert!(got.complete && got.text() == body);
    let check = async |node: &edge::Running| {
        let mut wire = connect(node).await;
        for (start, last) in [(0, 99), (100, 300_000), (1_000_000, 1_999_999)] {
            let got = exchange(&mut wire, &ranged(&format!("{start}-{last}"))).await;
            assert!(got.complete && got.text() == &body[start..=last], "{start}");
            assert!(got.cache_status().contains("; hit"), "{:?}", got.head);
        }
        let got = exchange(&mut wire, &get_with("/x", "")).await;
        assert!(got.complete && got.text() == body);
    };
    check(&node).await;
    node.stop(LIMIT).await;
    let node = start().await;
    check(&node).await;
    assert_eq!(origin.count(), 1);
    assert!(stats(&node).await["disk.hits"] >= 32);
    let (status, _) = admin(&node, "POST", "/purge?url=http://www.example.test/x").await;
    assert_eq!(status, 200);
    let got = exchange(&mut connect(&node).await, &ranged("5-9")).await;
    assert_eq!((got.text(), origin.count()), (&body[5..10], 2));
}
