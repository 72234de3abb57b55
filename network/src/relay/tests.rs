//! Real sockets. Times are measured as lower bounds only: a busy machine makes things later, never earlier.

use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::model::{Handshake, LinkModel};
use crate::time::MILLI;

mod cuts;

const RTT: Duration = Duration::from_millis(40);

/// A link with its target's listener and a timer.
struct Rig {
    link: Link,
    target: TcpListener,
    timer: Timer,
}

async fn rig(model: LinkModel) -> Rig {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timer = Timer::start().unwrap();
    let link = NewLink {
        name: "a".into(),
        target: target.local_addr().unwrap().to_string(),
        listen: None,
        model,
        seed: 1,
    };
    let link = Link::start(link, timer.clone()).await.unwrap();
    Rig {
        link,
        target,
        timer,
    }
}

fn of_rtt() -> LinkModel {
    LinkModel::of_rtt(crate::time::nanos(RTT))
}

impl Rig {
    /// Both ends of a connection through the link.
    async fn pair(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.link.listen()).await.unwrap();
        let (server, _) = self.target.accept().await.unwrap();
        (client, server)
    }

    /// As [`pair`](Self::pair), with the handshake over and a byte carried each way.
    async fn warm(&self) -> (TcpStream, TcpStream) {
        let (mut client, mut server) = self.pair().await;
        exchange(&mut client, &mut server).await;
        exchange(&mut server, &mut client).await;
        (client, server)
    }

    async fn change(&self, change: Change) {
        self.link.changer().change(change).await.unwrap();
    }

    /// Waits for a state of the counts.
    async fn until(&self, reached: impl Fn(&crate::control::Stats) -> bool) {
        while !reached(&self.link.status().stats) {
            self.timer.sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn exchange(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"x").await.unwrap();
    assert_eq!(to.read_u8().await.unwrap(), b'x');
}

/// Bytes that show where they stand.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[tokio::test]
async fn a_first_exchange_pays_handshake_and_round_trip() {
    let rig = rig(LinkModel {
        handshake: Handshake::Tls13,
        ..of_rtt()
    })
    .await;
    let begun = Instant::now();
    let (mut client, mut server) = rig.pair().await;
    assert!(begun.elapsed() >= RTT / 2, "the SYN crosses too");
    exchange(&mut client, &mut server).await;
    assert!(begun.elapsed() >= 2 * RTT + RTT / 2);
    exchange(&mut server, &mut client).await;
    assert!(begun.elapsed() >= 3 * RTT);
    let warm = Instant::now();
    exchange(&mut client, &mut server).await;
    assert!(warm.elapsed() >= RTT / 2);
    exchange(&mut server, &mut client).await;
    assert!(warm.elapsed() >= RTT);
}

#[tokio::test]
async fn what_exceeds_the_window_waits_for_round_trips() {
    let rig = rig(of_rtt()).await;
    let (mut client, mut server) = rig.warm().await;
    let body = pattern(3 * 14_600 + 1);
    let begun = Instant::now();
    let mut taken = vec![0; body.len()];
    let (sent, read) = tokio::join!(server.write_all(&body), client.read_exact(&mut taken));
    sent.unwrap();
    read.unwrap();
    assert!(taken == body);
    // Windows of 10, 20 and then the last byte.
    assert!(begun.elapsed() >= 2 * RTT + RTT / 2);
}

#[tokio::test]
async fn all_bytes_arrive_in_order_both_ways_at_once() {
    let model = LinkModel {
        rtt: 3 * MILLI,
        rate_bps: Some(400_000_000),
        jitter: MILLI,
        loss_ppm: 3_000,
        handshake: Handshake::Tcp,
    };
    let rig = rig(model).await;
    let (client, server) = rig.pair().await;
    let (up, down) = (pattern(700_001), pattern(1_300_003));
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let send_up = async {
        client_writes.write_all(&up).await.unwrap();
        client_writes.shutdown().await.unwrap();
    };
    let send_down = async {
        server_writes.write_all(&down).await.unwrap();
        server_writes.shutdown().await.unwrap();
    };
    // The model changes meanwhile, and connections live on.
    let change = async {
        rig.until(|stats| stats.from.delivered > 200_000).await;
        rig.change(Change::model(LinkModel {
            rtt: MILLI,
            rate_bps: None,
            ..model
        }))
        .await;
    };
    let (mut taken_up, mut taken_down) = (Vec::new(), Vec::new());
    let (_, _, (), up_end, down_end) = tokio::join!(
        send_up,
        send_down,
        change,
        server_reads.read_to_end(&mut taken_up),
        client_reads.read_to_end(&mut taken_down)
    );
    up_end.unwrap();
    down_end.unwrap();
    assert!(taken_up == up && taken_down == down);
    rig.until(|stats| stats.open == 0).await;
    let stats = rig.link.status().stats;
    assert_eq!(
        (stats.to.read, stats.to.delivered, stats.to.held),
        (700_001, 700_001, 0)
    );
    assert_eq!(
        (stats.from.read, stats.from.delivered, stats.from.held),
        (1_300_003, 1_300_003, 0)
    );
    assert_eq!((stats.accepted, stats.reset), (1, 0));
}

#[tokio::test]
async fn a_fin_crosses_and_the_other_direction_goes_on() {
    let rig = rig(of_rtt()).await;
    let (mut client, mut server) = rig.warm().await;
    let begun = Instant::now();
    client.write_all(b"request").await.unwrap();
    client.shutdown().await.unwrap();
    let mut request = String::new();
    server.read_to_string(&mut request).await.unwrap();
    assert_eq!(request, "request");
    assert!(begun.elapsed() >= RTT / 2);
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
    assert!(begun.elapsed() >= RTT);
    rig.until(|stats| stats.open == 0).await;
    assert_eq!(rig.link.status().stats.reset, 0);
}

#[tokio::test]
async fn a_reset_stays_a_reset_either_way() {
    let rig = rig(of_rtt()).await;
    for from_client in [true, false] {
        let (client, server) = rig.warm().await;
        let (gone, mut other) = if from_client {
            (client, server)
        } else {
            (server, client)
        };
        let begun = Instant::now();
        super::connection::hang_up(gone);
        let error = other.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(begun.elapsed() >= RTT / 2);
    }
    rig.until(|stats| stats.open == 0).await;
    assert_eq!(rig.link.status().stats.reset, 2);
}

/// An end that closed while more is sent to it answers with a reset; the sender hears of it.
#[tokio::test]
async fn a_sender_learns_that_nobody_listens() {
    let rig = rig(of_rtt()).await;
    let (client, mut server) = rig.warm().await;
    drop(client);
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0, "first the FIN");
    let block = vec![0; 64 * 1024];
    let error = loop {
        if let Err(error) = server.write_all(&block).await {
            break error;
        }
    };
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    rig.until(|stats| stats.open == 0 && stats.reset == 1 && stats.from.held == 0)
        .await;
}

