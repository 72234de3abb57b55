//! Asking upstream for a ride, and what becomes of the answer: the store, those who follow, the
//! client; and the fill that carries a body to all of them.

use std::sync::Arc;

use edge_core::purge::Sequence;
use edge_core::ranges::Spec;
use edge_core::{
    Action, Answer, Body as Which, Detail, Digest, Event, Forward, From, Handling, Keep,
    NotStorable, ResponseHead, Source, Stored, StoredHead, Timestamp, UpstreamError, Validators,
    born, refresh_request, update_304, upstream_request,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;

use crate::body::ReplyBody;
use crate::cut;
use crate::fill::Fill;
use crate::flights::{Cargo, Landed};
use crate::parts::{self, Tie};
use crate::ride::{Ride, nobody};
use crate::serve::{self, REQUEST_ID, Reply};
use crate::store::{self};
use crate::trailers;
use crate::upstream::{Failure, RequestBody, UpstreamBody, with_host};

/// What an upstream request has brought.
#[allow(
    clippy::large_enum_variant,
    reason = "one per request to upstream, never many at once"
)]
pub(crate) enum Outcome {
    /// No answer.
    None,
    /// No answer, since the client's own message is broken.
    BadRequest,
    /// A response, its body still to come.
    Response {
        head: ResponseHead,
        body: UpstreamBody,
        answer: Answer,
        stamp: Sequence,
        sent: HeaderMap,
    },
    /// The stored response still holds.
    Validated {
        response: Arc<store::Response>,
        stamp: Sequence,
    },
}

impl Ride {
    /// Asks upstream until the exchange has its reply. What is still to be carried comes with it.
    pub(crate) async fn fetch(mut self, mut forward: Forward) -> (Reply, Option<Fill>) {
        loop {
            let (event, outcome) = self.ask_upstream(&forward).await;
            match self.tell(event) {
                // The 304 was not about what is stored: once more, without a condition.
                Action::Forward(again) => forward = again,
                Action::Reply(reply) => {
                    let mut outcome = outcome;
                    self.settle(reply.keep, &mut outcome).await;
                    return self.conclude(&reply, &forward, outcome);
                }
                _ => {
                    let handling = Handling::synthetic(Detail::Upstream(UpstreamError::Abandoned));
                    return (self.synthetic(502, &handling), None);
                }
            }
        }
    }

