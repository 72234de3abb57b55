use super::*;

#[tokio::test]
async fn stopping_lets_requests_end() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let mut idle = send(running.listen(), "GET /plain/1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    idle.read_exact(&mut [0; 300_000]).await.unwrap();
    let mut busy = send(running.listen(), "GET /slow/1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&running, |it| it.in_flight == 1).await;
    assert!(get(running.admin(), "/ready").await.0.contains(" 200 "));
    ask(running.admin(), "POST /stop", "", "").await;
    running.stop_requested().await;
    let listen = running.listen();
    running.stop(GRACE).await;
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
    idle.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(TcpStream::connect(listen).await.is_err());
}

#[tokio::test]
async fn stopping_ends_what_takes_longer_than_the_grace() {
    let running = origin(Source::Synthetic(catalogue())).await;
    let mut stuck = send(
        running.listen(),
        "GET /forever/1 HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .await;
    until(&running, |it| it.in_flight == 1).await;
    running.stop(Duration::from_millis(1)).await;
    let mut answer = Vec::new();
    let _ = stuck.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test]
async fn wrong_configurations_do_not_start() {
    let config = |source| Config {
        listen: ANY,
        admin: ANY,
        source,
        guard: operator::Guard::default(),
        log_capacity: 1,
    };
    let mut wrong = catalogue();
    wrong.classes[0].objects = 0;
    let error = start(config(Source::Synthetic(wrong)))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "class plain: it has no objects");
    let running = origin(Source::Synthetic(catalogue())).await;
    let taken = Config {
        listen: running.listen(),
        ..config(Source::Synthetic(catalogue()))
    };
    let error = start(taken).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", running.listen())),
        "{error}"
    );
    for (url, host, why) in [
        ("ftp://x", None, "only http:// is possible"),
        ("https://x", None, "only http:// is possible"),
        ("x", None, "only http:// is possible"),
        ("http://", None, "it is not a URL"),
        (
            "http://x/path",
            None,
            "it has a path; paths come from the requests",
        ),
        ("http://u:p@x/", None, "a user name cannot be sent"),
        ("http://x", Some("a b"), "the host to send is not a host"),
    ] {
        let pass = Pass {
            url: url.to_owned(),
            host: host.map(str::to_owned),
        };
        let error = start(config(Source::Pass(pass)))
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(error, format!("cannot pass requests to {url:?}: {why}"));
    }
}

/// Without an epoch of its own, a catalogue's script begins when the origin does, not in 1970.
#[tokio::test]
async fn the_script_begins_with_the_origin() {
    let mut changing = catalogue();
    changing.classes[0].changes_every_ms = Some(1 << 38);
    let running = origin(Source::Synthetic(changing)).await;
    let (head, _) = get(running.listen(), "/plain/1").await;
    assert!(head.contains("etag: \"v1-"), "{head}");
    assert!(!head.contains("last-modified: thu, 01 jan 1970"), "{head}");
    running.stop(GRACE).await;
}
