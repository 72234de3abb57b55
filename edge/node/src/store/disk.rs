//! The disk tier: what was stored, kept across restarts and kills, in foyer's block engine.
//!
//! Memory stands in front: a look-up that hits there knows nothing of this module. What is stored
//! goes to memory and, through a bounded queue, to disk; what is read goes to memory. All work on
//! the disk is done by a runtime of its own. A disk that is slow, full or broken costs the node its
//! disk tier, never an answer: what cannot be written is dropped and counted, what cannot be read
//! is a miss.

mod engine;
mod folder;
mod journal;
mod queue;
mod record;
mod tier;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge_core::Timestamp;
use edge_core::purge::{Mode, Purges, Sequence};
use tokio::runtime::{self, Runtime};

use super::EPOCHS;
use super::epochs::{Epochs, Selection};
use super::memory::Memory;
use crate::config::Disk as Config;
use engine::Engine;
use folder::Folder;
use journal::Journal;
use tier::Tier;

pub(crate) use folder::LEAST;
pub(crate) use journal::Promise;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use record::fuzz as fuzz_record;
pub use tier::DiskStats;

/// Threads that wait for the disk, at most.
const THREADS: usize = 8;
/// How long a node that ends waits for what is on its way to the disk.
const CLOSING: Duration = Duration::from_secs(10);

/// The disk tier of a store.
pub(super) struct Disk {
    pub(super) tier: Arc<Tier>,
    journal: Arc<Mutex<Journal>>,
    epochs: Arc<Epochs>,
    /// `Some` until this is dropped.
    runtime: Option<Runtime>,
    _folder: Folder,
}

impl Disk {
    /// Opens the tier in its folder, and with it the purges that hold for what is stored there.
    /// What was stored under keys of another meaning is not of use.
    pub(super) async fn open(config: &Config, keys: u64, memory: Memory) -> io::Result<Self> {
        let folder = Folder::take(&config.folder)?;
        let known = Journal::read(folder.path())?;
        // Without its purges nothing that is stored can be trusted.
        let regions = folder.regions(config.size, keys, known.is_none())?;
        let mut purges = known.unwrap_or_else(|| Purges::new(EPOCHS));
        let journal = Journal::begin(folder.path(), &mut purges)?;
        let epochs = Arc::new(Epochs::new(purges));
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(THREADS)
            .thread_name("edge-disk")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let engine = match Engine::open(&regions, config.size, &handle).await {
            Ok(engine) => engine,
            Err(error) => {
                tracing::warn!(%error, "what was on disk cannot be read; the disk tier begins empty");
                folder.regions(config.size, keys, true)?;
                Engine::open(&regions, config.size, &handle).await?
            }
        };
        Ok(Self {
            tier: Tier::start(engine, memory, Arc::clone(&epochs), handle),
            journal: Arc::new(Mutex::new(journal)),
            epochs,
            runtime: Some(runtime),
            _folder: folder,
        })
    }

    pub(super) fn epochs(&self) -> &Arc<Epochs> {
        &self.epochs
    }

    /// Purges, durably as promised. It goes on if nobody waits for its end.
    pub(super) fn purge(
        &self,
        selection: Selection,
        mode: Mode,
        now: Timestamp,
        promise: Promise,
    ) -> impl Future<Output = io::Result<Sequence>> + use<> {
        let journal = Arc::clone(&self.journal);
        let epochs = Arc::clone(&self.epochs);
        let purging = self.tier.handle().spawn_blocking(move || {
            // No code that holds the lock leaves the journal half changed.
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.purge(&epochs, selection, mode, now, promise)
        });
        async move { purging.await.map_err(io::Error::other)? }
    }

    /// Ends it: what is on its way to the disk gets there, if it can soon.
    pub(super) async fn close(&self) {
        if tokio::time::timeout(CLOSING, self.tier.settle())
            .await
            .is_err()
        {
            tracing::warn!("the disk is slow: what was stored last is not on it");
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it may block, which a runtime's thread must not.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod ill_tests;
#[cfg(test)]
mod tests;
