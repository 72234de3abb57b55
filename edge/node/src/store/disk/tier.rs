//! What goes to the disk and what comes from it, and what is counted of both.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use edge_core::purge::Check;
use edge_core::{CacheKey, Timestamp};
use rustc_hash::FxHashMap;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::engine::Engine;
use super::queue::Queue;
use super::record;
use crate::store::epochs::Epochs;
use crate::store::memory::Memory;
use crate::store::{Entry, What};

/// Records that wait to be written, in bytes; beyond, they are refused.
const QUEUE: usize = 16 << 20;
/// Records written at once, in bytes: what waiting for the disk costs is shared by so many.
const BATCH: usize = 4 << 20;
/// Reads under way, at most; beyond, a look-up is a miss.
const READS: usize = 256;
/// How long a request waits for the disk before it goes upstream.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long nothing is read after a read that took too long.
const REST: Duration = Duration::from_secs(5);

type Loaded = Option<Arc<Entry>>;

/// A read under way, for all who ask.
struct Read {
    loaded: watch::Receiver<Option<Loaded>>,
    /// Something newer was stored meanwhile.
    superseded: bool,
}

/// The disk tier at work.
pub(in crate::store) struct Tier {
    pub(super) engine: Engine,
    queue: Queue,
    memory: Memory,
    epochs: Arc<Epochs>,
    handle: Handle,
    /// Its lock is also what keeps a read from taking the place of something newer in memory.
    reads: Mutex<FxHashMap<CacheKey, Read>>,
    started: Instant,
    /// Nothing is read until then: milliseconds since the start.
    rests_until: AtomicU64,
    /// A write has failed: there are no more.
    failed: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
    slow: AtomicU64,
}

/// The disk tier in a node's `/stats`: totals since the start, but for the queue.
#[derive(Debug, Clone, Serialize)]
pub struct DiskStats {
    /// Look-ups that memory could not answer and the disk could.
    pub hits: u64,
    /// Look-ups for which the disk was read in vain: damaged, purged, or gone meanwhile.
    pub misses: u64,
    /// Reads not begun, or not waited for any longer, since the disk was slow.
    pub slow: u64,
    /// Entries written.
    pub written: u64,
    /// Entries not written: too large for a region, no room in the queue, or the disk failed.
    pub dropped: u64,
    /// Bytes written to the disk, whole pages.
    pub written_bytes: u64,
    /// Bytes read from the disk, whole pages.
    pub read_bytes: u64,
    /// Bytes that wait to be written now.
    pub queued_bytes: u64,
    /// Whether a write has failed; from then on nothing is written until the node starts again.
    pub failed: bool,
}

