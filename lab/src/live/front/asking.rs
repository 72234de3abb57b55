//! Asks the CDN as its clients do: through the router or whatever guides them, over their links.
//!
//! Connections of clients belong to one thread. So the asking has a task of its own there, and everybody else sends it
//! questions.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use tokio::sync::{mpsc, oneshot};

use crate::live::connections::Connections;
use crate::live::guide::Guide;
use crate::live::stage::Stage;
use crate::observe::Failure;
use crate::plan::{Plan, Spot};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Questions that wait to be taken up; more are refused.
const WAITING: usize = 1024;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request of a client.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Index of the client's place.
    pub(super) place: u16,
    /// An address there.
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// Whether the body is wanted, or its length alone.
    pub(super) body: bool,
}

impl Question {
    /// A plain GET from a place.
    pub(super) fn get(plan: &Plan, place: u16, path: &str) -> Result<Self, String> {
        let bad = || format!("`{path}` is no path, such as /index.html");
        let uri: Uri = path.parse().map_err(|_| bad())?;
        if !path.starts_with('/') || uri.authority().is_some() {
            return Err(bad());
        }
        let networks = plan.places.get(usize::from(place)).map(|it| &it.networks);
        let network = networks.and_then(|networks| networks.first());
        Ok(Self {
            place,
            // Never empty.
            client: network.map_or(IpAddr::from([127, 0, 0, 1]), |network| network.addr()),
            method: Method::GET,
            uri,
            headers: HeaderMap::new(),
            body: false,
        })
    }
}

/// What became of it, with its instants.
#[derive(Debug)]
pub(super) struct Answered {
    /// Who was asked; `None` if nobody could be found.
    pub(super) spot: Option<Spot>,
    pub(super) begun: Instant,
    /// When it was known whom to ask.
    pub(super) routed: Option<Instant>,
    pub(super) done: Instant,
    pub(super) outcome: Result<Whole, Failure>,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// When the request was handed to a connection, and whether that was there already.
    pub(super) asked: Instant,
    pub(super) kept: bool,
    pub(super) first_byte: Instant,
    pub(super) body: Bytes,
    pub(super) bytes: u64,
}

/// The asking's inbox.
#[derive(Debug, Clone)]
pub(super) struct Asker(mpsc::Sender<(Question, oneshot::Sender<Answered>)>);

type Inbox = mpsc::Receiver<(Question, oneshot::Sender<Answered>)>;

impl Asker {
    pub(super) fn new() -> (Self, Inbox) {
        let (sender, inbox) = mpsc::channel(WAITING);
        (Self(sender), inbox)
    }

    /// Asks, and waits for what becomes of it; `None` if too many wait already.
    pub(super) async fn ask(&self, question: Question) -> Option<Answered> {
        let (tell, told) = oneshot::channel();
        self.0.try_send((question, tell)).ok()?;
        told.await.ok()
    }
}

/// Takes questions up until nobody can ask any more. Within a [`tokio::task::LocalSet`].
pub(super) async fn answer(stage: Arc<Stage>, plan: Arc<Plan>, mut inbox: Inbox) {
    let clients = Rc::new(Clients {
        guide: Guide::new(&plan),
        connections: Connections::default(),
        stage,
        plan,
    });
    while let Some((question, tell)) = inbox.recv().await {
        let clients = Rc::clone(&clients);
        tokio::task::spawn_local(async move {
            let _ = tell.send(clients.ask(question).await);
        });
    }
}

struct Clients {
    stage: Arc<Stage>,
    plan: Arc<Plan>,
    guide: Guide,
    connections: Connections,
}

impl Clients {
    async fn ask(&self, question: Question) -> Answered {
        let begun = Instant::now();
        let mut answered = Answered {
            spot: None,
            begun,
            routed: None,
            done: begun,
            outcome: Err(Failure::Routing),
        };
        answered.outcome = self.exchange(question, &mut answered).await;
        answered.done = Instant::now();
        answered
    }

    async fn exchange(&self, question: Question, told: &mut Answered) -> Result<Whole, Failure> {
        let deadline = told.begun + PATIENCE;
        let mut request = Request::new(());
        *request.method_mut() = question.method;
        *request.uri_mut() = question.uri;
        for (name, value) in &question.headers {
            if ![HOST, CONNECTION, FORWARDED_FOR].contains(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        let field = |text: &str| HeaderValue::from_str(text).map_err(|_| Failure::Protocol);
        request.headers_mut().insert(HOST, field(&self.plan.site)?);
        let client = field(&question.client.to_string())?;
        request.headers_mut().insert(FORWARDED_FOR, client);
        let (links, connections) = (self.stage.links(), &self.connections);
        let guided = self.guide.target(
            links,
            connections,
            question.place,
            question.client,
            &request,
            deadline,
        );
        let target = guided.await?;
        told.routed = Some(Instant::now());
        told.spot = Some(target.spot);
        request.headers_mut().insert(HOST, target.host);
        let link = links.at(Spot::Client(question.place), target.spot);
        let link = link.ok_or(Failure::Routing)?;
        let (mut body, keep) = (Vec::new(), question.body);
        let fetched = connections
            .fetch((question.place, link), &request, deadline, |_| {
                |piece: &[u8]| {
                    if keep {
                        body.extend_from_slice(piece);
                    }
                }
            })
            .await?;
        Ok(Whole {
            status: fetched.head.status,
            headers: fetched.head.headers,
            asked: fetched.asked,
            kept: fetched.kept,
            first_byte: fetched.first_byte,
            bytes: fetched.bytes,
            body: Bytes::from(body),
        })
    }
}
