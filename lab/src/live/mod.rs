//! The live driver: plays a plan against real processes on this machine.
//!
//! It starts the nodes or takes a world that runs already ([`stage`]), joins them by links, sends the planned requests over real
//! connections ([`traffic`]), lets the planned events happen at their times ([`happenings`]), and
//! gives what it saw to the fold. It speaks HTTP as any client does; it knows nothing of the insides
//! of a node, and nothing of the simulator.

pub mod child;
pub mod clock;
pub mod connections;
pub mod control;
mod counters;
pub mod folder;
pub mod front;
pub mod guide;
pub mod happenings;
pub mod judge;
pub mod links;
pub mod nodes;
mod perform;
mod processes;
pub mod stage;
pub mod traffic;
pub mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use network::time::Timer;
use tokio::sync::oneshot;

pub use self::front::{Door, Front};
pub use self::stage::{LiveOptions, Stage};
pub use self::world::{Attach, Purpose};

use self::child::ChildError;
use self::control::ControlError;
use self::happenings::Happenings;
use self::judge::Truth;
use self::nodes::FileError;
use self::traffic::{PlayError, Shared};
use self::world::WorldError;
use crate::metrics::{Fold, Measured};
use crate::plan::Plan;
use crate::progress::Progress;

/// Why a live run could not be started or carried to its end.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A node did not start.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A node's admin listener did not do what it was asked.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A file for a node could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No folder for the nodes' files could be made.
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[source] std::io::Error),
    /// A node said that it was ready, but not where it listens.
    #[error("{0} did not say where it listens; is the binary of another version?")]
    NoListener(String),
    /// The user's own origin is beyond loopback.
    #[error("the origin {0} is beyond this machine; --allow-remote permits load on it")]
    Remote(String),
    /// The world is not the one that the plan is about.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The plan asks for what only the simulator has.
    #[error("{0}: use `simulate`")]
    OnlySimulated(String),
    /// The clients gave up.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A thread of clients has panicked: a bug of ours.
    #[error("a thread of clients has panicked; this is a bug in cdnlab")]
    Panicked,
}

/// Plays a plan live and gives what was measured.
///
/// Dropping the future ends the run: all processes are killed. So Ctrl-C is a matter of racing it
/// against the signal. It needs a tokio runtime with I/O and time.
///
/// # Errors
/// When the stage cannot be set up or the plan's trace cannot be read. Whatever happens to nodes and
/// links after the start is part of the measurement.
pub async fn run(
    plan: &Plan,
    options: &LiveOptions,
    progress: &mut dyn Progress,
) -> Result<Measured, LiveError> {
    let stage = Arc::new(Stage::start(plan, options, progress).await?);
    let clock = stage.clock();
    let shared = Arc::new(Shared {
        plan: Arc::new(plan.clone()),
        clock,
        links: stage.links().clone(),
        truth: Truth::new(plan, clock.epoch_ms()),
        fold: Mutex::new(Fold::new(plan)),
        timer: Timer::start().map_err(LiveError::Thread)?,
        stop: AtomicBool::new(false),
        done: AtomicU64::new(0),
        under_way: Mutex::new(BTreeSet::new()),
    });
    let happenings = Happenings::new(Arc::clone(&shared), Arc::clone(&stage));
    progress.stage("sending");
    let senders = Senders::start(&shared)?;
    let played = async {
        // A trace that is played one after the other ends when it ends; otherwise the plan's events
        // all take place.
        if plan.sequential {
            tokio::select! {
                ended = senders.ended() => ended,
                () = never_done(happenings.events()) => Ok(()),
            }
        } else {
            futures_util::future::join(senders.ended(), happenings.events())
                .await
                .0
        }
    };
    tokio::select! {
        result = played => result?,
        () = never_done(happenings.watch(progress)) => {}
    }
    let end = clock.now();
    progress.stage("reading the last counters");
    happenings.finish().await;
    happenings.tell(progress, end);
    drop(happenings);
    progress.stage("taking the processes down");
    // Nobody else holds the stage now; were it otherwise, dropping it would take them down too.
    if let Ok(stage) = Arc::try_unwrap(stage) {
        stage.stop().await;
    }
    let fold = std::mem::replace(&mut *shared.fold(), Fold::new(plan));
    Ok(fold.finish(end))
}

async fn never_done(work: impl Future<Output = ()>) {
    work.await;
    std::future::pending().await
}

/// The threads of clients. Dropping it tells them to stop.
struct Senders {
    shared: Arc<Shared>,
    ended: Vec<oneshot::Receiver<Result<(), PlayError>>>,
}

impl Senders {
    fn start(shared: &Arc<Shared>) -> Result<Self, LiveError> {
        let threads = traffic::threads(&shared.plan);
        let mut senders = Self {
            shared: Arc::clone(shared),
            ended: Vec::new(),
        };
        for index in 0..threads {
            let (tell, ended) = oneshot::channel();
            let shared = Arc::clone(shared);
            std::thread::Builder::new()
                .name(format!("clients-{index}"))
                .spawn(move || {
                    let _ = tell.send(traffic::play(&shared, index, threads));
                })
                .map_err(LiveError::Thread)?;
            senders.ended.push(ended);
        }
        Ok(senders)
    }

    /// Resolves when all requests are done.
    async fn ended(mut self) -> Result<(), LiveError> {
        for ended in std::mem::take(&mut self.ended) {
            ended.await.map_err(|_| LiveError::Panicked)??;
        }
        Ok(())
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}
