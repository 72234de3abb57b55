//! One direction of one connection: reads, holds for as long as the model says, writes.
//!
//! It knows nothing of the other direction but whether that has ended.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::coop::consume_budget;

use super::State;
use super::connection::Connection;
use super::counts::{Counts, Way};
use crate::control::Direction as Which;
use crate::model::{Flow, Line, MSS};
use crate::time::{Clock, MILLI, Nanos, Timer};

/// Bytes taken from a socket at once.
const READ: usize = 64 * 1024;
/// Bytes under way in one direction, at most.
const MOST: u64 = 16 << 20;
/// The same without a limit of rate, where no bandwidth-delay product says how much is needed.
const UNLIMITED: u64 = 4 << 20;

/// How a direction ended, if not by a FIN that was carried.
#[derive(Debug)]
pub(super) enum End {
    /// The sender's reset arrived at the receiver.
    Reset,
}

/// What the two directions of a connection know of each other.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) to: Other,
    pub(super) from: Other,
}

/// What one direction says of itself to the other.
#[derive(Debug, Default)]
pub(super) struct Other {
    /// Its sender no longer takes bytes: what it still says ends in a reset, even if it looks like a FIN
    /// (the system reports a reset once only, and may have told the writing side).
    broken: AtomicBool,
    /// Its FIN was delivered.
    done: AtomicBool,
    told: Notify,
}

pub(super) struct Direction<'a> {
    source: &'a TcpStream,
    sink: &'a TcpStream,
    which: Which,
    state: watch::Receiver<State>,
    counts: &'a Counts,
    clock: Clock,
    timer: Timer,
    flow: Flow,
    line: Line,
    /// Nothing leaves before the handshake is over.
    ready: Nanos,
    /// Nothing arrives before this: one crossing after the last cut healed.
    healed: Nanos,
    stopped: bool,
    queue: VecDeque<Item>,
    held: u64,
    /// The source has said its last.
    ended: bool,
}

struct Item {
    due: Nanos,
    what: What,
}

enum What {
    Bytes(Bytes),
    Fin,
    Reset,
}

/// What stands between a direction and its next step.
enum Progress {
    /// The head of the queue, if any, is due later.
    Waiting(Option<Nanos>),
    /// The receiver's buffer is full.
    Full,
    /// FIN is delivered.
    Done,
    /// RST is to be delivered.
    Reset,
    /// The receiver is gone.
    Broken,
}

