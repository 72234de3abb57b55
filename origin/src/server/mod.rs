//! The origin as a server: the synthetic catalogue, or a pass-through, and an admin listener.
//!
//! Waits, sends and counts; what to answer is worked out in [`crate::respond`]. It installs no
//! signal handlers and prints nothing.

mod admin;
mod connections;
mod pass;
mod sending;
mod synthetic;
mod timer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::catalogue::Catalogue;
use crate::check::CatalogueError;
use crate::faults::Faults;
use crate::log::Log;
pub use admin::{Publish, Published};

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the data listener; port 0 for any.
    pub listen: SocketAddr,
    /// Address of the admin listener.
    pub admin: SocketAddr,
    /// Who may change the origin there. Without a token the listener belongs on loopback.
    pub guard: operator::Guard,
    /// What stands behind it.
    pub source: Source,
    /// How many log records are kept for reading (about 250 bytes each); [`LOG_CAPACITY`] will do.
    pub log_capacity: usize,
}

/// Some seconds of a busy origin.
pub const LOG_CAPACITY: usize = 100_000;

/// What is served.
#[derive(Debug, Clone)]
pub enum Source {
    /// The synthetic origin.
    Synthetic(Catalogue),
    /// A user's own application, counted.
    Pass(Pass),
}

/// A counting pass-through to a user's own application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Its address: `http://host:port`, without a path.
    pub url: String,
    /// The `Host` that it sees; the authority of `url` if `None`.
    pub host: Option<String>,
}

/// Why an origin did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalogue is wrong.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The pass-through's target is wrong.
    #[error("cannot pass requests to {url:?}: {why}")]
    Pass {
        /// As given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The thread that keeps think times could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A running origin; dropping it stops it at once.
#[derive(Debug)]
pub struct Running {
    listen: SocketAddr,
    admin: SocketAddr,
    stop_requested: watch::Receiver<bool>,
    drain: watch::Sender<bool>,
    close: watch::Sender<bool>,
    data_task: JoinSet<()>,
    admin_task: JoinSet<()>,
}

impl Running {
    /// Address of the data listener.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Address of the admin listener.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Returns when `POST /stop` has been called on the admin listener.
    pub async fn stop_requested(&self) {
        // The sender lives in the admin task; without it nobody can ask any more.
        if self
            .stop_requested
            .clone()
            .wait_for(|asked| *asked)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    /// Takes no more connections, lets requests under way end for up to `grace`, then ends them.
    /// The admin listener stays until the data listener is done, so that counts can be read.
    pub async fn stop(mut self, grace: Duration) {
        self.drain.send_replace(true);
        let _ = tokio::time::timeout(grace, self.data_task.join_next()).await;
        self.data_task.shutdown().await;
        self.close.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.admin_task.join_next()).await;
        self.admin_task.shutdown().await;
    }
}

/// Starts an origin on the current tokio runtime.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let clock = Clock::start();
    let behind = match config.source {
        Source::Synthetic(mut catalogue) => {
            catalogue.check()?;
            if catalogue.epoch_ms == 0 {
                catalogue.epoch_ms = clock.wall_ms;
            }
            Behind::Synthetic(RwLock::new(Arc::new(synthetic::Synthetic::new(catalogue))))
        }
        Source::Pass(pass) => Behind::Pass(pass::Upstream::new(&pass)?),
    };
    let data = bind(config.listen)?;
    let admin = bind(config.admin)?;
    let (drain, draining) = watch::channel(false);
    let (close, closing) = watch::channel(false);
    let (stop, stop_requested) = watch::channel(false);
    let shared = Arc::new(Shared {
        behind,
        log: Log::new(config.log_capacity),
        faults: Mutex::default(),
        clock,
        timer: timer::Timer::start().map_err(StartError::Thread)?,
        timings: Arc::default(),
        stop,
        draining: draining.clone(),
    });
    let (listen, admin_address) = (address(&data, config.listen), address(&admin, config.admin));
    let mut data_task = JoinSet::new();
    data_task.spawn(connections::serve(data, Arc::clone(&shared), draining));
    let mut admin_task = JoinSet::new();
    admin_task.spawn(admin::serve(admin, shared, config.guard, closing));
    Ok(Running {
        listen,
        admin: admin_address,
        stop_requested,
        drain,
        close,
        data_task,
        admin_task,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A port whose last connections still linger is free on Unix; elsewhere this would share it.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| StartError::Listen { address, source })
}

/// Bursts of thousands of connections are what experiments are made of; the usual 1,024 would make
/// some wait a second for a second SYN.
const BACKLOG: u32 = 4096;

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// What connections and the admin listener share.
#[derive(Debug)]
struct Shared {
    behind: Behind,
    log: Log,
    faults: Mutex<Faults>,
    clock: Clock,
    timer: timer::Timer,
    timings: Arc<operator::Timings>,
    stop: watch::Sender<bool>,
    draining: watch::Receiver<bool>,
}

impl Shared {
    fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }
}

#[derive(Debug)]
enum Behind {
    /// Requests that have begun end with the catalogue that they began with.
    Synthetic(RwLock<Arc<synthetic::Synthetic>>),
    Pass(pass::Upstream),
}

impl Behind {
    fn synthetic(&self) -> Option<Arc<synthetic::Synthetic>> {
        match self {
            Self::Synthetic(now) => {
                let now = now.read().unwrap_or_else(PoisonError::into_inner);
                Some(Arc::clone(&now))
            }
            Self::Pass(_) => None,
        }
    }
}

/// Wall clock that never steps: read once, then carried on by the monotonic clock, so that versions
/// never go back.
#[derive(Debug)]
struct Clock {
    wall_ms: i64,
    start: Instant,
}

impl Clock {
    fn start() -> Clock {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
            start: Instant::now(),
        }
    }

    fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.saturating_add(passed)
    }
}

#[cfg(test)]
#[path = "server_tests/mod.rs"]
mod tests;
