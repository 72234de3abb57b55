//! The traffic of one population: when requests come, from where, and for what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use super::random::{Alias, Purpose, Stream, Zipf};
use super::trace::{TraceFile, TraceRows};
use super::{Nanos, ObjectId, PlannedRequest, TraceError};

/// What a population does, ready to be drawn from.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Index of the population's first place in the plan.
    pub(crate) first_place: u16,
    pub(crate) places: Alias,
    /// The client networks of each place.
    pub(crate) networks: Vec<Networks>,
    pub(crate) deadline: Nanos,
    /// How many `Vary` values each class has; 0 or 1: no choice.
    pub(crate) variants: Arc<Vec<u16>>,
}

/// Where requests come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Drawn.
    Drawn(Drawn),
    /// Recorded.
    Trace(Arc<TraceFile>),
}

/// Random arrivals of random objects.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// Ends of the stages and their rates per nanosecond, ascending; the last one ends with the run.
    pub(crate) stages: Vec<(Nanos, f64)>,
    pub(crate) burst: Option<BurstPlan>,
    /// By share.
    pub(crate) classes: Alias,
    /// Index of each class in the plan and the popularity of its objects.
    pub(crate) objects: Vec<(u16, Arc<Zipf>)>,
}

/// A crowd.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BurstPlan {
    pub(crate) at: Nanos,
    pub(crate) count: u64,
    pub(crate) within: Nanos,
}

/// Client networks as first address and number of usable hosts.
#[derive(Debug)]
pub(crate) struct Networks(Vec<(IpAddr, u64)>);

/// Hosts drawn from one network, at most: enough clients, and the same few bits for any prefix.
const HOSTS: u64 = 1 << 16;

impl Networks {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        let range = |network: &IpNet| {
            let bits = u32::from(network.max_prefix_len() - network.prefix_len());
            let addresses = if bits >= 16 { HOSTS } else { 1 << bits };
            // The first address names the network and the last one may be its broadcast address.
            if addresses > 2 {
                (next(network.network(), 1), addresses - 2)
            } else {
                (network.network(), addresses)
            }
        };
        Self(networks.iter().map(range).collect())
    }

    #[inline]
    fn draw(&self, stream: &mut Stream) -> IpAddr {
        let bits = stream.bits();
        // The halves of one draw: which network, and which host of it.
        let which = ((bits >> 32) * self.0.len() as u64) >> 32;
        match self.0.get(which as usize) {
            Some((first, hosts)) => next(*first, ((bits & 0xffff_ffff) * hosts) >> 32),
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// The address `by` after this one.
fn next(address: IpAddr, by: u64) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().wrapping_add(by as u32)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().wrapping_add(u128::from(by))).into(),
    }
}

/// One population at play: its streams and its next requests.
pub(crate) struct Player {
    traffic: Arc<Traffic>,
    index: u16,
    arrivals: Arrivals,
    object: Stream,
    place: Stream,
    /// None: addresses are not asked for.
    address: Option<Stream>,
    variant: Stream,
    /// Requests drawn ahead; those before `next` have been taken.
    drawn: Vec<PlannedRequest>,
    next: usize,
    /// What comes after them, if it is an error of a trace.
    failed: Option<TraceError>,
}

enum Arrivals {
    Drawn { poisson: Poisson, crowd: Crowd },
    Trace(TraceRows),
}

/// Requests drawn in one go. A draw among a million objects is mostly a wait for memory; those of a batch overlap.
const BATCH: usize = 64;

impl Player {
    /// Opens the traffic of a population at its first request.
    pub(crate) fn new(traffic: Arc<Traffic>, index: u16, seed: u64, addresses: bool) -> Self {
        let stream = |purpose| Stream::new(seed, &traffic.name, purpose);
        let arrivals = match &traffic.source {
            Source::Drawn(drawn) => Arrivals::Drawn {
                poisson: Poisson::new(stream(Purpose::Arrivals), &drawn.stages),
                crowd: Crowd::new(stream(Purpose::Burst), drawn.burst),
            },
            Source::Trace(file) => Arrivals::Trace(file.rows()),
        };
        let mut player = Self {
            index,
            arrivals,
            object: stream(Purpose::Object),
            place: stream(Purpose::Place),
            address: addresses.then(|| stream(Purpose::Address)),
            variant: stream(Purpose::Variant),
            traffic,
            drawn: Vec::with_capacity(BATCH),
            next: 0,
            failed: None,
        };
        player.draw();
        player
    }

    /// When the next request is due; `None` after the last. An error of a trace is due at once.
    #[inline]
    pub(crate) fn due(&self) -> Option<Nanos> {
        match self.drawn.get(self.next) {
            Some(request) => Some(request.due),
            None => self.failed.as_ref().map(|_| 0),
        }
    }

    /// The next request, numbered `step`.
    #[inline]
    pub(crate) fn take(&mut self, step: u64) -> Option<Result<PlannedRequest, TraceError>> {
        let Some(request) = self.drawn.get(self.next) else {
            return self.failed.take().map(Err);
        };
        let request = PlannedRequest { step, ..*request };
        self.next += 1;
        if self.next == self.drawn.len() && self.failed.is_none() {
            self.draw();
        }
        Some(Ok(request))
    }

