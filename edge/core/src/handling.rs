//! How a request was handled, as `Cache-Status` tells it (RFC 9211), and the class that a report
//! counts it in. Knows nothing about the text of the field: see [`crate::cache_status`].

use crate::{Detail, Fwd, Millis, NotStorable};

/// How one cache handled one request: the parameters of a `Cache-Status` member. `Copy`, no heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Handling {
    /// Answered from the store without going upstream.
    pub hit: bool,
    /// Why it went upstream.
    pub fwd: Option<Fwd>,
    /// The status that upstream answered with.
    pub fwd_status: Option<u16>,
    /// The answer was stored.
    pub stored: bool,
    /// The upstream request was shared with another request that led it.
    pub collapsed: bool,
    /// What is left of the lifetime of what was served. Milliseconds, negative when stale.
    pub ttl: Option<Millis>,
    /// More about it.
    pub detail: Option<Detail>,
}

impl Handling {
    /// Answered from the store.
    pub const fn hit(ttl: Millis) -> Self {
        Self {
            hit: true,
            ttl: Some(ttl),
            ..Self::nothing()
        }
    }

    /// Went upstream.
    pub const fn forwarded(why: Fwd) -> Self {
        Self {
            fwd: Some(why),
            ..Self::nothing()
        }
    }

    /// Made by this node.
    pub const fn synthetic(detail: Detail) -> Self {
        Self {
            detail: Some(detail),
            ..Self::nothing()
        }
    }

    const fn nothing() -> Self {
        Self {
            hit: false,
            fwd: None,
            fwd_status: None,
            stored: false,
            collapsed: false,
            ttl: None,
            detail: None,
        }
    }

    /// The class of this request, given the status that the client got.
    pub const fn class(&self, status: u16) -> Class {
        match (self.fwd, self.detail) {
            (_, Some(Detail::StaleUnreachable(_) | Detail::StaleIfError)) => Class::HitStaleError,
            (None, _) if self.hit => {
                if status >= 400 {
                    Class::HitNegative
                } else if matches!(self.ttl, Some(ttl) if ttl <= 0) {
                    Class::HitStaleSwr
                } else {
                    Class::Hit
                }
            }
            (
                None,
                Some(
                    Detail::OnlyIfCached | Detail::Loop | Detail::BadRequest | Detail::MaxForwards,
                ),
            ) => Class::Synthetic,
            _ if status >= 500 => Class::Error,
            (None, _) => Class::Synthetic,
            _ if self.collapsed => Class::Coalesced,
            (Some(Fwd::Stale), _) => match self.fwd_status {
                Some(304) => Class::Revalidated,
                _ => Class::Expired,
            },
            (Some(Fwd::Method | Fwd::Bypass | Fwd::Request), _) => Class::Pass,
            // Storable, and not stored for this node's own reason: a miss all the same.
            // So is one whose client had it already.
            (_, Some(Detail::NotStored(NotStorable::TooLarge | NotStorable::NotModified))) => {
                Class::Miss
            }
            (_, Some(Detail::NotStored(_))) => Class::Pass,
            _ => Class::Miss,
        }
    }
}

/// The classes that a report counts requests in; each request is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A fresh stored response.
    Hit,
    /// Stale, served without waiting (RFC 5861 section 3, or the client's max-stale).
    HitStaleSwr,
    /// Stale, served because the upstream failed.
    HitStaleError,
    /// A stored error response.
    HitNegative,
    /// Shared a fetch that another request led.
    Coalesced,
    /// Stale, validated upstream with 304.
    Revalidated,
    /// Stale, upstream sent a new response.
    Expired,
    /// Nothing stored could serve it.
    Miss,
    /// Not cacheable.
    Pass,
    /// Made by the node.
    Synthetic,
    /// A 5xx that came from no store.
    Error,
}

impl Class {
    /// All classes, in the order of a report.
    pub const ALL: [Self; 11] = [
        Self::Hit,
        Self::HitStaleSwr,
        Self::HitStaleError,
        Self::HitNegative,
        Self::Coalesced,
        Self::Revalidated,
        Self::Expired,
        Self::Miss,
        Self::Pass,
        Self::Synthetic,
        Self::Error,
    ];

    /// The name in reports and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::HitStaleSwr => "hit-stale-swr",
            Self::HitStaleError => "hit-stale-error",
            Self::HitNegative => "hit-negative",
            Self::Coalesced => "coalesced",
            Self::Revalidated => "revalidated",
            Self::Expired => "expired",
            Self::Miss => "miss",
            Self::Pass => "pass",
            Self::Synthetic => "synthetic",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UpstreamError;

    #[test]
    fn classes() {
        let check = |handling: Handling, status: u16, expected: Class| {
            assert_eq!(handling.class(status), expected, "{handling:?} {status}");
        };
        let detail = |handling: Handling, detail| Handling {
            detail: Some(detail),
            ..handling
        };
        let fwd = Handling::forwarded;
        check(Handling::hit(5), 200, Class::Hit);
        check(Handling::hit(5), 404, Class::HitNegative);
        check(Handling::hit(5), 399, Class::Hit);
        check(Handling::hit(0), 200, Class::HitStaleSwr);
        check(Handling::hit(-5), 404, Class::HitNegative);
        check(
            detail(Handling::hit(-5), Detail::StaleIfError),
            200,
            Class::HitStaleError,
        );
        let refused = Detail::StaleUnreachable(UpstreamError::Refused);
        check(detail(fwd(Fwd::Stale), refused), 200, Class::HitStaleError);
        let made = Handling::synthetic;
        check(made(Detail::OnlyIfCached), 504, Class::Synthetic);
        check(made(Detail::Loop), 508, Class::Synthetic);
        check(made(Detail::BadRequest), 501, Class::Synthetic);
        check(
            made(Detail::Upstream(UpstreamError::Closed)),
            502,
            Class::Error,
        );
        check(
            made(Detail::Upstream(UpstreamError::Closed)),
            499,
            Class::Synthetic,
        );
        check(fwd(Fwd::UriMiss), 500, Class::Error);
        check(fwd(Fwd::UriMiss), 499, Class::Miss);
        check(fwd(Fwd::Partial), 206, Class::Miss);
        for why in [Fwd::Method, Fwd::Bypass, Fwd::Request] {
            check(fwd(why), 200, Class::Pass);
        }
        check(fwd(Fwd::Stale), 200, Class::Expired);
        let answered = |status| Handling {
            fwd_status: Some(status),
            ..fwd(Fwd::Stale)
        };
        check(answered(304), 200, Class::Revalidated);
        check(answered(200), 200, Class::Expired);
        let collapsed = Handling {
            collapsed: true,
            ..answered(304)
        };
        check(collapsed, 200, Class::Coalesced);
        let not_stored = |why| detail(fwd(Fwd::UriMiss), Detail::NotStored(why));
        check(not_stored(NotStorable::TooLarge), 200, Class::Miss);
        check(not_stored(NotStorable::NotModified), 304, Class::Miss);
        check(not_stored(NotStorable::NoStore), 200, Class::Pass);
    }
}
