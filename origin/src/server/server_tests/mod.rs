mod lifecycle;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::BodyBytes;
use crate::body::Verifier;
use crate::catalogue::{Class, DurationDist, ObjectId, SizeDist};
use crate::log::{Counts, LogPage, Record};
use crate::versions::Selector;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const GRACE: Duration = Duration::from_secs(20);

fn catalogue() -> Catalogue {
    let class =
        |name: &str, size| Class::new(name, &format!("/{name}/{{id}}"), 10, SizeDist::Fixed(size));
    let mut chunked = class("chunked", 300_000);
    chunked.chunked = true;
    let mut slow = class("slow", 10);
    slow.think = DurationDist::Fixed { ns: 20_000_000 };
    let mut forever = class("forever", 10);
    forever.think = DurationDist::Fixed {
        ns: 3_600_000_000_000,
    };
    let classes = vec![
        class("plain", 300_000),
        chunked,
        slow,
        forever,
        class("large", 1 << 40),
    ];
    Catalogue {
        seed: 5,
        epoch_ms: 0,
        classes,
        concurrency: None,
    }
}

async fn origin(source: Source) -> Running {
    start(Config {
        listen: ANY,
        admin: ANY,
        source,
        guard: operator::Guard::default(),
        log_capacity: 100,
    })
    .await
    .unwrap()
}

async fn send(to: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Sends a request that closes the connection; head and body as they came.
async fn ask(to: SocketAddr, line: &str, fields: &str, body: &str) -> (String, Vec<u8>) {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}");
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    let mut all = Vec::new();
    let _ = send(to, &request).await.read_to_end(&mut all).await;
    let end = all
        .windows(4)
        .position(|it| it == b"\r\n\r\n")
        .map_or(all.len(), |at| at + 4);
    let body = all.split_off(end);
    (String::from_utf8(all).unwrap().to_ascii_lowercase(), body)
}

async fn get(to: SocketAddr, path: &str) -> (String, Vec<u8>) {
    ask(to, &format!("GET {path}"), "x-request-id: r1\r\n", "").await
}

async fn counts(running: &Running) -> Counts {
    serde_json::from_slice(&get(running.admin(), "/counts").await.1).unwrap()
}

async fn log(running: &Running, after: u64) -> (LogPage, Vec<Record>) {
    let (_, body) = get(running.admin(), &format!("/log?after={after}")).await;
    let text = String::from_utf8(body).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let records = rest
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (serde_json::from_str(first).unwrap(), records)
}

