//! A cache of one thread around the decisions: what a node does, without its sockets, its flights and its bytes on their way.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conformance::{Answer as Message, Ask, Seen};
use edge_core::{
    Action, Answer, Body, CacheKey, Digest, Event, Exchange, Forward, From, Handling, Invalidation,
    Keep, Policy, Reply, RequestHead, RequestKind, ResponseHead, Scheme, Source, Stored,
    StoredHead, TargetUri, Timestamp, UpstreamError, Validators, born, client_response, digest,
    refresh_request, synthetic, update_304, update_head, upstream_request,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::store::{Response, Store};

pub(crate) struct Cache {
    policy: Policy,
    store: Store,
}

/// One request, until it is answered.
struct Ride<'a, 'b> {
    asked: &'a Seen,
    head: RequestHead,
    key: CacheKey,
    exchange: Exchange,
    found: Option<Response>,
    now: Timestamp,
    background: bool,
    origin: &'a mut Ask<'b>,
}

/// What the origin has brought.
enum Brought {
    Nothing,
    Response(ResponseHead, Bytes, Answer),
    Validated(Response),
}

impl Cache {
    pub(crate) fn new(policy: Policy) -> Self {
        let store = Store::default();
        Self { policy, store }
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, asked: &Seen, now: SystemTime, mut origin: Ask<'_>) -> Message {
        let now = timestamp(now);
        let method = Method::from_bytes(asked.method.as_bytes()).expect("a method");
        let uri: Uri = asked.target.parse().expect("a target");
        let headers = header_map(&asked.fields);
        let target = TargetUri::from_request(&method, &uri, &headers, Scheme::Http).expect("a URI");
        let head = RequestHead {
            method,
            target,
            headers,
        };
        let kind = RequestKind::of(&head, &self.policy);
        let (exchange, action) = Exchange::begin(&self.policy, kind, now);
        let mut ride = Ride {
            asked,
            key: self.policy.key.key(&head.target),
            head,
            exchange,
            found: None,
            now,
            background: false,
            origin: &mut origin,
        };
        self.drive(&mut ride, action)
    }

    fn drive(&mut self, ride: &mut Ride<'_, '_>, mut action: Action) -> Message {
        let mut brought = (Brought::Nothing, None);
        loop {
            let event = match action {
                Action::Lookup => {
                    let fields = &ride.head.headers;
                    let (lookup, found) = self.store.look_up(&ride.key, fields, &self.policy);
                    ride.found = found;
                    Event::Found(lookup)
                }
                Action::Join => Event::Lead,
                Action::Forward(forward) => {
                    let (event, outcome) = self.ask(ride, &forward);
                    brought = (outcome, Some(forward));
                    event
                }
                Action::Reply(reply) => return self.conclude(ride, &reply, brought),
                Action::Wait { .. } | Action::Pending => unreachable!("nobody else is here"),
            };
            action = ride.exchange.handle(&self.policy, event, ride.now);
        }
    }

    fn ask(&self, ride: &mut Ride<'_, '_>, forward: &Forward) -> (Event, Brought) {
        let policy = &self.policy;
        let stored = ride.found.clone().filter(|_| forward.conditional);
        let validators = stored.as_ref().map(|stored| Validators::of(&stored.head));
        let fields = if ride.background {
            refresh_request(&ride.head, policy, validators.as_ref())
        } else {
            upstream_request(&ride.head, policy, forward, validators.as_ref())
        };
        let (answer, took) = (ride.origin)(Seen {
            step: ride.asked.step,
            method: ride.head.method.to_string(),
            target: ride.head.target.path_and_query().to_owned(),
            fields: lines(&fields),
            content: ride.asked.content.clone(),
        });
        let sent = ride.now;
        ride.now = ride
            .now
            .plus(i64::try_from(took.as_millis()).expect("not for ever"));
        let received = ride.now;
        let Some(message) = answer else {
            return (Event::Failed(UpstreamError::Closed), Brought::Nothing);
        };
        let status = StatusCode::from_u16(message.status).expect("a status");
        let head = ResponseHead::received(status, header_map(&message.fields), received);
        if let Some(stored) = stored.filter(|_| status == StatusCode::NOT_MODIFIED) {
            let Ok(updated) = update_304(&stored.head, &head, policy) else {
                return (Event::Mismatch, Brought::Nothing);
            };
            let answer = self.facts(ride, &updated, 304, sent, received);
            let digest = answer.storable.unwrap_or(stored.facts.digest);
            let born = answer.born;
            let response = Response {
                facts: Stored { digest, born },
                head: StoredHead::of(&updated, policy),
                body: stored.body,
            };
            return (Event::Upstream(answer), Brought::Validated(response));
        }
        let answer = self.facts(ride, &head, message.status, sent, received);
        let body = Bytes::from(message.body);
        (
            Event::Upstream(answer),
            Brought::Response(head, body, answer),
        )
    }

    fn facts(
        &self,
        ride: &Ride<'_, '_>,
        head: &ResponseHead,
        status: u16,
        sent: Timestamp,
        received: Timestamp,
    ) -> Answer {
        Answer {
            status,
            storable: digest(&ride.head, head, &self.policy, received),
            born: born(head, sent, received),
            received,
        }
    }

    fn conclude(
        &mut self,
        ride: &mut Ride<'_, '_>,
        reply: &Reply,
        (brought, forward): (Brought, Option<Forward>),
    ) -> Message {
        self.keep(ride, reply, &brought);
        let message = match (reply.from, brought, forward) {
            (From::Upstream, Brought::Response(head, body, answer), Some(forward)) => {
                self.passed_on(ride, reply, &forward, head, body, &answer)
            }
            (From::Updated, Brought::Validated(response), _) => {
                let facts = response.facts;
                self.stored_reply(ride, reply, response, facts)
            }
            (From::Stored, ..) => {
                let response = ride.found.clone().expect("what it replies with");
                let facts = ride.exchange.stored().expect("what it replies with");
                self.stored_reply(ride, reply, response, facts)
            }
            (From::Synthetic(status), ..) => {
                let status = StatusCode::from_u16(status).expect("a status");
                let head = synthetic(status, &reply.handling, &self.policy, ride.now);
                message(head.status, &head.headers, Vec::new())
            }
            _ => message(StatusCode::OK, &HeaderMap::new(), Vec::new()),
        };
        if reply.refresh {
            self.refresh(ride);
        }
        message
    }

    /// A refresh in the background; here the client waits for it without knowing.
    fn refresh(&mut self, ride: &mut Ride<'_, '_>) {
        let stored = ride.exchange.stored().expect("what is refreshed");
        let (exchange, action) = Exchange::refresh(&self.policy, stored, ride.now);
        ride.exchange = exchange;
        ride.head.method = Method::GET;
        ride.background = true;
        self.drive(ride, action);
    }

    fn keep(&mut self, ride: &Ride<'_, '_>, reply: &Reply, brought: &Brought) {
        let (key, request) = (&ride.key, &ride.head.headers);
        match (reply.keep, brought) {
            (Keep::Response, Brought::Response(head, body, answer)) => {
                self.store_answer(ride, head, body, answer);
            }
            (Keep::Replace, Brought::Response(head, body, answer)) => {
                self.invalidate(ride, &head.headers);
                self.store_answer(ride, head, body, answer);
            }
            (Keep::Update, Brought::Validated(response)) => {
                let response = response.clone();
                self.store.insert(key, request, &self.policy, response);
            }
            (Keep::Compare, Brought::Response(head, _, answer)) => self.compare(ride, head, answer),
            (Keep::Forget, Brought::Response(head, ..)) => self.invalidate(ride, &head.headers),
            (Keep::Forget, _) => self.store.forget(key),
            // Nobody waits here: a mark would change nothing.
            _ => {}
        }
    }

    fn store_answer(
        &mut self,
        ride: &Ride<'_, '_>,
        head: &ResponseHead,
        body: &Bytes,
        answer: &Answer,
    ) {
        let response = Response {
            facts: Stored {
                digest: answer.storable.expect("what may be stored"),
                born: answer.born,
            },
            head: StoredHead::of(head, &self.policy),
            body: body.clone(),
        };
        let request = &ride.head.headers;
        self.store
            .insert(&ride.key, request, &self.policy, response);
    }

    fn invalidate(&mut self, ride: &Ride<'_, '_>, answer: &HeaderMap) {
        let Invalidation { keys, tags } = Invalidation::of(&ride.head, answer, &self.policy);
        for key in &keys {
            self.store.forget(key);
        }
        for tag in tags {
            self.store.forget_group(tag);
        }
    }

    fn compare(&mut self, ride: &Ride<'_, '_>, head: &ResponseHead, answer: &Answer) {
        let Some(stored) = &ride.found else { return };
        let length = stored.body.len() as u64;
        let Ok(updated) = update_head(&stored.head, length, head) else {
            self.store.make_stale(&ride.key);
            return;
        };
        let request = RequestHead {
            method: Method::GET,
            ..ride.head.clone()
        };
        match digest(&request, &updated, &self.policy, answer.received) {
            Ok(digest) => {
                let born = answer.born;
                let response = Response {
                    facts: Stored { digest, born },
                    head: StoredHead::of(&updated, &self.policy),
                    body: stored.body.clone(),
                };
                let fields = &ride.head.headers;
                self.store.insert(&ride.key, fields, &self.policy, response);
            }
            Err(_) => self.store.forget(&ride.key),
        }
    }

    fn passed_on(
        &self,
        ride: &Ride<'_, '_>,
        reply: &Reply,
        forward: &Forward,
        head: ResponseHead,
        body: Bytes,
        answer: &Answer,
    ) -> Message {
        let stores = matches!(reply.keep, Keep::Response | Keep::Replace);
        let whole =
            head.status == StatusCode::OK && ride.head.method == Method::GET && !forward.passes;
        let digest = answer.storable.unwrap_or(Digest::fresh_for(0));
        let source = Source {
            from: From::Upstream,
            stored: Some(Stored {
                digest,
                born: answer.born,
            }),
            length: (stores || whole).then_some(body.len() as u64),
            passed: !stores && !whole,
            boundary: || 0,
        };
        self.reply(ride, head, source, &reply.handling, &body)
    }

    fn stored_reply(
        &self,
        ride: &Ride<'_, '_>,
        reply: &Reply,
        response: Response,
        facts: Stored,
    ) -> Message {
        let source = Source {
            from: reply.from,
            stored: Some(facts),
            length: Some(response.body.len() as u64),
            passed: false,
            boundary: || 0,
        };
        let head = response.head.to_head();
        self.reply(ride, head, source, &reply.handling, &response.body)
    }

    fn reply(
        &self,
        ride: &Ride<'_, '_>,
        head: ResponseHead,
        source: Source,
        handling: &Handling,
        body: &Bytes,
    ) -> Message {
        let key = Some(ride.key.as_str());
        let policy = &self.policy;
        let response = client_response(&ride.head, head, source, handling, key, policy, ride.now);
        let cut =
            |range: edge_core::ranges::ByteRange| &body[range.start as usize..range.end as usize];
        let content = match response.body {
            Body::None => Vec::new(),
            Body::Whole => body.to_vec(),
            Body::Part(range) => cut(range).to_vec(),
            Body::Parts(multipart) => {
                let parts = multipart.parts();
                let mut content: Vec<u8> = parts
                    .flat_map(|(head, range)| [head.to_vec(), cut(range).to_vec()].concat())
                    .collect();
                content.extend(multipart.end());
                content
            }
        };
        message(response.status, &response.headers, content)
    }
}

fn timestamp(now: SystemTime) -> Timestamp {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_seconds(0).plus(i64::try_from(since.as_millis()).expect("a time to come"))
}

fn message(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Message {
    Message {
        status: status.as_u16(),
        fields: lines(headers),
        body,
        trailers: Vec::new(),
        interim: Vec::new(),
        complete: true,
    }
}

/// Values are taken byte by byte, as the suite has them.
fn lines(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn header_map(lines: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let bytes: Vec<u8> = value.chars().map(|c| c as u8).collect();
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(&bytes).expect("a value"));
    }
    headers
}
