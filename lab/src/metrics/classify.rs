//! One observation, judged: its class, and what else its path tells (METRICS, "One class per client request per tier").

use super::shape::Shape;
use crate::observe::{Answer, Cacheable, Fwd, Handling, Observation, RequestClass};
use crate::plan::Nanos;

/// What one observation counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) class: RequestClass,
    /// How long the response that our core would store is fresh; `None`: it would not store it.
    pub(crate) lifetime: Option<Nanos>,
    /// Served this much past its freshness, in milliseconds.
    pub(crate) stale_ms: Option<u64>,
    /// Whether every cache on the way forwarded it.
    pub(crate) reached_origin: bool,
    /// The nearest cache stored what it fetched.
    pub(crate) stored: bool,
    /// The nearest cache had other variants, not this one.
    pub(crate) vary_miss: bool,
}

/// Judges one observation.
#[inline]
pub(crate) fn judge(observation: &Observation, shape: &Shape) -> Judged {
    let planned = shape.classes.get(usize::from(observation.object.class));
    let planned = planned.and_then(|class| class.lifetime.as_ref().ok().copied());
    match &observation.outcome {
        // Most of all requests; what follows would come to the same.
        Ok(answer) if answer.status < 400 && answer.path.is_plain_hit() => Judged {
            class: RequestClass::Hit,
            lifetime: match answer.cacheable {
                Cacheable::Fresh(lifetime) => Some(lifetime),
                Cacheable::No => None,
                Cacheable::AsPlanned => planned,
            },
            stale_ms: None,
            reached_origin: false,
            stored: false,
            vary_miss: false,
        },
        Ok(answer) => judge_answer(answer, planned, observation.node.is_some()),
        Err(_) => Judged {
            class: RequestClass::Error,
            lifetime: planned,
            stale_ms: None,
            reached_origin: false,
            stored: false,
            vary_miss: false,
        },
    }
}

/// As [`judge`] of a complete answer for which the nearest cache, which had nothing, went upstream by itself, and which it has
/// stored; the next one answered fresh, or all went up to the origin.
#[inline]
pub(crate) fn plain_miss(observation: &Observation, shape: &Shape, reached_origin: bool) -> Judged {
    let planned = shape.classes.get(usize::from(observation.object.class));
    let lifetime = planned.and_then(|class| class.lifetime.as_ref().ok().copied());
    Judged {
        class: match lifetime {
            Some(_) => RequestClass::Miss,
            None => RequestClass::Pass,
        },
        lifetime,
        stale_ms: None,
        reached_origin,
        stored: true,
        vary_miss: false,
    }
}

fn judge_answer(answer: &Answer, planned: Option<Nanos>, through_a_node: bool) -> Judged {
    let nearest = answer.path.nearest().map(|hop| hop.handling);
    let lifetime = match answer.cacheable {
        Cacheable::Fresh(lifetime) => Some(lifetime),
        Cacheable::No => None,
        // The plan judges a plain 200. An error answer is cacheable if a cache treated it so.
        Cacheable::AsPlanned if answer.status < 400 => planned,
        Cacheable::AsPlanned => planned.filter(|_| was_stored(answer)),
    };
    let class = class_of(answer, nearest, lifetime.is_some(), through_a_node);
    let (stored, vary_miss) = match nearest {
        Some(Handling::Forwarded { stored, why, .. }) => (stored, why == Fwd::VaryMiss),
        _ => (false, false),
    };
    Judged {
        class,
        lifetime,
        stale_ms: stale_ms(answer, class, lifetime),
        reached_origin: answer.path.reached_origin(),
        stored,
        vary_miss,
    }
}

/// The first rule that fits, in the order of METRICS.
fn class_of(
    answer: &Answer,
    nearest: Option<Handling>,
    cacheable: bool,
    through_a_node: bool,
) -> RequestClass {
    use RequestClass as Class;
    let stale_answer =
        nearest.is_some_and(|handling| served_stale_on_error(handling, answer.status));
    let from_store = stale_answer || answer.path.hit().is_some();
    // Without a stored response, only-if-cached (RFC 9111 section 5.2.1.7) gets a 504 that is no failure; so is a loop's 508.
    let refused = nearest == Some(Handling::Own) && matches!(answer.status, 504 | 508);
    if answer.status >= 500 && !from_store && !refused {
        return Class::Error;
    }
    match nearest {
        // No cache spoke: one that stands there and stayed silent has not stored what it could have.
        None if through_a_node && cacheable => Class::Miss,
        None => Class::Pass,
        Some(_) if stale_answer => Class::HitStaleError,
        Some(Handling::Hit { .. }) if answer.status >= 400 => Class::HitNegative,
        Some(Handling::Hit { ttl: Some(ttl) }) if ttl < 0 => Class::HitStaleSwr,
        Some(Handling::Hit { .. }) => Class::Hit,
        Some(Handling::Forwarded {
            collapsed: true, ..
        }) => Class::Coalesced,
        Some(Handling::Forwarded {
            why: Fwd::Stale,
            status: Some(304),
            ..
        }) => Class::Revalidated,
        Some(Handling::Forwarded {
            why: Fwd::Stale, ..
        }) => Class::Expired,
        Some(Handling::Forwarded {
            why: Fwd::Method | Fwd::Request,
            ..
        }) => Class::Pass,
        Some(Handling::Forwarded { .. }) if cacheable => Class::Miss,
        Some(Handling::Forwarded { .. }) => Class::Pass,
        Some(Handling::Own) => Class::Synthetic,
    }
}

/// A stale stored response stood in for an upstream that failed.
fn served_stale_on_error(handling: Handling, sent: u16) -> bool {
    let Handling::Forwarded {
        why: Fwd::Stale,
        status,
        failed,
        ..
    } = handling
    else {
        return false;
    };
    sent < 500 && (failed || status.is_some_and(|upstream| upstream >= 500))
}

fn was_stored(answer: &Answer) -> bool {
    answer.path.hops().any(|hop| match hop.handling {
        Handling::Hit { .. } => true,
        Handling::Forwarded { stored, .. } => stored,
        Handling::Own => false,
    })
}

/// From a negative ttl at any tier, or from the age where only the upstream's failure is told.
fn stale_ms(answer: &Answer, class: RequestClass, lifetime: Option<Nanos>) -> Option<u64> {
    let by_ttl = match answer.path.hit() {
        Some(Handling::Hit { ttl: Some(ttl) }) if ttl < 0 => {
            Some(u64::from(ttl.unsigned_abs()) * 1000)
        }
        _ => None,
    };
    let by_age = || {
        let age = u64::from(answer.age?) * 1000;
        Some(age.saturating_sub(lifetime? / 1_000_000))
    };
    match class {
        RequestClass::HitStaleError => by_ttl.or_else(by_age).or(Some(0)),
        _ => by_ttl,
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
