//! One client request's life inside one node, as a state machine. Knows nothing about heads,
//! bytes, sockets, the store or the clock: the driver performs actions and tells what came of them.
//!
//! Exactly one action is outstanding at any time. Each action says which events answer it; an event
//! that answers nothing outstanding changes nothing and gets [`Action::Pending`].

mod protocol;

use crate::{
    Detail, Digest, Fwd, Handling, MethodClass, Millis, Policy, RequestKind, Reuse, Stored,
    Timestamp, UpstreamError, decide,
    reuse::{refusal, stale_on_error},
};

pub use protocol::{Action, Answer, Event, Forward, From, Keep, Landing, Lookup, Reply};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LookingUp,
    Joining,
    Following,
    Forwarded(Forward),
    Done,
}

/// One client request's life inside one node. `Copy`, no heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    request: RequestKind,
    state: State,
    /// What the last look-up found, if anything: what to validate, and what may stand in.
    stored: Option<Stored>,
    /// Why it goes upstream, if it does.
    why: Fwd,
    /// More about why, for the reply.
    detail: Option<Detail>,
    /// When it asked to join: an answer made later than that may be shared with it.
    joined: Timestamp,
    /// Leaders that it saw fail.
    failures: u8,
    /// Times that the store changed under its feet.
    again: u8,
    background: bool,
}

/// After so many changes of the store between look-up and joining, a request goes by itself.
const PATIENCE: u8 = 3;

impl Exchange {
    /// Begins the life of a client's request.
    pub fn begin(policy: &Policy, request: RequestKind, now: Timestamp) -> (Self, Action) {
        let mut exchange = Self::new(request, now);
        let action = if request.cacheable() {
            Action::Lookup
        } else if request.only_if_cached() {
            exchange.only_if_cached()
        } else {
            exchange.why = refusal(&request);
            exchange.forward_alone(policy)
        };
        (exchange, action)
    }

    /// Begins the background refresh of a stored response. Its reply is `From::Nobody`.
    pub fn refresh(_policy: &Policy, stored: Stored, now: Timestamp) -> (Self, Action) {
        let exchange = Self {
            stored: Some(stored),
            state: State::Joining,
            why: Fwd::Stale,
            background: true,
            ..Self::new(RequestKind::PLAIN, now)
        };
        (exchange, Action::Join)
    }

    fn new(request: RequestKind, now: Timestamp) -> Self {
        Self {
            request,
            state: State::LookingUp,
            stored: None,
            why: Fwd::UriMiss,
            detail: None,
            joined: now,
            failures: 0,
            again: 0,
            background: false,
        }
    }

