//! One address in front of a stage that is left running: whoever asks here asks as a client of the CDN does.
//!
//! `/` is the live page ([`page`]), fed by `/events` ([`news`]). `/lab/…` takes orders and tells how the world stands
//! ([`orders`]); who may give them says [`guard`]. Every other path is asked for through the router and the links, as a client
//! of the nearest place would ([`asking`]). The place is named in the field `X-Cdnlab-From` (such as `NRT`), or follows from
//! the client's address in `X-Forwarded-For`.

mod asking;
mod figures;
mod guard;
mod journey;
mod legs;
mod memory;
mod news;
mod orders;
mod page;
mod play;
mod serve;
mod tally;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use geo_data::{Database, distance_km};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use self::guard::Door;

use self::asking::{Answered, Asker, Question, REQUEST_ID};
use self::memory::Memory;
use self::news::{Entry, News};
use self::play::Play;
use self::tally::Tally;
use super::clock::Clock;
use super::stage::Stage;
use crate::plan::{Plan, RoutingMode, Spot};

/// Readers of the feed at most: what a reader that takes nothing leaves in buffers is bounded, and so is their number.
const FEEDS: usize = 256;
const FROM: HeaderName = HeaderName::from_static("x-cdnlab-from");
const PLACE: HeaderName = HeaderName::from_static("x-cdnlab-place");
const NODE: HeaderName = HeaderName::from_static("x-cdnlab-node");
const MILLIS: HeaderName = HeaderName::from_static("x-cdnlab-first-byte-ms");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The front of one stage.
#[derive(Debug)]
pub struct Front {
    stage: Arc<Stage>,
    plan: Arc<Plan>,
    database: Database,
    door: Door,
    /// The admin listeners by name; a restart changes none.
    admins: Vec<(String, SocketAddr)>,
    asker: Asker,
    /// How many requests have got an id here.
    asked: AtomicU64,
    news: watch::Sender<Arc<News>>,
    /// Places for readers of the feed.
    feeds: Arc<Semaphore>,
    /// The regions of clients, and the indices of the PoPs that are nearest to them.
    regions: Vec<(String, Vec<u16>)>,
    /// By region.
    tallies: Mutex<Vec<Tally>>,
    routes: Mutex<Vec<Option<String>>>,
    play: Mutex<Play>,
    diary: Mutex<VecDeque<Entry>>,
}

impl Front {
    /// Answers whoever connects, until dropped. The front is that of `stage`, which plays `plan`; visitors are located by
    /// `database` and let in by `door`. To be run within a [`tokio::task::LocalSet`].
    pub async fn serve(
        stage: Arc<Stage>,
        plan: Arc<Plan>,
        database: Database,
        door: Door,
        listener: TcpListener,
    ) {
        let (asker, inbox) = Asker::new();
        let regions = regions(&plan);
        let admins = stage.addresses().await.into_iter();
        let front = Arc::new(Self {
            admins: admins.map(|(name, _, admin)| (name, admin)).collect(),
            asker,
            asked: AtomicU64::new(0),
            news: watch::Sender::default(),
            feeds: Arc::new(Semaphore::new(FEEDS)),
            tallies: Mutex::new(regions.iter().map(|_| Tally::new()).collect()),
            regions,
            routes: Mutex::new(vec![None; plan.places.len()]),
            play: Mutex::default(),
            diary: Mutex::default(),
            stage: Arc::clone(&stage),
            plan: Arc::clone(&plan),
            database,
            door,
        });
        let mut memory = Memory::default();
        let first = front.look(&mut memory).await;
        front.news.send_replace(Arc::new(first));
        tokio::select! {
            () = Arc::clone(&front).collect(memory) => {}
            () = asking::answer(stage, plan, inbox) => {}
            () = serve::accept(&front, listener) => {}
        }
    }

    fn tallies(&self) -> MutexGuard<'_, Vec<Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn playing(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn diary(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.diary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has happened, by order or by plan.
    fn write_down(&self, what: &str) {
        let mut diary = self.diary();
        diary.push_front(Entry {
            wall_ms: Clock::wall_ms(),
            what: what.to_owned(),
        });
        diary.truncate(news::DIARY);
    }

