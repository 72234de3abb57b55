//! The origin as a server: the synthetic catalogue, or a pass-through, and an admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use crate::catalogue::{Catalogue, CatalogueError};

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the data listener; port 0 for any.
    pub listen: SocketAddr,
    /// Address of the admin listener.
    pub admin: SocketAddr,
    /// What stands behind it.
    pub source: Source,
    /// How many log records are kept for reading.
    pub log_capacity: usize,
}

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
}

/// A running origin; dropping it stops it at once.
#[derive(Debug)]
pub struct Running {
    listen: SocketAddr,
    admin: SocketAddr,
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

    /// Returns when `POST /stop` was called on the admin listener.
    pub async fn stop_requested(&self) {
        todo!()
    }

    /// Takes no more connections, lets requests under way end for up to `grace`, then ends them.
    pub async fn stop(self, _grace: Duration) {
        todo!()
    }
}

/// Starts an origin on the current tokio runtime.
pub async fn start(_config: Config) -> Result<Running, StartError> {
    todo!()
}