    async fn ask_upstream(&mut self, forward: &Forward) -> (Event, Outcome) {
        let node = Arc::clone(self.node());
        let policy = &node.config.policy;
        let stored = self
            .found
            .as_ref()
            .and_then(|found| found.response.clone())
            .filter(|_| forward.conditional);
        let validators = stored.as_ref().map(|stored| Validators::of(&stored.head));
        let fields = if self.background {
            node.counters.background.inc();
            refresh_request(&self.ask.head, policy, validators.as_ref())
        } else {
            upstream_request(&self.ask.head, policy, forward, validators.as_ref())
        };
        let mut fields = with_host(fields, &node.address.host);
        fields.insert(REQUEST_ID, self.ask.id.clone());
        if trailers::taken(&self.ask.head.headers) {
            // Each hop says for itself whether it takes them (RFC 9110 section 10.1.4).
            fields.insert(header::TE, HeaderValue::from_static("trailers"));
            fields.insert(header::CONNECTION, HeaderValue::from_static("te"));
        }
        let range = self
            .range()
            .filter(|_| !forward.passes && !forward.conditional);
        let asked = range.map(|(spec, field)| {
            fields.insert(header::RANGE, field.clone());
            *spec
        });
        let body = match self.ask.body.take() {
            Some(body) if !body.is_end_stream() => RequestBody::client(body, &fields),
            _ => RequestBody::none(&mut fields),
        };
        let hints = self
            .leading
            .as_ref()
            .map(|leading| Arc::clone(leading.hints()));
        let hints = hints.unwrap_or_default();
        if let Some(interim) = &self.ask.interim {
            hints.listen(interim.clone());
        }
        // Taken before anything is sent: a purge from here on is newer than the answer.
        let stamp = node.store.stamp();
        let sent_at = node.now();
        let method = self.ask.head.method.clone();
        let target = self.ask.head.target.path_and_query();
        let response = match self
            .worker
            .upstream
            .send(method, target, fields.clone(), body, &hints)
            .await
        {
            Ok(response) => response,
            Err(Failure::Request) => {
                return (Event::Failed(Failure::Request.into()), Outcome::BadRequest);
            }
            Err(failure) => {
                node.counters.upstream_failures.inc();
                tracing::debug!(target = %self.ask.head.target, %failure, "no answer from upstream");
                return (Event::Failed(failure.into()), Outcome::None);
            }
        };
        let received = node.now();
        let (parts, mut body) = response.into_parts();
        if self.background {
            body = body.in_background();
        }
        let head = ResponseHead::received(parts.status, parts.headers, received);
        let status = head.status.as_u16();
        if let Some(stored) = stored.filter(|_| status == 304) {
            let Ok(updated) = update_304(&stored.head, &head, policy) else {
                return (Event::Mismatch, Outcome::None);
            };
            let storable = parts::digest(&self.ask.head, &updated, policy, received);
            let born = born(&updated, sent_at, received);
            let answer = Answer {
                status,
                storable,
                born,
                received,
            };
            let facts = Stored {
                digest: storable.unwrap_or(stored.facts.digest),
                born,
            };
            let response = store::Response {
                facts,
                head: StoredHead::of(&updated, policy),
                body: stored.body.clone(),
                trailers: stored.trailers.clone(),
            };
            return (
                Event::Upstream(answer),
                Outcome::Validated {
                    response: Arc::new(response),
                    stamp,
                },
            );
        }
        if let Some(asked) = asked {
            self.learn_of_ranges(asked, &head, received);
        }
        let length = body.size_hint().exact();
        let partial = head.status == StatusCode::PARTIAL_CONTENT;
        if self.ask.rest && (partial || head.status == StatusCode::RANGE_NOT_SATISFIABLE) {
            // The rest is of no use: what is here cannot be tied to it.
            (self.ask.rest, self.ask.range) = (false, None);
            return Box::pin(self.ask_upstream(forward)).await;
        }
        if asked.is_some() && self.ask.own.is_none() {
            self.take_for_asked(&head, length);
        }
        let asked = asked.and(self.ask.range.as_ref().map(|(spec, _)| *spec));
        let usable = match head.status {
            StatusCode::PARTIAL_CONTENT => {
                let brought = asked.zip(parts::brought(&head, length));
                brought.is_some_and(|(asked, (part, total))| {
                    asked
                        .within(total)
                        .is_some_and(|wanted| part.covers(&wanted))
                })
            }
            // An answer to this range, not to every request.
            StatusCode::RANGE_NOT_SATISFIABLE => asked.is_none() && !forward.passes,
            _ => true,
        };
        let storable = if usable {
            parts::digest(&self.ask.head, &head, policy, received)
        } else {
            Err(NotStorable::Partial)
        };
        let tied = Tie::of(&head.headers, received).is_some();
        if partial
            && (storable.is_err() || !tied)
            && asked.is_some()
            && let Some(own) = self.ask.own.take()
        {
            // A slice that is of no use to others, and not what this client has asked for.
            self.ask.range = Some(own);
            return Box::pin(self.ask_upstream(forward)).await;
        }
        let answer = Answer {
            status,
            storable,
            born: born(&head, sent_at, received),
            received,
        };
        (
            Event::Upstream(answer),
            Outcome::Response {
                head,
                body,
                answer,
                stamp,
                sent: fields,
            },
        )
    }

    /// What upstream has made of a range says where others look for this flight, so that it has to be there before they know.
    fn learn_of_ranges(&mut self, asked: Spec, head: &ResponseHead, received: Timestamp) {
        let node = Arc::clone(self.node());
        let meeting = self.meeting_key().clone();
        let key = match (head.status, &self.ask.range) {
            (StatusCode::OK, _) => Some(meeting),
            (StatusCode::PARTIAL_CONTENT, Some((_, field))) => {
                Some(parts::flight_key(&meeting, field))
            }
            _ => None,
        };
        let primary = &self.ask.key;
        let learn = || {
            node.ranged
                .note(primary, asked, head.status, &head.headers, received);
        };
        match (&mut self.leading, key) {
            (Some(leading), Some(key)) => leading.rekey_once(key, learn),
            _ => learn(),
        }
    }

