//! How an [`Exchange`] ends, or goes on, once an upstream has spoken: to itself or to its flight.

use super::{Action, Answer, Exchange, Forward, From, Keep, Landing, Reply, State, plain};
use crate::{
    Detail, Digest, Handling, MethodClass, Millis, NotStorable, Policy, Stored, Timestamp,
    UpstreamError, reuse::stale_on_error,
};

impl Exchange {
    pub(super) fn landed(&mut self, policy: &Policy, landing: Landing, now: Timestamp) -> Action {
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

    pub(super) fn answered(
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
        let answer = Answer {
            storable: match answer.status {
                // To the client's own precondition: nothing to store, whatever its fields say.
                304 => Err(NotStorable::NotModified),
                _ => answer.storable,
            },
            ..answer
        };
        let keep = self.keep(policy, forward, &answer, now);
        let stores = matches!(keep, Keep::Response | Keep::Replace);
        let ttl = match answer.storable {
            Ok(digest) if stores => Some(
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
            stored: stores,
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
            // A refresh that meets an error leaves the stale response where it is.
            _ if self.background && answer.status >= 500 => Keep::Nothing,
            MethodClass::Unsafe if (200..400).contains(&answer.status) => {
                if answer.storable.is_ok() && !self.request.no_store() {
                    Keep::Replace
                } else {
                    Keep::Forget
                }
            }
            MethodClass::Head if answer.status == 200 && self.stored.is_some() => Keep::Compare,
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
    pub(super) fn failed(
        &mut self,
        policy: &Policy,
        error: UpstreamError,
        land: Option<Landing>,
        now: Timestamp,
    ) -> Action {
        // Whoever has gone upstream itself shares nobody's failure, even if it has waited for others before.
        let collapsed = !matches!(self.state, State::Forwarded(_));
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
}