#[tokio::test]
async fn a_target_that_refuses_resets_the_client() {
    let rig = rig(of_rtt()).await;
    let Rig {
        link,
        target,
        timer,
    } = rig;
    let address = target.local_addr().unwrap();
    drop(target);
    let begun = Instant::now();
    let mut client = TcpStream::connect(link.listen()).await.unwrap();
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(begun.elapsed() >= RTT);
    assert_eq!(
        (link.status().stats.refused, link.status().stats.reset),
        (1, 1)
    );
    // And once it listens again, connections go through.
    let target = TcpListener::bind(address).await.unwrap();
    Rig {
        link,
        target,
        timer,
    }
    .warm()
    .await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_the_sender_back() {
    let model = LinkModel {
        rate_bps: Some(1_000_000_000),
        ..LinkModel::of_rtt(2 * MILLI)
    };
    let bound = 250_000 + 3 * 64 * 1024;
    let rig = rig(model).await;
    let (mut client, mut server) = rig.warm().await;
    const LENGTH: usize = 48 << 20;
    let sending = tokio::spawn(async move {
        server.write_all(&vec![7; LENGTH]).await.unwrap();
    });
    rig.until(|stats| stats.from.held >= 250_000).await;
    let mut body = 0;
    let mut block = vec![0; 256 * 1024];
    while body < LENGTH {
        let held = rig.link.status().stats.from.held;
        assert!(held <= bound, "{held} bytes held");
        body += client.read(&mut block).await.unwrap();
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_new_target_serves_new_connections() {
    let rig = rig(LinkModel::default()).await;
    let (mut client, mut server) = rig.warm().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    rig.change(Change::target(elsewhere.local_addr().unwrap().to_string()))
        .await;
    let mut second = TcpStream::connect(rig.link.listen()).await.unwrap();
    let (mut other, _) = elsewhere.accept().await.unwrap();
    exchange(&mut second, &mut other).await;
    exchange(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_stop_lets_connections_end_and_then_resets() {
    let rig = rig(LinkModel::default()).await;
    let (mut client, mut server) = rig.warm().await;
    let listen = rig.link.listen();
    let stopping = tokio::spawn(rig.link.stop(Duration::from_secs(3_600)));
    // Refused from the time at which the stop was taken up.
    while TcpStream::connect(listen).await.is_ok() {
        rig.timer.sleep(Duration::from_millis(1)).await;
    }
    exchange(&mut client, &mut server).await;
    // Quiet, if not closed: reset after a while.
    assert_eq!(
        client.read_u8().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(
        server.read_u8().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    stopping.await.unwrap();
}

#[tokio::test]
async fn links_that_make_no_sense_are_refused() {
    let timer = Timer::start().unwrap();
    let link = NewLink {
        name: "a".into(),
        target: "127.0.0.1:9".into(),
        listen: None,
        model: LinkModel::default(),
        seed: 0,
    };
    let check = async |link: NewLink, text: &str| {
        let error = Link::start(link, timer.clone())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(text), "{error}");
    };
    for target in ["", "host", "host:", ":80", "host:99999", "host:0"] {
        let text = format!("`{target}` is not of the form host:port");
        check(
            NewLink {
                target: target.into(),
                ..link.clone()
            },
            &text,
        )
        .await;
    }
    let model = LinkModel {
        rate_bps: Some(1),
        ..LinkModel::default()
    };
    check(
        NewLink {
            model,
            ..link.clone()
        },
        "no link has a rate of 1 b/s",
    )
    .await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = Some(taken.local_addr().unwrap());
    check(NewLink { listen, ..link }, "cannot listen on 127.0.0.1:").await;
}
