//! Bodies larger than the store: bounded memory, every byte right, also for who falls behind.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Barrier;

use crate::support::*;

const BLOCK: usize = 64 << 10;

/// What the body repeats: of a length that no block or window divides, so that bytes at a wrong
/// place are wrong bytes.
fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    let byte = |at: usize| ((at.wrapping_mul(31)) ^ (at >> 9).wrapping_mul(17)) as u8;
    PATTERN.get_or_init(|| (0..1_000_003).map(byte).collect())
}

fn block(from: usize, to: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(to - from);
    while block.len() < to - from {
        let at = (from + block.len()) % pattern().len();
        let until = pattern().len().min(at + to - from - block.len());
        block.extend_from_slice(&pattern()[at..until]);
    }
    block
}

/// Sends the body to whoever asks, from the offset asked for. The first body begins when all readers are in: one that
/// comes when the window has gone on is no laggard, it makes a fetch of its own.
async fn serve(
    mut origin: Origin,
    size: usize,
    chunked: bool,
    ranged: Arc<AtomicUsize>,
    all_in: Arc<Barrier>,
) {
    let mut gate = Some(all_in);
    loop {
        let mut asked = origin.asked().await;
        let ranged = Arc::clone(&ranged);
        let gate = gate.take();
        tokio::spawn(async move {
            let mut head = String::new();
            let mut start = 0;
            match asked.head.field("range") {
                Some(range) => {
                    assert_eq!(asked.head.field("if-range"), Some("\"v1\""));
                    ranged.fetch_add(1, Ordering::SeqCst);
                    start = range
                        .strip_prefix("bytes=")
                        .unwrap()
                        .strip_suffix('-')
                        .unwrap()
                        .parse()
                        .unwrap();
                    let last = size - 1;
                    write!(head, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{size}\r\n").unwrap();
                }
                None => head.push_str("HTTP/1.1 200 OK\r\n"),
            }
            if chunked {
                head.push_str("Transfer-Encoding: chunked\r\n");
            } else {
                write!(head, "Content-Length: {}\r\n", size - start).unwrap();
            }
            asked
                .wire
                .send(format!(
                    "{head}Cache-Control: max-age=60\r\nETag: \"v1\"\r\n\r\n"
                ))
                .await;
            if let Some(all_in) = gate {
                all_in.wait().await;
            }
            while start < size {
                let end = (start + BLOCK).min(size);
                if chunked {
                    asked.wire.send(format!("{:x}\r\n", end - start)).await;
                }
                asked.wire.send(block(start, end)).await;
                if chunked {
                    asked.wire.send("\r\n").await;
                }
                start = end;
            }
            if chunked {
                asked.wire.send("0\r\n\r\n").await;
            }
            asked.done();
        });
    }
}

/// Reads a body, comparing as it comes; returns how many bytes it had and whether it was whole.
async fn read(wire: &mut Wire, head: &Head, mut from: usize, until: usize) -> (usize, bool) {
    let chunked = head.field("transfer-encoding").is_some();
    while from < until {
        let some = if chunked {
            soon(wire.chunk()).await.unwrap_or_default()
        } else {
            soon(wire.some()).await
        };
        if some.is_empty() {
            return (from, false);
        }
        assert!(
            some == block(from, from + some.len()),
            "a wrong byte behind {from}"
        );
        from += some.len();
    }
    let ended = !chunked || soon(wire.chunk()).await.is_some_and(|last| last.is_empty());
    (from, ended)
}

struct Case {
    size: usize,
    memory: u64,
    window: u64,
    readers: usize,
    chunked: bool,
}

async fn run(case: Case) {
    let Case {
        size,
        memory,
        window,
        readers,
        chunked,
    } = case;
    let origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.memory = memory;
        config.window = window;
        // The slow reader stands still for as long as all others read.
        config.idle_timeout = LIMIT * 10;
    })
    .await;
    let ranged = Arc::new(AtomicUsize::new(0));
    // The fast readers, the slow one, and the origin.
    let all_in = Arc::new(Barrier::new(readers + 2));
    let serving = serve(
        origin,
        size,
        chunked,
        Arc::clone(&ranged),
        Arc::clone(&all_in),
    );
    let serving = tokio::spawn(serving);
    let mut fast = Vec::new();
    for _ in 0..readers {
        let mut wire = connect(&node).await;
        let all_in = Arc::clone(&all_in);
        fast.push(tokio::spawn(async move {
            wire.send(get_with("/large", "")).await;
            let head = soon(wire.head()).await.expect("a reply");
            all_in.wait().await;
            assert_eq!(read(&mut wire, &head, 0, size).await, (size, true));
        }));
    }
    let mut slow = connect(&node).await;
    slow.send(get_with("/large", "")).await;
    let head = soon(slow.head()).await.expect("a reply");
    all_in.wait().await;
    for reader in fast {
        reader.await.unwrap();
    }
    // The slow one begins when all others have ended: the window has long gone on.
    assert_eq!(read(&mut slow, &head, 0, size).await, (size, true));
    assert!(
        ranged.load(Ordering::SeqCst) >= 1,
        "the slow one had no need of its own fetch"
    );
    let stats = stats(&node).await;
    assert_eq!(
        (stats["laggards_ended"], stats["stored_objects"]),
        (0, 0),
        "{stats:?}"
    );
    assert_eq!(stats["filling_bytes"], 0);
    assert!(stats["too_large"] >= 1);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_than_the_store_with_content_length() {
    run(Case {
        size: 32 << 20,
        memory: 2 << 20,
        window: 1 << 20,
        readers: 4,
        chunked: false,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_than_the_store_found_late() {
    run(Case {
        size: 32 << 20,
        memory: 2 << 20,
        window: 1 << 20,
        readers: 4,
        chunked: true,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laggard_without_a_strong_validator_is_ended_and_counted() {
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| {
        config.memory = 1 << 20;
        config.window = 1 << 20;
    })
    .await;
    let size = 32 << 20;
    let mut slow = connect(&node).await;
    slow.send(get_with("/large", "")).await;
    let mut asked = origin.asked().await;
    let mut fast = connect(&node).await;
    fast.send(get_with("/large", "")).await;
    asked
        .wire
        .send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nCache-Control: max-age=60\r\n\r\n"
        ))
        .await;
    let slow_head = soon(slow.head()).await.unwrap();
    let fast_head = soon(fast.head()).await.unwrap();
    let sending = tokio::spawn(async move {
        for start in (0..size).step_by(BLOCK) {
            asked
                .wire
                .send(block(start, (start + BLOCK).min(size)))
                .await;
        }
    });
    let read_fast = read(&mut fast, &fast_head, 0, size).await;
    assert_eq!(read_fast, (size, true), "{:?}", stats(&node).await);
    let (got, whole) = read(&mut slow, &slow_head, 0, size).await;
    assert!(got < size && !whole);
    assert_eq!(stats(&node).await["laggards_ended"], 1);
    sending.await.unwrap();
}
