//! The link node: many links in one process, added and changed over its admin listener.
//!
//! It installs no signal handlers, prints nothing and reads no arguments.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::admin;
use crate::control::{Added, Change, LinkStatus, NewLink};
use crate::relay::{Link, LinkError};
use crate::time::Timer;

#[cfg(test)]
mod tests;

/// What a link node is told at its start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node's name.
    #[serde(default = "name")]
    pub name: String,
    /// Where the admin listener listens; by default a free port of 127.0.0.1.
    #[serde(default = "loopback")]
    pub admin: SocketAddr,
    /// Who may change links there; comes from the command line, not from the file.
    #[serde(skip)]
    pub guard: operator::Guard,
    /// The links that it has from the start; more come by `POST /links`.
    #[serde(default)]
    pub links: Vec<NewLink>,
}

fn name() -> String {
    "link".to_owned()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: name(),
            admin: loopback(),
            guard: operator::Guard::default(),
            links: Vec::new(),
        }
    }
}

/// Why a link node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The admin listener's address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Admin {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The timer's thread was refused.
    #[error("cannot start the timer's thread: {0}")]
    Timer(#[source] io::Error),
    /// One of the links of the configuration.
    #[error("link `{name}`: {source}")]
    Link {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ChangeError,
    },
}

/// Why a link was not added or changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The name is taken.
    #[error("there is a link of the name `{0}` already")]
    Taken(String),
    /// No such link.
    #[error("there is no link of the name `{0}`")]
    Unknown(String),
    /// A link needs a name.
    #[error("a link needs a name")]
    Nameless,
    /// The link itself.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// The links of a node, by name.
#[derive(Debug)]
pub(crate) struct Links {
    timer: Timer,
    /// `None` once the node stops. Held across the start of a link, so that a name cannot be taken twice.
    by_name: Mutex<Option<BTreeMap<String, Link>>>,
}

impl Links {
    pub(crate) async fn add(&self, link: NewLink) -> Result<Added, ChangeError> {
        if link.name.is_empty() {
            return Err(ChangeError::Nameless);
        }
        let mut by_name = self.by_name.lock().await;
        let by_name = by_name.as_mut().ok_or(LinkError::Gone)?;
        if by_name.contains_key(&link.name) {
            return Err(ChangeError::Taken(link.name));
        }
        let name = link.name.clone();
        let link = Link::start(link, self.timer.clone()).await?;
        let added = Added {
            name: name.clone(),
            listen: link.listen(),
        };
        by_name.insert(name, link);
        Ok(added)
    }

    pub(crate) async fn change(
        &self,
        name: &str,
        change: Change,
    ) -> Result<LinkStatus, ChangeError> {
        // Not under the lock, so that many links can be cut at the same time.
        let changer = {
            let by_name = self.by_name.lock().await;
            by_name
                .as_ref()
                .and_then(|links| links.get(name))
                .map(Link::changer)
        };
        changer
            .ok_or_else(|| ChangeError::Unknown(name.to_owned()))?
            .change(change)
            .await?;
        self.status(name).await
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), ChangeError> {
        let link = self
            .by_name
            .lock()
            .await
            .as_mut()
            .and_then(|links| links.remove(name));
        let link = link.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        link.stop(Duration::ZERO).await;
        Ok(())
    }

    pub(crate) async fn status(&self, name: &str) -> Result<LinkStatus, ChangeError> {
        let by_name = self.by_name.lock().await;
        let link = by_name.as_ref().and_then(|links| links.get(name));
        link.map(Link::status)
            .ok_or_else(|| ChangeError::Unknown(name.to_owned()))
    }

    pub(crate) async fn statuses(&self) -> Vec<LinkStatus> {
        let by_name = self.by_name.lock().await;
        by_name
            .iter()
            .flat_map(BTreeMap::values)
            .map(Link::status)
            .collect()
    }

    async fn stop(&self, grace: Duration) {
        let links = self.by_name.lock().await.take();
        let mut ending = JoinSet::new();
        for link in links.into_iter().flat_map(BTreeMap::into_values) {
            ending.spawn(link.stop(grace));
        }
        while ending.join_next().await.is_some() {}
    }
}

/// A link node that runs. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    admin: SocketAddr,
    links: Arc<Links>,
    asked: watch::Receiver<bool>,
    quit: oneshot::Sender<()>,
    serving: Serving,
}

#[derive(Debug)]
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a link node on the runtime that calls: its links and its admin listener listen when this returns.
///
/// # Errors
/// When an address is taken or a link makes no sense; nothing is left running then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let refused = |source| StartError::Admin {
        address: config.admin,
        source,
    };
    let listener = TcpListener::bind(config.admin).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let timer = Timer::start().map_err(StartError::Timer)?;
    let links = Arc::new(Links {
        timer,
        by_name: Mutex::new(Some(BTreeMap::new())),
    });
    for link in config.links {
        let name = link.name.clone();
        links
            .add(link)
            .await
            .map_err(|source| StartError::Link { name, source })?;
    }
    let (ask, asked) = watch::channel(false);
    let (quit, told) = oneshot::channel::<()>();
    let routes = config
        .guard
        .protect(admin::routes(config.name, Arc::clone(&links), ask));
    let serving = tokio::spawn(async move {
        let until = async { drop(told.await) };
        if let Err(error) = axum::serve(listener, routes)
            .with_graceful_shutdown(until)
            .await
        {
            tracing::error!(%error, "the admin listener failed");
        }
    });
    Ok(Running {
        admin: address,
        links,
        asked,
        quit,
        serving: Serving(serving),
    })
}

impl Running {
    /// Where the admin listener listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its links as they stand, by name.
    pub async fn links(&self) -> Vec<LinkStatus> {
        self.links.statuses().await
    }

    /// Returns when somebody asked for a stop on the admin listener (`POST /stop`). Whoever owns the process then
    /// calls [`Running::stop`].
    pub async fn stop_requested(&self) {
        let mut asked = self.asked.clone();
        // An error means that the admin listener is gone, which asks for nothing.
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Accepts no more connections, lets those that carry something end for at most `grace`, and resets the rest.
    pub async fn stop(self, grace: Duration) {
        self.links.stop(grace).await;
        let _ = self.quit.send(());
        // Kept-alive admin connections are not waited for: `serving` is aborted when it goes.
        drop(self.serving);
    }
}
