//! Waiting to a tenth of a millisecond.
//!
//! tokio's timer has ticks of a millisecond and oversleeps by more than one, which would show in
//! every latency behind it. A thread's own sleep is ten times closer, so one thread keeps the
//! deadlines of all requests.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

/// The thread, and the deadlines that it keeps. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Timer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BinaryHeap<Reverse<Waiter>>,
    /// Number of the next waiter; equal deadlines end in the order in which they came.
    next: u64,
    closed: bool,
}

#[derive(Debug)]
struct Waiter {
    due: Instant,
    number: u64,
    wake: oneshot::Sender<()>,
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl Timer {
    pub(super) fn start() -> std::io::Result<Timer> {
        let inner = Arc::new(Inner::default());
        let own = Arc::clone(&inner);
        std::thread::Builder::new()
            .name("origin-timer".to_owned())
            .spawn(move || own.run())?;
        Ok(Timer(inner))
    }

    /// Returns at `due`, at once if that has passed.
    pub(super) async fn wait_until(&self, due: Instant) {
        if due <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        {
            let mut state = self.0.lock();
            let number = state.next;
            state.next += 1;
            state.waiting.push(Reverse(Waiter { due, number, wake }));
        }
        self.0.changed.notify_one();
        // An error means that the timer is gone, and everything with it.
        let _ = woken.await;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            while let Some(first) = state.waiting.peek_mut().filter(|first| first.0.due <= now) {
                // Who no longer listens has lost its client.
                let _ = std::collections::binary_heap::PeekMut::pop(first)
                    .0
                    .wake
                    .send(());
            }
            let wait = state.waiting.peek().map(|first| first.0.due - now);
            state = match wait {
                Some(wait) => {
                    let woken = self.changed.wait_timeout(state, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        // Whoever still waits is let go, since their senders are dropped here.
        state.waiting.clear();
    }
}
