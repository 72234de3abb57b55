//! Reasons: why a request went upstream, why a response was not stored, what failed. Each is a
//! small value with a short text for `Cache-Status` and `explain`.

use std::fmt;

/// Why a request was forwarded (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fwd {
    /// The cache was configured not to handle this request.
    Bypass,
    /// The method is not answered from the store.
    Method,
    /// Nothing is stored for the target URI.
    UriMiss,
    /// Something is stored, but no variant for these selecting fields.
    VaryMiss,
    /// Nothing stored can answer (the other two not being told apart).
    Miss,
    /// A fresh stored response exists; the request does not allow it.
    Request,
    /// The stored response is stale.
    Stale,
    /// Only a part is stored.
    Partial,
}

impl Fwd {
    /// The token of RFC 9211.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }

    /// The reason of a token, if it is one of RFC 9211.
    pub fn parse(token: &str) -> Option<Self> {
        [
            Self::Bypass,
            Self::Method,
            Self::UriMiss,
            Self::VaryMiss,
            Self::Miss,
            Self::Request,
            Self::Stale,
            Self::Partial,
        ]
        .into_iter()
        .find(|fwd| fwd.as_str() == token)
    }
}

/// Why a response may not be stored, or is of no use in a store (RFC 9111 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotStorable {
    /// The method's responses are not stored.
    Method,
    /// The request's no-store, where the policy honours it.
    RequestNoStore,
    /// The status is not final.
    NotFinal,
    /// A 206: parts are not stored yet.
    Partial,
    /// A 304 that answers a precondition of the client's own.
    NotModified,
    /// The status is not understood and must-understand is present (RFC 9111 section 5.2.2.3).
    NotUnderstood,
    /// no-store (RFC 9111 section 5.2.2.5).
    NoStore,
    /// private, unqualified or naming fields (RFC 9111 section 5.2.2.7).
    Private,
    /// Vary: * (RFC 9111 section 4.1).
    VaryStar,
    /// Credentials in the request, and nothing in the response that allows it (section 3.5).
    Authorization,
    /// No explicit freshness, no public, and a status without heuristics (section 3).
    NoFreshness,
    /// It sets a cookie, and nothing but a guess or a default would give it a lifetime (section 7.3).
    SetCookie,
    /// Never fresh and without a validator: storing it would serve nobody.
    Useless,
    /// An upstream cache or gateway error for a request that only the origin may judge.
    Precondition,
    /// Larger than the policy's or the store's limit.
    TooLarge,
}

impl NotStorable {
    /// A short text: a token, usable in `Cache-Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method-not-storable",
            Self::RequestNoStore => "request-no-store",
            Self::NotFinal => "not-final",
            Self::Partial => "partial-content",
            Self::NotModified => "client-304",
            Self::NotUnderstood => "must-understand",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::VaryStar => "vary-star",
            Self::Authorization => "authorization",
            Self::NoFreshness => "no-freshness",
            Self::SetCookie => "set-cookie",
            Self::Useless => "never-fresh",
            Self::Precondition => "precondition",
            Self::TooLarge => "too-large",
        }
    }

    /// A sentence for people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Method => "Responses to this method are not stored (RFC 9111 section 3).",
            Self::RequestNoStore => "The request says no-store (RFC 9111 section 5.2.1.5).",
            Self::NotFinal => "Only final responses are stored (RFC 9111 section 3).",
            Self::Partial => "This is a part of a representation (RFC 9111 section 3.3).",
            Self::NotModified => "This 304 answers the client's own precondition.",
            Self::NotUnderstood => {
                "must-understand, and this status is not understood (RFC 9111 section 5.2.2.3)."
            }
            Self::NoStore => "The response says no-store (RFC 9111 section 5.2.2.5).",
            Self::Private => "The response is private to one user (RFC 9111 section 5.2.2.7).",
            Self::VaryStar => "Vary: * never matches another request (RFC 9111 section 4.1).",
            Self::Authorization => {
                "The request carries Authorization; a shared cache needs public, s-maxage or \
                 must-revalidate to store its response (RFC 9111 section 3.5)."
            }
            Self::NoFreshness => {
                "Nothing gives it a lifetime: no max-age, s-maxage, Expires or public, and its \
                 status allows no guess (RFC 9111 section 3)."
            }
            Self::SetCookie => {
                "It sets a cookie, perhaps one user's own, and says nothing of caching: no max-age, \
                 s-maxage, Expires or public (RFC 9111 section 7.3)."
            }
            Self::Useless => {
                "It is never fresh and has no validator, so no later request could use it."
            }
            Self::Precondition => "The request's precondition is for the origin to judge.",
            Self::TooLarge => "It is larger than the configured limit.",
        }
    }
}

