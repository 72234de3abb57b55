//! What happens beside the traffic: planned events at their times, the origin's log, the nodes'
//! counters, and nodes that die unasked.
//!
//! It asks the stage's processes and tells the fold; it sends no client requests.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::LiveError;
use super::perform::perform;
use super::stage::Stage;
use super::traffic::Shared;
use crate::observe::{OriginRecord, RequestId};
use crate::plan::{Event, Nanos, OriginKind};
use crate::progress::Progress;

const MS: Nanos = 1_000_000;
/// How often the origin's log is read. Its ring holds minutes of it.
const LOG_EVERY: Duration = Duration::from_millis(200);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How often counters are read, beside the borders of windows.
const STATS_EVERY: Nanos = 1_000_000_000;
/// After the last answer, background work may go on; it is over when the log was quiet for so long.
const QUIET: Duration = Duration::from_millis(400);
/// It is cut off after so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The origin tells wall time in whole milliseconds: what it dates before an instant by our clock can
/// have been a little later.
const MARGIN: Nanos = 1_000_000_000;

/// Something to be told to the listener of the run's progress.
#[derive(Debug)]
enum Word {
    Event(Nanos, String),
    Warning(Nanos, String),
}

/// Everything beside the traffic of one run.
pub struct Happenings {
    shared: Arc<Shared>,
    stage: Arc<Stage>,
    words: Mutex<Vec<Word>>,
    /// Nodes that are down because the plan says so.
    killed: Mutex<BTreeSet<String>>,
    /// Number of the last record of the origin's log that was read.
    read_up_to: AtomicU64,
}

impl Happenings {
    /// For a run on this stage.
    pub fn new(shared: Arc<Shared>, stage: Arc<Stage>) -> Self {
        Self {
            shared,
            words: Mutex::default(),
            killed: Mutex::default(),
            read_up_to: AtomicU64::new(stage.log_begin()),
            stage,
        }
    }

    fn say(&self, word: Word) {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(word);
    }

    fn warn(&self, what: impl Into<String>) {
        self.say(Word::Warning(self.shared.clock.now(), what.into()));
    }

    /// Lets the planned events happen at their times; never fails the run: what could not be done is
    /// told as a warning.
    pub async fn events(&self) {
        let events = self.shared.plan.events.iter().enumerate();
        let all = events.map(|(index, event)| async move {
            let instant = self.shared.clock.instant(event.at);
            self.shared.timer.sleep_until(instant).await;
            if self.shared.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.happen(&event.what).await {
                Ok(()) => {
                    let at = self.shared.clock.now();
                    self.shared.fold().event(index, at);
                    self.say(Word::Event(at, event.label.clone()));
                }
                Err(error) => self.warn(format!("{}: {error}", event.label)),
            }
        });
        futures_util::future::join_all(all).await;
    }

    async fn happen(&self, event: &Event) -> Result<(), LiveError> {
        let (stage, plan) = (&self.stage, &self.shared.plan);
        let mut down = 0;
        if let Event::Kill(node) = event {
            // Before it dies, so that its death is not taken for an accident.
            self.note_killed(*node, true);
            down = self.down_for(*node);
        }
        let performed = perform(stage, plan, event, down).await?;
        if let Event::Restart(node) = event {
            self.note_killed(*node, false);
        }
        if let (Event::Publish(selector), Some(at_ms)) = (event, performed.published_at_ms) {
            let at = self.shared.clock.offset_of_wall(at_ms) / MS;
            self.shared.truth.published(*selector, at);
        }
        for warning in performed.warnings {
            self.warn(warning);
        }
        Ok(())
    }

    /// How long a node that is killed now has to stay down: until the plan restarts it, or to its end.
    fn down_for(&self, node: u16) -> Nanos {
        let (plan, now) = (&self.shared.plan, self.shared.clock.now());
        let back = plan.events.iter().find(|event| {
            event.at > now && matches!(event.what, Event::Restart(again) if again == node)
        });
        back.map_or(plan.duration, |event| event.at)
            .saturating_sub(now)
    }

    fn note_killed(&self, node: u16, killed: bool) {
        let name = self.shared.plan.nodes[usize::from(node)].name.clone();
        let mut names = self.killed.lock().unwrap_or_else(PoisonError::into_inner);
        if killed {
            names.insert(name);
        } else {
            names.remove(&name);
        }
    }

