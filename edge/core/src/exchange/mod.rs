//! One client request's life inside one node, as a state machine. Knows nothing about heads,
//! bytes, sockets, the store or the clock: the driver performs actions and tells what came of them.
//!
//! Exactly one action is outstanding at any time. Each action says which events answer it; an event
//! that answers nothing outstanding changes nothing and gets [`Action::Pending`].

mod ending;
mod protocol;

use crate::{
    Detail, Fwd, Handling, MethodClass, Policy, RequestKind, Reuse, Stored, Timestamp, decide,
    reuse::refusal,
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
            && !self.condition_passes(policy)
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

    /// Where nothing is stored, the client's own condition is not for this cache to evaluate (RFC
    /// 9111 section 4.3.2).
    fn condition_passes(&self, policy: &Policy) -> bool {
        policy.forward_conditions && self.request.conditional() && self.stored.is_none()
    }

    fn forward_alone(&mut self, policy: &Policy) -> Action {
        let passes = self.request.for_origin()
            || self.condition_passes(policy)
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

#[cfg(test)]
mod keep_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod stale_tests;
#[cfg(test)]
mod tests;
