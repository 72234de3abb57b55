//! A client's request: what can be answered at once is, the rest becomes a [`Ride`].

use std::sync::Arc;

use edge_core::ranges::ByteRange;
use edge_core::{
    Action, Body as Which, CacheKey, Detail, Exchange, From, Handling, Lookup, RequestHead,
    RequestKind, ResponseHead, Reuse, Scheme, Source, TargetError, TargetUri, Timestamp,
    client_response, decide, is_loop, may_go_on, synthetic,
};
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, request};
use http_body::Body as _;
use hyper::body::Incoming;
use smallvec::SmallVec;

use crate::assembly::{Assembly, assembled};
use crate::body::ReplyBody;
use crate::client;
use crate::cut;
use crate::framing;
use crate::node::Node;
use crate::parts::{self, Parts};
use crate::ride::{Ask, Ride};
use crate::running::Phase;
use crate::slices;
use crate::store::{self, Found};
use crate::trailers::{self, Trailers};
use crate::worker::{Client, Worker};

/// Where a router asks whether this node serves.
pub(crate) const HEALTH: &str = "/.well-known/cdnlab/health";
/// Travels with a request through all tiers to the origin.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a client gets.
pub(crate) type Reply = Response<ReplyBody>;

/// Serves one request.
pub(crate) async fn request(client: &Client, request: Request<Incoming>) -> Reply {
    let Client {
        worker,
        peer,
        outlet,
    } = client;
    let (node, peer) = (&worker.node, *peer);
    let now = node.now();
    let (parts, body) = request.into_parts();
    let version = parts.version;
    if parts.uri.path() == HEALTH {
        return health(node, now);
    }
    let policy = &node.config.policy;
    if !body.is_end_stream() && framing::has_unknown_coding(&parts.headers) {
        let handling = Handling::synthetic(Detail::BadRequest);
        let status = StatusCode::NOT_IMPLEMENTED;
        let mut reply = made(node, &parts.method, status, &handling, now);
        // Where its body ends is not for sure.
        let close = HeaderValue::from_static("close");
        reply.headers_mut().insert(header::CONNECTION, close);
        return reply;
    }
    let mut head = match read(node, parts) {
        Ok(head) => head,
        Err(error) => {
            let connect = error == TargetError::Connect;
            let status = if connect {
                StatusCode::NOT_IMPLEMENTED
            } else {
                StatusCode::BAD_REQUEST
            };
            return made(
                node,
                &Method::GET,
                status,
                &Handling::synthetic(Detail::BadRequest),
                now,
            );
        }
    };
    if is_loop(&head.headers, &node.config.name) {
        node.counters.loops.inc();
        let handling = Handling::synthetic(Detail::Loop);
        return made(
            node,
            &head.method,
            StatusCode::LOOP_DETECTED,
            &handling,
            now,
        );
    }
    if !may_go_on(&head.method, &mut head.headers) {
        return ends_here(node, &head.method, now);
    }
    let kind = RequestKind::of(&head, policy);
    let key = policy.key.key(&head.target);
    let (mut found, mut rest) = (None, None);
    if kind.cacheable() {
        // A hit needs no exchange: look up, compare integers, write the head.
        let looked = node.store.look_up(&key, &head.headers, now);
        if let Some(reply) = hit(worker, &head, &key, &kind, &looked, now) {
            return reply;
        }
        let looked = node.store.recall(looked, &key, &head.headers, now).await;
        if looked.from_disk
            && let Some(reply) = hit(worker, &head, &key, &kind, &looked, node.now())
        {
            return reply;
        }
        found = Some(looked);
    }
    let config = &node.config;
    let client = client::address(peer, &head.headers, config.client_field, &config.trust);
    tracing::debug!(method = %head.method, target = %head.target, %client, "not a hit");
    client::forward(peer, &mut head.headers, config.client_field, &config.trust);
    let id = head
        .headers
        .get(REQUEST_ID)
        .cloned()
        .unwrap_or_else(|| node.ids.next("req"));
    if let Some(looked) = found.take() {
        let looked = slices::fit(node, looked, &head, &key);
        let partial = looked.response.is_some() && parts::is_partial(&looked);
        if let Some(reply) = assembled(worker, &head, &key, &kind, &looked, &id).await {
            return reply;
        }
        // What could not be put together may be gone by now.
        let looked = match partial {
            true => node.store.look_up(&key, &head.headers, node.now()),
            false => looked,
        };
        rest = parts::rest(&head, &kind, &looked, now);
        found = Some(parts::fit(looked, &head, policy, now));
    }
    let own = parts::asked(&head, &kind);
    let range = own.clone().map(|asked| slices::ask(node, asked));
    let own = own.filter(|own| Some(own) != range.as_ref());
    let (exchange, action) = Exchange::begin(policy, kind, now);
    // HTTP/1.0 knows no interim responses (RFC 9110 section 15.2).
    let interim = (version == Version::HTTP_11).then(|| outlet.open());
    let ask = Ask {
        head,
        kind,
        key,
        id,
        body: Some(body),
        interim: interim.clone(),
        rest: rest.is_some(),
        range: rest.or(range),
        own,
    };
    let mut reply = ride(worker, ask, exchange, action, found).await;
    if version < Version::HTTP_11 {
        reply.body_mut().without_chunks(outlet);
    }
    if let Some(interim) = interim {
        interim.close().await;
    }
    reply
}