    /// Reads the origin's log, the counters at the borders of windows and each second, and tells the
    /// progress, until dropped.
    pub async fn watch(&self, progress: &mut dyn Progress) {
        let mut tick = tokio::time::interval(TELL_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut borders = self.shared.fold().boundaries().to_vec();
        borders.sort_unstable();
        let mut borders = borders.into_iter().peekable();
        let (mut next_stats, mut next_log) = (STATS_EVERY, 0);
        let log_every = Nanos::try_from(LOG_EVERY.as_nanos()).unwrap_or(Nanos::MAX);
        let mut dead = BTreeSet::new();
        loop {
            let border = borders.peek().map(|&at| self.shared.clock.instant(at));
            tokio::select! {
                _ = tick.tick() => {}
                () = async { match border {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                } } => {
                    // Told as of the border itself, for which it was read.
                    if let Some(border) = borders.next() {
                        self.stats(Some(border)).await;
                    }
                    continue;
                }
            }
            let now = self.shared.clock.now();
            self.tell(progress, now);
            self.look_for_dead(&mut dead).await;
            if now >= next_log {
                self.read_log().await;
                next_log = now + log_every;
            }
            if now >= next_stats {
                self.stats(None).await;
                next_stats = now + STATS_EVERY;
            }
        }
    }

    /// Tells what has happened since the last time.
    pub fn tell(&self, progress: &mut dyn Progress, now: Nanos) {
        let words = std::mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner));
        for word in words {
            match word {
                Word::Event(at, label) => progress.event(at, &label),
                Word::Warning(at, what) => progress.warn(at, &what),
            }
        }
        let of = self.shared.plan.duration;
        progress.advance(now.min(of), of, self.shared.done.load(Ordering::Relaxed));
    }

    /// A process that ended without the plan's wish is told once; the run goes on.
    async fn look_for_dead(&self, told: &mut BTreeSet<String>) {
        for (name, how, stderr) in self.stage.ended().await {
            let planned = self
                .killed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&name);
            if planned || !told.insert(name.clone()) {
                continue;
            }
            let words = stderr
                .last()
                .map(|line| format!(": {line}"))
                .unwrap_or_default();
            let what = format!("{name} died unasked ({how}){words}; the run goes on without it");
            let nodes = &self.shared.plan.nodes;
            let node = nodes.iter().position(|node| node.name == name);
            let node = node.and_then(|node| u16::try_from(node).ok());
            let at = self.shared.clock.now();
            self.shared.fold().died(node, what.clone(), at);
            self.warn(what);
        }
    }

    /// Reads the nodes' counters, as they stood at `at` or stand now.
    async fn stats(&self, at: Option<Nanos>) {
        for (_, index) in self.shared.plan.nodes.iter().zip(0u16..) {
            // A node that is down has no counters; its death is told elsewhere.
            if let Some(stats) = self.stage.stats(index).await {
                let at = at.unwrap_or_else(|| self.shared.clock.now());
                self.shared.fold().node_stats(index, &stats, at);
            }
        }
    }

    /// Reads what is new in the origin's log; true if there was something.
    async fn read_log(&self) -> bool {
        let settled = self.shared.settled_before().saturating_sub(MARGIN);
        let admin = self.stage.control.of("origin", self.stage.origin_admin());
        let mut found = false;
        loop {
            // The origin cannot be asked while it is down; its log is read later.
            let Ok((page, records)) = admin.log(self.read_up_to.load(Ordering::Relaxed)).await
            else {
                return found;
            };
            self.read_up_to.store(page.next, Ordering::Relaxed);
            let mut fold = self.shared.fold();
            if page.lost > 0 {
                fold.origin_lost(page.lost);
            }
            for record in &records {
                found = true;
                fold.origin(&OriginRecord {
                    id: RequestId::read(record.id.as_deref().unwrap_or_default(), |name| {
                        self.shared.truth.node(name)
                    }),
                    at: self.shared.clock.offset_of_wall(record.at_ms),
                    object: record.object,
                    status: record.status,
                    body_bytes: record.body_bytes,
                    conditional: record.conditional,
                });
            }
            if !page.more {
                fold.settle(settled);
                return found;
            }
        }
    }

    /// After the last answer: reads the log until it is quiet, and the last counters.
    pub async fn finish(&self) {
        let end = tokio::time::Instant::now() + PATIENCE;
        let synthetic = matches!(self.shared.plan.origin.kind, OriginKind::Synthetic);
        loop {
            tokio::time::sleep(QUIET).await;
            let news = self.read_log().await;
            if !news || tokio::time::Instant::now() >= end || !synthetic {
                break;
            }
        }
        self.stats(None).await;
    }
}
