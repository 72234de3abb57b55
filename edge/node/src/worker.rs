//! One data thread: a runtime of its own that takes connections and serves them.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use crate::access;
use crate::interim::Outlet;
use crate::listen::BALANCED;
use crate::node::Node;
use crate::running::Phase;
use crate::socket::Socket;
use crate::tasks::Task;
use crate::upstream::Upstream;

/// Bounds hyper's buffers per client connection, and with them a request head.
const BUFFER: usize = 128 << 10;
/// Pause after the system refused a new connection, for lack of descriptors as a rule.
const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// What one data thread serves with.
pub(crate) struct Worker {
    pub(crate) node: Arc<Node>,
    pub(crate) upstream: Upstream,
}

/// One client's connection.
pub(crate) struct Client {
    pub(crate) worker: Arc<Worker>,
    pub(crate) peer: IpAddr,
    /// What it may be sent before a final response.
    pub(crate) outlet: Arc<Outlet>,
}

/// Where a data thread's connections come from.
enum Intake {
    /// A listening socket of its own.
    Own(TcpListener),
    /// Handed out by the thread that has the only one.
    Handed(mpsc::UnboundedReceiver<StdStream>),
}

/// Starts the data threads. They end when `phase` says so.
pub(crate) fn start(
    node: &Arc<Node>,
    listeners: Vec<StdListener>,
    threads: usize,
    phase: &watch::Receiver<Phase>,
) -> io::Result<Vec<JoinHandle<()>>> {
    if BALANCED || threads <= 1 {
        let each = listeners.into_iter().enumerate();
        return each
            .map(|(number, listener)| thread(node, number, Source::Own(listener), phase))
            .collect();
    }
    let mut started = Vec::with_capacity(threads + 1);
    let mut hands = Vec::with_capacity(threads);
    for number in 0..threads {
        let (hand, handed) = mpsc::unbounded_channel();
        hands.push(hand);
        started.push(thread(node, number, Source::Handed(handed), phase)?);
    }
    for listener in listeners {
        let hands = hands.clone();
        let phase = phase.clone();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let acceptor = std::thread::Builder::new().name("edge-accept".to_owned());
        started.push(acceptor.spawn(move || runtime.block_on(hand_out(listener, hands, phase)))?);
    }
    Ok(started)
}

/// What becomes an [`Intake`] inside the thread's runtime.
enum Source {
    Own(StdListener),
    Handed(mpsc::UnboundedReceiver<StdStream>),
}

fn thread(
    node: &Arc<Node>,
    number: usize,
    source: Source,
    phase: &watch::Receiver<Phase>,
) -> io::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let intake = {
        let _inside = runtime.enter();
        match source {
            Source::Own(listener) => Intake::Own(TcpListener::from_std(listener)?),
            Source::Handed(handed) => Intake::Handed(handed),
        }
    };
    let upstream = node.upstream();
    let worker = Arc::new(Worker {
        node: Arc::clone(node),
        upstream,
    });
    let phase = phase.clone();
    let named = std::thread::Builder::new().name(format!("edge-data-{number}"));
    named.spawn(move || runtime.block_on(run(worker, intake, phase)))
}

/// Accepts for all data threads in turn, where the kernel does not balance.
async fn hand_out(
    listener: StdListener,
    hands: Vec<mpsc::UnboundedSender<StdStream>>,
    mut phase: watch::Receiver<Phase>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut turn = hands.iter().cycle();
    loop {
        tokio::select! {
            () = Phase::Draining.reached(&mut phase) => return,
            accepted = listener.accept() => match accepted.and_then(|(stream, _)| stream.into_std()) {
                Ok(stream) => {
                    // A thread that is gone takes nothing; the connection is closed.
                    let _ = turn.next().map(|hand| hand.send(stream));
                }
                Err(_) => tokio::time::sleep(REFUSED_PAUSE).await,
            },
        }
    }
}

impl Intake {
    async fn next(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::Own(listener) => listener.accept().await,
            Self::Handed(handed) => match handed.recv().await {
                Some(stream) => {
                    let peer = stream.peer_addr()?;
                    Ok((TcpStream::from_std(stream)?, peer))
                }
                None => std::future::pending().await,
            },
        }
    }
}

async fn run(worker: Arc<Worker>, mut intake: Intake, phase: watch::Receiver<Phase>) {
    let mut changes = phase.clone();
    loop {
        tokio::select! {
            () = Phase::Draining.reached(&mut changes) => break,
            accepted = intake.next() => match accepted {
                Ok((stream, peer)) => {
                    let task = worker.node.tasks.begin();
                    let serving = connection(Arc::clone(&worker), stream, peer.ip(), phase.clone(), task);
                    drop(tokio::spawn(serving));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            },
        }
    }
    drop(intake);
    Phase::Ended.reached(&mut changes).await;
}

async fn connection(
    worker: Arc<Worker>,
    stream: TcpStream,
    peer: IpAddr,
    mut phase: watch::Receiver<Phase>,
    task: Task,
) {
    let counters = Arc::clone(&worker.node.counters);
    counters.connections.inc();
    counters.open_connections.inc();
    // Without it a reply in two writes would wait for the client's acknowledgement. A socket that
    // refuses it still works.
    let _ = stream.set_nodelay(true);
    let idle = worker.node.config.idle_timeout;
    let outlet = Arc::<Outlet>::default();
    let socket = Socket::new(stream, idle, Arc::clone(&outlet));
    let client = Arc::new(Client {
        worker,
        peer,
        outlet,
    });
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        async move { Ok::<_, Infallible>(access::request(&client, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .auto_date_header(false)
        // Who has said all that there is to say still waits for an answer (RFC 9112 section 9.6).
        .half_close(true)
        .max_buf_size(BUFFER);
    let mut serving = pin!(builder.serve_connection(socket, service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = Phase::Draining.reached(&mut phase) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a client connection ended early");
    }
    counters.open_connections.dec();
    drop(task);
}
