//! Cuts, and what they do to connections and connects.

use super::*;
use crate::control::{Direction, How, Stats};

fn cut(direction: Direction, how: How) -> Change {
    Change::cut(Cut { direction, how })
}

#[tokio::test]
async fn a_blackhole_holds_bytes_until_it_heals() {
    let rig = rig(of_rtt()).await;
    let (mut client, mut server) = rig.warm().await;
    rig.change(cut(Direction::Both, How::Blackhole)).await;
    client.write_all(b"up").await.unwrap();
    server.write_all(b"down").await.unwrap();
    server.shutdown().await.unwrap();
    rig.until(|stats| stats.to.held == 2 && stats.from.held == 4)
        .await;
    // Beyond the crossing they would have taken.
    rig.timer.sleep(2 * RTT).await;
    let stats = rig.link.status().stats;
    assert_eq!((stats.to.held, stats.from.held), (2, 4));
    let healed = Instant::now();
    rig.change(Change::heal()).await;
    let (mut up, mut down) = ([0; 2], String::new());
    server.read_exact(&mut up).await.unwrap();
    assert!(healed.elapsed() >= RTT / 2);
    client.read_to_string(&mut down).await.unwrap();
    assert_eq!((&up[..], &*down), (&b"up"[..], "down"));
}

#[tokio::test]
async fn a_one_way_cut_lets_the_other_way_through() {
    let rig = rig(of_rtt()).await;
    for (direction, stopped_up) in [(Direction::To, true), (Direction::From, false)] {
        let (client, server) = rig.warm().await;
        rig.change(cut(direction, How::Blackhole)).await;
        let (mut stopped, mut open) = if stopped_up {
            (client, server)
        } else {
            (server, client)
        };
        let before = rig.link.status().stats;
        stopped.write_all(b"held").await.unwrap();
        let held = |stats: &Stats| {
            if stopped_up {
                stats.to.held
            } else {
                stats.from.held
            }
        };
        rig.until(|stats| held(stats) == 4).await;
        exchange(&mut open, &mut stopped).await;
        exchange(&mut open, &mut stopped).await;
        let after = rig.link.status().stats;
        assert_eq!(held(&after), 4);
        let passed = |s: &Stats| {
            if stopped_up {
                s.to.delivered
            } else {
                s.from.delivered
            }
        };
        assert_eq!(passed(&after), passed(&before));
        rig.change(Change::heal()).await;
        let mut taken = [0; 4];
        open.read_exact(&mut taken).await.unwrap();
        assert_eq!(&taken, b"held");
    }
}

/// Where the platform leaves connects unanswered, none completes during the cut, and the SYN's repetition after it does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_blackhole_leaves_connects_unanswered() {
    let rig = rig(LinkModel::default()).await;
    let directions = [Direction::Both, Direction::To, Direction::From];
    for (direction, accepted) in directions.into_iter().zip([5, 10, 15]) {
        rig.change(cut(direction, How::Blackhole)).await;
        let mut connects: Vec<_> = (0..5)
            .map(|_| tokio::spawn(TcpStream::connect(rig.link.listen())))
            .collect();
        rig.timer.sleep(Duration::from_millis(150)).await;
        assert!(connects.iter().all(|connect| !connect.is_finished()));
        rig.change(Change::heal()).await;
        let client = connects.pop().unwrap().await.unwrap().unwrap();
        for connect in connects {
            connect.await.unwrap().unwrap();
        }
        drop(client);
        // Connects are answered at once again, and our own connections are not taken for clients.
        rig.until(|stats| stats.accepted >= accepted).await;
    }
    assert_eq!(rig.link.status().stats.accepted, 15);
}

/// A connection whose handshake falls into the cut completes after it.
#[tokio::test]
async fn a_handshake_under_way_is_held_too() {
    let rig = rig(LinkModel::of_rtt(400 * MILLI)).await;
    let mut client = TcpStream::connect(rig.link.listen()).await.unwrap();
    client.write_all(b"x").await.unwrap();
    rig.until(|stats| stats.accepted == 1).await;
    rig.change(cut(Direction::To, How::Blackhole)).await;
    rig.change(Change::model(of_rtt())).await;
    rig.timer.sleep(2 * RTT).await;
    let healed = Instant::now();
    rig.change(Change::heal()).await;
    let (mut server, _) = rig.target.accept().await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x');
    assert!(healed.elapsed() >= RTT + RTT / 2);
}

#[tokio::test]
async fn a_cut_by_reset_ends_connections_at_both_ends() {
    let rig = rig(of_rtt()).await;
    let (mut client, mut server) = rig.warm().await;
    rig.change(cut(Direction::Both, How::Reset)).await;
    assert_eq!(
        client.read_u8().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(
        server.read_u8().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    // New ones too, until it heals.
    if let Ok(mut refused) = TcpStream::connect(rig.link.listen()).await {
        assert_eq!(
            refused.read_u8().await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    }
    rig.change(Change::heal()).await;
    rig.warm().await;
}

#[tokio::test]
async fn a_one_way_cut_by_reset_tells_the_far_end_after_healing() {
    let rig = rig(of_rtt()).await;
    for direction in [Direction::To, Direction::From] {
        let (client, server) = rig.warm().await;
        let (mut told, mut later) = if direction == Direction::To {
            (client, server)
        } else {
            (server, client)
        };
        rig.change(cut(direction, How::Reset)).await;
        assert_eq!(
            told.read_u8().await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        let mut byte = [0];
        tokio::select! {
            biased;
            end = later.read(&mut byte) => panic!("it heard of it: {end:?}"),
            () = rig.timer.sleep(RTT) => {}
        }
        rig.change(Change::heal()).await;
        assert_eq!(
            later.read_u8().await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    }
}
