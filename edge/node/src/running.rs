//! Starting a node, and the node while it runs.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::admin::{self, Admin};
use crate::config::{Config, ConfigError};
use crate::listen;
use crate::node::Node;
use crate::store::Store;
use crate::worker;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The disk tier cannot be opened.
    #[error("cannot use {} as the disk tier: {source}", folder.display())]
    Disk {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A data thread or its runtime could not be made.
    #[error("cannot start a data thread: {0}")]
    Thread(#[source] io::Error),
}

/// How far a node's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Takes new connections.
    Serving,
    /// Ends what is under way.
    Draining,
    /// Drops what is left.
    Ended,
}

impl Phase {
    /// Returns when a node's life has come at least so far.
    pub(crate) async fn reached(self, phase: &mut watch::Receiver<Self>) {
        // An error means that the node is gone altogether.
        drop(phase.wait_for(|now| *now >= self).await);
    }
}

/// A node that runs. Dropping it ends the node at once.
pub struct Running {
    listen: SocketAddr,
    admin: SocketAddr,
    phase: Arc<watch::Sender<Phase>>,
    stop_requested: watch::Receiver<bool>,
    node: Arc<Node>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts a node: it listens when this returns.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let upstream = config.check()?;
    let threads = config.thread_count();
    let at = |address| move |source| StartError::Listen { address, source };
    let listeners = listen::bind(config.listen, threads).map_err(at(config.listen))?;
    let listen = listeners[0].local_addr().map_err(at(config.listen))?;
    let operator = listen::bind(config.admin, 1)
        .map_err(at(config.admin))?
        .remove(0);
    let admin = operator.local_addr().map_err(at(config.admin))?;
    let (phase, phases) = watch::channel(Phase::Serving);
    let (stop, stop_requested) = watch::channel(false);
    let store = Store::open(&config).await.map_err(|source| {
        let folder = config.disk.as_ref().map(|disk| disk.folder.clone());
        StartError::Disk {
            folder: folder.unwrap_or_default(),
            source,
        }
    })?;
    let node = Arc::new(Node::new(config, upstream, store, phases.clone()));
    // From here on dropping `running` ends whatever has been started.
    let mut running = Running {
        listen,
        admin,
        phase: Arc::new(phase),
        stop_requested,
        node: Arc::clone(&node),
        threads: Vec::new(),
    };
    running.threads =
        worker::start(&node, listeners, threads, &phases).map_err(StartError::Thread)?;
    let admin = Admin {
        node,
        stop: Arc::new(stop),
    };
    running
        .threads
        .push(operate(operator, admin, phases).map_err(StartError::Thread)?);
    Ok(running)
}

/// The admin listener has a thread of its own: it answers also while the data threads are busy.
fn operate(
    listener: TcpListener,
    admin: Admin,
    mut phase: watch::Receiver<Phase>,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serve = async move {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        let serving = axum::serve(listener, admin::router(admin));
        tokio::select! {
            _ = serving.into_future() => {}
            () = Phase::Ended.reached(&mut phase) => {}
        }
    };
    let named = std::thread::Builder::new().name("edge-admin".to_owned());
    named.spawn(move || runtime.block_on(serve))
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Running");
        shown.field("listen", &self.listen);
        shown.field("admin", &self.admin).finish_non_exhaustive()
    }
}

impl Running {
    /// Where clients connect.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where the operator connects.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Returns when somebody asked for a stop on the admin listener (`POST /stop`). Whoever owns
    /// the process then calls [`Running::stop`].
    pub async fn stop_requested(&self) {
        let mut asked = self.stop_requested.clone();
        // An error means that the admin listener is gone, which asks for nothing.
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes no new connections, ends what is under way for up to `grace`, and drops the rest.
    pub async fn stop(mut self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        let _ = tokio::time::timeout(grace, self.node.tasks.none_left()).await;
        self.phase.send_replace(Phase::Ended);
        let threads = std::mem::take(&mut self.threads);
        // Joining blocks for as long as the runtimes take to drop what they hold.
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| drop(thread.join()));
        });
        let _ = joined.await;
        self.node.store.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Ended);
    }
}
