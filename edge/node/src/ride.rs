//! One exchange of the core, driven: each action performed, each outcome told, until the reply.
//!
//! An exchange that fetches on behalf of others, or for the store, moves into a task of its own
//! before it asks upstream: its client may leave, the fetch goes on.

use std::sync::Arc;

use edge_core::ranges::Spec;
use edge_core::{
    Action, CacheKey, Detail, Event, Exchange, Forward, From, Handling, MethodClass, RequestHead,
    RequestKind, ResponseHead, Source, UpstreamError,
};
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::body::ReplyBody;
use crate::cut;
use crate::flights::{Arrived, Flight, Leading};
use crate::interim::Interim;
use crate::node::Node;
use crate::parts;
use crate::serve::{self, Reply};
use crate::store::{self, Found};
use crate::trailers;
use crate::transfer::Reader;
use crate::worker::Worker;

/// What was asked.
pub(crate) struct Ask {
    pub(crate) head: RequestHead,
    pub(crate) kind: RequestKind,
    /// The key of the resource, without a variant.
    pub(crate) key: CacheKey,
    /// The request's id, towards upstream.
    pub(crate) id: HeaderValue,
    /// The request's body, until it is sent.
    pub(crate) body: Option<Incoming>,
    /// Where interim responses go.
    pub(crate) interim: Option<Interim>,
    /// The one range that upstream may be asked for, and its field: the request's own, or a slice.
    pub(crate) range: Option<(Spec, HeaderValue)>,
    /// `range` is what is missing of a part that nothing can be put to: only the whole is of use.
    pub(crate) rest: bool,
    /// The request's own range, where `range` is a slice.
    pub(crate) own: Option<(Spec, HeaderValue)>,
}

/// One exchange under way.
pub(crate) struct Ride {
    pub(crate) worker: Arc<Worker>,
    pub(crate) ask: Ask,
    pub(crate) exchange: Exchange,
    /// What the last look-up found.
    pub(crate) found: Option<Found>,
    /// The lead of a flight, from joining until its landing or, with a fill, until its end.
    pub(crate) leading: Option<Leading>,
    pub(crate) following: Option<Arc<Flight>>,
    /// What a flight that this ride followed has brought.
    pub(crate) cargo: Followed,
    /// There is no client: a refresh in the background.
    pub(crate) background: bool,
}

pub(crate) enum Followed {
    Nothing,
    Body(Arc<Arrived>, Reader),
    Validated(Arc<store::Response>),
}

impl Ride {
    pub(crate) fn new(
        worker: Arc<Worker>,
        ask: Ask,
        exchange: Exchange,
        found: Option<Found>,
    ) -> Self {
        Self {
            worker,
            ask,
            exchange,
            found,
            leading: None,
            following: None,
            cargo: Followed::Nothing,
            background: false,
        }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.worker.node
    }

    pub(crate) fn tell(&mut self, event: Event) -> Action {
        let node = Arc::clone(self.node());
        self.exchange.handle(&node.config.policy, event, node.now())
    }

    /// Drives the exchange from `action` to its reply.
    pub(crate) async fn run(mut self, mut action: Action) -> Reply {
        loop {
            let event = match action {
                Action::Lookup => self.look_up(),
                Action::Join => self.join(),
                Action::Wait { until } => self.wait(until).await,
                Action::Forward(forward) if self.outlives_client(&forward) => {
                    return self.detach(forward).await;
                }
                Action::Forward(forward) => {
                    let (reply, fill) = self.fetch(forward).await;
                    if let Some(fill) = fill {
                        drop(tokio::spawn(fill.run()));
                    }
                    return reply;
                }
                Action::Reply(reply) => return self.reply(reply),
                // The exchange has not taken what it asked for: our own bug, and no more to be had.
                Action::Pending => return self.abandon(),
            };
            action = self.tell(event);
        }
    }

    /// Whether the fetch is worth finishing without the client that asked first.
    fn outlives_client(&self, forward: &Forward) -> bool {
        forward.leads || (self.ask.kind.method == MethodClass::Get && !forward.passes)
    }

    async fn detach(mut self, forward: Forward) -> Reply {
        let node = Arc::clone(self.node());
        let (hand, reply) = oneshot::channel();
        let task = node.tasks.begin();
        // A GET's body means nothing; without it the client's connection is free of the fetch.
        self.ask.body = None;
        drop(tokio::spawn(async move {
            let _task = task;
            let (reply, fill) = self.fetch(forward).await;
            // The client may have left.
            drop(hand.send(reply));
            if let Some(fill) = fill {
                fill.run().await;
            }
        }));
        match reply.await {
            Ok(reply) => reply,
            // The task died: our own bug. Its lead has landed by being dropped.
            Err(_) => {
                let handling = Handling::synthetic(Detail::Upstream(UpstreamError::Abandoned));
                serve::made(
                    &node,
                    &http::Method::GET,
                    StatusCode::BAD_GATEWAY,
                    &handling,
                    node.now(),
                )
            }
        }
    }

