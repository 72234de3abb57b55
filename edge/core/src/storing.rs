//! Whether a response may be stored (RFC 9111 section 3), and what later decisions need of it.
//! Knows nothing about bodies or the store. Runs once per stored response.

use http::{HeaderMap, Method, StatusCode, header};

use crate::{
    Digest, Flags, Millis, NotStorable, Policy, RequestHead, ResponseHead, Timestamp, Vary,
    fields::{
        cache_control::{CacheControl, Scope, pragma_no_cache, request_directives},
        date,
        directives::directives,
        etag::ETag,
    },
    freshness::date_of,
    semantics::Canonical,
};

/// Whether a response may be stored, and what decisions need of it then. `received` is when its
/// head came (a Date that is missing or malformed counts as that).
///
/// For a 304, give the stored head as [`crate::update_304`] updated it.
pub fn digest(
    request: &RequestHead,
    response: &ResponseHead,
    policy: &Policy,
    received: Timestamp,
) -> Result<Digest, NotStorable> {
    let directives = directives(&response.headers, &policy.targeted);
    check_method(request, response, &directives, policy)?;
    check_request(request, policy)?;
    check_status(response.status, &directives)?;
    check_directives(response, &directives)?;
    check_size(&response.headers, policy)?;
    let (lifetime, origin) = lifetime(request, response, &directives, policy, received)?;

    let validator = ETag::of(&response.headers).is_some()
        || last_modified(&response.headers, received).is_some();
    let flags = Flags::none()
        .with_if(Flags::NO_CACHE, directives.no_cache == Some(Scope::Whole))
        .with_if(Flags::MUST_REVALIDATE, forbids_stale(&directives, policy))
        .with_if(Flags::VALIDATOR, validator)
        .with_if(Flags::NEGATIVE, response.status.as_u16() >= 400)
        .with(origin);
    let digest = Digest {
        lifetime,
        stale_while_revalidate: directives.stale_while_revalidate.unwrap_or(0),
        stale_if_error: directives
            .stale_if_error
            .unwrap_or(policy.stale.if_error_ms),
        flags,
        status: response.status.as_u16(),
    };
    check_use(&digest, &directives)?;
    Ok(digest)
}

/// An answer to GET, or one to POST or PATCH that says that it is what GET would give: a success
/// with explicit freshness, whose Content-Location is the target (RFC 9110 section 9.3.3, RFC 5789
/// section 2).
fn check_method(
    request: &RequestHead,
    response: &ResponseHead,
    directives: &CacheControl,
    policy: &Policy,
) -> Result<(), NotStorable> {
    if request.method == Method::GET {
        return Ok(());
    }
    let writes = request.method == Method::POST || request.method == Method::PATCH;
    let headers = &response.headers;
    let explicit = directives.max_age.is_some()
        || directives.s_maxage.is_some()
        || (headers.contains_key(header::EXPIRES) && !directives.targeted);
    let described = || {
        let location = headers.get(header::CONTENT_LOCATION)?;
        let target = request.target.resolve(location.as_bytes())?;
        Some(policy.key.key(&target) == policy.key.key(&request.target))
    };
    if writes && explicit && response.status.is_success() && described() == Some(true) {
        Ok(())
    } else {
        Err(NotStorable::Method)
    }
}

fn check_request(request: &RequestHead, policy: &Policy) -> Result<(), NotStorable> {
    let headers = &request.headers;
    if headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_UNMODIFIED_SINCE) {
        return Err(NotStorable::Precondition);
    }
    if policy.request_directives
        && headers.contains_key(header::CACHE_CONTROL)
        && request_directives(headers).no_store
    {
        return Err(NotStorable::RequestNoStore);
    }
    Ok(())
}

fn check_status(status: StatusCode, directives: &CacheControl) -> Result<(), NotStorable> {
    match status.as_u16() {
        100..=199 => Err(NotStorable::NotFinal),
        206 => Err(NotStorable::Partial),
        304 => Err(NotStorable::NotModified),
        code if directives.must_understand && !is_understood(code) => {
            Err(NotStorable::NotUnderstood)
        }
        _ => Ok(()),
    }
}

/// The statuses whose rules for caching are known here (RFC 9110 section 15, RFC 6585, RFC 7725).
const fn is_understood(code: u16) -> bool {
    matches!(
        code,
        200..=205 | 300..=303 | 307 | 308 | 400..=417 | 421 | 422 | 425 | 426 | 428 | 429 | 431
            | 451 | 500..=505 | 511
    )
}

fn check_directives(response: &ResponseHead, directives: &CacheControl) -> Result<(), NotStorable> {
    // A cache that knows must-understand, and the status, does not heed no-store (section 5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Err(NotStorable::NoStore);
    }
    // The qualified form only keeps fields out of the store: see `StoredHead::of`.
    if directives.private == Some(Scope::Whole) {
        return Err(NotStorable::Private);
    }
    if response.headers.contains_key(header::VARY) && Vary::of(&response.headers) == Vary::Star {
        return Err(NotStorable::VaryStar);
    }
    Ok(())
}