    /// Counts what a client has seen.
    fn note(&self, place: u16, answered: &Answered) {
        let Some(client) = self.plan.places.get(usize::from(place)) else {
            return;
        };
        let region = self
            .regions
            .iter()
            .position(|(name, _)| *name == client.region);
        let took = answered.done - answered.begun;
        let mut tallies = self.tallies();
        let members = answered
            .outcome
            .as_ref()
            .ok()
            .filter(|whole| whole.status.as_u16() < 500);
        let hit = members.map(|whole| {
            let members = edge_core::cache_status::parse_path(&whole.headers);
            members.first().is_some_and(|member| member.hit)
        });
        if let Some(tally) = region.and_then(|region| tallies.get_mut(region)) {
            tally.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), hit);
        }
        drop(tallies);
        let asked = match answered.spot {
            Some(Spot::Node(node)) => {
                let node = self.plan.nodes.get(usize::from(node));
                let pop = node.and_then(|node| self.plan.pops.get(usize::from(node.pop)));
                pop.map(|pop| pop.name.clone())
            }
            other => other.map(|spot| self.plan.spot_name(spot).to_owned()),
        };
        if let Some(route) = self.routes().get_mut(usize::from(place)) {
            *route = asked;
        }
    }

    /// Asks the CDN as a client at the visitor's place does.
    async fn site(&self, peer: IpAddr, request: Parts) -> Result<Response, (StatusCode, String)> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let words = "the site is read only; orders go to /lab/".to_owned();
            return Err((StatusCode::METHOD_NOT_ALLOWED, words));
        }
        let (place, client) = self.whose(peer, &request.headers)?;
        let mut headers = request.headers;
        headers.remove(FROM);
        if !headers.contains_key(REQUEST_ID) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            if let Ok(id) = HeaderValue::from_str(&format!("front-{number}")) {
                headers.insert(REQUEST_ID, id);
            }
        }
        let head = request.method == Method::HEAD;
        let question = Question {
            place,
            client,
            method: request.method,
            uri: request.uri,
            headers,
            body: true,
        };
        let answered = self.asker.ask(question).await.ok_or_else(|| {
            let words = "too many requests are under way here".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, words)
        })?;
        self.note(place, &answered);
        let name = self.plan.spot_name(Spot::Client(place));
        let whole = answered.outcome.map_err(|failure| {
            let words = format!("a client in {name} got no answer: {}", failure.name());
            (StatusCode::BAD_GATEWAY, words)
        })?;
        let mut reply = Response::new(Body::from(whole.body));
        *reply.status_mut() = whole.status;
        let headers = reply.headers_mut();
        *headers = whole.headers;
        for hop in [CONNECTION, TRANSFER_ENCODING] {
            headers.remove(hop);
        }
        if !head {
            headers.remove(CONTENT_LENGTH);
        }
        let node = answered.spot.map_or("", |spot| self.plan.spot_name(spot));
        let millis = whole.first_byte.duration_since(answered.begun).as_millis();
        for (field, value) in [
            (PLACE, name.to_owned()),
            (NODE, node.to_owned()),
            (MILLIS, millis.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(field, value);
            }
        }
        Ok(reply)
    }

    /// The place of a name.
    fn place(&self, wanted: &str) -> Result<u16, String> {
        let mut places = self.plan.places.iter().zip(0u16..);
        let found = places.find(|(place, _)| place.name.eq_ignore_ascii_case(wanted.trim()));
        found.map(|(_, index)| index).ok_or_else(|| {
            let known: Vec<&str> = self.plan.places.iter().map(|it| it.name.as_str()).collect();
            format!(
                "no clients in `{wanted}`; there are some in {}",
                known.join(", ")
            )
        })
    }

    /// The place that a visitor speaks for, and an address there.
    fn whose(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(u16, IpAddr), (StatusCode, String)> {
        let field = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(wanted) = field(&FROM) {
            let bad = |words| (StatusCode::BAD_REQUEST, words);
            let index = self.place(wanted).map_err(bad)?;
            let asked = Question::get(&self.plan, index, "/").map_err(bad)?;
            return Ok((index, asked.client));
        }
        let named =
            field(&FORWARDED_FOR).and_then(|list| list.split(',').next()?.trim().parse().ok());
        let client: IpAddr = named.unwrap_or(peer);
        let nearest = self.database.locate(client).and_then(|located| {
            let far = |point| distance_km(located.point, point);
            let places = self.plan.places.iter().zip(0u16..);
            places.min_by(|(a, _), (b, _)| far(a.point).total_cmp(&far(b.point)))
        });
        // Who cannot be located counts as a client of the first place.
        Ok((nearest.map_or(0, |(_, index)| index), client))
    }
}

/// The regions of a plan's clients in the order of the file, each with the PoPs that are nearest to its places of all.
fn regions(plan: &Plan) -> Vec<(String, Vec<u16>)> {
    let mut seen = BTreeSet::new();
    let names = plan.places.iter().map(|place| place.region.clone());
    let names = names.filter(|name| seen.insert(name.clone()));
    let mut regions: Vec<(String, Vec<u16>)> = names.map(|name| (name, Vec::new())).collect();
    for (pop, index) in plan.pops.iter().zip(0u16..) {
        if !pop.serves_clients || plan.routing.mode == RoutingMode::Direct {
            continue;
        }
        let far = |place: &crate::plan::ClientPlace| distance_km(place.point, pop.point);
        let nearest = plan.places.iter().min_by(|a, b| far(a).total_cmp(&far(b)));
        let found =
            nearest.and_then(|place| regions.iter_mut().find(|(name, _)| *name == place.region));
        if let Some((_, pops)) = found {
            pops.push(index);
        }
    }
    regions
}
