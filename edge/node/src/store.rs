//! What the node remembers: stored responses in foyer, and the purges that they are held against.
//!
//! Values are immutable and shared; a purge removes nothing, it makes what is older than itself
//! unusable (DESIGN 9), so that a fill that was under way cannot bring it back.

mod bound;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use edge_core::purge::{Check, Mode, Purges, Sequence};
use edge_core::{
    CacheKey, Lookup, Normalise, SelectingFields, Stored, StoredHead, Timestamp, groups,
};
use foyer::{
    Cache, CacheBuilder, EventListener, EvictionConfig, FifoConfig, LfuConfig, LruConfig,
    S3FifoConfig, SieveConfig,
};
use http::HeaderMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::config::{Config, Eviction};
use bound::{Ledger, Shares, weight};

/// Single key epochs remembered before they fold into coarser ones.
const EPOCHS: usize = 65_536;

/// A stored response. Its body is whole.
#[derive(Debug)]
pub(crate) struct Response {
    /// What decisions need.
    pub(crate) facts: Stored,
    /// Status and fields.
    pub(crate) head: StoredHead,
    /// The body.
    pub(crate) body: Body,
}

/// A whole body in memory.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pieces: Pieces,
    length: u64,
}

/// Nearly all bodies are of one piece; those need no list.
#[derive(Debug, Clone)]
enum Pieces {
    One(Bytes),
    Many(Arc<[Bytes]>),
}

impl Body {
    pub(crate) fn new(mut pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pieces = match pieces.len() {
            0 | 1 => Pieces::One(pieces.pop().unwrap_or_default()),
            _ => Pieces::Many(pieces.into()),
        };
        Self { pieces, length }
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    fn slice(&self) -> &[Bytes] {
        match &self.pieces {
            Pieces::One(piece) => std::slice::from_ref(piece),
            Pieces::Many(pieces) => pieces,
        }
    }

    /// The bytes from `start` to before `end`, not copied.
    pub(crate) fn part(&self, start: u64, end: u64) -> SmallVec<[Bytes; 1]> {
        let mut at = 0;
        let mut part = SmallVec::new();
        for piece in self.slice() {
            let length = piece.len() as u64;
            let from = start.saturating_sub(at).min(length) as usize;
            let to = end.saturating_sub(at).min(length) as usize;
            if from < to {
                part.push(piece.slice(from..to));
            }
            at += length;
        }
        part
    }
}

/// What stands under a key.
#[derive(Debug, Clone)]
enum What {
    Response(Arc<Response>),
    /// The resource's responses vary: they stand under the keys of their variants.
    Varies(Arc<SelectingFields>),
    /// An answer that could not be shared; until then requests do not wait for each other.
    HitForMiss(Timestamp),
}

#[derive(Debug)]
struct Entry {
    /// The purge sequence up to which it is known to be untouched.
    stamp: AtomicU64,
    what: What,
}

/// What a look-up has found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// For the core.
    pub(crate) lookup: Lookup,
    /// The key of the variant that the request names, where the resource has variants.
    pub(crate) variant: Option<CacheKey>,
    /// What the look-up is about, if it is a hit.
    pub(crate) response: Option<Arc<Response>>,
}

impl Found {
    fn none(lookup: Lookup, variant: Option<CacheKey>) -> Self {
        Self {
            lookup,
            variant,
            response: None,
        }
    }

    /// Whether the store has not changed between two look-ups, for this request's purposes.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let response = match (&self.response, &other.response) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        response && self.lookup == other.lookup && self.variant == other.variant
    }
}

/// The store of one node.
pub(crate) struct Store {
    cache: Cache<CacheKey, Arc<Entry>, FxBuildHasher>,
    purges: RwLock<Purges>,
    /// The sequence of `purges`, to be compared without its lock.
    sequence: AtomicU64,
    normalise: Vec<Normalise>,
    /// Larger bodies are not kept.
    largest: u64,
    ledger: Arc<Ledger>,
}

