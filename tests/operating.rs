//! The operator's hand on nodes as processes: the admin token, an abort, and staying down for its time.

use std::time::{Duration, Instant};

use super::support::node::Node;
use super::support::upstream::Upstream;
use super::support::wire::{get, send};

const FRESH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nhi";

fn token_file(folder: &std::path::Path) -> String {
    let file = folder.join("token");
    std::fs::write(&file, "s3cret\n").expect("a writable folder");
    file.to_string_lossy().into_owned()
}

#[test]
fn whoever_wants_to_change_a_node_shows_its_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    let upstream = Upstream::always(FRESH);
    let edge = Node::edge(
        &format!("http://{}", upstream.address),
        &["--admin-token-file", &token],
    );
    let link = Node::start(&["link", "--admin", ":0", "--admin-token-file", &token]);
    let shown = [("Authorization", "Bearer s3cret")];
    for (node, path) in [(&edge, "/purge?all=true"), (&link, "/stop")] {
        assert_eq!(send(node.admin, "POST", path, &[]).status, 401, "{path}");
        let status = send(node.admin, "POST", path, &shown).status;
        assert!((200..300).contains(&status), "{path}: {status}");
    }
    for path in ["/health", "/ready", "/metrics", "/stats", "/settings"] {
        assert_eq!(get(edge.admin, path, &[]).status, 200, "{path}");
    }
    assert!(link.wait(), "it was stopped with the token");
}

#[test]
fn an_aborted_node_stays_down_for_its_time_and_comes_back() {
    const DOWN: Duration = Duration::from_millis(700);
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    let state = folder.path().to_string_lossy().into_owned();
    let upstream = Upstream::always(FRESH);
    let url = format!("http://{}", upstream.address);
    let more = ["--admin-token-file", &token, "--state", &state];
    let edge = Node::edge(&url, &more);
    assert_eq!(get(edge.listen, "/", &[]).status, 200);
    let asked = Instant::now();
    let path = format!("/abort?down_ms={}", DOWN.as_millis());
    let shown = [("Authorization", "Bearer s3cret")];
    assert_eq!(send(edge.admin, "POST", &path, &shown).status, 202);
    assert!(!edge.wait(), "an abort is no good end");
    // As a restart policy does, at once; the readiness line comes when the time is over.
    let edge = Node::edge(&url, &more);
    assert!(
        asked.elapsed() >= DOWN,
        "up again after {:?}",
        asked.elapsed()
    );
    let answer = get(edge.listen, "/", &[]);
    assert_eq!(answer.status, 200);
    let status = answer.field("cache-status").unwrap_or_default();
    assert!(
        status.contains("fwd=uri-miss"),
        "it came back empty: {status}"
    );
    // The next restart does not wait any more.
    assert!(!folder.path().join("down-until-ms").exists());
}
