//! The sockets: listening, answering, and ending in good order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio::task::{JoinHandle, JoinSet};

use crate::board::Board;
use crate::choice::{Decision, Steering};
use crate::client::Trust;
use crate::config::{Config, ConfigError, HealthConfig};
use crate::metrics::Metrics;
use crate::{admin, answer, watch};

/// Why a router did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be followed.
    #[error("router configuration: {0}")]
    Config(#[from] ConfigError),
    /// The database of places cannot be used.
    #[error(transparent)]
    Geo(#[from] geo_data::OpenError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The client for the health checks cannot be made.
    #[error("cannot make the client for health checks")]
    Client(#[source] reqwest::Error),
}

/// What requests, checks and the admin listener share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) at: Option<String>,
    pub(crate) steering: Steering,
    pub(crate) health: HealthConfig,
    pub(crate) settings: Config,
    pub(crate) trust: Trust,
    pub(crate) metrics: Metrics,
    database: geo_data::Database,
    board: Mutex<Board>,
    /// Checks done so far.
    checks: signal::Sender<u64>,
    pub(crate) stop: signal::Sender<bool>,
}

impl Shared {
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing that holds the lock can leave the board half changed.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the result of a health check.
    pub(crate) fn checked(&self, index: usize, result: Result<(), String>) {
        let node = &self.steering.nodes()[index];
        let pop = &self.steering.pop_names()[node.pop];
        self.metrics.checked(pop, &node.name, result.is_ok());
        let change = self
            .board()
            .observe(index, pop, &node.name, result, now_ms());
        if let Some(change) = change {
            let up = change.to != crate::health::State::Down;
            self.metrics.changed(pop, &node.name);
            self.metrics.node_up(pop, &node.name, up);
            tracing::info!(%pop, node = node.name, from = ?change.from, to = ?change.to, why = change.why, "health");
        }
        self.checks.send_modify(|checks| *checks += 1);
    }

    /// Chooses an edge for `client`; `key` spreads requests over the nodes of a PoP.
    pub(crate) fn decide(&self, client: IpAddr, key: &[u8]) -> Decision {
        let located = self.database.locate(client);
        let up = self.board().up();
        let decision = self.steering.decide(client, located.as_ref(), &up, key);
        self.metrics
            .chosen(&decision.choice.pop, &decision.choice.node);
        decision
    }
}

/// A router that runs. Dropped, it ends without waiting for anybody.
pub struct Running {
    listen: SocketAddr,
    admin: SocketAddr,
    shared: Arc<Shared>,
    drain: signal::Sender<bool>,
    data: JoinHandle<()>,
    admin_task: JoinHandle<()>,
    watchers: JoinSet<()>,
}

/// Starts a router; it answers as soon as this returns.
///
/// # Errors
/// A configuration that cannot be followed, a database that cannot be used, an address that cannot be listened on.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let steering = Steering::new(&config)?;
    let database = match &config.geo {
        Some(path) => geo_data::Database::open(path)?,
        None => geo_data::Database::embedded(),
    };
    let client = reqwest::Client::builder()
        .user_agent(concat!("cdnlab-router/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(1)
        .build()
        .map_err(StartError::Client)?;
    let data_listener = bind(config.listen).await?;
    let admin_listener = bind(config.admin).await?;
    let listen = local(&data_listener, config.listen)?;
    let admin = local(&admin_listener, config.admin)?;

    let nodes = steering.nodes().len();
    let settings = config.clone();
    let shared = Arc::new(Shared {
        name: config.name,
        at: config.at,
        board: Mutex::new(Board::new(nodes, config.health.rules(), now_ms())),
        steering,
        health: config.health,
        settings,
        trust: Trust::new(config.trust, config.client_field),
        metrics: Metrics::new(),
        database,
        checks: signal::Sender::new(0),
        stop: signal::Sender::new(false),
    });
    let mut watchers = JoinSet::new();
    for index in 0..nodes {
        watchers.spawn(watch::watch(Arc::clone(&shared), index, client.clone()));
    }
    let drain = signal::Sender::new(false);
    let data = tokio::spawn(serve(
        data_listener,
        answer::routes(Arc::clone(&shared)),
        drain.subscribe(),
    ));
    let admin_task = tokio::spawn(serve(
        admin_listener,
        admin::routes(Arc::clone(&shared), &shared.settings.guard),
        drain.subscribe(),
    ));
    Ok(Running {
        listen,
        admin,
        shared,
        drain,
        data,
        admin_task,
        watchers,
    })
}

impl Running {
    /// Where clients ask.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where the administrator asks.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Completes when somebody has asked for the end with `POST /stop`.
    pub async fn stop_requested(&self) {
        told(self.shared.stop.subscribe()).await;
    }

    /// Completes when at least `checks` health checks have been done since the start.
    pub async fn checks_done(&self, checks: u64) {
        // The sender lives in `shared`, so that the wait cannot fail.
        let _ = self
            .shared
            .checks
            .subscribe()
            .wait_for(|done| *done >= checks)
            .await;
    }

    /// Takes no new connections, lets requests in flight end for up to `grace`, then drops them.
    pub async fn stop(mut self, grace: Duration) {
        self.watchers.abort_all();
        self.drain.send_replace(true);
        let ended = async {
            let _ = (&mut self.data).await;
            let _ = (&mut self.admin_task).await;
        };
        let _ = tokio::time::timeout(grace, ended).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.data.abort();
        self.admin_task.abort();
    }
}

async fn serve(listener: TcpListener, routes: axum::Router, drain: signal::Receiver<bool>) {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    // Serving itself does not fail: a connection that cannot be accepted is tried again.
    let _ = axum::serve(listener, service)
        .with_graceful_shutdown(told(drain))
        .await;
}

async fn told(mut signal: signal::Receiver<bool>) {
    if signal.wait_for(|told| *told).await.is_err() {
        // Nobody is left who could tell.
        std::future::pending::<()>().await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Bind { address, source })
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener
        .local_addr()
        .map_err(|source| StartError::Bind { address, source })
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
