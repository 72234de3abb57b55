//! What the caches on a response's way said of it, compact enough to be copied for each of millions of observations.

/// Why a cache forwarded a request (RFC 9211 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fwd {
    /// The cache was told not to handle the request.
    Bypass,
    /// The method required it.
    Method,
    /// Nothing stored under the URI.
    UriMiss,
    /// Something stored under the URI, but not for these request fields.
    VaryMiss,
    /// Nothing stored that could serve it.
    Miss,
    /// The request's own directives demanded it.
    Request,
    /// The stored response was stale.
    Stale,
    /// Only a part was stored.
    Partial,
}

/// How one cache handled the request: one member of `Cache-Status` (RFC 9211).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Served from the store.
    Hit {
        /// Seconds of freshness left; negative: stale. `None` if not said.
        ttl: Option<i32>,
    },
    /// Went to the next hop, or waited for another request that did.
    Forwarded {
        /// Why.
        why: Fwd,
        /// What the next hop answered, if it differs from what was sent on.
        status: Option<u16>,
        /// Whether the response was stored.
        stored: bool,
        /// Whether it shared a fetch that another request had under way.
        collapsed: bool,
        /// Whether the next hop gave no usable answer.
        failed: bool,
    },
    /// Neither `hit` nor `fwd`: the cache made the response itself.
    Own,
}

/// One member of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Index of the node; `None` for a cache that the plan does not know.
    pub node: Option<u16>,
    /// What it did.
    pub handling: Handling,
}

impl Hop {
    const NONE: Self = Self {
        node: None,
        handling: Handling::Own,
    };

    /// Whether what lies behind this hop had no part in this request.
    const fn ends_the_path(self) -> bool {
        matches!(
            self.handling,
            Handling::Hit { .. }
                | Handling::Own
                | Handling::Forwarded {
                    collapsed: true,
                    ..
                }
        )
    }
}

/// The hops of one response, nearest to the client first, up to the first `hit` or `collapsed`: what lies behind it is
/// history that was stored with the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    hops: [Hop; Self::MOST],
    length: u8,
}

impl Path {
    /// Hops kept; more tiers than this are counted as if they forwarded.
    pub const MOST: usize = 4;

    /// No cache spoke.
    pub const EMPTY: Self = Self {
        hops: [Hop::NONE; Self::MOST],
        length: 0,
    };

    /// A path of these hops, nearest to the client first.
    #[must_use]
    pub fn of(hops: &[Hop]) -> Self {
        let mut path = Self::EMPTY;
        for hop in hops {
            path.push(*hop);
        }
        path
    }

    /// Adds the next hop away from the client; ignored once the path has ended.
    pub fn push(&mut self, hop: Hop) {
        let length = usize::from(self.length);
        if length == Self::MOST || self.hops().last().is_some_and(|last| last.ends_the_path()) {
            return;
        }
        self.hops[length] = hop;
        self.length += 1;
    }

    /// The hops, nearest to the client first.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.hops[..usize::from(self.length)]
    }

    /// Whether every cache on the way forwarded the request, so that the origin must have seen it. An empty path says yes:
    /// no cache stood in between.
    #[must_use]
    pub fn reached_origin(&self) -> bool {
        !self.hops().last().is_some_and(|last| last.ends_the_path())
    }
}