    /// Appends the next requests to a batch, so many at most and as long as they are due before `until`; unnumbered.
    pub(crate) fn take_while(
        &mut self,
        batch: &mut Vec<PlannedRequest>,
        most: usize,
        until: Nanos,
    ) -> Result<(), TraceError> {
        let ready = self.drawn.get(self.next..).unwrap_or_default();
        if ready.is_empty()
            && let Some(error) = self.failed.take()
        {
            return Err(error);
        }
        let ready = &ready[..ready.len().min(most)];
        let first = ready.iter().take_while(|request| request.due < until);
        let count = first.count();
        batch.extend_from_slice(&ready[..count]);
        self.next += count;
        if self.next == self.drawn.len() && self.failed.is_none() {
            self.draw();
        }
        Ok(())
    }

    /// Draws the next requests, one property after the other: each has a stream of its own.
    fn draw(&mut self) {
        self.drawn.clear();
        self.next = 0;
        let traffic = &*self.traffic;
        let request = |due, object| PlannedRequest {
            step: 0,
            due,
            population: self.index,
            place: traffic.first_place,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            object,
            variant: 0,
            deadline: traffic.deadline,
        };
        match (&mut self.arrivals, &traffic.source) {
            (Arrivals::Drawn { poisson, crowd }, Source::Drawn(drawn)) => {
                let none = ObjectId {
                    class: 0,
                    object: 0,
                };
                let dues = std::iter::from_fn(|| match (poisson.next, crowd.next) {
                    (Some(a), Some(b)) if b < a => crowd.advance(),
                    (Some(_), _) => poisson.advance(&drawn.stages),
                    (None, _) => crowd.advance(),
                });
                let dues = dues.take(BATCH);
                self.drawn.extend(dues.map(|due| request(due, none)));
                drawn.objects(&mut self.object, &mut self.drawn);
            }
            (Arrivals::Trace(rows), _) => {
                for row in rows.take(BATCH) {
                    match row {
                        Ok((due, object)) => self.drawn.push(request(due, object)),
                        Err(error) => {
                            self.failed = Some(error);
                            break;
                        }
                    }
                }
            }
            (Arrivals::Drawn { .. }, Source::Trace(_)) => {}
        }
        for request in &mut self.drawn {
            request.place += traffic.places.choose(&mut self.place) as u16;
        }
        if let Some(address) = &mut self.address {
            for request in &mut self.drawn {
                let place = usize::from(request.place - traffic.first_place);
                if let Some(networks) = traffic.networks.get(place) {
                    request.client = networks.draw(address);
                }
            }
        }
        if traffic.variants.iter().all(|variants| *variants < 2) {
            return;
        }
        for request in &mut self.drawn {
            let variants = traffic.variants.get(usize::from(request.object.class));
            if let Some(&variants) = variants.filter(|variants| **variants > 1) {
                request.variant = self.variant.below(variants.into()) as u16;
            }
        }
    }
}

impl Drawn {
    /// Chooses the objects of some requests.
    fn objects(&self, stream: &mut Stream, requests: &mut [PlannedRequest]) {
        let only = self.objects.len() == 1;
        for request in requests {
            let class = match only {
                true => 0,
                false => self.classes.choose(stream) as usize,
            };
            if let Some((index, objects)) = self.objects.get(class) {
                request.object = ObjectId {
                    class: *index,
                    object: objects.choose(stream),
                };
            }
        }
    }
}

/// A Poisson process whose rate changes in steps.
struct Poisson {
    stream: Stream,
    /// In nanoseconds; a day is held to a hundredth of one.
    now: f64,
    stage: usize,
    next: Option<Nanos>,
}

impl Poisson {
    fn new(stream: Stream, stages: &[(Nanos, f64)]) -> Self {
        let mut poisson = Self {
            stream,
            now: 0.0,
            stage: 0,
            next: None,
        };
        poisson.advance(stages);
        poisson
    }

    /// Gives the arrival that was next, and draws the one after it.
    #[inline]
    fn advance(&mut self, stages: &[(Nanos, f64)]) -> Option<Nanos> {
        let due = self.next;
        // The gap is spent at the rate of each stage that it reaches into, so that no stage border bends the process.
        let mut gap = self.stream.exponential();
        self.next = loop {
            let Some(&(end, rate)) = stages.get(self.stage) else {
                break None;
            };
            let available = (end as f64 - self.now) * rate;
            if gap < available {
                self.now += gap / rate;
                // Rounding must not carry an arrival to the end of its stage.
                break Some((self.now as Nanos).min(end - 1));
            }
            gap -= available;
            self.now = end as f64;
            self.stage += 1;
        };
        due
    }
}

/// A fixed number of arrivals, evenly at random over a span, drawn in their order.
struct Crowd {
    stream: Stream,
    left: u64,
    /// How far into the span the last one came, as a share of it.
    reached: f64,
    plan: Option<BurstPlan>,
    next: Option<Nanos>,
}

impl Crowd {
    fn new(stream: Stream, plan: Option<BurstPlan>) -> Self {
        let left = plan.map_or(0, |burst| burst.count);
        let mut crowd = Self {
            stream,
            left,
            reached: 0.0,
            plan,
            next: None,
        };
        crowd.advance();
        crowd
    }

    /// Gives the arrival that was next, and draws the one after it.
    fn advance(&mut self) -> Option<Nanos> {
        let due = self.next;
        self.next = match self.plan {
            Some(burst) if self.left > 0 => {
                // The smallest of the `left` draws that are still to come above `reached`.
                let share = 1.0 - libm::pow(self.stream.unit(), 1.0 / self.left as f64);
                self.reached += (1.0 - self.reached) * share;
                self.left -= 1;
                Some(
                    burst.at
                        + ((self.reached * burst.within as f64) as Nanos)
                            .min(burst.within.saturating_sub(1)),
                )
            }
            _ => None,
        };
        due
    }
}