    /// Upstream has the last word on which part it sends (RFC 9110 section 15.3.7): where that is
    /// another one, the request goes on as one for that part.
    fn take_for_asked(&mut self, head: &ResponseHead, length: Option<u64>) {
        let Some((part, total)) = parts::brought(head, length) else {
            return;
        };
        let asked = self.ask.range.as_ref();
        let wanted = asked.and_then(|(spec, _)| spec.within(total));
        if wanted.is_none_or(|wanted| !part.covers(&wanted)) {
            let field = part.range();
            self.ask.head.headers.insert(header::RANGE, field.clone());
            self.ask.range = Some((Spec::Closed(part.start, part.end - 1), field));
        }
    }

    fn conclude(
        mut self,
        reply: &edge_core::Reply,
        forward: &Forward,
        outcome: Outcome,
    ) -> (Reply, Option<Fill>) {
        let node = Arc::clone(self.node());
        match outcome {
            Outcome::Response {
                head,
                body,
                answer,
                stamp,
                sent,
            } if matches!(reply.keep, Keep::Response | Keep::Replace) => {
                self.fill(reply, head, body, answer, stamp, sent)
            }
            Outcome::Response {
                head,
                body,
                answer,
                stamp,
                ..
            } => {
                self.keep(reply.keep, stamp, None);
                self.land(reply, Cargo::None);
                let reply = match reply.from {
                    From::Upstream => self.pass(forward, head, body, &answer, &reply.handling),
                    // The stored response stands in for an error; its body is of no use.
                    From::Stored => self.stand_in(&reply.handling),
                    From::Synthetic(status) => self.synthetic(status, &reply.handling),
                    From::Nobody | From::Flight | From::Updated => nobody(&node),
                };
                (reply, None)
            }
            Outcome::Validated { response, stamp } => {
                self.keep(reply.keep, stamp, Some(&response));
                self.land(reply, Cargo::Validated(Arc::clone(&response)));
                let reply = match reply.from {
                    From::Updated => {
                        let (ask, facts) = (&self.ask, response.facts);
                        let now = node.now();
                        serve::stored(
                            &self.worker,
                            &ask.head,
                            &ask.key,
                            self.meeting_key(),
                            &response,
                            facts,
                            From::Updated,
                            &reply.handling,
                            now,
                        )
                    }
                    From::Synthetic(status) => self.synthetic(status, &reply.handling),
                    _ => nobody(&node),
                };
                (reply, None)
            }
            Outcome::BadRequest => {
                self.land(reply, Cargo::None);
                let handling = Handling::synthetic(Detail::BadRequest);
                (self.synthetic(400, &handling), None)
            }
            Outcome::None => {
                self.land(reply, Cargo::None);
                let reply = match reply.from {
                    From::Stored => self.stand_in(&reply.handling),
                    From::Synthetic(status) => self.synthetic(status, &reply.handling),
                    _ => nobody(&node),
                };
                (reply, None)
            }
        }
    }

    fn land(&mut self, reply: &edge_core::Reply, cargo: Cargo) {
        if let (Some(leading), Some(landing)) = (self.leading.take(), reply.land) {
            leading.end(Landed { landing, cargo });
        }
    }

    /// The upstream response for this client alone.
    fn pass(
        &self,
        forward: &Forward,
        head: ResponseHead,
        body: UpstreamBody,
        answer: &Answer,
        handling: &Handling,
    ) -> Reply {
        let node = self.node();
        let length = body.size_hint().exact();
        // Its Age counts on; the digest does not matter for that.
        let digest = answer.storable.unwrap_or(Digest::fresh_for(0));
        let stored = Some(Stored {
            digest,
            born: answer.born,
        });
        // Ranges and preconditions are only answered from a body that is at hand from its start.
        let whole =
            head.status.as_u16() == 200 && self.ask.head.method == Method::GET && !forward.passes;
        let source = Source {
            from: From::Upstream,
            stored,
            length: length.filter(|_| whole),
            passed: !whole,
            boundary: cut::boundary,
        };
        let counters = Arc::clone(&node.counters);
        let mut reply = serve::reply(
            node,
            &self.ask.head,
            &self.ask.key,
            head,
            source,
            handling,
            node.now(),
            |which| match which {
                Which::None | Which::Whole => ReplyBody::upstream(body, counters),
                part => {
                    let (cut, length) = cut::cut(part, length);
                    ReplyBody::part_of_upstream(body, cut, length, counters)
                }
            },
        );
        if let Some(length) = length.filter(|_| self.ask.head.method != Method::HEAD && !whole)
            && reply.body().size_hint().exact() == Some(length)
            && !matches!(reply.status().as_u16(), 204 | 304)
        {
            reply
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        reply
    }
}
