//! stub
use crate::Timestamp;
/// A point in the order of purges and upstream requests.
pub type Sequence = u64;
/// How a purge works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is stored may not be used at all.
    Hard,
    /// What is stored is stale: it may be validated, or stand in where stale responses may.
    Soft,
}
/// What has become of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No purge concerns it: restamp it with this sequence.
    Current(Sequence),
    /// It is gone.
    Purged,
    /// It is stale since this instant: [`crate::Stored::expired_at`].
    Stale(Timestamp),
}
/// Purges as epochs.
#[derive(Clone, Debug)]
pub struct Purges {
    sequence: Sequence,
}
impl Purges {
    /// No purges yet; keeps at most about `limit` single epochs.
    pub fn new(limit: usize) -> Self {
        let _ = limit;
        Self { sequence: 1 }
    }
    /// The sequence to stamp a response with: taken before its upstream request is sent.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }
    /// Purges one key, all its variants with it: the hash is that of the primary key.
    pub fn purge_key(&mut self, hash: u64, mode: Mode, now: Timestamp) -> Sequence {
        let _ = (hash, mode, now);
        todo!()
    }
    /// Purges all that carry a tag.
    pub fn purge_tag(&mut self, tag: u64, mode: Mode, now: Timestamp) -> Sequence {
        let _ = (tag, mode, now);
        todo!()
    }
    /// Purges all whose primary key begins so.
    pub fn purge_prefix(&mut self, prefix: &str, mode: Mode, now: Timestamp) -> Sequence {
        let _ = (prefix, mode, now);
        todo!()
    }
    /// Purges everything.
    pub fn purge_all(&mut self, mode: Mode, now: Timestamp) -> Sequence {
        let _ = (mode, now);
        todo!()
    }
    /// What has become of a response stamped `stamp`, with this primary key (hash and text) and tags.
    pub fn check(&self, stamp: Sequence, hash: u64, key: &str, tags: &[u64]) -> Check {
        let _ = (stamp, hash, key, tags);
        todo!()
    }
}
