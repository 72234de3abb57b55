//! What the node remembers: stored responses in foyer, and the purges that they are held against.
//!
//! Values are immutable and shared; a purge removes nothing, it makes what is older than itself
//! unusable (DESIGN 9), so that a fill that was under way cannot bring it back.

mod body;
mod bound;
mod disk;
mod epochs;
mod found;
mod memory;
mod variants;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use edge_core::purge::{Check, Mode, Purges, Sequence};
use edge_core::{
    CacheKey, Lookup, Normalise, SelectingFields, Stored, StoredHead, Timestamp, groups,
};
use http::HeaderMap;
use smallvec::SmallVec;

use crate::config::Config;
use crate::trailers::Trailers;
pub(crate) use body::Body;
use disk::Disk;
pub use disk::DiskStats;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use disk::fuzz_record;
pub(crate) use disk::{LEAST as LEAST_DISK, Promise};
use epochs::Epochs;
pub(crate) use epochs::Selection;
pub(crate) use found::Found;
use memory::Memory;
pub(crate) use variants::Place;
use variants::Variants;

/// Single key epochs remembered before they fold into coarser ones.
const EPOCHS: usize = 65_536;

/// A stored response. Its body is whole, or the parts that its Content-Range lines name.
#[derive(Debug)]
pub(crate) struct Response {
    /// What decisions need.
    pub(crate) facts: Stored,
    /// Status and fields.
    pub(crate) head: StoredHead,
    /// The body.
    pub(crate) body: Body,
    /// What came behind it, if anything did. The disk tier does not keep it.
    pub(crate) trailers: Option<Trailers>,
}

/// What stands under a key.
#[derive(Debug, Clone)]
enum What {
    Response(Arc<Response>),
    /// The resource's responses vary: they stand under the keys of their variants.
    Varies(Arc<Variants>),
    /// An answer that could not be shared; until then requests do not wait for each other.
    HitForMiss(Timestamp),
}

#[derive(Debug)]
struct Entry {
    /// The purge sequence up to which it is known to be untouched.
    stamp: AtomicU64,
    what: What,
}

impl Entry {
    /// The tags of the groups that it belongs to.
    fn tags(&self, primary: &CacheKey) -> groups::Tags {
        match &self.what {
            What::Response(response) => groups::tags(primary, &response.head),
            What::Varies(_) | What::HitForMiss(_) => groups::Tags::new(),
        }
    }
}

/// The store of one node.
pub(crate) struct Store {
    memory: Memory,
    disk: Option<Disk>,
    epochs: Arc<Epochs>,
    normalise: Vec<Normalise>,
    match_language: bool,
    /// The number of the next set of variants: see [`CacheKey::with_variant_in`].
    sets: AtomicU64,
    /// Larger bodies are not kept.
    largest: u64,
}

/// A number that stands for what keys mean: under other rules the same key names other responses.
fn keys(config: &Config) -> io::Result<u64> {
    let policy = &config.policy;
    let rules = (&policy.key, &policy.normalise, policy.match_language);
    let text = serde_json::to_vec(&(rules, &config.aliases))?;
    Ok(edge_core::stable_hash(&text))
}

/// What is on disk may be of any set of an earlier life: begins where none of them can have come.
fn first_set() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.unwrap_or_default().as_micros();
    u64::try_from(micros).unwrap_or_default()
}

/// What a look-up has read from disk, to be found although memory may have no room for it.
type Read = SmallVec<[(CacheKey, Arc<Entry>); 2]>;

impl Store {
    /// The store, with what its disk tier has kept if it has one.
    pub(crate) async fn open(config: &Config) -> io::Result<Self> {
        let memory = Memory::new(config);
        let disk = match &config.disk {
            Some(disk) => Some(Disk::open(disk, keys(config)?, memory.clone()).await?),
            None => None,
        };
        let epochs = match &disk {
            Some(disk) => Arc::clone(disk.epochs()),
            None => Arc::new(Epochs::new(Purges::new(EPOCHS))),
        };
        // An entry heavier than its shard would empty it; half a shard is generous to one body.
        let largest = (config.memory / config.shards as u64 / 2)
            .min(config.policy.max_object.unwrap_or(u64::MAX));
        Ok(Self {
            memory,
            disk,
            epochs,
            normalise: config.policy.normalise.clone(),
            match_language: config.policy.match_language,
            sets: AtomicU64::new(first_set()),
            largest,
        })
    }

