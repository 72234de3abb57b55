//! What all threads of a node share: configuration, store, flights, counters and the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use edge_core::purge::{Mode, Sequence};
use edge_core::{CacheKey, TargetError, TargetUri, Timestamp};
use http::HeaderValue;
use serde::Deserialize;
use tokio::sync::watch;

use crate::config::{Config, UpstreamAddress};
use crate::counters::{Counters, Levels, Stats};
use crate::flights::Flights;
use crate::ranged::Ranged;
use crate::running::Phase;
use crate::store::{Promise, Selection, Store};
use crate::tasks::Tasks;
use crate::transfer::{Budget, Keep};
use crate::upstream::Upstream;

/// What all threads of a node share.
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) address: UpstreamAddress,
    pub(crate) store: Store,
    pub(crate) flights: Arc<Flights>,
    pub(crate) ranged: Ranged,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) timings: Arc<operator::Timings>,
    budget: Arc<Budget>,
}

/// What a purge does to what is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PurgeMode {
    /// Not to be used any more.
    #[default]
    Hard,
    /// To be validated; may stand in where stale responses may.
    Soft,
}

/// Why nothing was purged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PurgeError {
    #[error("say what to purge: one of url=URL, group=NAME and all=true")]
    What,
    #[error("{0:?} is not an absolute URL: {1}")]
    Url(String, TargetError),
    /// It holds in this process; the disk has not taken it.
    #[error(
        "purged, but perhaps not beyond a restart: the disk tier's folder cannot be written to ({0})"
    )]
    NotDurable(std::io::Error),
}

impl Node {
    pub(crate) fn new(
        mut config: Config,
        address: UpstreamAddress,
        store: Store,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        config.policy = config.whole_policy();
        let ids = Ids::new(&config.name);
        Self {
            address,
            store,
            flights: Arc::default(),
            ranged: Ranged::default(),
            counters: Arc::default(),
            tasks: Arc::default(),
            phase,
            ids: Arc::new(ids),
            timings: Arc::default(),
            budget: Budget::new(config.memory),
            config,
        }
    }

    /// A data thread's way to upstream.
    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::new(&self.config, &self.address, Arc::clone(&self.counters))
    }

    /// The wall clock, with the configured offset.
    pub(crate) fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp(millis).plus(self.config.clock_offset_ms)
    }

    /// Bytes per slice; what is on disk may be sliced although this node does not slice any more.
    pub(crate) fn slice_size(&self) -> u64 {
        self.config.slice.unwrap_or(1 << 20)
    }

    /// How much of a body to keep, given its length where that is known.
    pub(crate) fn keep(&self, stored: bool, length: Option<u64>) -> Keep {
        let largest = self.store.largest();
        let fits = stored && length.is_none_or(|length| length <= largest);
        Keep {
            whole: if fits { largest } else { 0 },
            window: self.config.window,
            budget: Arc::clone(&self.budget),
        }
    }

    /// Purges one resource by its URL.
    pub(crate) async fn purge(&self, url: &str, mode: PurgeMode) -> Result<Sequence, PurgeError> {
        let key = self
            .key_of(url)
            .map_err(|error| PurgeError::Url(url.to_owned(), error))?;
        self.purge_now(Selection::Key(key.hash()), mode).await
    }

    fn key_of(&self, url: &str) -> Result<CacheKey, TargetError> {
        Ok(self.config.policy.key.key(&TargetUri::parse(url)?))
    }

    /// Purges the group of this name, of all origins that this node serves (RFC 9875).
    pub(crate) async fn purge_group(
        &self,
        group: &str,
        mode: PurgeMode,
    ) -> Result<Sequence, PurgeError> {
        let tag = edge_core::groups::tag(group);
        self.purge_now(Selection::Tag(tag), mode).await
    }

    /// Purges everything.
    pub(crate) async fn purge_all(&self, mode: PurgeMode) -> Result<Sequence, PurgeError> {
        self.purge_now(Selection::All, mode).await
    }

    async fn purge_now(
        &self,
        selection: Selection,
        mode: PurgeMode,
    ) -> Result<Sequence, PurgeError> {
        let purging = self
            .store
            .purge(selection, mode.into(), self.now(), Promise::Synced);
        let sequence = purging.await.map_err(PurgeError::NotDurable)?;
        self.counters.purges.inc();
        Ok(sequence)
    }

    /// What is stored for a target URI is not to be used any more, from when this returns.
    pub(crate) async fn forget(&self, key: &CacheKey) {
        if !self.store.contains(key) && !self.flights.contains(key) {
            return;
        }
        // An epoch reaches all variants, and fills under way too.
        self.invalidate(Selection::Key(key.hash()), Mode::Hard)
            .await;
    }

    /// What is selected is not to be used any more, or stale, from when this returns.
    pub(crate) async fn invalidate(&self, selection: Selection, mode: Mode) {
        let purging = self
            .store
            .purge(selection, mode, self.now(), Promise::Written);
        if let Err(error) = purging.await {
            tracing::warn!(%error, "an invalidation may not outlive a restart");
        }
    }

    fn levels(&self) -> Levels {
        Levels {
            stored_bytes: self.store.bytes(),
            stored_objects: self.store.entries(),
            filling_bytes: self.budget.held(),
            evictions: self.store.evictions(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters
            .stats(&self.config.name, self.levels(), self.store.disk())
    }

    /// How the node was configured, for whoever wants to know what it measures (`GET /settings`).
    pub(crate) fn settings(&self) -> serde_json::Value {
        let config = &self.config;
        let nanos = |span: std::time::Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        serde_json::json!({
            "name": config.name,
            "upstream": config.upstream,
            "upstream_host": config.upstream_host,
            "memory": config.memory,
            "max_objects": config.max_objects,
            "disk": config.disk.as_ref().map(|disk| disk.size),
            "eviction": config.eviction.name(),
            "connect_timeout_ns": nanos(config.connect_timeout),
            "first_byte_timeout_ns": nanos(config.first_byte_timeout),
            "idle_timeout_ns": nanos(config.idle_timeout),
            "policy": config.policy,
        })
    }

    pub(crate) fn metrics(&self) -> String {
        self.counters.metrics(self.levels(), self.store.disk())
    }
}

impl From<PurgeMode> for Mode {
    fn from(mode: PurgeMode) -> Self {
        match mode {
            PurgeMode::Hard => Self::Hard,
            PurgeMode::Soft => Self::Soft,
        }
    }
}

/// Ids of requests that come without one, or from the node itself.
pub(crate) struct Ids {
    name: String,
    next: AtomicU64,
}

impl Ids {
    fn new(name: &str) -> Self {
        // A node that is started again must not repeat the ids of its former life.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let start = u64::try_from(since.as_micros()).unwrap_or_default();
        Self {
            name: name.to_owned(),
            next: AtomicU64::new(start),
        }
    }

    /// `NAME-WHY-NUMBER`.
    pub(crate) fn next(&self, why: &str) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Names are checked when the node starts.
        HeaderValue::from_str(&format!("{}-{why}-{number}", self.name))
            .unwrap_or_else(|_| HeaderValue::from_static("edge"))
    }
}
