//! One link between sockets: it listens, connects to its target, and carries bytes both ways as the model says.
//!
//! A split TCP connection: the relay ends one connection and begins another, so that delay, rate and loss between the
//! two are its own to make. Each direction delays what it carries by the model ([`crate::model`]); the end of a
//! stream (FIN) and a reset (RST) travel like bytes. Cuts stop either direction ([`crate::control::Cut`]).
//!
//! What differs from a network:
//! - The connect is answered at once; the first bytes pay for the handshake instead. A refused connect shows
//!   as a reset of the accepted connection.
//! - After a blackhole heals, what was held arrives one crossing later; a real sender would wait for its backed-off
//!   retransmission timer, at worst as long again as the cut lasted. Connects are real: the platform repeats its SYN.
//! - Acknowledgements are not cut: with one direction cut, the other goes on beyond the window.
//! - At most 16 MiB are under way per direction, 4 MiB without a limit of rate.
//!
//! It knows nothing of HTTP.

mod connection;
mod counts;
mod direction;
mod door;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::control::{Change, Cut, LinkStatus, NewLink};
use crate::model::{Line, ModelError};
use crate::time::{Clock, Timer};
use connection::Connection;
use counts::Counts;
use door::Door;

/// Why a link cannot be.
#[derive(Debug, Error)]
pub enum LinkError {
    /// It cannot listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Its model makes no sense.
    #[error("no link has {0}")]
    Model(#[from] ModelError),
    /// Its target is not of the form `host:port`.
    #[error("`{0}` is not of the form host:port")]
    Target(String),
    /// It has been removed.
    #[error("the link is gone")]
    Gone,
}

/// What every connection of a link watches.
#[derive(Clone, Debug)]
struct State {
    line: Line,
    cut: Option<Cut>,
    target: Arc<str>,
    /// The link is being removed: connections end by reset.
    closing: bool,
}

/// A link that runs. Dropping it ends it and resets its connections.
#[derive(Debug)]
pub struct Link {
    name: String,
    listen: SocketAddr,
    state: watch::Receiver<State>,
    counts: Arc<Counts>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Change(Change, oneshot::Sender<()>),
    /// Accept no more, let connections end for so long, then reset them.
    Stop(Duration, oneshot::Sender<()>),
}

impl Link {
    /// Listens and carries, on the runtime that calls. `timer` may be shared by links.
    ///
    /// # Errors
    /// When the model or target make no sense, or the address is taken.
    pub async fn start(link: NewLink, timer: Timer) -> Result<Self, LinkError> {
        link.model.check()?;
        check_target(&link.target)?;
        let address = link
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let refused = |source| LinkError::Listen { address, source };
        let door = Door::bind(address).map_err(refused)?;
        let listen = door.address();
        let state = State {
            line: Line::new(&link.model),
            cut: None,
            target: link.target.into(),
            closing: false,
        };
        let (changed, state) = watch::channel(state);
        let (orders, taken) = mpsc::channel(1);
        let counts = Arc::<Counts>::default();
        let relay = Relay {
            door,
            state: changed,
            counts: Arc::clone(&counts),
            seed: link.seed,
            clock: Clock::start(),
            timer,
            connections: JoinSet::new(),
        };
        let task = tokio::spawn(relay.run(taken));
        Ok(Self {
            name: link.name,
            listen,
            state,
            counts,
            orders,
            task,
        })
    }

    /// Where it listens.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// As it stands.
    pub fn status(&self) -> LinkStatus {
        let state = self.state.borrow();
        LinkStatus {
            name: self.name.clone(),
            listen: self.listen,
            target: state.target.to_string(),
            model: *state.line.model(),
            cut: state.cut,
            stats: self.counts.stats(),
        }
    }

    /// A handle by which it is changed, without holding on to the link meanwhile.
    pub fn changer(&self) -> Changer {
        Changer {
            orders: self.orders.clone(),
        }
    }

    /// Accepts no more, lets connections end for at most `grace`, then resets them. Kept-alive connections on
    /// which nothing moves for a second are not waited for.
    pub async fn stop(self, grace: Duration) {
        let (done, told) = oneshot::channel();
        if self.orders.send(Order::Stop(grace, done)).await.is_ok() {
            let _ = told.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Changes a link.
#[derive(Clone, Debug)]
pub struct Changer {
    orders: mpsc::Sender<Order>,
}

impl Changer {
    /// Changes the link; in force when this returns.
    ///
    /// # Errors
    /// When the new model or target make no sense (nothing is changed then), or the link is gone.
    pub async fn change(&self, change: Change) -> Result<(), LinkError> {
        if let Some(model) = &change.model {
            model.check()?;
        }
        if let Some(target) = &change.target {
            check_target(target)?;
        }
        let (done, told) = oneshot::channel();
        self.orders
            .send(Order::Change(change, done))
            .await
            .map_err(|_| LinkError::Gone)?;
        told.await.map_err(|_| LinkError::Gone)
    }
}

/// `host:port`; whether the host exists is found out by each connection.
fn check_target(target: &str) -> Result<(), LinkError> {
    match target.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(())
        }
        _ => Err(LinkError::Target(target.to_owned())),
    }
}

/// The task of a link.
struct Relay {
    door: Door,
    state: watch::Sender<State>,
    counts: Arc<Counts>,
    seed: u64,
    clock: Clock,
    timer: Timer,
    connections: JoinSet<()>,
}

impl Relay {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Change(change, done)) => {
                        self.change(change).await;
                        let _ = done.send(());
                    }
                    Some(Order::Stop(grace, done)) => {
                        self.stop(grace).await;
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                Some(_) = self.connections.join_next() => {}
                client = self.door.accept() => {
                    let connection = Connection {
                        number: self.counts.accepted(),
                        seed: self.seed,
                        state: self.state.subscribe(),
                        counts: Arc::clone(&self.counts),
                        clock: self.clock,
                        timer: self.timer.clone(),
                    };
                    self.connections.spawn(connection.carry(client));
                }
            }
        }
    }

    async fn change(&mut self, change: Change) {
        self.state.send_modify(|state| {
            if let Some(model) = &change.model {
                state.line = Line::new(model);
            }
            if let Some(cut) = change.cut {
                state.cut = cut;
            }
            if let Some(target) = change.target {
                state.target = target.into();
            }
        });
        let unanswered = self
            .state
            .borrow()
            .cut
            .is_some_and(connection::leaves_unanswered);
        if unanswered {
            self.door.shut().await;
        } else {
            self.door.open();
        }
    }

    async fn stop(mut self, grace: Duration) {
        drop(self.door);
        let quiet = async {
            let mut moved = self.counts.moved();
            loop {
                self.timer.sleep(Duration::from_secs(1)).await;
                if std::mem::replace(&mut moved, self.counts.moved()) == moved
                    && self.counts.held() == 0
                {
                    return;
                }
            }
        };
        let ended = async { while self.connections.join_next().await.is_some() {} };
        tokio::select! {
            () = ended => return,
            () = quiet => {}
            () = self.timer.sleep(grace) => {}
        }
        self.state.send_modify(|state| state.closing = true);
        while self.connections.join_next().await.is_some() {}
    }
}
