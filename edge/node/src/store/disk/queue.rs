//! Entries on their way to the disk. Bounded: when the disk is slow, what comes is refused.
//! An entry can be found here from the moment it is put until it is known to be on disk.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edge_core::CacheKey;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use crate::store::Entry;

struct Waiting {
    entry: Arc<Entry>,
    length: usize,
}

#[derive(Default)]
struct State {
    order: VecDeque<CacheKey>,
    waiting: FxHashMap<CacheKey, Waiting>,
    /// The lengths of those that wait, together.
    bytes: usize,
    writing: FxHashMap<CacheKey, Arc<Entry>>,
    /// Older than something that was refused: to go from the disk once it is there.
    doomed: Vec<CacheKey>,
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    most: usize,
}

impl Queue {
    /// A queue for so many bytes of records.
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            most,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an entry with the length of its record, in the place of one that waits under its key.
    /// False: there is no room, and what it would have replaced is gone too.
    pub(super) fn put(&self, key: &CacheKey, entry: &Arc<Entry>, length: usize) -> bool {
        let mut state = self.state();
        let before = state.waiting.remove(key);
        state.bytes -= before.as_ref().map_or(0, |before| before.length);
        if state.bytes + length > self.most {
            if state.writing.contains_key(key) {
                state.doomed.push(key.clone());
            }
            return false;
        }
        if before.is_none() {
            state.order.push_back(key.clone());
        }
        let entry = Arc::clone(entry);
        state.bytes += length;
        state.waiting.insert(key.clone(), Waiting { entry, length });
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// What is on its way under a key.
    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        let state = self.state();
        let waiting = state.waiting.get(key).map(|waiting| &waiting.entry);
        waiting.or_else(|| state.writing.get(key)).cloned()
    }

    /// Waits for entries and takes some to write, of at most so many bytes together but at least one.
    pub(super) async fn take(&self, most: usize) -> Vec<(CacheKey, Arc<Entry>)> {
        loop {
            let changed = self.changed.notified();
            let batch = self.state().take(most);
            if !batch.is_empty() {
                return batch;
            }
            changed.await;
        }
    }

    /// The entries taken last are on disk, or lost. Tells which have to go from there again.
    pub(super) fn written(&self) -> Vec<CacheKey> {
        let mut state = self.state();
        state.writing.clear();
        let doomed = std::mem::take(&mut state.doomed);
        drop(state);
        self.changed.notify_waiters();
        doomed
    }

    /// Returns when nothing is on its way.
    pub(super) async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if state.waiting.is_empty() && state.writing.is_empty() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// The bytes that wait.
    pub(super) fn bytes(&self) -> u64 {
        self.state().bytes as u64
    }
}

impl State {
    fn take(&mut self, most: usize) -> Vec<(CacheKey, Arc<Entry>)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(key) = self.order.front() {
            // A key whose entry was refused later has nothing waiting.
            let length = self.waiting.get(key).map_or(0, |waiting| waiting.length);
            if !batch.is_empty() && bytes + length > most {
                break;
            }
            let Some(key) = self.order.pop_front() else {
                break;
            };
            if let Some(waiting) = self.waiting.remove(&key) {
                bytes += length;
                self.bytes -= length;
                self.writing.insert(key.clone(), Arc::clone(&waiting.entry));
                batch.push((key, waiting.entry));
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use edge_core::Timestamp;

    use super::*;
    use crate::store::What;

    fn key(n: u32) -> CacheKey {
        CacheKey::from_text(&n.to_string())
    }

    fn entry() -> Arc<Entry> {
        Arc::new(Entry {
            stamp: AtomicU64::new(1),
            what: What::HitForMiss(Timestamp(1)),
        })
    }

    #[tokio::test]
    async fn entries_can_be_found_until_they_are_written() {
        let queue = Queue::new(100);
        let one = entry();
        assert!(queue.put(&key(1), &one, 40));
        assert!(queue.put(&key(2), &entry(), 40));
        assert!(!queue.put(&key(3), &entry(), 40), "no room");
        assert!(queue.get(&key(3)).is_none());
        let newer = entry();
        assert!(queue.put(&key(1), &newer, 60), "in the place of the older");
        assert_eq!(queue.bytes(), 100);
        let batch = queue.take(70).await;
        assert_eq!(batch.len(), 1);
        assert!(Arc::ptr_eq(&batch[0].1, &newer));
        assert!(queue.get(&key(1)).is_some(), "it is being written");
        assert!(queue.written().is_empty());
        assert!(queue.get(&key(1)).is_none());
        assert_eq!(queue.take(1).await[0].0, key(2), "at least one is taken");
        queue.written();
        queue.empty().await;
        assert_eq!(queue.bytes(), 0);
    }

    #[tokio::test]
    async fn what_is_older_than_a_refused_entry_has_to_go() {
        let queue = Queue::new(100);
        assert!(queue.put(&key(1), &entry(), 50));
        queue.take(100).await;
        assert!(!queue.put(&key(1), &entry(), 101));
        assert_eq!(queue.written(), [key(1)]);
        assert!(queue.put(&key(2), &entry(), 50));
        assert!(!queue.put(&key(2), &entry(), 101));
        assert!(queue.get(&key(2)).is_none(), "the older one is gone too");
        assert!(queue.put(&key(3), &entry(), 50));
        assert_eq!(queue.take(100).await.len(), 1);
    }
}