    /// What the last look-up found, if it was a stored response.
    pub fn stored(&self) -> Option<Stored> {
        self.stored
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes in what came of the outstanding action.
    pub fn handle(&mut self, policy: &Policy, event: Event, now: Timestamp) -> Action {
        match (self.state, event) {
            // LookingUp => Done | Joining | Forwarded
            (State::LookingUp, Event::Found(lookup)) => self.found(policy, lookup, now),
            // Joining => Forwarded
            (State::Joining, Event::Lead) => self.forward(true, false),
            // Joining => Following, or Done for a refresh that another already does
            (State::Joining, Event::Following) => self.follow(policy, now),
            // Joining | Following => Done | Joining | Forwarded
            (State::Joining | State::Following, Event::Found(lookup)) => {
                self.found_again(policy, lookup, now)
            }
            // Joining | Following => Done | Joining | Forwarded
            (State::Joining | State::Following, Event::Landed(landing)) => {
                self.landed(policy, landing, now)
            }
            // Following => Forwarded
            (State::Following, Event::WaitExpired) => {
                self.detail = Some(Detail::WaitExpired);
                self.forward_alone(policy)
            }
            // Forwarded => Done
            (State::Forwarded(forward), Event::Upstream(answer)) => {
                self.answered(policy, forward, answer, now)
            }
            // Forwarded => Done
            (State::Forwarded(forward), Event::Failed(error)) => self.failed(
                policy,
                error,
                forward.leads.then_some(Landing::Failed(error)),
                now,
            ),
            // Forwarded => Forwarded, without the condition
            (State::Forwarded(forward), Event::Mismatch) if forward.conditional => {
                let again = Forward {
                    conditional: false,
                    ..forward
                };
                self.state = State::Forwarded(again);
                Action::Forward(again)
            }
            // An event that answers nothing outstanding.
            _ => Action::Pending,
        }
    }

    fn found(&mut self, policy: &Policy, lookup: Lookup, now: Timestamp) -> Action {
        self.stored = None;
        match lookup {
            Lookup::Hit(stored) => return self.reuse(policy, stored, now),
            Lookup::Miss => self.why = Fwd::UriMiss,
            Lookup::VaryMiss => self.why = Fwd::VaryMiss,
            Lookup::HitForMiss => {
                self.why = Fwd::UriMiss;
                self.detail = Some(Detail::HitForMiss);
            }
        }
        if self.request.only_if_cached() {
            return self.only_if_cached();
        }
        self.seek(policy, now)
    }

    fn reuse(&mut self, policy: &Policy, stored: Stored, now: Timestamp) -> Action {
        self.stored = Some(stored);
        let hit = Handling::hit(stored.ttl(now));
        match decide(policy, &stored.digest, stored.born, &self.request, now) {
            Reuse::Hit => self.reply(From::Stored, hit),
            Reuse::HitStale => self.reply(
                From::Stored,
                Handling {
                    detail: Some(Detail::MaxStale),
                    ..hit
                },
            ),
            Reuse::HitAndRevalidate => {
                let detail = Some(Detail::StaleWhileRevalidate);
                self.end(Reply {
                    refresh: true,
                    ..plain(From::Stored, Handling { detail, ..hit })
                })
            }
            Reuse::GatewayTimeout => self.only_if_cached(),
            Reuse::Validate(why) | Reuse::Forward(why) => {
                self.why = why;
                self.seek(policy, now)
            }
        }
    }

    fn found_again(&mut self, policy: &Policy, lookup: Lookup, now: Timestamp) -> Action {
        if self.background {
            // Someone else has refreshed, replaced or dropped it meanwhile.
            return self.reply(From::Nobody, Handling::default());
        }
        self.again = self.again.saturating_add(1);
        self.found(policy, lookup, now)
    }

    /// Goes upstream together with others if it may, else by itself.
    fn seek(&mut self, policy: &Policy, now: Timestamp) -> Action {
        if !self.may_join(policy) {
            return self.forward_alone(policy);
        }
        self.joined = now;
        self.state = State::Joining;
        Action::Join
    }

    fn may_join(&self, policy: &Policy) -> bool {
        let request = &self.request;
        policy.collapse.enabled
            && request.method == MethodClass::Get
            && self.detail != Some(Detail::HitForMiss)
            && self.again < PATIENCE
            // What it asks of its own answer, another's answer may not give.
            && !request.no_store()
            && !request.no_cache()
            && !request.authorization()
            && request.max_age.is_none()
            && request.min_fresh == 0
            // Each use of such a response needs a validation of its own: waiting would be for nothing.
            && self.stored.is_none_or(|stored| stored.digest.shareable())
    }

    fn follow(&mut self, policy: &Policy, now: Timestamp) -> Action {
        if self.background {
            return self.reply(From::Nobody, Handling::default());
        }
        self.state = State::Following;
        Action::Wait {
            until: now.plus(policy.collapse.max_wait_ms),
        }
    }

    fn forward_alone(&mut self, _policy: &Policy) -> Action {
        let passes = self.request.for_origin()
            || self.detail == Some(Detail::HitForMiss)
            || !matches!(self.request.method, MethodClass::Get | MethodClass::Head);
        self.forward(false, passes)
    }

    fn forward(&mut self, leads: bool, passes: bool) -> Action {
        let conditional = !passes && self.stored.is_some_and(|stored| stored.digest.validator());
        let forward = Forward {
            why: self.why,
            conditional,
            leads,
            passes,
        };
        self.state = State::Forwarded(forward);
        Action::Forward(forward)
    }

    fn landed(&mut self, policy: &Policy, landing: Landing, now: Timestamp) -> Action {
        if self.background {
            return self.reply(From::Nobody, Handling::default());
        }
        let collapsed = Handling {
            collapsed: true,
            ..Handling::forwarded(self.why)
        };
        match landing {
            Landing::Shared(answer) => match answer.storable {
                Ok(digest) if self.may_share(&digest, &answer, now) => {
                    let ttl = Stored {
                        digest,
                        born: answer.born,
                    }
                    .ttl(now);
                    let fwd_status = Some(answer.status);
                    let handling = Handling {
                        fwd_status,
                        ttl: Some(ttl),
                        ..collapsed
                    };
                    self.reply(From::Flight, handling)
                }
                _ => self.forward_alone(policy),
            },
            Landing::NotModified(stored) if stored.digest.shareable() => {
                let ttl = Some(stored.ttl(now));
                self.reply(
                    From::Updated,
                    Handling {
                        fwd_status: Some(304),
                        ttl,
                        ..collapsed
                    },
                )
            }
            Landing::NotModified(_) | Landing::NotShareable => self.forward_alone(policy),
            Landing::ErrorAnswer { status } => match self.stand_in(policy, false, now) {
                Some(ttl) => {
                    let handling = Handling {
                        fwd_status: Some(status),
                        ttl: Some(ttl),
                        detail: Some(Detail::StaleIfError),
                        ..collapsed
                    };
                    self.reply(From::Stored, handling)
                }
                None => self.forward_alone(policy),
            },
            Landing::Failed(error) => {
                self.failures = self.failures.saturating_add(1);
                let stale = self.stand_in(policy, true, now).is_some();
                if stale || self.failures > policy.collapse.takeovers {
                    return self.failed(policy, error, None, now);
                }
                self.state = State::Joining;
                Action::Join
            }
        }
    }

    /// An answer that came after this request was sent is as good as one of its own; one that was
    /// there before must be fresh.
    fn may_share(&self, digest: &Digest, answer: &Answer, now: Timestamp) -> bool {
        let stored = Stored {
            digest: *digest,
            born: answer.born,
        };
        digest.shareable() && (self.joined <= answer.received || stored.is_fresh(now))
    }

    fn answered(
        &mut self,
        policy: &Policy,
        forward: Forward,
        answer: Answer,
        now: Timestamp,
    ) -> Action {
        let lands = |landing: Landing| forward.leads.then_some(landing);
        let handling = Handling {
            fwd_status: Some(answer.status),
            ..Handling::forwarded(forward.why)
        };
        if answer.status == 304 && !forward.passes {
            if !forward.conditional {
                // Nobody asked whether anything was modified.
                let error = UpstreamError::Protocol;
                return self.failed(policy, error, lands(Landing::Failed(error)), now);
            }
            return self.validated(answer, handling, forward.leads, now);
        }
        if matches!(answer.status, 500 | 502 | 503 | 504)
            && let Some(ttl) = self.stand_in(policy, false, now)
        {
            let detail = Some(Detail::StaleIfError);
            let handling = Handling {
                ttl: Some(ttl),
                detail,
                ..handling
            };
            let land = lands(Landing::ErrorAnswer {
                status: answer.status,
            });
            return self.end(Reply {
                land,
                ..plain(From::Stored, handling)
            });
        }
        let keep = self.keep(policy, forward, &answer, now);
        let ttl = match answer.storable {
            Ok(digest) if keep == Keep::Response => Some(
                Stored {
                    digest,
                    born: answer.born,
                }
                .ttl(now),
            ),
            _ => None,
        };
        let detail = match answer.storable {
            Err(why) if self.request.method == MethodClass::Get => Some(Detail::NotStored(why)),
            _ => self.detail,
        };
        let land = lands(match answer.storable {
            Ok(digest) if digest.shareable() => Landing::Shared(answer),
            _ if answer.status >= 500 => Landing::ErrorAnswer {
                status: answer.status,
            },
            _ => Landing::NotShareable,
        });
        let handling = Handling {
            stored: keep == Keep::Response,
            ttl,
            detail,
            ..handling
        };
        self.end(Reply {
            keep,
            land,
            ..plain(From::Upstream, handling)
        })
    }

    /// A 304 to our own condition.
    fn validated(
        &mut self,
        answer: Answer,
        handling: Handling,
        leads: bool,
        now: Timestamp,
    ) -> Action {
        let (keep, landing, ttl) = match answer.storable {
            Ok(digest) => {
                let stored = Stored {
                    digest,
                    born: answer.born,
                };
                let landing = if digest.shareable() {
                    Landing::NotModified(stored)
                } else {
                    Landing::NotShareable
                };
                (Keep::Update, landing, Some(stored.ttl(now)))
            }
            Err(_) => (Keep::Forget, Landing::NotShareable, None),
        };
        let detail = match answer.storable {
            Ok(_) => self.detail,
            Err(why) => Some(Detail::NotStored(why)),
        };
        let handling = Handling {
            stored: keep == Keep::Update,
            ttl,
            detail,
            ..handling
        };
        self.end(Reply {
            keep,
            land: leads.then_some(landing),
            ..plain(From::Updated, handling)
        })
    }

    fn keep(&self, policy: &Policy, forward: Forward, answer: &Answer, now: Timestamp) -> Keep {
        match self.request.method {
            MethodClass::Unsafe if (200..400).contains(&answer.status) => Keep::Forget,
            MethodClass::Get if self.request.no_store() => Keep::Nothing,
            MethodClass::Get => match answer.storable {
                Ok(_) => Keep::Response,
                // An error says nothing about the answers to come.
                Err(_) if forward.leads && answer.status < 500 && policy.hit_for_miss_ms > 0 => {
                    Keep::HitForMiss {
                        until: now.plus(policy.hit_for_miss_ms),
                    }
                }
                Err(_) => Keep::Nothing,
            },
            _ => Keep::Nothing,
        }
    }

    /// No answer came: the stored response stands in, or an error is made.
    fn failed(
        &mut self,
        policy: &Policy,
        error: UpstreamError,
        land: Option<Landing>,
        now: Timestamp,
    ) -> Action {
        let collapsed = self.failures > 0 && land.is_none();
        let handling = Handling {
            collapsed,
            ..Handling::forwarded(self.why)
        };
        if let Some(ttl) = self.stand_in(policy, true, now) {
            let detail = Some(Detail::StaleUnreachable(error));
            let handling = Handling {
                ttl: Some(ttl),
                detail,
                ..handling
            };
            return self.end(Reply {
                land,
                ..plain(From::Stored, handling)
            });
        }
        // RFC 9111 section 5.2.2.2: a cache that cannot reach the origin to validate answers 504.
        let bound = self
            .stored
            .is_some_and(|stored| stored.digest.forbids_stale());
        let status = if bound { 504 } else { error.status() };
        let handling = Handling {
            detail: Some(Detail::Upstream(error)),
            ..handling
        };
        self.end(Reply {
            land,
            ..plain(From::Synthetic(status), handling)
        })
    }

    /// What is left of the stored response's lifetime, if it may stand in for a failed upstream.
    fn stand_in(&self, policy: &Policy, unreachable: bool, now: Timestamp) -> Option<Millis> {
        self.stored
            .filter(|stored| stale_on_error(policy, stored, &self.request, unreachable, now))
            .map(|stored| stored.ttl(now))
    }

    fn only_if_cached(&mut self) -> Action {
        self.reply(
            From::Synthetic(504),
            Handling::synthetic(Detail::OnlyIfCached),
        )
    }

    fn reply(&mut self, from: From, handling: Handling) -> Action {
        self.end(plain(from, handling))
    }

    fn end(&mut self, mut reply: Reply) -> Action {
        self.state = State::Done;
        if self.background {
            reply.from = From::Nobody;
        }
        Action::Reply(reply)
    }
}

const fn plain(from: From, handling: Handling) -> Reply {
    Reply {
        from,
        handling,
        keep: Keep::Nothing,
        land: None,
        refresh: false,
    }
}
