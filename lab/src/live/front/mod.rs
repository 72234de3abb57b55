//! One address in front of a stage that is left running: whoever asks here asks as a client of the CDN does.
//!
//! `/lab/…` takes orders and tells how the world stands ([`orders`]), `/` says what there is, and every other path is
//! asked for through the router and the links, as a client of the nearest place would. The place is named in the field
//! `X-Cdnlab-From` (such as `NRT`), or follows from the client's address in `X-Forwarded-For`. It measures nothing.

mod orders;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use geo_data::{Database, distance_km};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::connections::Connections;
use super::guide::Guide;
use super::stage::Stage;
use crate::observe::Failure;
use crate::plan::{Plan, Spot};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a visitor's connection may stay silent.
const IDLE: Duration = Duration::from_secs(60);
const FROM: HeaderName = HeaderName::from_static("x-cdnlab-from");
const PLACE: HeaderName = HeaderName::from_static("x-cdnlab-place");
const NODE: HeaderName = HeaderName::from_static("x-cdnlab-node");
const MILLIS: HeaderName = HeaderName::from_static("x-cdnlab-first-byte-ms");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

type Reply = Response<Full<Bytes>>;

/// The front of one stage. It belongs to one thread.
pub struct Front {
    stage: Arc<Stage>,
    plan: Arc<Plan>,
    database: Database,
    guide: Guide,
    connections: Connections,
    /// How many requests have got an id here.
    asked: Cell<u64>,
}

impl Front {
    /// In front of `stage`, which plays `plan`; visitors are located by `database`.
    #[must_use]
    pub fn new(stage: Arc<Stage>, plan: Arc<Plan>, database: Database) -> Self {
        Self {
            guide: Guide::new(&plan),
            connections: Connections::default(),
            asked: Cell::new(0),
            stage,
            plan,
            database,
        }
    }

    /// Answers whoever connects, until dropped. To be run within a [`tokio::task::LocalSet`].
    pub async fn serve(self: Rc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                // A lack of descriptors needs time to pass.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let front = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| front.answer(peer, request));
                // What a visitor breaks off is the visitor's affair.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(IDLE)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Reply, Infallible> {
        let path = request.uri().path();
        if let Some(order) = path.strip_prefix("/lab/") {
            return Ok(self.order(order, &request).await);
        }
        if path == "/" {
            return Ok(text(StatusCode::OK, "text/html; charset=utf-8", PAGE));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let words = "the site is read only; orders go to /lab/\n";
            return Ok(text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, words));
        }
        Ok(match self.ask(peer.ip(), &request).await {
            Ok(reply) => reply,
            Err((status, words)) => text(status, PLAIN, &format!("{words}\n")),
        })
    }

    /// Asks the CDN as a client at the visitor's place does.
    async fn ask(
        &self,
        peer: IpAddr,
        request: &Request<Incoming>,
    ) -> Result<Reply, (StatusCode, String)> {
        let (place, client) = self.whose(peer, request.headers())?;
        let begun = Instant::now();
        let deadline = begun + PATIENCE;
        let failed = |failure: Failure| {
            let name = &self.plan.places[usize::from(place)].name;
            let words = format!("a client in {name} got no answer: {}", failure.name());
            (StatusCode::BAD_GATEWAY, words)
        };
        let mut asked = Request::new(());
        *asked.method_mut() = request.method().clone();
        *asked.uri_mut() = request.uri().clone();
        for (name, value) in request.headers() {
            if ![HOST, CONNECTION, FROM, FORWARDED_FOR].contains(name) {
                asked.headers_mut().append(name, value.clone());
            }
        }
        let site = HeaderValue::from_str(&self.plan.site);
        let site = site.map_err(|_| failed(Failure::Protocol))?;
        asked.headers_mut().insert(HOST, site);
        let client_field = HeaderValue::from_str(&client.to_string());
        let client_field = client_field.map_err(|_| failed(Failure::Protocol))?;
        asked.headers_mut().insert(FORWARDED_FOR, client_field);
        if !asked.headers().contains_key(REQUEST_ID) {
            let number = self.asked.replace(self.asked.get() + 1);
            let id = HeaderValue::from_str(&format!("front-{number}"));
            let id = id.map_err(|_| failed(Failure::Protocol))?;
            asked.headers_mut().insert(REQUEST_ID, id);
        }
        let (links, connections) = (self.stage.links(), &self.connections);
        let guided = self
            .guide
            .target(links, connections, place, client, &asked, deadline)
            .await;
        let target = guided.map_err(failed)?;
        asked.headers_mut().insert(HOST, target.host);
        let link = links.at(Spot::Client(place), target.spot);
        let link = link.ok_or_else(|| failed(Failure::Routing))?;
        let mut body = Vec::new();
        let fetched = connections
            .fetch((place, link), &asked, deadline, |_| {
                |piece: &[u8]| body.extend_from_slice(piece)
            })
            .await;
        let fetched = fetched.map_err(failed)?;
        let mut reply = Response::new(Full::new(Bytes::from(body)));
        *reply.status_mut() = fetched.head.status;
        let headers = reply.headers_mut();
        *headers = fetched.head.headers;
        for hop in [CONNECTION, TRANSFER_ENCODING] {
            headers.remove(hop);
        }
        if request.method() != Method::HEAD {
            headers.remove(CONTENT_LENGTH);
        }
        let millis = fetched.first_byte.duration_since(begun).as_millis();
        for (name, value) in [
            (PLACE, self.plan.places[usize::from(place)].name.clone()),
            (NODE, self.plan.spot_name(target.spot).to_owned()),
            (MILLIS, millis.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        Ok(reply)
    }

    /// The place that a visitor speaks for, and an address there.
    fn whose(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(u16, IpAddr), (StatusCode, String)> {
        let field = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(wanted) = field(&FROM) {
            let mut places = self.plan.places.iter().zip(0u16..);
            let found = places.find(|(place, _)| place.name.eq_ignore_ascii_case(wanted.trim()));
            let (place, index) = found.ok_or_else(|| {
                let known: Vec<&str> = self.plan.places.iter().map(|it| it.name.as_str()).collect();
                let words = format!(
                    "no clients in `{wanted}`; there are some in {}",
                    known.join(", ")
                );
                (StatusCode::BAD_REQUEST, words)
            })?;
            // Never empty.
            let address = place
                .networks
                .first()
                .map_or(peer, |network| network.addr());
            return Ok((index, address));
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

const PLAIN: &str = "text/plain; charset=utf-8";
const PAGE: &str = include_str!("page.html");

fn text(status: StatusCode, kind: &'static str, words: &str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::copy_from_slice(words.as_bytes())));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}
