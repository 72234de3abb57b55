//! The clients: every planned request sent at its time, observed, and told to the fold.
//!
//! Open loop: a request that is late is sent at once, and its latency counts from when it was due.
//! Places are divided among a few threads, each with a runtime and connections of its own. Of the
//! stage it knows the links' addresses only.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Request, Uri};
use network::time::Timer;
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::clock::Clock;
use super::connections::{Connections, Fetched};
use super::guide::{Guide, Target};
use super::judge::{Check, Truth};
use super::links::Links;
use crate::metrics::Fold;
use crate::observe::{Answer, Failure, Observation, Phase, RequestId, Waits};
use crate::plan::{Nanos, Plan, PlannedRequest, Spot, TraceError};

/// Requests that are due are sent in groups of this size; between two groups, answers are read.
const GROUP: u32 = 8;

/// What all threads of the driver share.
#[derive(Debug)]
pub struct Shared {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The run's clock.
    pub clock: Clock,
    /// Where the links listen.
    pub links: Links,
    /// What the origin must have sent.
    pub truth: Truth,
    /// Everything that was seen.
    pub fold: Mutex<Fold>,
    /// Wakes senders at their times.
    pub timer: Timer,
    /// Set when the run is over, or given up.
    pub stop: AtomicBool,
    /// Requests answered or given up.
    pub done: AtomicU64,
    /// Requests under way, by the instant that they were due at.
    pub under_way: Mutex<BTreeSet<(Nanos, u64)>>,
}

impl Shared {
    /// The fold; a thread that panicked says nothing about it, so poison is ignored.
    pub fn fold(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeSet<(Nanos, u64)>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The instant since which nothing is under way any more: that of the oldest open request, or now.
    pub fn settled_before(&self) -> Nanos {
        let now = self.clock.now();
        self.under_way().first().map_or(now, |(due, _)| *due)
    }
}

/// How many threads send. Links, edges and the origin need the other cores.
pub fn threads(plan: &Plan) -> usize {
    if plan.sequential {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 3).clamp(1, 4).min(plan.places.len().max(1))
}

/// Sends the requests of every `of`-th place, from `index` on, and returns when all are done.
///
/// # Errors
/// When the trace behind the plan cannot be read on.
pub fn play(shared: &Arc<Shared>, index: usize, of: usize) -> Result<(), PlayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(PlayError::Runtime)?;
    let local = LocalSet::new();
    let clients = Rc::new(Clients::new(Arc::clone(shared)));
    local.block_on(&runtime, clients.send_all(index, of))
}

/// Why a thread of clients gave up.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// No runtime could be made.
    #[error("cannot start a runtime: {0}")]
    Runtime(std::io::Error),
    /// The trace cannot be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

/// The clients of one thread.
struct Clients {
    shared: Arc<Shared>,
    connections: Connections,
    guide: Guide,
    /// Fields that all requests of a population carry.
    headers: Vec<HeaderMap>,
    /// The selecting field of each class, with the values that clients send.
    vary: Vec<Option<(HeaderName, Vec<HeaderValue>)>>,
    open: Cell<usize>,
    closed: Notify,
}

impl Clients {
    fn new(shared: Arc<Shared>) -> Self {
        let plan = &shared.plan;
        let populations = plan.populations.iter();
        let headers = populations
            .map(|population| header_map(&population.headers))
            .collect();
        let vary = plan.classes.iter().map(|class| {
            let vary = class.vary.as_ref()?;
            let name = HeaderName::from_bytes(vary.header.as_bytes()).ok()?;
            let values = vary
                .values
                .iter()
                .map(|value| HeaderValue::from_str(value).ok());
            Some((name, values.collect::<Option<_>>()?))
        });
        Self {
            connections: Connections::default(),
            guide: Guide::new(plan),
            headers,
            vary: vary.collect(),
            open: Cell::new(0),
            closed: Notify::new(),
            shared,
        }
    }