/// Waits until the counts show it; every round asks anew.
async fn until(running: &Running, holds: impl Fn(&Counts) -> bool) -> Counts {
    loop {
        let counts = counts(running).await;
        if holds(&counts) {
            return counts;
        }
        tokio::task::yield_now().await;
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|it| it == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            assert_eq!(&body[end..], b"\r\n\r\n");
            return out;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

fn right(path: &str, offset: u64, body: &[u8]) -> bool {
    Verifier::new(BodyBytes::new(5, path, 0, 1), offset).check(body)
}

#[tokio::test]
async fn bodies_are_right_on_the_wire_and_counted() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let (head, body) = get(running.listen(), "/plain/1").await;
    assert!(head.starts_with("http/1.1 200 ok\r\n") && head.contains("content-length: 300000\r\n"));
    assert!(body.len() == 300_000 && right("/plain/1", 0, &body));
    let (head, body) = get(running.listen(), "/chunked/1").await;
    assert!(
        head.contains("transfer-encoding: chunked") && !head.contains("content-length"),
        "{head}"
    );
    let body = unchunk(&body);
    assert!(body.len() == 300_000 && right("/chunked/1", 0, &body));
    let (head, body) = ask(
        running.listen(),
        "GET /chunked/1",
        "range: bytes=70000-270000\r\n",
        "",
    )
    .await;
    assert!(
        head.contains("http/1.1 206")
            && body.len() == 200_001
            && right("/chunked/1", 70_000, &body)
    );
    let (head, body) = ask(running.listen(), "HEAD /plain/1", "", "").await;
    assert!(head.contains("content-length: 300000") && body.is_empty());
    let (head, body) = ask(running.listen(), "HEAD /chunked/1", "", "").await;
    assert!(
        !head.contains("content-length") && body.is_empty(),
        "{head}"
    );
    let (head, body) = ask(running.listen(), "GET /plain/1", "if-none-match: *\r\n", "").await;
    assert!(
        head.contains("http/1.1 304") && !head.contains("content-length"),
        "{head}"
    );
    assert!(body.is_empty() && head.matches("\r\ndate: ").count() == 1);

    // The log has what the client has, without any waiting.
    let (page, records) = log(&running, 0).await;
    assert_eq!(
        (page.lost, page.records, page.next, page.more),
        (0, 6, 6, false)
    );
    let sums: Vec<(u16, u64)> = records
        .iter()
        .map(|it| (it.status, it.body_bytes))
        .collect();
    assert_eq!(
        sums,
        [
            (200, 300_000),
            (200, 300_000),
            (206, 200_001),
            (200, 0),
            (200, 0),
            (304, 0)
        ]
    );
    assert!(
        records
            .iter()
            .all(|it| it.complete && it.version == Some(1))
    );
    assert_eq!(
        records[0].object,
        Some(ObjectId {
            class: 0,
            object: 1
        })
    );
    assert_eq!(
        (records[0].id.as_deref(), records[5].id.as_deref()),
        (Some("r1"), None)
    );
    assert!(records[5].conditional && !records[4].conditional);
    let counts = counts(&running).await;
    assert_eq!(
        (counts.requests, counts.body_bytes, counts.in_flight),
        (6, 800_001, 0)
    );
    let (_, metrics) = get(running.admin(), "/metrics").await;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(
        metrics.contains("\ncdnlab_origin_requests_total{status=\"304\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("\ncdnlab_origin_body_bytes_total 800001\n"));
    running.stop(GRACE).await;
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_as_incomplete() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let request = "GET /large/1 HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = send(running.listen(), request).await;
    stream.read_exact(&mut [0; 100_000]).await.unwrap();
    let waiting = send(
        running.listen(),
        "GET /forever/1 HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .await;
    until(&running, |it| it.in_flight == 2).await;
    drop((stream, waiting));
    let counts = until(&running, |it| it.in_flight == 0).await;
    assert_eq!((counts.requests, counts.incomplete), (2, 2));
    let (_, records) = log(&running, 0).await;
    let large = records.iter().find(|it| it.status == 200).unwrap();
    assert!(large.body_bytes >= 99_000 && !large.complete);
    // Memory is bounded by what the sockets hold: a body of 1 TiB was never made whole.
    assert!(large.body_bytes < 100 << 20);
    assert!(
        records
            .iter()
            .any(|it| it.status == 0 && it.version.is_none())
    );
    running.stop(GRACE).await;
}

#[tokio::test]
async fn think_time_queues_behind_the_cap() {
    let mut one = catalogue();
    one.concurrency = Some(1);
    let running = origin(Source::Synthetic(one)).await;
    let begun = Instant::now();
    let at = running.listen();
    let (a, b, c) = tokio::join!(get(at, "/slow/1"), get(at, "/slow/2"), get(at, "/slow/3"));
    for (head, _) in [a, b, c] {
        assert!(head.contains("http/1.1 200"), "{head}");
    }
    // One after the other; without the cap they would all be done after 20 ms.
    assert!(begun.elapsed() >= Duration::from_millis(60));
    running.stop(GRACE).await;
}

#[tokio::test]
async fn faults_are_set_and_cleared() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let put = async |body: &str| {
        let fields = "content-type: application/json\r\n";
        ask(running.admin(), "PUT /faults", fields, body).await.0
    };
    assert!(put(r#"{"status": 503}"#).await.contains(" 200 "));
    let (head, body) = get(running.listen(), "/plain/1").await;
    assert!(head.contains("http/1.1 503") && body == b"the origin was told to fail\n");
    assert!(put(r#"{"refuse": true}"#).await.contains(" 200 "));
    assert_eq!(
        get(running.listen(), "/plain/1").await,
        (String::new(), Vec::new())
    );
    assert!(put(r#"{"status": 200}"#).await.contains(" 422 "));
    assert!(put(r#"{"state": 500}"#).await.contains(" 422 "));
    assert!(put("nonsense").await.contains(" 400 "));
    ask(running.admin(), "DELETE /faults", "", "").await;
    assert!(
        get(running.listen(), "/plain/1")
            .await
            .0
            .contains("http/1.1 200")
    );
    let statuses: Vec<u16> = log(&running, 0)
        .await
        .1
        .iter()
        .map(|it| it.status)
        .collect();
    assert_eq!(statuses, [503, 0, 200]);
    running.stop(GRACE).await;
}

#[tokio::test]
async fn publishing_makes_the_next_version() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let publish = async |body: &str| {
        let fields = "content-type: application/json\r\n";
        ask(running.admin(), "POST /publish", fields, body).await
    };
    let (head, body) = publish(r#"{"path": "/plain/1"}"#).await;
    assert!(head.contains(" 200 "), "{head}");
    let published: Published = serde_json::from_slice(&body).unwrap();
    let object = ObjectId {
        class: 0,
        object: 1,
    };
    assert_eq!(
        (published.version, published.selector),
        (Some(2), Selector::Object(object))
    );
    assert!(
        get(running.listen(), "/plain/1")
            .await
            .0
            .contains("etag: \"v2-")
    );
    publish(r#"{"class": "plain"}"#).await;
    publish("{}").await;
    assert!(
        get(running.listen(), "/plain/1")
            .await
            .0
            .contains("etag: \"v4-")
    );
    assert!(
        get(running.listen(), "/plain/2")
            .await
            .0
            .contains("etag: \"v3-")
    );
    assert!(publish(r#"{"class": "x"}"#).await.0.contains(" 404 "));
    assert!(publish(r#"{"path": "/x"}"#).await.0.contains(" 404 "));
    assert!(
        publish(r#"{"path": "/plain/1", "class": "plain"}"#)
            .await
            .0
            .contains(" 422 ")
    );
    running.stop(GRACE).await;
}

#[tokio::test]
async fn another_catalogue_takes_over_between_two_requests() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let fields = "content-type: application/json\r\n";
    let mut other = catalogue();
    other.classes = vec![Class::new("new", "/new/{id}", 3, SizeDist::Fixed(7))];
    let body = serde_json::to_string(&other).unwrap();
    let (head, _) = ask(running.admin(), "PUT /catalogue", fields, &body).await;
    assert!(head.contains(" 204 "), "{head}");
    assert!(get(running.listen(), "/new/1").await.0.contains(" 200 "));
    assert!(get(running.listen(), "/plain/1").await.0.contains(" 404 "));
    let (_, told) = get(running.admin(), "/catalogue").await;
    let told: Catalogue = serde_json::from_slice(&told).unwrap();
    assert_eq!(told.classes, other.classes);
    assert!(told.epoch_ms > 0, "its versions count from now on");
    other.classes[0].objects = 0;
    let wrong = serde_json::to_string(&other).unwrap();
    let (head, _) = ask(running.admin(), "PUT /catalogue", fields, &wrong).await;
    assert!(head.contains(" 422 "), "{head}");
    assert!(get(running.listen(), "/new/1").await.0.contains(" 200 "));
}