impl<'a> Direction<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        source: &'a TcpStream,
        sink: &'a TcpStream,
        which: Which,
        flow: Flow,
        ready: Nanos,
    ) -> Self {
        let mut direction = Self {
            source,
            sink,
            which,
            state: connection.state.clone(),
            counts: &connection.counts,
            clock: connection.clock,
            timer: connection.timer.clone(),
            flow,
            line: connection.state.borrow().line,
            ready,
            healed: 0,
            stopped: false,
            queue: VecDeque::new(),
            held: 0,
            ended: false,
        };
        direction.look();
        direction
    }

    /// Carries until a FIN or a reset has arrived at the sink.
    pub(super) async fn run(mut self, own: &Other, other: &Other) -> Result<(), End> {
        let mut sleep = self.timer.sleep_until(self.clock.instant(self.ready));
        loop {
            // Sockets that are always ready must not starve other connections.
            consume_budget().await;
            let (mut due, mut full) = (None, false);
            match self.deliver() {
                Progress::Waiting(next) => due = next,
                Progress::Full => full = true,
                Progress::Done => {
                    own.done.store(true, Relaxed);
                    own.told.notify_one();
                    return Ok(());
                }
                Progress::Reset => return Err(End::Reset),
                Progress::Broken => return self.bounce(other).await,
            }
            if let Some(due) = due {
                sleep.reset(self.clock.instant(due));
            }
            let room = !self.ended && self.held < limit(&self.line);
            tokio::select! {
                biased;
                changed = self.state.changed() => match changed {
                    Ok(()) => self.look(),
                    // The link is gone and this task about to be.
                    Err(_) => std::future::pending().await,
                },
                () = &mut sleep, if due.is_some() => {}
                // Errors of either show in the write or read itself.
                _ = self.sink.writable(), if full => {}
                _ = self.source.readable(), if room => self.read(own),
            }
        }
    }

    /// Takes over what changed of the link.
    fn look(&mut self) {
        let state = self.state.borrow_and_update();
        self.line = state.line;
        let stopped = state.cut.is_some_and(|cut| match self.which {
            Which::From => cut.stops_from(),
            _ => cut.stops_to(),
        });
        if self.stopped && !stopped {
            self.healed = self.clock.now() + self.line.one_way();
        }
        self.stopped = stopped;
    }

    /// Writes what is due, as far as the receiver takes it.
    fn deliver(&mut self) -> Progress {
        if self.stopped {
            return Progress::Waiting(None);
        }
        let mut now = 0;
        while let Some(item) = self.queue.front_mut() {
            let due = item.due.max(self.healed);
            if due > now {
                now = self.clock.now();
                if due > now {
                    return Progress::Waiting(Some(due));
                }
            }
            match &mut item.what {
                What::Fin => {
                    return match SockRef::from(self.sink).shutdown(Shutdown::Write) {
                        Ok(()) => Progress::Done,
                        Err(_) => Progress::Broken,
                    };
                }
                What::Reset => return Progress::Reset,
                What::Bytes(bytes) => match self.sink.try_write(bytes) {
                    Ok(written) => {
                        bytes.advance(written);
                        if bytes.is_empty() {
                            self.queue.pop_front();
                        }
                        self.held -= written as u64;
                        way(self.counts, self.which).delivered(written as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Progress::Full;
                    }
                    Err(_) => return Progress::Broken,
                },
            }
        }
        Progress::Waiting(None)
    }

    /// Takes what the source has, and works out when it arrives.
    fn read(&mut self, own: &Other) {
        let bytes = match read(self.source) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => return self.end(What::Reset),
        };
        if bytes.is_empty() {
            let broken = own.broken.load(Relaxed);
            return self.end(if broken { What::Reset } else { What::Fin });
        }
        let now = self.clock.now().max(self.ready);
        let length = bytes.len() as u64;
        self.held += length;
        way(self.counts, self.which).read(length);
        let (queue, mut rest) = (&mut self.queue, bytes);
        self.flow
            .schedule(&self.line, now, length, step(&self.line), |part, due| {
                let part = rest.split_to((part as usize).min(rest.len()));
                queue.push_back(Item {
                    due,
                    what: What::Bytes(part),
                });
            });
    }

    /// FIN and RST travel behind what was sent before them.
    fn end(&mut self, what: What) {
        let now = self.clock.now().max(self.ready);
        let due = self.flow.send(&self.line, now, 0).last;
        self.queue.push_back(Item { due, what });
        self.ended = true;
    }

    /// The receiver is gone: its reset goes back to the sender, by way of the other direction as long as that runs.
    async fn bounce(mut self, other: &Other) -> Result<(), End> {
        self.forget();
        other.broken.store(true, Relaxed);
        while !other.done.load(Relaxed) {
            other.told.notified().await;
        }
        let back = self.clock.now() + self.line.one_way();
        self.timer.sleep_until(self.clock.instant(back)).await;
        let open = |state: &State| {
            !state.cut.is_some_and(|cut| match self.which {
                Which::From => cut.stops_to(),
                _ => cut.stops_from(),
            })
        };
        let _ = self.state.wait_for(open).await;
        Err(End::Reset)
    }

    fn forget(&mut self) {
        self.queue.clear();
        way(self.counts, self.which).lost(self.held);
        self.held = 0;
    }
}

impl Drop for Direction<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

fn way(counts: &Counts, which: Which) -> &Way {
    match which {
        Which::From => &counts.from,
        _ => &counts.to,
    }
}

/// Bytes that may be under way: what the line carries in a round trip, and some for the steps in which it is read.
fn limit(line: &Line) -> u64 {
    line.bandwidth_delay().map_or(UNLIMITED, |bytes| {
        bytes.saturating_add(2 * READ as u64).min(MOST)
    })
}

/// What a rate-limited line carries in half a millisecond, in whole segments: finer steps would wake for little.
fn step(line: &Line) -> u64 {
    let Some(rate) = line.model().rate_bps else {
        return u64::MAX;
    };
    let bytes = u128::from(rate) * u128::from(MILLI / 2) / 8_000_000_000;
    (u64::try_from(bytes).unwrap_or(u64::MAX) / MSS)
        .max(1)
        .saturating_mul(MSS)
}

thread_local! {
    /// Shared by all connections of a thread: idle ones hold no buffer, and what is held is of exact size.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

fn read(source: &TcpStream) -> io::Result<Bytes> {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = source.try_read(scratch)?;
        Ok(Bytes::copy_from_slice(&scratch[..length]))
    })
}
