use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::log::{LogPage, Record};
use crate::server::{Config, Pass, Running, Source, start};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const GRACE: Duration = Duration::from_secs(20);

/// A pass-through, and the listener of an application that the test plays itself.
async fn pass(host: Option<&str>) -> (Running, TcpListener) {
    let application = TcpListener::bind(ANY).await.unwrap();
    let url = format!("http://{}", application.local_addr().unwrap());
    let source = Source::Pass(Pass {
        url,
        host: host.map(str::to_owned),
    });
    let running = start(Config {
        listen: ANY,
        admin: ANY,
        source,
        guard: operator::Guard::default(),
        log_capacity: 10,
    })
    .await
    .unwrap();
    (running, application)
}

/// Reads a request's head, in lower case.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn client(running: &Running, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.listen()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn records(running: &Running) -> Vec<Record> {
    let mut stream = TcpStream::connect(running.admin()).await.unwrap();
    stream
        .write_all(b"GET /log HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let mut lines = text.split_once("\r\n\r\n").unwrap().1.lines();
    let _: LogPage = serde_json::from_str(lines.next().unwrap()).unwrap();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn requests_and_answers_pass_unchanged_but_for_the_hop() {
    let (running, application) = pass(None).await;
    let request = "POST /a?b=c HTTP/1.1\r\nhost: www.example\r\nx-request-id: r7\r\nx-hop: 1\r\n\
                   connection: close, x-hop\r\ncontent-length: 5\r\n\r\nhello";
    let mut client = client(&running, request).await;
    let (mut stream, _) = application.accept().await.unwrap();
    let seen = head(&mut stream).await;
    let authority = application.local_addr().unwrap();
    assert!(seen.starts_with("post /a?b=c http/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: {authority}\r\n")) && seen.contains("x-request-id: r7\r\n")
    );
    assert!(
        !seen.contains("x-hop") && !seen.contains("www.example"),
        "{seen}"
    );
    let mut body = [0; 5];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"hello");
    let answer = "HTTP/1.1 201 Created\r\nlink: </a>\r\nlink: </b>\r\nkeep-alive: timeout=5\r\n\
                  content-length: 3\r\n\r\nabc";
    stream.write_all(answer.as_bytes()).await.unwrap();
    let mut got = String::new();
    client.read_to_string(&mut got).await.unwrap();
    assert!(
        got.starts_with("HTTP/1.1 201 Created\r\n") && got.ends_with("\r\n\r\nabc"),
        "{got}"
    );
    assert!(
        got.contains("link: </a>\r\nlink: </b>\r\n") && !got.contains("keep-alive"),
        "{got}"
    );
    let records = records(&running).await;
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        (record.status, record.body_bytes, record.complete),
        (201, 3, true)
    );
    assert_eq!(
        (record.id.as_deref(), record.target.as_deref()),
        (Some("r7"), Some("/a?b=c"))
    );
    assert_eq!(record.method, "POST");
    running.stop(GRACE).await;
}

#[tokio::test]
async fn bytes_pass_before_the_body_has_ended() {
    let (running, application) = pass(Some("shop.example")).await;
    let mut client = client(
        &running,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let (mut stream, _) = application.accept().await.unwrap();
    assert!(head(&mut stream).await.contains("host: shop.example\r\n"));
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await
        .unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"3\r\nabc\r\n") {
        got.push(client.read_u8().await.unwrap());
    }
    stream.write_all(b"2\r\nde\r\n0\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "2\r\nde\r\n0\r\n\r\n");
    assert_eq!(records(&running).await[0].body_bytes, 5);
    running.stop(GRACE).await;
}

#[tokio::test]
async fn a_body_cut_short_never_ends_cleanly() {
    for framing in [
        "content-length: 10\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let (running, application) = pass(None).await;
        let mut client = client(&running, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let (mut stream, _) = application.accept().await.unwrap();
        head(&mut stream).await;
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\n{framing}").as_bytes())
            .await
            .unwrap();
        drop(stream);
        let mut got = Vec::new();
        let _ = client.read_to_end(&mut got).await;
        assert!(!got.ends_with(b"0\r\n\r\n") && !got.ends_with(b"abcabcabca"));
        let records = records(&running).await;
        assert_eq!((records[0].status, records[0].complete), (200, false));
        running.stop(GRACE).await;
    }
}

#[tokio::test]
async fn an_application_that_is_down_is_a_502() {
    let (running, application) = pass(None).await;
    drop(application);
    let mut client = client(
        &running,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let mut got = String::new();
    client.read_to_string(&mut got).await.unwrap();
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    assert!(got.ends_with("cannot be reached\n"), "{got}");
    assert_eq!(records(&running).await[0].status, 502);
    running.stop(GRACE).await;
}