fn check_size(headers: &HeaderMap, policy: &Policy) -> Result<(), NotStorable> {
    let Some(limit) = policy.max_object else {
        return Ok(());
    };
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit) {
        Err(NotStorable::TooLarge)
    } else {
        Ok(())
    }
}

/// The lifetime in milliseconds, and the flag that says where it came from.
fn lifetime(
    request: &RequestHead,
    response: &ResponseHead,
    directives: &CacheControl,
    policy: &Policy,
    received: Timestamp,
) -> Result<(Millis, Flags), NotStorable> {
    let headers = &response.headers;
    let canonical = Canonical {
        status: response.status,
        authorization: request.headers.contains_key(header::AUTHORIZATION),
        public: directives.public,
        must_revalidate: directives.must_revalidate,
        s_maxage: directives.s_maxage.map(|ms| ms / 1000),
        max_age: directives.max_age.map(|ms| ms / 1000),
        expires: expires(headers, received).filter(|_| !directives.targeted),
        date: date_of(headers, received).unwrap_or(received.seconds()),
        last_modified: last_modified(headers, received),
        heuristic_percent: policy.lifetimes.heuristic_percent,
    };
    let authorized = !canonical.authorization
        || canonical.public
        || canonical.must_revalidate
        || canonical.s_maxage.is_some();
    if !authorized {
        return Err(NotStorable::Authorization);
    }
    let found = canonical.lifetime(received);
    if canonical.explicit() {
        return found
            .map(|ms| (ms, Flags::none()))
            .ok_or(NotStorable::NoFreshness);
    }
    let negative = response.status.as_u16() >= 400;
    // An old word against caching, without a meaning in responses (section 5.4): stated freshness
    // does not heed it, a guess would be rash.
    let doubted = !directives.present && pragma_no_cache(headers);
    let guessed = match (
        found,
        policy.lifetimes.negative_ms,
        policy.lifetimes.default_ms,
    ) {
        _ if doubted => found
            .map(|_| (0, Flags::none()))
            .ok_or(NotStorable::NoFreshness),
        (_, Some(ms), _) if negative => Ok((ms, Flags::DEFAULTED)),
        (Some(_), _, Some(ms)) if !negative => Ok((ms, Flags::DEFAULTED)),
        (Some(ms), _, _) if ms > 0 => {
            Ok((ms.min(policy.lifetimes.heuristic_max_ms), Flags::HEURISTIC))
        }
        (Some(_), _, _) => Ok((0, Flags::none())),
        (None, _, _) => Err(NotStorable::NoFreshness),
    };
    // A cookie does not inhibit storing (section 7.3), but a lifetime that nobody has stated must not
    // hand one user's session to the next.
    if guessed.is_ok() && headers.contains_key(header::SET_COOKIE) && !canonical.public {
        return Err(NotStorable::SetCookie);
    }
    guessed
}

/// Storing what could answer nobody only costs memory, and would hide from a reader of
/// `Cache-Status` that it was of no use.
fn check_use(digest: &Digest, directives: &CacheControl) -> Result<(), NotStorable> {
    if digest.validator() || (digest.lifetime > 0 && !digest.no_cache()) {
        return Ok(());
    }
    let asks_for_stale =
        directives.stale_while_revalidate.is_some() || directives.stale_if_error.is_some();
    if asks_for_stale && !digest.forbids_stale() {
        return Ok(());
    }
    let said = directives.max_age.is_some()
        || directives.s_maxage.is_some()
        || directives.no_cache.is_some();
    Err(if said {
        NotStorable::Useless
    } else {
        NotStorable::NoFreshness
    })
}

fn forbids_stale(directives: &CacheControl, policy: &Policy) -> bool {
    let asks_for_stale =
        directives.stale_while_revalidate.is_some() || directives.stale_if_error.is_some();
    directives.must_revalidate
        || directives.proxy_revalidate
        || (directives.s_maxage.is_some() && !(policy.stale.beside_s_maxage && asks_for_stale))
}

/// Several Expires lines that differ are as good as a malformed one.
fn expires(headers: &HeaderMap, now: Timestamp) -> Option<Option<i64>> {
    let mut lines = headers.get_all(header::EXPIRES).iter();
    let first = lines.next()?;
    if lines.any(|line| line != first) {
        return Some(None);
    }
    Some(date::parse(first.as_bytes(), now))
}

fn last_modified(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    date::parse(headers.get(header::LAST_MODIFIED)?.as_bytes(), now)
}

#[cfg(test)]
mod tests;