    fn abandon(self) -> Reply {
        tracing::error!(target = %self.ask.head.target, "an exchange is stuck");
        let node = self.node();
        let handling = Handling::synthetic(Detail::Upstream(UpstreamError::Abandoned));
        serve::made(
            node,
            &self.ask.head.method,
            StatusCode::BAD_GATEWAY,
            &handling,
            node.now(),
        )
    }

    /// The reply to an exchange that ended without a fetch of its own.
    fn reply(mut self, reply: edge_core::Reply) -> Reply {
        if reply.refresh {
            self.refresh();
        }
        let node = Arc::clone(self.node());
        let now = node.now();
        let handling = &reply.handling;
        match (
            reply.from,
            std::mem::replace(&mut self.cargo, Followed::Nothing),
        ) {
            (From::Flight, Followed::Body(arrived, reader)) => self.shared(
                arrived.head.to_head(),
                &arrived,
                reader,
                From::Flight,
                handling,
            ),
            (From::Updated, Followed::Validated(response)) => {
                let facts = response.facts;
                serve::stored(
                    &self.worker,
                    &self.ask.head,
                    &self.ask.key,
                    self.meeting_key(),
                    &response,
                    facts,
                    From::Updated,
                    handling,
                    now,
                )
            }
            (From::Stored, _) => self.stand_in(handling),
            (From::Synthetic(status), _) => self.synthetic(status, handling),
            (From::Nobody, _) => nobody(&node),
            _ => self.abandon(),
        }
    }

    /// A reply from what the look-up found: as a hit, or standing in for what upstream did not give.
    pub(crate) fn stand_in(self, handling: &Handling) -> Reply {
        let node = self.node();
        let Some((response, facts)) = self.found.as_ref().and_then(|found| {
            Some((
                Arc::clone(found.response.as_ref()?),
                self.exchange.stored()?,
            ))
        }) else {
            return self.abandon();
        };
        serve::stored(
            &self.worker,
            &self.ask.head,
            &self.ask.key,
            self.meeting_key(),
            &response,
            facts,
            From::Stored,
            handling,
            node.now(),
        )
    }

    pub(crate) fn synthetic(self, status: u16, handling: &Handling) -> Reply {
        let node = self.node();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        serve::made(node, &self.ask.head.method, status, handling, node.now())
    }

    /// A reply whose body comes from a transfer.
    pub(crate) fn shared(
        &self,
        head: ResponseHead,
        arrived: &Arrived,
        reader: Reader,
        from: From,
        handling: &Handling,
    ) -> Reply {
        let node = self.node();
        let head = match head.status {
            StatusCode::PARTIAL_CONTENT => parts::whole_head(head),
            _ => head,
        };
        let source = Source {
            from,
            stored: Some(arrived.facts),
            length: arrived.length,
            passed: false,
            boundary: cut::boundary,
        };
        let status = head.status;
        let mut reply = serve::reply(
            node,
            &self.ask.head,
            &self.ask.key,
            head,
            source,
            handling,
            node.now(),
            |which| {
                let (cut, length) = cut::cut(which, arrived.length);
                let cut = cut.from(arrived.offset);
                let counters = Arc::clone(&node.counters);
                ReplyBody::shared(reader, arrived.resume.clone(), cut, length, counters)
            },
        );
        if let Some(trailer) = &arrived.trailer
            && reply.status() == status
            && trailers::taken(&self.ask.head.headers)
        {
            reply.headers_mut().insert(header::TRAILER, trailer.clone());
        }
        reply
    }

    /// Starts a refresh of what was found stale, in the background.
    fn refresh(&mut self) {
        let node = Arc::clone(self.node());
        let Some(stored) = self.exchange.stored() else {
            return;
        };
        let mut head = self.ask.head.clone();
        head.method = http::Method::GET;
        let ask = Ask {
            head,
            kind: RequestKind::PLAIN,
            key: self.ask.key.clone(),
            id: node.ids.next("bg"),
            body: None,
            interim: None,
            range: None,
            rest: false,
            own: None,
        };
        let (exchange, action) = Exchange::refresh(&node.config.policy, stored, node.now());
        let mut ride = Self::new(Arc::clone(&self.worker), ask, exchange, self.found.clone());
        ride.background = true;
        let task = node.tasks.begin();
        drop(tokio::spawn(async move {
            let _task = task;
            drop(Box::pin(ride.run(action)).await);
        }));
    }
}

/// What a refresh in the background replies with: nobody sees it.
pub(crate) fn nobody(node: &Node) -> Reply {
    Reply::new(ReplyBody::empty(Arc::clone(&node.counters)))
}
