//! Counting what is under way, so that a node can end when nothing is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many connections and fills are open.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    open: AtomicUsize,
    none_left: Notify,
}

/// One of them; it counts until it is dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct Task(Arc<Tasks>);

impl Tasks {
    pub(crate) fn begin(self: &Arc<Self>) -> Task {
        self.open.fetch_add(1, Ordering::AcqRel);
        Task(Arc::clone(self))
    }

    /// Returns when nothing is under way.
    pub(crate) async fn none_left(&self) {
        loop {
            let notified = self.none_left.notified();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}