/// The reply to a traced request that is to go no further: this node knows no more of the resource than itself, and
/// reflects nothing.
fn ends_here(node: &Node, method: &Method, now: Timestamp) -> Reply {
    let status = match *method {
        Method::OPTIONS => StatusCode::OK,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    let handling = Handling::synthetic(Detail::MaxForwards);
    let mut reply = made(node, method, status, &handling, now);
    let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
    reply.headers_mut().insert(header::ALLOW, allow);
    reply
}

/// The reply to a request that a look-up has found a fresh response for.
fn hit(
    worker: &Worker,
    head: &RequestHead,
    key: &CacheKey,
    kind: &RequestKind,
    looked: &Found,
    now: Timestamp,
) -> Option<Reply> {
    let (Lookup::Hit(facts), Some(response)) = (looked.lookup, &looked.response) else {
        return None;
    };
    let policy = &worker.node.config.policy;
    if decide(policy, &facts.digest, facts.born, kind, now) != Reuse::Hit {
        return None;
    }
    if parts::partial(&facts.digest)
        && (parts::is_sheet(response) || !parts::holds(head, response, facts, policy, now))
    {
        return None;
    }
    let mut handling = Handling::hit(facts.ttl(now));
    handling.detail = looked.from_disk.then_some(Detail::Disk);
    Some(stored(
        worker,
        head,
        key,
        looked.variant.as_ref().unwrap_or(key),
        response,
        facts,
        From::Stored,
        &handling,
        now,
    ))
}

async fn ride(
    worker: &Arc<Worker>,
    ask: Ask,
    mut exchange: Exchange,
    mut action: Action,
    found: Option<Found>,
) -> Reply {
    if let (Action::Lookup, Some(found)) = (action, &found) {
        // The look-up that was no hit serves the exchange too.
        let event = edge_core::Event::Found(found.lookup);
        action = exchange.handle(&worker.node.config.policy, event, worker.node.now());
    }
    Box::pin(Ride::new(Arc::clone(worker), ask, exchange, found).run(action)).await
}

/// The request's head, its host being the site's where it was a name of this node.
fn read(node: &Node, parts: request::Parts) -> Result<RequestHead, TargetError> {
    // What an absolute target names does not stand in for it (RFC 9112 section 3.2).
    if parts.version >= Version::HTTP_11 && !parts.headers.contains_key(header::HOST) {
        return Err(TargetError::NoHost);
    }
    let mut target =
        TargetUri::from_request(&parts.method, &parts.uri, &parts.headers, Scheme::Http)?;
    let mut headers = parts.headers;
    if parts.version < Version::HTTP_11 {
        // Without chunks there is no place for trailers.
        headers.remove(header::TE);
    }
    let alias = node.config.policy.key.alias(target.authority());
    let site = alias.map(|site| target.at(site)).transpose()?;
    // What an absolute target names takes the place of Host (RFC 9112 section 3.2.2).
    if site.is_some() || parts.uri.authority().is_some() {
        target = site.unwrap_or(target);
        let host = HeaderValue::from_str(target.authority()).map_err(|_| TargetError::BadHost)?;
        headers.insert(header::HOST, host);
    }
    Ok(RequestHead {
        method: parts.method,
        target,
        headers,
    })
}

fn health(node: &Node, now: Timestamp) -> Reply {
    let serving = *node.phase.borrow() == Phase::Serving;
    let (status, text) = if serving {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    };
    let date = edge_core::fields::date::value(now);
    let body = ReplyBody::pieces(text_piece(text), Arc::clone(&node.counters));
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::DATE, date);
    reply
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn text_piece(text: &'static str) -> SmallVec<[bytes::Bytes; 1]> {
    SmallVec::from_buf([bytes::Bytes::from_static(text.as_bytes())])
}

/// A reply of the node's own, with its reason as text.
pub(crate) fn made(
    node: &Node,
    method: &Method,
    status: StatusCode,
    handling: &Handling,
    now: Timestamp,
) -> Reply {
    let ResponseHead { status, headers } = synthetic(status, handling, &node.config.policy, now);
    let why = handling.detail.map_or("", |detail| detail.as_str());
    let text = format!("{status}\n{why}\n");
    node.counters.handled(handling.class(status.as_u16()));
    let counters = Arc::clone(&node.counters);
    let body = if *method == Method::HEAD {
        ReplyBody::empty(counters)
    } else {
        ReplyBody::pieces(SmallVec::from_buf([bytes::Bytes::from(text)]), counters)
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    reply
}

/// A reply from a stored response, which stands under `place`.
#[allow(
    clippy::too_many_arguments,
    reason = "what a reply is made of, each of another kind"
)]
pub(crate) fn stored(
    worker: &Worker,
    head: &RequestHead,
    key: &CacheKey,
    place: &CacheKey,
    response: &Arc<store::Response>,
    facts: edge_core::Stored,
    from: From,
    handling: &Handling,
    now: Timestamp,
) -> Reply {
    let node = &worker.node;
    let parts = Parts::of(response);
    let (stored_head, length) = match &parts {
        None => (response.head.to_head(), response.body.length()),
        Some(parts) => (parts::whole_head(response.head.to_head()), parts.total),
    };
    let source = Source {
        from,
        stored: Some(facts),
        length: Some(length),
        passed: false,
        boundary: cut::boundary,
    };
    let status = stored_head.status;
    let mut reply = reply(
        node,
        head,
        key,
        stored_head,
        source,
        handling,
        now,
        |which| {
            if parts.as_ref().is_some_and(|parts| parts.sheet) {
                let (place, id) = (Some(place), node.ids.next("slice"));
                let assembly = Assembly::new(worker, head.clone(), key, place, response, &id);
                return assembly.map_or_else(
                    || ReplyBody::empty(Arc::clone(&node.counters)),
                    |assembly| assembly.body(which),
                );
            }
            let cut = |range: ByteRange| match &parts {
                None => response.body.part(range.start, range.end),
                Some(parts) => parts.held(&response.body, range),
            };
            ReplyBody::pieces(cut::pieces(length, which, cut), Arc::clone(&node.counters))
        },
    );
    if let Some(behind) = &response.trailers
        && trailers::taken(&head.headers)
        && head.method != Method::HEAD
        && reply.status() == status
    {
        trail(&mut reply, behind);
    }
    reply
}