impl Store {
    pub(crate) fn new(config: &Config) -> Self {
        let shares = Shares::of(config);
        let capacity = usize::try_from(shares.capacity()).unwrap_or(usize::MAX);
        let eviction: EvictionConfig = match config.eviction {
            Eviction::Fifo => FifoConfig::default().into(),
            // With foyer's default pool for favourites it is not the LRU of the literature.
            Eviction::Lru => LruConfig {
                high_priority_pool_ratio: 0.0,
            }
            .into(),
            Eviction::Lfu => LfuConfig::default().into(),
            Eviction::S3Fifo => S3FifoConfig::default().into(),
            Eviction::Sieve => SieveConfig.into(),
        };
        // An entry heavier than its shard would empty it; half a shard is generous to one body.
        let largest = (config.memory / config.shards as u64 / 2)
            .min(config.policy.max_object.unwrap_or(u64::MAX));
        let ledger = Arc::new(Ledger::default());
        let listener: Arc<dyn EventListener<Key = CacheKey, Value = Arc<Entry>>> = ledger.clone();
        let cache = CacheBuilder::new(capacity)
            .with_shards(config.shards)
            .with_eviction_config(eviction)
            .with_hash_builder(FxBuildHasher)
            .with_weighter(move |key: &CacheKey, entry: &Arc<Entry>| {
                shares.weight(weight(key, entry))
            })
            .with_event_listener(listener)
            .build();
        let purges = Purges::new(EPOCHS);
        let sequence = AtomicU64::new(purges.sequence());
        Self {
            cache,
            purges: RwLock::new(purges),
            sequence,
            normalise: config.policy.normalise.clone(),
            largest,
            ledger,
        }
    }

    /// The largest body that is kept, in bytes.
    pub(crate) fn largest(&self) -> u64 {
        self.largest
    }

    /// The sequence to stamp a response with; taken before its request is sent upstream.
    pub(crate) fn stamp(&self) -> Sequence {
        self.sequence.load(Ordering::Acquire)
    }

