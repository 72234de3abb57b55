//! One body on its way from upstream to any number of readers.
//!
//! A body that may be stored is kept whole until it turns out too large; what is not kept whole is
//! a bounded window that follows the fastest reader. A reader that the window has left behind is
//! told so. Knows next to nothing of HTTP: bytes in order, what came behind them, and how they ended.

mod crumbs;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::crumbs::joined;
use crate::trailers::Trailers;
use crate::upstream::Failure;

/// How long, in all, a transfer waits for readers that are about to fall out of its window. It
/// evens out readers that take turns on one processor, and a slow one cannot hold up the others
/// for longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes that transfers hold to store them later, over all of a node.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicU64,
    limit: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            held: AtomicU64::new(0),
            limit,
        })
    }

    fn take(&self, bytes: u64) -> bool {
        let within = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}

/// How much of a body is kept.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    /// Kept whole up to this many bytes; 0 is not at all.
    pub(crate) whole: u64,
    /// Kept of what is not whole.
    pub(crate) window: u64,
    /// What whole bodies count against.
    pub(crate) budget: Arc<Budget>,
}

/// The body of one transfer.
#[derive(Debug)]
pub(crate) struct Transfer {
    state: Mutex<State>,
    /// A reader moved on or left: there may be room.
    moved: Notify,
    keep: Keep,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Number of the first chunk held, counted from the start of the body.
    first: u64,
    /// Offset of the first byte held.
    base: u64,
    /// Offset behind the last byte that has come.
    end: u64,
    /// Whether everything is still there and may be stored.
    whole: bool,
    /// Bytes taken from the budget.
    taken: u64,
    /// What came behind the last byte.
    trailers: Option<Trailers>,
    ended: Option<Result<(), Failure>>,
    readers: Vec<Option<Slot>>,
    /// Places in `readers` that nobody has.
    free: Vec<usize>,
    reading: usize,
}

impl State {
    fn append(&mut self, chunk: Bytes, keep: &Keep) {
        let size = chunk.len() as u64;
        self.chunks.push_back(chunk);
        self.end += size;
        if self.whole {
            if self.end <= keep.whole && keep.budget.take(size) {
                self.taken += size;
            } else {
                // Found late to be too large: from here on it becomes a window.
                self.whole = false;
            }
        }
        if !self.whole {
            self.trim(keep);
        }
    }

    /// Drops what is older than the window, but nothing that the fastest reader still needs: what
    /// was kept whole until now can be far ahead of all readers.
    fn trim(&mut self, keep: &Keep) {
        let fastest = self
            .readers
            .iter()
            .flatten()
            .map(|slot| slot.at)
            .max()
            .unwrap_or(self.end);
        while self.end - self.base > keep.window {
            let Some(front) = self.chunks.front().map(|chunk| chunk.len() as u64) else {
                break;
            };
            if self.base + front > fastest {
                break;
            }
            self.chunks.pop_front();
            self.base += front;
            self.first += 1;
        }
        if self.end - self.base <= keep.window {
            keep.budget.give_back(std::mem::take(&mut self.taken));
        }
    }
}

#[derive(Debug)]
struct Slot {
    /// Offset up to which this reader has read.
    at: u64,
    waker: Option<Waker>,
}

/// Nobody reads a body that is not stored either.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwanted;

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next bytes.
    Chunk(Bytes),
    /// The body is complete.
    End,
    /// The body ended short.
    Failed(Failure),
    /// The bytes from this offset on are gone from the window.
    Behind(u64),
}