/// What went wrong upstream: no final answer came, or none that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum UpstreamError {
    /// Its name could not be resolved.
    #[error("upstream-unresolved")]
    Unresolved,
    /// It refused the connection, or there is no route to it.
    #[error("upstream-refused")]
    Refused,
    /// The connection was not made in time.
    #[error("upstream-connect-timeout")]
    ConnectTimeout,
    /// The TLS handshake failed.
    #[error("upstream-tls")]
    Tls,
    /// The first byte of the answer did not come in time.
    #[error("upstream-first-byte-timeout")]
    FirstByteTimeout,
    /// The connection ended before the whole head of an answer.
    #[error("upstream-closed")]
    Closed,
    /// What came was not HTTP, or an answer that fits no question.
    #[error("upstream-protocol")]
    Protocol,
    /// Whoever was asking died: our own fault, told to those who waited.
    #[error("upstream-abandoned")]
    Abandoned,
}

impl UpstreamError {
    /// A short text: a token, usable in `Cache-Status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unresolved => "upstream-unresolved",
            Self::Refused => "upstream-refused",
            Self::ConnectTimeout => "upstream-connect-timeout",
            Self::Tls => "upstream-tls",
            Self::FirstByteTimeout => "upstream-first-byte-timeout",
            Self::Closed => "upstream-closed",
            Self::Protocol => "upstream-protocol",
            Self::Abandoned => "upstream-abandoned",
        }
    }

    /// The status that tells the client: 504 for what did not come in time, 502 for the rest
    /// (RFC 9110 section 15.6).
    pub const fn status(self) -> u16 {
        match self {
            Self::ConnectTimeout | Self::FirstByteTimeout => 504,
            _ => 502,
        }
    }
}

/// What `Cache-Status` says in `detail`, beside the reason to forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The response was not stored, for this reason.
    NotStored(NotStorable),
    /// The upstream gave no answer.
    Upstream(UpstreamError),
    /// A stale response was served because the upstream gave no answer.
    StaleUnreachable(UpstreamError),
    /// A stale response was served because the upstream answered with an error.
    StaleIfError,
    /// A stale response was served while it is validated in the background.
    StaleWhileRevalidate,
    /// A stale response was served since the client's max-stale allows it.
    MaxStale,
    /// An earlier answer for this key could not be shared: not collapsed.
    HitForMiss,
    /// The wait for another request's answer was over.
    WaitExpired,
    /// The client takes only stored responses and there was none.
    OnlyIfCached,
    /// The request had been through this node before.
    Loop,
    /// The request was malformed.
    BadRequest,
    /// The request was to go no further (RFC 9110 section 7.6.2).
    MaxForwards,
    /// The stored response came from the disk tier.
    Disk,
}

impl Detail {
    /// A short text: a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStored(why) => why.as_str(),
            Self::Upstream(error) => error.as_str(),
            Self::StaleUnreachable(_) => "stale-unreachable",
            Self::StaleIfError => "stale-if-error",
            Self::StaleWhileRevalidate => "stale-while-revalidate",
            Self::MaxStale => "max-stale",
            Self::HitForMiss => "hit-for-miss",
            Self::WaitExpired => "wait-expired",
            Self::OnlyIfCached => "only-if-cached",
            Self::Loop => "loop",
            Self::BadRequest => "bad-request",
            Self::MaxForwards => "max-forwards",
            Self::Disk => "disk",
        }
    }
}

impl fmt::Display for Fwd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for NotStorable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(Fwd::UriMiss.to_string(), "uri-miss");
        assert_eq!(NotStorable::VaryStar.to_string(), "vary-star");
        assert_eq!(Detail::Disk.to_string(), "disk");
        for (why, section) in [
            (NotStorable::NoStore, "5.2.2.5"),
            (NotStorable::Private, "5.2.2.7"),
            (NotStorable::VaryStar, "4.1"),
            (NotStorable::Authorization, "3.5"),
        ] {
            assert!(why.explain().contains(section), "{why}");
        }
    }
}
