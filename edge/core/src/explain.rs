//! Why a cache would do what it does with a pair of heads: the same decisions as everywhere, kept
//! with their reasons for people to read.

use std::fmt;

use http::header;

use crate::{
    Digest, Flags, Millis, NotStorable, Policy, RequestHead, RequestKind, ResponseHead, Reuse,
    Stored, Timestamp, born, decide, digest, fields::cache_control::response_directives,
};

/// Where a lifetime comes from (RFC 9111 section 4.2.1), in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// s-maxage.
    SMaxage,
    /// max-age.
    MaxAge,
    /// Expires less Date.
    Expires,
    /// A share of the time since Last-Modified (section 4.2.2).
    Heuristic,
    /// The policy's default.
    Policy,
    /// Nothing: it is never fresh.
    Nothing,
}

impl LifetimeSource {
    /// A short text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SMaxage => "s-maxage",
            Self::MaxAge => "max-age",
            Self::Expires => "Expires",
            Self::Heuristic => "a guess from Last-Modified",
            Self::Policy => "the policy's default",
            Self::Nothing => "nothing",
        }
    }

    fn of(response: &ResponseHead, digest: &Digest) -> Self {
        let directives = response_directives(&response.headers);
        if directives.s_maxage.is_some() {
            Self::SMaxage
        } else if directives.max_age.is_some() {
            Self::MaxAge
        } else if response.headers.contains_key(header::EXPIRES) {
            Self::Expires
        } else if digest.flags.has(Flags::DEFAULTED) {
            Self::Policy
        } else if digest.flags.has(Flags::HEURISTIC) {
            Self::Heuristic
        } else {
            Self::Nothing
        }
    }
}

/// What a cache makes of a request and its response. `Display` tells it in a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The cache key, without a variant.
    pub key: String,
    /// Whether the response is stored, and what decisions need of it then.
    pub storable: Result<Digest, NotStorable>,
    /// Where its lifetime comes from; `Nothing` if it is not stored.
    pub source: LifetimeSource,
    /// Its age at the instant asked about. Milliseconds.
    pub age: Millis,
    /// What the same request would get at that instant; `None` if it is not stored.
    pub reuse: Option<Reuse>,
}

/// Explains what a cache makes of a response that was asked for at `sent` and came at `received`,
/// and of the same request at `now`.
pub fn explain(
    request: &RequestHead,
    response: &ResponseHead,
    policy: &Policy,
    sent: Timestamp,
    received: Timestamp,
    now: Timestamp,
) -> Explanation {
    let storable = digest(request, response, policy, received);
    let born = born(response, sent, received);
    let kind = RequestKind::of(request, policy);
    let reuse = storable
        .map(|digest| decide(policy, &digest, born, &kind, now))
        .ok();
    let digest = storable.unwrap_or(Digest::fresh_for(0));
    Explanation {
        key: policy.key.key(&request.target).as_str().to_owned(),
        storable,
        source: storable.map_or(LifetimeSource::Nothing, |digest| {
            LifetimeSource::of(response, &digest)
        }),
        age: Stored { digest, born }.age(now),
        reuse,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "key: {}", self.key)?;
        let digest = match &self.storable {
            Ok(digest) => digest,
            Err(why) => return writeln!(f, "not stored: {}: {}", why, why.explain()),
        };
        writeln!(
            f,
            "stored: fresh for {}, from {}",
            Seconds(digest.lifetime),
            self.source.as_str()
        )?;
        for (flag, text) in [
            (Flags::NO_CACHE, "no-cache: validated before each use"),
            (Flags::MUST_REVALIDATE, "never served stale"),
            (Flags::NEGATIVE, "a stored error answer"),
        ] {
            if digest.flags.has(flag) {
                writeln!(f, "  {text}")?;
            }
        }
        if !digest.validator() {
            writeln!(f, "  without a validator: once stale it is fetched whole")?;
        }
        for (window, text) in [
            (digest.stale_while_revalidate, "while it is refreshed"),
            (
                digest.stale_if_error,
                "if the upstream answers with an error",
            ),
        ] {
            if window > 0 && !digest.forbids_stale() {
                writeln!(f, "  served stale for {} more {text}", Seconds(window))?;
            }
        }
        let ttl = digest.lifetime.saturating_sub(self.age);
        write!(f, "now: {} old, ", Seconds(self.age))?;
        if ttl > 0 {
            write!(f, "fresh for {}: ", Seconds(ttl))?;
        } else {
            write!(f, "stale by {}: ", Seconds(ttl.saturating_neg()))?;
        }
        match self.reuse {
            Some(Reuse::Hit) => writeln!(f, "served"),
            Some(Reuse::HitStale) => writeln!(f, "served, since the request allows it (max-stale)"),
            Some(Reuse::HitAndRevalidate) => writeln!(f, "served, and refreshed in the background"),
            Some(Reuse::Validate(why)) => writeln!(f, "validated upstream ({why})"),
            Some(Reuse::Forward(why)) => writeln!(f, "fetched upstream ({why})"),
            Some(Reuse::GatewayTimeout) => writeln!(f, "504, since the request is only-if-cached"),
            None => writeln!(f, "not stored"),
        }
    }
}

/// Milliseconds, shown as seconds without needless zeros.
struct Seconds(Millis);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        if rest == 0 {
            write!(f, "{whole} s")
        } else {
            write!(f, "{whole}.{rest:03} s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TargetUri;
    use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

    const T0: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn text(lines: &[(&'static str, &'static str)], later: Millis) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let target = TargetUri::parse("http://A.test/x").unwrap();
        let request = RequestHead {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
        };
        let response = ResponseHead::received(StatusCode::OK, headers, T0);
        explain(
            &request,
            &response,
            &Policy::default(),
            T0,
            T0,
            T0.plus(later),
        )
        .to_string()
    }

    #[test]
    fn tells_what_and_why() {
        let lines = [
            ("cache-control", "max-age=60, stale-while-revalidate=5"),
            ("etag", "\"a\""),
        ];
        assert_eq!(
            text(&lines, 61_500),
            "key: http://a.test/x\n\
             stored: fresh for 60 s, from max-age\n  \
             served stale for 5 s more while it is refreshed\n\
             now: 61.500 s old, stale by 1.500 s: served, and refreshed in the background\n"
        );
        assert_eq!(
            text(&[("cache-control", "private, max-age=60")], 0),
            "key: http://a.test/x\n\
             not stored: private: The response is private to one user (RFC 9111 section 5.2.2.7).\n"
        );
    }
}