impl Transfer {
    pub(crate) fn new(keep: Keep) -> Arc<Self> {
        let state = State {
            whole: keep.whole > 0,
            ..State::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
            moved: Notify::new(),
            keep,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader from the first byte on; `None` when the first byte is gone.
    pub(crate) fn reader(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.state();
        if state.base > 0 {
            return None;
        }
        let slot = Some(Slot { at: 0, waker: None });
        let id = match state.free.pop() {
            Some(free) => {
                state.readers[free] = slot;
                free
            }
            None => {
                state.readers.push(slot);
                state.readers.len() - 1
            }
        };
        state.reading += 1;
        drop(state);
        Some(Reader {
            transfer: Arc::clone(self),
            id,
            chunk: 0,
            at: 0,
        })
    }

    /// Whether a reader could still begin.
    pub(crate) fn at_start(&self) -> bool {
        self.state().base == 0
    }

    /// Whether all of it is kept, to be stored.
    pub(crate) fn whole(&self) -> bool {
        self.state().whole
    }

    /// Appends bytes, copied to their exact size, and wakes whoever waits for them.
    pub(crate) fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state();
        state.append(Bytes::copy_from_slice(bytes), &self.keep);
        Self::wake(state);
    }

    /// What comes behind the last byte: to be told before the end is.
    pub(crate) fn trail(&self, trailers: Option<Trailers>) {
        self.state().trailers = trailers;
    }

    /// What [`Transfer::trail`] has told.
    pub(crate) fn trailers(&self) -> Option<Trailers> {
        self.state().trailers.clone()
    }

    /// Appends the last bytes and ends the body. A body that was kept whole is handed to `store`
    /// before any reader can see its end.
    pub(crate) fn push_last(&self, bytes: &[u8], store: impl FnOnce(Vec<Bytes>)) {
        let chunk = Bytes::copy_from_slice(bytes);
        let whole = {
            let state = self.state();
            let end = state.end + chunk.len() as u64;
            (state.whole && end <= self.keep.whole)
                .then(|| joined(state.chunks.iter().chain([&chunk])))
        };
        if let Some(pieces) = whole {
            store(pieces);
        }
        let mut state = self.state();
        if !chunk.is_empty() {
            state.append(chunk, &self.keep);
        }
        state.ended.get_or_insert(Ok(()));
        Self::wake(state);
    }

    /// The body ends short.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut state = self.state();
        state.ended.get_or_insert(Err(failure));
        Self::wake(state);
    }

    /// Waits until more bytes may come: at once for a whole body; for a window when its fastest
    /// reader has nearly caught up.
    pub(crate) async fn room(&self, patience: &mut Patience) -> Result<(), Unwanted> {
        loop {
            let moved = self.moved.notified();
            let waits = {
                let state = self.state();
                if state.whole {
                    return Ok(());
                }
                if state.reading == 0 {
                    return Err(Unwanted);
                }
                let at = state.readers.iter().flatten().map(|slot| slot.at);
                let (slowest, fastest) = at.fold((u64::MAX, 0), |(low, high), at| {
                    // Whoever has been left behind already is waited for no more.
                    (
                        if at >= state.base { low.min(at) } else { low },
                        high.max(at),
                    )
                });
                if state.end - fastest > self.keep.window / 2 {
                    Waits::ForFastest
                } else if slowest < state.end && state.end - slowest > self.keep.window * 3 / 4 {
                    Waits::ForSlowest
                } else {
                    return Ok(());
                }
            };
            match waits {
                Waits::ForFastest => moved.await,
                Waits::ForSlowest => {
                    let begun = Instant::now();
                    let in_time = tokio::time::timeout(patience.0, moved).await.is_ok();
                    patience.0 = patience.0.saturating_sub(begun.elapsed());
                    if !in_time || patience.0.is_zero() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn wake(mut state: MutexGuard<'_, State>) {
        let wakers: Vec<Waker> = state
            .readers
            .iter_mut()
            .flatten()
            .filter_map(|slot| slot.waker.take())
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

enum Waits {
    ForFastest,
    ForSlowest,
}

/// What is left of the time for which a transfer waits for its slow readers.
#[derive(Debug)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(PATIENCE)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.keep.budget.give_back(state.taken);
    }
}

/// One reader of a transfer.
#[derive(Debug)]
pub(crate) struct Reader {
    transfer: Arc<Transfer>,
    id: usize,
    /// Number of the chunk to read next.
    chunk: u64,
    at: u64,
}

impl Reader {
    /// What comes next for this reader.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.transfer.state();
        if self.chunk < state.first {
            return Poll::Ready(Next::Behind(self.at));
        }
        let index = usize::try_from(self.chunk - state.first).unwrap_or(usize::MAX);
        if let Some(chunk) = state.chunks.get(index).cloned() {
            self.chunk += 1;
            self.at += chunk.len() as u64;
            let whole = state.whole;
            if let Some(slot) = &mut state.readers[self.id] {
                slot.at = self.at;
            }
            drop(state);
            if !whole {
                self.transfer.moved.notify_waiters();
            }
            return Poll::Ready(Next::Chunk(chunk));
        }
        match state.ended {
            Some(Ok(())) => Poll::Ready(Next::End),
            Some(Err(failure)) => Poll::Ready(Next::Failed(failure)),
            None => {
                if let Some(slot) = &mut state.readers[self.id] {
                    slot.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Reader {
    /// What came behind the body, once its end has been read.
    pub(crate) fn trailers(&self) -> Option<Trailers> {
        self.transfer.trailers()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.transfer.state();
        state.readers[self.id] = None;
        state.free.push(self.id);
        state.reading -= 1;
        drop(state);
        self.transfer.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
