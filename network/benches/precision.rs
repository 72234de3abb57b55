//! How precise the timer and a crossing of a link are: `cargo bench -p network --bench precision`.
//!
//! Prints medians and tails; a busy machine shows in the tails first. The link runs on a runtime of its own, as in the
//! process that it usually is.

use std::time::{Duration, Instant};

use network::control::NewLink;
use network::model::LinkModel;
use network::node::{self, Config};
use network::time::{Timer, nanos};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 250;
const MESSAGE: usize = 1_024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lab = Builder::new_current_thread().enable_all().build()?;
    let links = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    lab.block_on(timer())?;
    println!("\nround trip of {MESSAGE} B over a warm connection, {ROUNDS} each");
    let direct = summary(lab.block_on(async {
        let target = echo().await?;
        round_trips(TcpStream::connect(target).await?).await
    })?);
    println!("  no link       {}", direct.show());
    for rtt in [0, 2, 10, 40, 80].map(Duration::from_millis) {
        let trip = summary(lab.block_on(through_a_link(&links, rtt))?);
        let beyond = trip.p50.saturating_sub(rtt);
        println!(
            "  link of {rtt:>4?}  {}   beyond the model {:?} per crossing",
            trip.show(),
            beyond / 2
        );
    }
    Ok(())
}

async fn timer() -> std::io::Result<()> {
    let timer = Timer::start()?;
    let mut late = Vec::new();
    for round in 0..2 * ROUNDS {
        let deadline = Instant::now() + Duration::from_micros(500 + 37 * (round as u64 % 100));
        timer.sleep_until(deadline).await;
        late.push(deadline.elapsed());
    }
    println!("overshoot of a sleep, {}", late.len());
    println!("  this timer    {}", summary(late).show());
    let mut late = Vec::new();
    for round in 0..ROUNDS {
        let deadline = Instant::now() + Duration::from_micros(500 + 37 * (round as u64 % 100));
        tokio::time::sleep_until(deadline.into()).await;
        late.push(deadline.elapsed());
    }
    println!("  tokio's       {}", summary(late).show());
    Ok(())
}

async fn echo() -> std::io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut message = [0; MESSAGE];
            let _ = stream.set_nodelay(true);
            while stream.read_exact(&mut message).await.is_ok()
                && stream.write_all(&message).await.is_ok()
            {}
        }
    });
    Ok(address)
}

async fn through_a_link(
    links: &Runtime,
    rtt: Duration,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let link = NewLink {
        name: "a".into(),
        target: echo().await?.to_string(),
        listen: None,
        model: LinkModel::of_rtt(nanos(rtt)),
        seed: 1,
    };
    let config = Config {
        links: vec![link],
        ..Config::default()
    };
    let node = links.spawn(node::start(config)).await??;
    let listen = node.links().await.first().ok_or("no link")?.listen;
    let trips = round_trips(TcpStream::connect(listen).await?).await?;
    links.spawn(node.stop(Duration::ZERO)).await?;
    Ok(trips)
}

async fn round_trips(mut stream: TcpStream) -> std::io::Result<Vec<Duration>> {
    let mut trips = Vec::new();
    let mut message = [0; MESSAGE];
    stream.set_nodelay(true)?;
    // The first pays for the handshake.
    for round in 0..=ROUNDS {
        let sent = Instant::now();
        stream.write_all(&message).await?;
        stream.read_exact(&mut message).await?;
        if round > 0 {
            trips.push(sent.elapsed());
        }
    }
    Ok(trips)
}

struct Summary {
    p50: Duration,
    p90: Duration,
    p99: Duration,
}

impl Summary {
    fn show(&self) -> String {
        format!(
            "p50 {:>10.3?}  p90 {:>10.3?}  p99 {:>10.3?}",
            self.p50, self.p90, self.p99
        )
    }
}

fn summary(mut times: Vec<Duration>) -> Summary {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    Summary {
        p50: at(50),
        p90: at(90),
        p99: at(99),
    }
}