    /// Looks for a response that may answer a request.
    pub(crate) fn look_up(&self, primary: &CacheKey, request: &HeaderMap, now: Timestamp) -> Found {
        let Some((entry, stale)) = self.entry(primary, primary) else {
            return Found::none(Lookup::Miss, None);
        };
        match &entry.what {
            What::Varies(fields) => {
                let key = self.variant_key(primary, fields, request);
                match self.entry(&key, primary) {
                    Some((entry, stale)) => Self::found(&entry.what, stale, Some(key), now),
                    None => Found::none(Lookup::VaryMiss, Some(key)),
                }
            }
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
                }
            }
            What::HitForMiss(until) if now < *until => Found::none(Lookup::HitForMiss, variant),
            What::HitForMiss(_) | What::Varies(_) => Found::none(nothing, variant),
        }
    }

    /// The key under which a request's variant stands.
    pub(crate) fn variant_key(
        &self,
        primary: &CacheKey,
        fields: &SelectingFields,
        request: &HeaderMap,
    ) -> CacheKey {
        primary.with_variant(&fields.variant(request, &self.normalise))
    }

    /// What stands under a key and is not purged, and since when it is stale by a soft purge.
    fn entry(&self, key: &CacheKey, primary: &CacheKey) -> Option<(Arc<Entry>, Option<Timestamp>)> {
        let entry = Arc::clone(self.cache.get(key)?.value());
        let stamp = entry.stamp.load(Ordering::Relaxed);
        if stamp == self.stamp() {
            return Some((entry, None));
        }
        let tags = match &entry.what {
            What::Response(response) => groups::tags(primary, &response.head),
            What::Varies(_) | What::HitForMiss(_) => groups::Tags::new(),
        };
        match self.check(stamp, primary, &tags) {
            Check::Current(sequence) => {
                entry.stamp.fetch_max(sequence, Ordering::Relaxed);
                Some((entry, None))
            }
            Check::Stale(at) => Some((entry, Some(at))),
            Check::Purged => None,
        }
    }

    fn check(&self, stamp: Sequence, primary: &CacheKey, tags: &[u64]) -> Check {
        let purges = self.purges.read().unwrap_or_else(PoisonError::into_inner);
        purges.check(stamp, primary.hash(), primary.as_str(), tags)
    }

    /// Whether what was asked for at `stamp` may still be handed to requests that come now.
    pub(crate) fn current(&self, stamp: Sequence, primary: &CacheKey) -> bool {
        if stamp == self.stamp() {
            return true;
        }
        let purges = self.purges.read().unwrap_or_else(PoisonError::into_inner);
        purges.untouched(stamp, primary.hash(), primary.as_str())
    }

    fn insert(&self, key: CacheKey, stamp: Sequence, what: What) {
        let entry = Arc::new(Entry {
            stamp: AtomicU64::new(stamp),
            what,
        });
        let bytes = weight(&key, &entry) as u64;
        self.ledger.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.cache.insert(key, entry);
    }

    /// Stores a response, asked for at `stamp`.
    pub(crate) fn insert_response(&self, key: CacheKey, stamp: Sequence, response: Arc<Response>) {
        self.insert(key, stamp, What::Response(response));
    }

    /// Notes which fields a resource's responses vary on.
    pub(crate) fn insert_varies(
        &self,
        primary: CacheKey,
        stamp: Sequence,
        fields: SelectingFields,
    ) {
        // Fields that a resource varied on before still count: its variants on them stay reachable
        // only as long as the list is the same, so an equal list is left alone.
        if let Some((entry, _)) = self.entry(&primary, &primary)
            && let What::Varies(known) = &entry.what
            && **known == fields
        {
            return;
        }
        self.insert(primary, stamp, What::Varies(Arc::new(fields)));
    }

    /// Leaves a mark that answers to this key are for one request each.
    pub(crate) fn insert_hit_for_miss(&self, key: CacheKey, stamp: Sequence, until: Timestamp) {
        self.insert(key, stamp, What::HitForMiss(until));
    }

    /// Whether anything stands under a key.
    pub(crate) fn contains(&self, key: &CacheKey) -> bool {
        self.cache.contains(key)
    }

    /// Purges one resource with all its variants.
    pub(crate) fn purge_key(&self, key: &CacheKey, mode: Mode, now: Timestamp) -> Sequence {
        self.purge(|purges| purges.purge_key(key.hash(), mode, now))
    }

    /// Purges all that belong to a group, given its tag.
    pub(crate) fn purge_tag(&self, tag: u64, mode: Mode, now: Timestamp) -> Sequence {
        self.purge(|purges| purges.purge_tag(tag, mode, now))
    }

    /// Purges everything.
    pub(crate) fn purge_all(&self, mode: Mode, now: Timestamp) -> Sequence {
        self.purge(|purges| purges.purge_all(mode, now))
    }

    fn purge(&self, by: impl FnOnce(&mut Purges) -> Sequence) -> Sequence {
        let mut purges = self.purges.write().unwrap_or_else(PoisonError::into_inner);
        let done = by(&mut purges);
        // Under the lock, so that the sequence never runs back.
        self.sequence.store(purges.sequence(), Ordering::Release);
        done
    }

    /// Bytes that the stored responses take.
    pub(crate) fn bytes(&self) -> u64 {
        self.ledger.bytes.load(Ordering::Relaxed)
    }

    /// Entries that had to leave to make room, so far.
    pub(crate) fn evictions(&self) -> u64 {
        self.ledger.evictions.load(Ordering::Relaxed)
    }

    /// How many entries there are.
    pub(crate) fn entries(&self) -> u64 {
        self.cache.entries() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_body_is_cut_across_pieces() {
        let body = Body::new(
            ["abc", "de", "fghi"]
                .map(|piece| Bytes::from_static(piece.as_bytes()))
                .to_vec(),
        );
        assert_eq!(body.length(), 9);
        let part = |start, end| body.part(start, end).concat();
        assert_eq!(part(0, 9), b"abcdefghi");
        assert_eq!(part(2, 6), b"cdef");
        assert_eq!(part(3, 5), b"de");
        assert_eq!(part(8, 100), b"i");
        assert_eq!(part(5, 5), b"");
        assert_eq!(Body::new(Vec::new()).part(0, 0).concat(), b"");
    }
}