impl Tier {
    pub(super) fn start(
        engine: Engine,
        memory: Memory,
        epochs: Arc<Epochs>,
        handle: Handle,
    ) -> Arc<Self> {
        let tier = Arc::new(Self {
            engine,
            queue: Queue::new(QUEUE),
            memory,
            epochs,
            handle: handle.clone(),
            reads: Mutex::default(),
            started: Instant::now(),
            rests_until: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            slow: AtomicU64::new(0),
        });
        // It ends with its runtime.
        drop(handle.spawn(Arc::clone(&tier).write_on()));
        tier
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn reads(&self) -> MutexGuard<'_, FxHashMap<CacheKey, Read>> {
        // No code that holds the lock leaves the table half changed.
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores an entry in memory and sends it on its way to the disk.
    pub(in crate::store) fn insert(&self, key: CacheKey, entry: Arc<Entry>) {
        {
            let mut reads = self.reads();
            if let Some(read) = reads.get_mut(&key) {
                read.superseded = true;
            }
            self.memory.insert(key.clone(), Arc::clone(&entry));
        }
        // A mark is of use on disk only where it takes the place of something.
        if matches!(entry.what, What::HitForMiss(_)) && !self.holds(&key) {
            return;
        }
        let length = record::length(&key, &entry).saturating_add(key.as_str().len());
        let fits = length <= self.engine.largest() && !self.failed.load(Ordering::Relaxed);
        if !fits || !self.queue.put(&key, &entry, Engine::room(length)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.supersede(&key, &entry);
        }
    }

    /// What is on disk under a key is older than an entry that does not get there: it must not
    /// show once memory has lost the newer. A mark takes its place, or it goes as far as this
    /// process is concerned.
    fn supersede(&self, key: &CacheKey, newer: &Entry) {
        if !self.holds(key) {
            return;
        }
        let mark = Arc::new(Entry {
            stamp: AtomicU64::new(newer.stamp.load(Ordering::Relaxed)),
            what: What::HitForMiss(Timestamp::default()),
        });
        let room = Engine::room(record::length(key, &mark) + key.as_str().len());
        if self.failed.load(Ordering::Relaxed) || !self.queue.put(key, &mark, room) {
            self.engine.remove(key);
        }
    }

    async fn write_on(self: Arc<Self>) {
        let most = BATCH.min(self.engine.largest());
        loop {
            let batch = self.queue.take(most).await;
            let count = batch.len();
            let records = batch.into_iter().map(|(key, entry)| {
                let record = record::encode(&key, &entry);
                (key, record)
            });
            let lost = if self.failed.load(Ordering::Relaxed) {
                count
            } else {
                self.engine.write(records.collect()).await
            };
            if lost > 0 && !self.failed.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "the disk cannot be written to: going on without, in memory; once it is well, restart"
                );
            }
            self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            self.written
                .fetch_add((count - lost) as u64, Ordering::Relaxed);
            for doomed in self.queue.written() {
                self.engine.remove(&doomed);
            }
        }
    }

    /// Returns when nothing is on its way to the disk.
    pub(super) async fn settle(&self) {
        self.queue.empty().await;
    }

    /// As if the rest after a slow read were over.
    #[cfg(test)]
    pub(super) fn wake(&self) {
        self.rests_until.store(0, Ordering::Relaxed);
    }

    /// Whether something may stand under a key, on disk or on its way there.
    pub(in crate::store) fn holds(&self, key: &CacheKey) -> bool {
        self.engine.contains(key) || self.queue.get(key).is_some()
    }

    /// What stands under a key, not purged. It is in memory from then on, unless something newer is.
    pub(in crate::store) async fn load(
        self: &Arc<Self>,
        key: &CacheKey,
        primary: &CacheKey,
    ) -> Loaded {
        if let Some(entry) = self.queue.get(key) {
            return Some(entry);
        }
        if !self.engine.contains(key) {
            return None;
        }
        let mut loaded = self.join(key, primary)?;
        let loaded = loaded.wait_for(Option::is_some).await.ok()?.clone()?;
        let counter = if loaded.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        loaded
    }

    /// The read of a key that is under way, or a new one; `None` if the disk has enough to do.
    fn join(
        self: &Arc<Self>,
        key: &CacheKey,
        primary: &CacheKey,
    ) -> Option<watch::Receiver<Option<Loaded>>> {
        let mut reads = self.reads();
        if let Some(read) = reads.get(key) {
            return Some(read.loaded.clone());
        }
        let rests = self.since_start(Instant::now()) < self.rests_until.load(Ordering::Relaxed);
        if rests || reads.len() >= READS {
            self.slow.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (loads, loaded) = watch::channel(None);
        let read = Read {
            loaded: loaded.clone(),
            superseded: false,
        };
        reads.insert(key.clone(), read);
        drop(reads);
        let (tier, key, primary) = (Arc::clone(self), key.clone(), primary.clone());
        drop(self.handle.spawn(async move {
            // In a task of its own: a panic over what lies there is a miss.
            let reading = Arc::clone(&tier).read(key.clone(), primary);
            let found = tier.handle.spawn(reading).await.unwrap_or_default();
            loads.send_replace(Some(tier.landed(key, found)));
        }));
        Some(loaded)
    }

    fn since_start(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    async fn read(self: Arc<Self>, key: CacheKey, primary: CacheKey) -> Loaded {
        let Ok(found) = tokio::time::timeout(PATIENCE, self.engine.read(&key)).await else {
            self.slow.fetch_add(1, Ordering::Relaxed);
            let until = self.since_start(Instant::now() + REST);
            self.rests_until.store(until, Ordering::Relaxed);
            return None;
        };
        let entry = found.and_then(|record| record::decode(&record, &key));
        let entry = entry.filter(|entry| {
            let stamp = entry.stamp.load(Ordering::Relaxed);
            let check = self.epochs.check(stamp, &primary, &entry.tags(&primary));
            stamp <= self.epochs.sequence() && check != Check::Purged
        });
        if entry.is_none() {
            // Damaged or purged: not to be read again.
            self.engine.remove(&key);
        }
        entry.map(Arc::new)
    }

    /// A read has ended: what it found goes to memory, if it is still the newest.
    fn landed(&self, key: CacheKey, found: Loaded) -> Loaded {
        let mut reads = self.reads();
        let superseded = reads.remove(&key).is_none_or(|read| read.superseded);
        let found = found.filter(|_| !superseded)?;
        self.memory.insert(key, Arc::clone(&found));
        Some(found)
    }

    pub(in crate::store) fn stats(&self) -> DiskStats {
        let (written_bytes, read_bytes) = self.engine.traffic();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DiskStats {
            hits: count(&self.hits),
            misses: count(&self.misses),
            slow: count(&self.slow),
            written: count(&self.written),
            dropped: count(&self.dropped),
            written_bytes,
            read_bytes,
            queued_bytes: self.queue.bytes(),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}
