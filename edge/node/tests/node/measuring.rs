//! Figures, not verdicts: run alone and optimised, with their output shown.

use crate::support::*;

#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        << 10
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure"]
async fn memory_per_stored_object() {
    const OBJECTS: u64 = 50_000;
    const BODY: usize = 1 << 10;
    let mut origin = Origin::start().await;
    let node = node(&origin, |config| config.memory = 1 << 30).await;
    let fields = "Cache-Control: max-age=600\r\nETag: \"v1-0123456789\"\r\nContent-Type: image/jpeg\r\n\
        Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: origin\r\n";
    let reply = response("200 OK", fields, &"x".repeat(BODY));
    let answering = tokio::spawn(async move {
        loop {
            origin.asked().await.answer(&reply).await;
        }
    });
    let mut wire = connect(&node).await;
    let mut before = 0;
    for object in 0..OBJECTS + 1_000 {
        // The first thousand warm up allocator and buffers.
        if object == 1_000 {
            before = resident();
        }
        assert!(
            exchange(&mut wire, &get_with(&format!("/img/{object}.jpg"), ""))
                .await
                .complete
        );
    }
    let grown = resident() - before;
    let stats = stats(&node).await;
    println!(
        "resident: {} bytes per object beyond its body",
        grown / OBJECTS - BODY as u64
    );
    println!(
        "weighed:  {} bytes",
        stats["stored_bytes"] / stats["stored_objects"] - BODY as u64
    );
    answering.abort();
}