    /// The largest body that is kept, in bytes.
    pub(crate) fn largest(&self) -> u64 {
        self.largest
    }

    /// The sequence to stamp a response with; taken before its request is sent upstream.
    pub(crate) fn stamp(&self) -> Sequence {
        self.epochs.sequence()
    }

    /// Looks in memory for a response that may answer a request.
    pub(crate) fn look_up(&self, primary: &CacheKey, request: &HeaderMap, now: Timestamp) -> Found {
        self.look_up_among(&Read::new(), primary, request, now)
    }

    /// Looks on disk too, for what a look-up has not found in memory; waits for it.
    pub(crate) async fn recall(
        &self,
        found: Found,
        primary: &CacheKey,
        request: &HeaderMap,
        now: Timestamp,
    ) -> Found {
        let Some(disk) = &self.disk else { return found };
        let (mut found, mut read) = (found, Read::new());
        // What stands under the resource's key, then perhaps its variants.
        if found.lookup == Lookup::Miss
            && let Some(entry) = disk.tier.load(primary, primary).await
        {
            read.push((primary.clone(), entry));
            found = self.look_up_among(&read, primary, request, now);
        }
        if found.lookup == Lookup::VaryMiss {
            for key in self.candidates(&read, primary, request) {
                let Some(entry) = disk.tier.load(&key, primary).await else {
                    continue;
                };
                read.push((key, entry));
                found = self.look_up_among(&read, primary, request, now);
                if found.lookup != Lookup::VaryMiss {
                    break;
                }
            }
        }
        found.from_disk = !read.is_empty();
        found
    }

    fn look_up_among(
        &self,
        read: &Read,
        primary: &CacheKey,
        request: &HeaderMap,
        now: Timestamp,
    ) -> Found {
        let Some((entry, stale)) = self.entry(read, primary, primary) else {
            return Found::none(Lookup::Miss, None);
        };
        match &entry.what {
            What::Varies(variants) => self.select(read, variants, primary, request, now),
            what => Self::found(what, stale, None, now),
        }
    }

    fn found(
        what: &What,
        stale: Option<Timestamp>,
        variant: Option<CacheKey>,
        now: Timestamp,
    ) -> Found {
        let nothing = if variant.is_some() {
            Lookup::VaryMiss
        } else {
            Lookup::Miss
        };
        match what {
            What::Response(response) => {
                let facts = stale.map_or(response.facts, |at| response.facts.expired_at(at));
                Found {
                    lookup: Lookup::Hit(facts),
                    variant,
                    response: Some(Arc::clone(response)),
                    from_disk: false,
                }
            }
            What::HitForMiss(until) if now < *until => Found::none(Lookup::HitForMiss, variant),
            What::HitForMiss(_) | What::Varies(_) => Found::none(nothing, variant),
        }
    }

    /// The key under which a request's variant stands.
    fn variant_key(
        &self,
        primary: &CacheKey,
        set: u64,
        fields: &SelectingFields,
        request: &HeaderMap,
    ) -> CacheKey {
        primary.with_variant_in(set, &fields.variant(request, &self.normalise))
    }

    /// The variant that a request names: the same for all requests that a response with these
    /// selecting fields can answer. Nothing stands under this key.
    pub(crate) fn named(
        &self,
        primary: &CacheKey,
        fields: &SelectingFields,
        request: &HeaderMap,
    ) -> CacheKey {
        primary.with_variant(&fields.variant(request, &self.normalise))
    }

    /// What stands under a key and is not purged, and since when it is stale by a soft purge.
    fn entry(
        &self,
        read: &Read,
        key: &CacheKey,
        primary: &CacheKey,
    ) -> Option<(Arc<Entry>, Option<Timestamp>)> {
        let entry = self.memory.get(key).or_else(|| {
            let (_, entry) = read.iter().find(|(found, _)| found == key)?;
            Some(Arc::clone(entry))
        })?;
        let stamp = entry.stamp.load(Ordering::Relaxed);
        if stamp == self.stamp() {
            return Some((entry, None));
        }
        match self.epochs.check(stamp, primary, &entry.tags(primary)) {
            Check::Current(sequence) => {
                entry.stamp.fetch_max(sequence, Ordering::Relaxed);
                Some((entry, None))
            }
            Check::Stale(at) => Some((entry, Some(at))),
            Check::Purged => None,
        }
    }