    async fn send_all(self: Rc<Self>, index: usize, of: usize) -> Result<(), PlayError> {
        let shared = Arc::clone(&self.shared);
        let clock = shared.clock;
        let mut in_group = 0;
        shared.timer.sleep_until(clock.instant(0)).await;
        for planned in shared.plan.requests() {
            let planned = planned?;
            if usize::from(planned.place) % of != index {
                continue;
            }
            if shared.stop.load(Ordering::Relaxed) {
                break;
            }
            if shared.plan.sequential {
                let now = clock.now();
                self.clone()
                    .request(PlannedRequest {
                        due: now,
                        deadline: planned.deadline,
                        ..planned
                    })
                    .await;
                continue;
            }
            let due = clock.instant(planned.due);
            if due > Instant::now() {
                shared.timer.sleep_until(due).await;
                in_group = 0;
            } else if in_group == GROUP {
                tokio::task::yield_now().await;
                in_group = 0;
            }
            in_group += 1;
            self.open.set(self.open.get() + 1);
            let clients = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                clients.clone().request(planned).await;
                clients.open.set(clients.open.get() - 1);
                clients.closed.notify_one();
            });
        }
        while self.open.get() > 0 {
            self.closed.notified().await;
        }
        Ok(())
    }

    /// One client's request, from its start to its end, whatever comes of it.
    async fn request(self: Rc<Self>, planned: PlannedRequest) {
        let shared = &self.shared;
        let key = (planned.due, planned.step);
        shared.under_way().insert(key);
        let started = shared.clock.now();
        let mut sent = Sent {
            node: None,
            first_byte: started,
            waits: Waits::default(),
        };
        let outcome = self.exchange(&planned, started, &mut sent).await;
        let observation = Observation {
            step: planned.step,
            place: planned.place,
            object: planned.object,
            variant: planned.variant,
            node: sent.node,
            due: planned.due,
            started,
            first_byte: sent.first_byte,
            done: shared.clock.now(),
            waits: sent.waits,
            outcome,
            late: started.saturating_sub(planned.due),
        };
        shared.fold().observe(&observation);
        shared.under_way().remove(&key);
        shared.done.fetch_add(1, Ordering::Relaxed);
    }

    async fn exchange(
        &self,
        planned: &PlannedRequest,
        started: Nanos,
        sent: &mut Sent,
    ) -> Result<Answer, Failure> {
        let shared = &self.shared;
        let deadline = shared
            .clock
            .instant(planned.due.saturating_add(planned.deadline));
        let path = shared.plan.origin.catalogue.path(planned.object);
        let mut request = self.head(planned, &path).ok_or(Failure::Protocol)?;
        let target = self
            .guide
            .target(
                &shared.links,
                &self.connections,
                planned.place,
                planned.client,
                &request,
                deadline,
            )
            .await?;
        let Target { node, spot, host } = target;
        sent.node = node;
        let routed = shared.clock.now();
        let routing = routed.saturating_sub(started);
        sent.waits.phases.add(Phase::Routing, routing);
        request.headers_mut().insert(HOST, host);
        let address = shared
            .links
            .at(Spot::Client(planned.place), spot)
            .ok_or(Failure::Routing)?;
        let mut check = Check::new(
            &shared.truth,
            planned.object,
            planned.variant,
            path,
            started,
        );
        let fetched = self
            .connections
            .fetch((planned.place, address), &request, deadline, |head| {
                check.head(head);
                |piece: &[u8]| check.piece(piece)
            })
            .await;
        let Fetched {
            head,
            asked,
            kept,
            first_byte,
            bytes,
        } = fetched?;
        sent.first_byte = shared.clock.offset(first_byte);
        if !kept {
            let connect = shared.clock.offset(asked).saturating_sub(routed);
            sent.waits.phases.add(Phase::ClientConnect, connect);
        }
        Ok(check.answer(request.headers(), &head, bytes))
    }

    /// The request's head, without the final `Host`.
    fn head(&self, planned: &PlannedRequest, path: &str) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.uri_mut() = path.parse::<Uri>().ok()?;
        let headers = request.headers_mut();
        if let Some(common) = self.headers.get(usize::from(planned.population)) {
            headers.clone_from(common);
        }
        headers.insert(HOST, HeaderValue::from_str(&self.shared.plan.site).ok()?);
        let client = HeaderValue::from_str(&planned.client.to_string()).ok()?;
        headers.insert(HeaderName::from_static("x-forwarded-for"), client);
        let id = HeaderValue::from_str(&RequestId::Step(planned.step).to_string()).ok()?;
        headers.insert(HeaderName::from_static("x-request-id"), id);
        if let Some(Some((name, values))) = self.vary.get(usize::from(planned.object.class))
            && let Some(value) = values.get(usize::from(planned.variant))
        {
            headers.insert(name, value.clone());
        }
        Some(request)
    }
}

/// What is known of a request before its outcome.
struct Sent {
    node: Option<u16>,
    first_byte: Nanos,
    /// What the client could measure of the time before it.
    waits: Waits,
}

pub(super) fn header_map(fields: &[(String, String)]) -> HeaderMap {
    let parsed = fields.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let mut map = HeaderMap::new();
    for (name, value) in parsed {
        map.append(name, value);
    }
    map
}