/// Sends a stored response's trailers behind its body, which is sent in chunks for it.
fn trail(reply: &mut Reply, behind: &Trailers) {
    let headers = reply.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(trailers::announcing(behind).map(|names| (header::TRAILER, names)));
    reply.body_mut().trail(Arc::clone(behind));
}

/// A reply whose head is made by the core and whose body by `body`, given the part that is wanted.
#[allow(
    clippy::too_many_arguments,
    reason = "what a reply is made of, each of another kind"
)]
pub(crate) fn reply(
    node: &Node,
    head: &RequestHead,
    key: &CacheKey,
    from: ResponseHead,
    source: Source,
    handling: &Handling,
    now: Timestamp,
    body: impl FnOnce(Which) -> ReplyBody,
) -> Reply {
    let policy = &node.config.policy;
    let shown = policy.status_key.then(|| key.as_str());
    let response = client_response(head, from, source, handling, shown, policy, now);
    let length = match &response.body {
        Which::None => None,
        Which::Whole => source.length,
        Which::Part(range) => Some(range.len()),
        Which::Parts(multipart) => Some(multipart.length()),
    };
    let none = response.body == Which::None;
    let body = match response.body {
        Which::None => ReplyBody::empty(Arc::clone(&node.counters)),
        which => body(which),
    };
    node.counters
        .handled(handling.class(response.status.as_u16()));
    let mut reply = Response::new(body);
    *reply.status_mut() = response.status;
    *reply.headers_mut() = response.headers;
    // Framing belongs to this connection: what upstream said of its own does not count here.
    let headers = reply.headers_mut();
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    if !none {
        match length {
            Some(length) => drop(headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
            None => drop(headers.remove(header::CONTENT_LENGTH)),
        }
    }
    reply
}
