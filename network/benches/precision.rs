//! How precise the timer and a crossing of a link are: `cargo bench -p network --bench precision`.
//!
//! Prints medians and tails; a busy machine shows in the tails first. The link runs on a runtime of its own, as in the
//! process that it usually is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use network::control::NewLink;
use network::model::LinkModel;
use network::node::{self, Config, Running};
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
    let rtt = Duration::from_millis(20);
    let listen = lab.block_on(start_link(&links, rtt))?;
    let busy = summary(lab.block_on(many_round_trips(listen.1))?);
    let beyond = busy.p50.saturating_sub(rtt);
    println!(
        "  {BUSY} at once   {}   beyond the model {:?} per crossing, {rtt:?}",
        busy.show(),
        beyond / 2
    );
    lab.block_on(async { links.spawn(listen.0.stop(Duration::ZERO)).await })?;
    let (node, listen, sink) = lab.block_on(start_bulk(&links))?;
    let took = lab.block_on(bulk(listen, sink))?;
    println!(
        "\n{} MiB through a link without delay: {:.0} MiB/s",
        BULK >> 20,
        (BULK >> 20) as f64 / took.as_secs_f64()
    );
    lab.block_on(async { links.spawn(node.stop(Duration::ZERO)).await })?;
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

type Failure = Box<dyn std::error::Error>;

async fn link_to(
    links: &Runtime,
    target: SocketAddr,
    rtt: Duration,
) -> Result<(Running, SocketAddr), Failure> {
    let link = NewLink {
        name: "a".into(),
        target: target.to_string(),
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
    Ok((node, listen))
}

async fn start_link(links: &Runtime, rtt: Duration) -> Result<(Running, SocketAddr), Failure> {
    link_to(links, echo().await?, rtt).await
}

async fn through_a_link(links: &Runtime, rtt: Duration) -> Result<Vec<Duration>, Failure> {
    let (node, listen) = start_link(links, rtt).await?;
    let trips = round_trips(TcpStream::connect(listen).await?).await?;
    links.spawn(node.stop(Duration::ZERO)).await?;
    Ok(trips)
}

/// Connections that are busy at the same time.
const BUSY: usize = 64;

async fn many_round_trips(listen: SocketAddr) -> Result<Vec<Duration>, Failure> {
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..BUSY {
        all.spawn(async move { round_trips(TcpStream::connect(listen).await?).await });
    }
    let mut trips = Vec::new();
    while let Some(ended) = all.join_next().await {
        trips.extend(ended??);
    }
    Ok(trips)
}

const BULK: usize = 1 << 30;

async fn start_bulk(links: &Runtime) -> Result<(Running, SocketAddr, TcpListener), Failure> {
    let sink = TcpListener::bind("127.0.0.1:0").await?;
    let (node, listen) = link_to(links, sink.local_addr()?, Duration::ZERO).await?;
    Ok((node, listen, sink))
}

async fn bulk(listen: SocketAddr, sink: TcpListener) -> Result<Duration, Failure> {
    let mut from = TcpStream::connect(listen).await?;
    let (mut to, _) = sink.accept().await?;
    let begun = Instant::now();
    let send = async {
        let block = vec![0; 256 * 1024];
        for _ in 0..BULK / block.len() {
            from.write_all(&block).await?;
        }
        from.shutdown().await
    };
    let take = async {
        let mut block = vec![0; 256 * 1024];
        while to.read(&mut block).await? > 0 {}
        Ok(())
    };
    tokio::try_join!(send, take)?;
    Ok(begun.elapsed())
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
