//! Whether a stored response may answer a request (RFC 9111 section 4). Integer comparisons only:
//! the live edge and the simulator run this for every request.

use crate::{Digest, Fwd, Millis, Policy, RequestKind, Stored, Timestamp, request::MethodClass};

/// What to do with a stored response that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// Serve it: fresh.
    Hit,
    /// Serve it stale: the client's max-stale allows it.
    HitStale,
    /// Serve it stale now and validate it in the background (RFC 5861 section 3).
    HitAndRevalidate,
    /// Ask upstream whether it still holds; for this reason.
    Validate(Fwd),
    /// Ask upstream for a new response; for this reason.
    Forward(Fwd),
    /// Nothing may be served and nothing may be asked: 504 (RFC 9111 section 5.2.1.7).
    GatewayTimeout,
}

/// Decides about a stored response. `born` is the instant its age counts from.
///
/// The answer changes with `now`, and with nothing else that is not a parameter.
#[inline]
pub fn decide(
    policy: &Policy,
    digest: &Digest,
    born: Timestamp,
    request: &RequestKind,
    now: Timestamp,
) -> Reuse {
    let stored = Stored {
        digest: *digest,
        born,
    };
    let age = stored.age(now);
    let ttl = digest.lifetime.saturating_sub(age);
    // The common case first: fresh, and a request that asks for nothing.
    if ttl > 0 && !digest.no_cache() && *request == RequestKind::PLAIN {
        return Reuse::Hit;
    }
    if !request.cacheable() {
        return Reuse::Forward(refusal(request));
    }
    let wanted = !request.no_cache() && request.max_age.is_none_or(|limit| age <= limit);
    if wanted && !digest.no_cache() {
        if ttl > 0 && ttl >= request.min_fresh {
            return Reuse::Hit;
        }
        // Only what is past its lifetime is stale; min-fresh and stale allowances do not mix.
        if ttl <= 0 && request.min_fresh == 0 && !digest.forbids_stale() {
            let stale_by = ttl.saturating_neg();
            if request.max_stale.is_some_and(|limit| stale_by <= limit) {
                return Reuse::HitStale;
            }
            // A client that names a greatest age does not want stale answers (section 5.2.1.1).
            if policy.stale.while_revalidate
                && stale_by < digest.stale_while_revalidate
                && request.max_age.is_none()
            {
                return Reuse::HitAndRevalidate;
            }
        }
    }
    if request.only_if_cached() {
        return Reuse::GatewayTimeout;
    }
    // Fresh but refused by the request: `request`; otherwise the stored response is stale, or as
    // good as stale because it says no-cache (RFC 9211 section 2.2).
    let why = if ttl > 0 && !digest.no_cache() {
        Fwd::Request
    } else {
        Fwd::Stale
    };
    if digest.validator() {
        Reuse::Validate(why)
    } else {
        Reuse::Forward(why)
    }
}

/// How old a response with this digest may be at most for [`decide`] to say [`Reuse::Hit`] to such a request: it does where
/// the age is less than this. Milliseconds; 0: never. For drivers that see many requests of one kind.
pub fn fresh_below(digest: &Digest, request: &RequestKind) -> Millis {
    if !request.cacheable() || request.no_cache() || digest.no_cache() {
        return 0;
    }
    // What is left of its lifetime has to be more than nothing, and no less than is asked for.
    let left = request.min_fresh.max(1);
    let fresh = digest.lifetime.saturating_sub(left).saturating_add(1);
    let asked = request.max_age.map(|limit| limit.saturating_add(1));
    fresh.min(asked.unwrap_or(Millis::MAX)).max(0)
}

/// Why the store has no say in a request that it may not answer.
pub(crate) fn refusal(request: &RequestKind) -> Fwd {
    match request.method {
        MethodClass::Get | MethodClass::Head => Fwd::Request,
        MethodClass::Safe | MethodClass::Unsafe => Fwd::Method,
    }
}

/// Whether a stale stored response may stand in because the upstream gave no answer (RFC 9111
/// section 4.2.4), or answered with an error (RFC 5861 section 4). The response's window or the
/// client's, whichever is longer: either permits.
pub fn stale_on_error(
    policy: &Policy,
    stored: &Stored,
    request: &RequestKind,
    unreachable: bool,
    now: Timestamp,
) -> bool {
    // Section 4: with stale-if-error, "regardless of other freshness information"; no-cache is none.
    let limits = request.max_age.is_some() || request.min_fresh > 0;
    let asks_for_fresh = request.no_cache() || (limits && request.stale_if_error == 0);
    if stored.digest.forbids_stale() || asks_for_fresh {
        return false;
    }
    let mut window: Millis = stored.digest.stale_if_error.max(request.stale_if_error);
    if unreachable {
        window = window.max(policy.stale.unreachable_ms);
    }
    // One that is still fresh, and was refused by the request, is less than nothing past its lifetime.
    stored.ttl(now).saturating_neg() < window
}

#[cfg(test)]
mod tests;