    /// Whether what was asked for at `stamp` may still be handed to requests that come now.
    pub(crate) fn current(&self, stamp: Sequence, primary: &CacheKey) -> bool {
        stamp == self.stamp()
            || self
                .epochs
                .purges()
                .untouched(stamp, primary.hash(), primary.as_str())
    }

    fn insert(&self, key: CacheKey, stamp: Sequence, what: What) {
        let entry = Arc::new(Entry {
            stamp: AtomicU64::new(stamp),
            what,
        });
        match &self.disk {
            Some(disk) => disk.tier.insert(key, entry),
            None => self.memory.insert(key, entry),
        }
    }

    /// Stores a response, asked for at `stamp`.
    pub(crate) fn insert_response(&self, key: CacheKey, stamp: Sequence, response: Arc<Response>) {
        self.insert(key, stamp, What::Response(response));
    }

    /// Leaves a mark that answers to this key are for one request each.
    pub(crate) fn insert_hit_for_miss(&self, key: CacheKey, stamp: Sequence, until: Timestamp) {
        self.insert(key, stamp, What::HitForMiss(until));
    }

    /// The response that stands under a key in memory, fresh or not.
    pub(crate) fn response(&self, key: &CacheKey, primary: &CacheKey) -> Option<Arc<Response>> {
        let (entry, _) = self.entry(&Read::new(), key, primary)?;
        match &entry.what {
            What::Response(response) => Some(Arc::clone(response)),
            What::Varies(_) | What::HitForMiss(_) => None,
        }
    }

    /// As [`Store::response`], from disk too; waits for it.
    pub(crate) async fn load(&self, key: &CacheKey, primary: &CacheKey) -> Option<Arc<Response>> {
        if let Some(response) = self.response(key, primary) {
            return Some(response);
        }
        let entry = self.disk.as_ref()?.tier.load(key, primary).await?;
        let read = Read::from_iter([(key.clone(), entry)]);
        let (entry, _) = self.entry(&read, key, primary)?;
        match &entry.what {
            What::Response(response) => Some(Arc::clone(response)),
            What::Varies(_) | What::HitForMiss(_) => None,
        }
    }

    /// Whether a response stands under a key that no purge has reached; of what is on disk alone, only that it is there.
    pub(crate) fn holds(&self, key: &CacheKey, primary: &CacheKey) -> bool {
        match self.memory.contains(key) {
            true => self.response(key, primary).is_some(),
            false => self.contains(key),
        }
    }

    /// Whether anything stands under a key.
    pub(crate) fn contains(&self, key: &CacheKey) -> bool {
        let on_disk = |disk: &Disk| disk.tier.holds(key);
        self.memory.contains(key) || self.disk.as_ref().is_some_and(on_disk)
    }

    /// Purges. With a disk tier it returns when the purge is there as promised; an error says that
    /// the purge holds now, and perhaps not after a restart.
    pub(crate) async fn purge(
        &self,
        selection: Selection,
        mode: Mode,
        now: Timestamp,
        promise: Promise,
    ) -> io::Result<Sequence> {
        match &self.disk {
            Some(disk) => disk.purge(selection, mode, now, promise).await,
            None => Ok(self.epochs.purge(selection, mode, now)),
        }
    }

    /// Ends the disk tier: what is on its way there arrives.
    pub(crate) async fn close(&self) {
        if let Some(disk) = &self.disk {
            disk.close().await;
        }
    }

    /// Bytes that the stored responses take in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Entries that had to leave memory to make room, so far.
    pub(crate) fn evictions(&self) -> u64 {
        self.memory.evictions()
    }

    /// How many entries there are in memory.
    pub(crate) fn entries(&self) -> u64 {
        self.memory.entries()
    }

    /// What the disk tier counts, if there is one.
    pub(crate) fn disk(&self) -> Option<DiskStats> {
        self.disk.as_ref().map(|disk| disk.tier.stats())
    }
}
