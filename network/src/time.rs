//! Time in nanoseconds, and a timer that wakes asynchronous tasks well within a millisecond.
//!
//! The timers of tokio work in steps of a millisecond and overshoot by more than one, which is too much where
//! a crossing of a few milliseconds is to be told from another. Here one thread waits on a condition variable for
//! the earliest deadline and wakes the tasks whose time has come. It knows nothing of what they wait for.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// A span of time, or an offset from the start of a run, in nanoseconds. 584 years fit.
pub type Nanos = u64;

/// Nanoseconds in a millisecond.
pub const MILLI: Nanos = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: Nanos = 1_000_000_000;

/// The timer's thread never spins for longer than this at a time.
const LONGEST_LEAD: Duration = Duration::from_micros(100);

/// A span as [`Nanos`]; spans beyond 584 years become the largest value.
pub fn nanos(span: Duration) -> Nanos {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The monotonic clock as offset from one instant.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose offset 0 is now.
    pub fn start() -> Self {
        Self::starting_at(Instant::now())
    }

    /// A clock whose offset 0 is `start`, which may lie ahead (offsets are 0 until then).
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// The offset of now.
    pub fn now(&self) -> Nanos {
        self.offset(Instant::now())
    }

    /// The offset of an instant; 0 for one before the start.
    pub fn offset(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.start))
    }

    /// The instant of an offset. One beyond what the platform can express becomes 30 years ahead.
    pub fn instant(&self, offset: Nanos) -> Instant {
        const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
        let offset = Duration::from_nanos(offset);
        self.start
            .checked_add(offset)
            .unwrap_or_else(|| self.start + FAR)
    }
}

/// A timer service: a handle to its thread, which ends with the last handle.
#[derive(Clone, Debug)]
pub struct Timer {
    service: Arc<Service>,
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses another thread.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("timer".into())
            .spawn(move || theirs.run())?;
        Ok(Self {
            service: Arc::new(Service { shared }),
        })
    }

    /// Completes at `deadline`, or at once if it has passed. Dropping the future costs nothing later.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep {
            service: Arc::clone(&self.service),
            deadline,
            ticket: None,
        }
    }

    /// Completes after `span`.
    pub fn sleep(&self, span: Duration) -> Sleep {
        self.sleep_until(Instant::now() + span)
    }

    /// How many futures are waiting.
    pub fn waiting(&self) -> usize {
        self.service.shared.lock().waiting.len()
    }
}

/// Closes the queue with the last handle.
#[derive(Debug)]
struct Service {
    shared: Arc<Shared>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.earlier.notify_one();
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when the earliest deadline moved forward, or the queue was closed.
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// By deadline, then by ticket, which keeps equal deadlines in the order of their coming.
    waiting: BTreeMap<(Instant, u64), Waker>,
    tickets: u64,
    closed: bool,
}

impl Shared {
    /// A waker that panicked says nothing about the queue, so poison is ignored.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        ask_for_precision();
        let mut due = Vec::new();
        // How late the system lately woke this thread, which is asked to wake it by so much earlier.
        let mut lead = Duration::ZERO;
        let mut queue = self.lock();
        while !queue.closed {
            let now = Instant::now();
            while let Some(first) = queue.waiting.first_entry() {
                if first.key().0 > now {
                    break;
                }
                due.push(first.remove());
            }
            if !due.is_empty() {
                // Woken outside the lock: the woken task may set its next timer at once.
                drop(queue);
                due.drain(..).for_each(Waker::wake);
                queue = self.lock();
                continue;
            }
            let next = queue
                .waiting
                .first_key_value()
                .map(|((deadline, _), _)| deadline.saturating_duration_since(now));
            queue = match next {
                None => self
                    .earlier
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(span) if span > lead => {
                    let waited = self.earlier.wait_timeout(queue, span - lead);
                    let (queue, end) = waited.unwrap_or_else(PoisonError::into_inner);
                    if end.timed_out() {
                        let late = now.elapsed().saturating_sub(span - lead).min(LONGEST_LEAD);
                        lead = (lead * 7 + late) / 8;
                    }
                    queue
                }
                // Woken less late than usual: too little is left for another sleep.
                Some(span) => {
                    drop(queue);
                    while now.elapsed() < span {
                        std::hint::spin_loop();
                    }
                    self.lock()
                }
            };
        }
    }
}

/// Linux lets a thread's timers fire up to 50 µs late, to save power, unless told otherwise.
fn ask_for_precision() {
    #[cfg(target_os = "linux")]
    if let Some(least) = std::num::NonZeroU64::new(1) {
        // A refusal costs precision only.
        let _ = rustix::thread::set_current_timer_slack(Some(least));
    }
}

/// A future that completes at its deadline. See [`Timer::sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    service: Arc<Service>,
    deadline: Instant,
    /// Set while it stands in the queue.
    ticket: Option<u64>,
}

impl Sleep {
    /// When it completes.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sets another deadline, also after completion.
    pub fn reset(&mut self, deadline: Instant) {
        if deadline != self.deadline {
            self.leave();
            self.deadline = deadline;
        }
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.service
                .shared
                .lock()
                .waiting
                .remove(&(self.deadline, ticket));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = &mut *self;
        if Instant::now() >= sleep.deadline {
            sleep.leave();
            return Poll::Ready(());
        }
        let shared = &sleep.service.shared;
        let mut queue = shared.lock();
        let ticket = *sleep.ticket.get_or_insert_with(|| {
            queue.tickets += 1;
            queue.tickets
        });
        let key = (sleep.deadline, ticket);
        match queue.waiting.get_mut(&key) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                queue.waiting.insert(key, context.waker().clone());
                if queue
                    .waiting
                    .first_key_value()
                    .is_some_and(|(first, _)| *first == key)
                {
                    shared.earlier.notify_one();
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.leave();
    }
}
