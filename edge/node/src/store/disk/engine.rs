//! foyer's hybrid cache, as the disk tier uses it. The only file that knows it.
//!
//! Its own memory tier stays empty: its look-ups may wait, and what it loads takes the place of
//! what was stored meanwhile. Its log of removals is off: it has no checksums, and purges do not
//! need it. It drops in silence what it has no room for; so it is given one batch at a time, of
//! records that fit, and asked afterwards what has arrived.

use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::path::Path;
#[cfg(test)]
use std::sync::Arc;

use bytes::Bytes;
use edge_core::{CacheKey, stable_hash};
use foyer::{
    BlockEngineConfig, Code, DeviceBuilder, FifoPicker, FsDeviceBuilder, HybridCache,
    HybridCacheBuilder, HybridCachePolicy, Load, PsyncIoEngineConfig, RecoverMode, Spawner,
};
use tokio::runtime::Handle;

use super::folder::{PAGE, region};

/// A cache key, on disk as its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(CacheKey);

/// A record's bytes. foyer keeps a checksum of its own over key and record.
struct Record(Bytes);

impl Code for Key {
    fn encode(&self, writer: &mut impl io::Write) -> foyer::Result<()> {
        writer
            .write_all(self.0.as_str().as_bytes())
            .map_err(foyer::Error::io_error)
    }

    fn decode(reader: &mut impl io::Read) -> foyer::Result<Self> {
        let mut text = String::new();
        reader
            .read_to_string(&mut text)
            .map_err(foyer::Error::io_error)?;
        Ok(Self(CacheKey::from_text(&text)))
    }

    fn estimated_size(&self) -> usize {
        self.0.as_str().len()
    }
}

impl Code for Record {
    fn encode(&self, writer: &mut impl io::Write) -> foyer::Result<()> {
        writer.write_all(&self.0).map_err(foyer::Error::io_error)
    }

    fn decode(reader: &mut impl io::Read) -> foyer::Result<Self> {
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .map_err(foyer::Error::io_error)?;
        Ok(Self(Bytes::from(bytes.into_boxed_slice())))
    }

    fn estimated_size(&self) -> usize {
        self.0.len()
    }
}

/// A key's own hash, which is the same in all versions: foyer finds records by it.
type Hashing = BuildHasherDefault<Stable>;

#[derive(Debug, Default)]
struct Stable(u64);

impl Hasher for Stable {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = stable_hash(bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What foyer puts before each record, and more.
const HEADER: usize = 128;
/// Locks that its table of records under way is divided by.
const SHARDS: usize = 8;

pub(super) struct Engine {
    cache: HybridCache<Key, Record, Hashing>,
    largest: usize,
    #[cfg(test)]
    pub(super) fault: Fault,
}

/// A disk that is ill, in tests: reads wait as long as `stuck` is locked, writes are lost.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Fault {
    pub(super) stuck: Arc<tokio::sync::RwLock<()>>,
    pub(super) loses: std::sync::atomic::AtomicBool,
}

impl Engine {
    /// Opens what lies in a folder, `size` bytes of it at most. Its tasks run on `runtime`.
    pub(super) async fn open(folder: &Path, size: u64, runtime: &Handle) -> io::Result<Self> {
        let region = usize::try_from(region(size)).unwrap_or(usize::MAX);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let folder = folder.to_owned();
        let spawner = Spawner::from(runtime.clone());
        let opening = async move {
            let device = FsDeviceBuilder::new(folder).with_capacity(size).build()?;
            let engine = BlockEngineConfig::new(device)
                .with_block_size(region)
                .with_buffer_pool_size(region)
                .with_submit_queue_size_threshold(usize::MAX)
                // In their order, so that what is newer outlives what it has replaced.
                .with_eviction_pickers(vec![Box::<FifoPicker>::default()]);
            HybridCacheBuilder::new()
                .with_name("edge")
                .with_policy(HybridCachePolicy::WriteOnInsertion)
                .with_flush_on_close(false)
                .memory(SHARDS)
                .with_shards(SHARDS)
                .with_hash_builder(Hashing::default())
                .storage()
                .with_io_engine_config(PsyncIoEngineConfig::new())
                .with_engine_config(engine)
                .with_recover_mode(RecoverMode::Quiet)
                .with_spawner(spawner)
                .build()
                .await
        };
        // In a task of its own: a panic of foyer's over what lies there is an error here.
        let cache = runtime.spawn(opening).await.map_err(io::Error::other)?;
        Ok(Self {
            cache: cache.map_err(io::Error::other)?,
            // The region's index takes a page, and the batch's buffer is as large as a region.
            largest: region - PAGE as usize - HEADER,
            #[cfg(test)]
            fault: Fault::default(),
        })
    }

    /// The longest key and record together that have room, in bytes.
    pub(super) fn largest(&self) -> usize {
        self.largest
    }

    /// The room that key and record together take, in bytes.
    pub(super) fn room(length: usize) -> usize {
        (length + HEADER).next_multiple_of(PAGE as usize)
    }

    /// Writes records in the place of what was there under their keys, and returns when they are
    /// written or lost: the number of those that are lost. All of them have [`Engine::room`] in
    /// [`Engine::largest`] together.
    pub(super) async fn write(&self, records: Vec<(CacheKey, Bytes)>) -> usize {
        #[cfg(test)]
        if self.fault.loses.load(std::sync::atomic::Ordering::Relaxed) {
            records.iter().for_each(|(key, _)| self.remove(key));
            return records.len();
        }
        let mut keys = Vec::with_capacity(records.len());
        for (key, record) in records {
            // What is older goes in any case: it must not show again if this write fails.
            self.remove(&key);
            keys.push(Key(key.clone()));
            drop(
                self.cache
                    .storage_writer(Key(key))
                    .force()
                    .insert(Record(record)),
            );
        }
        self.cache.storage().wait().await;
        let lost = |key: &&Key| !self.cache.storage().may_contains(*key);
        keys.iter().filter(lost).count()
    }

    /// Whether something may stand under a key.
    pub(super) fn contains(&self, key: &CacheKey) -> bool {
        self.cache.storage().may_contains(&Key(key.clone()))
    }

    /// The record under a key; `None` if there is none or it is damaged.
    pub(super) async fn read(&self, key: &CacheKey) -> Option<Bytes> {
        #[cfg(test)]
        drop(self.fault.stuck.read().await);
        match self.cache.storage().load(&Key(key.clone())).await {
            Ok(Load::Entry { value, .. }) => Some(value.0),
            Ok(Load::Piece { piece, .. }) => Some(piece.value().0.clone()),
            Ok(Load::Miss | Load::Throttled) => None,
            Err(error) => {
                tracing::debug!(%error, "a record was not read");
                None
            }
        }
    }

    /// Takes away what stands under a key, as far as this process goes.
    pub(super) fn remove(&self, key: &CacheKey) {
        if self.contains(key) {
            self.cache.storage().delete(&Key(key.clone()));
        }
    }

    /// Bytes written to the disk and read from it so far.
    pub(super) fn traffic(&self) -> (u64, u64) {
        let statistics = self.cache.statistics();
        let (written, read) = (statistics.disk_write_bytes(), statistics.disk_read_bytes());
        (written as u64, read as u64)
    }
}
