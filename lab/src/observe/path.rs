//! What the caches on a response's way said of it, compact enough to be copied for each of millions of observations.

use edge_core::cache_status::{Member, parse_path};
use edge_core::{Detail, Fwd};
use http::HeaderMap;

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
    /// What a node of ours did, without the detour over the field's text.
    #[must_use]
    pub fn of(node: u16, handling: &edge_core::Handling) -> Self {
        let failed = matches!(
            handling.detail,
            Some(Detail::Upstream(_) | Detail::StaleUnreachable(_) | Detail::StaleIfError)
        );
        let handling = match handling.fwd {
            _ if handling.hit => Handling::Hit {
                // As on the wire: whole seconds, and what is stale at all shows as stale.
                ttl: handling.ttl.map(|ttl| {
                    seconds(if ttl > 0 {
                        ttl / 1000
                    } else {
                        ttl.div_euclid(1000).min(-1)
                    })
                }),
            },
            Some(why) => Handling::Forwarded {
                why,
                status: handling.fwd_status,
                stored: handling.stored,
                collapsed: handling.collapsed,
                failed,
            },
            None => Handling::Own,
        };
        Self {
            node: Some(node),
            handling,
        }
    }

    fn read(member: &Member, node: impl Fn(&str) -> Option<u16>) -> Self {
        let handling = match member.fwd {
            _ if member.hit => Handling::Hit {
                ttl: member.ttl.map(seconds),
            },
            Some(why) => Handling::Forwarded {
                why,
                status: member.fwd_status,
                stored: member.stored,
                collapsed: member.collapsed,
                failed: member.detail.as_deref().is_some_and(tells_of_failure),
            },
            // Some caches say that they collapsed and not why they forwarded.
            None if member.collapsed => Handling::Forwarded {
                why: Fwd::Miss,
                status: member.fwd_status,
                stored: member.stored,
                collapsed: true,
                failed: false,
            },
            None => Handling::Own,
        };
        Self {
            node: node(&member.cache),
            handling,
        }
    }

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

    /// Reads `Cache-Status`; `node` finds the index of a node by its name. Empty where the field is absent or malformed.
    #[must_use]
    pub fn read(headers: &HeaderMap, node: impl Fn(&str) -> Option<u16>) -> Self {
        let mut path = Self::EMPTY;
        for member in parse_path(headers) {
            path.push(Hop::read(&member, &node));
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

/// The words of our own nodes. Another cache's failure shows by its `fwd-status`.
fn tells_of_failure(detail: &str) -> bool {
    detail.starts_with("upstream-")
        || detail == "stale-unreachable"
        || detail == Detail::StaleIfError.as_str()
}

fn seconds(seconds: i64) -> i32 {
    i32::try_from(seconds).unwrap_or(if seconds < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_core::UpstreamError;

    fn read(lines: &[&str]) -> Path {
        let lines = lines.iter().map(|line| {
            (
                http::HeaderName::from_static("cache-status"),
                line.parse().unwrap(),
            )
        });
        Path::read(&lines.collect(), |name| (name == "fra-1").then_some(3))
    }

    #[test]
    fn the_field_is_read_from_the_clients_side_and_no_further_than_the_first_hit() {
        let path = read(&[
            "origin-shield; hit; ttl=30; detail=x",
            "fra-1; fwd=uri-miss; fwd-status=200; stored",
        ]);
        let miss = Handling::Forwarded {
            why: Fwd::UriMiss,
            status: Some(200),
            stored: true,
            collapsed: false,
            failed: false,
        };
        let hops = [
            Hop {
                node: Some(3),
                handling: miss,
            },
            Hop {
                node: None,
                handling: Handling::Hit { ttl: Some(30) },
            },
        ];
        assert_eq!(path.hops(), hops);
        assert!(!path.reached_origin());
        assert_eq!(
            read(&["shield; fwd=uri-miss, fra-1; hit; ttl=-2"])
                .hops()
                .len(),
            1
        );
        assert!(read(&["a; fwd=miss", "b; fwd=miss"]).reached_origin());
        assert_eq!(read(&["b; collapsed"]).hops().len(), 1);
        assert_eq!(read(&["not ( a list"]), Path::EMPTY);
        assert_eq!(
            read(&["a; hit; ttl=99999999999"]).hops()[0].handling,
            Handling::Hit {
                ttl: Some(i32::MAX)
            }
        );
        assert_eq!(
            read(&["a; fwd=miss, b; fwd=miss, c; fwd=miss, d; fwd=miss, e; fwd=miss"])
                .hops()
                .len(),
            Path::MOST
        );
    }

    #[test]
    fn the_short_way_says_what_the_field_says() {
        use edge_core::{Handling as Core, cache_status::member};
        let forwarded = Core::forwarded(Fwd::Stale);
        let handlings = [
            Core::hit(5500),
            Core::hit(-1),
            Core::hit(0),
            Core::forwarded(Fwd::UriMiss),
            Core {
                fwd_status: Some(304),
                stored: true,
                ..forwarded
            },
            Core {
                collapsed: true,
                ..forwarded
            },
            Core {
                detail: Some(Detail::StaleIfError),
                ttl: Some(-1500),
                ..forwarded
            },
            Core {
                detail: Some(Detail::StaleUnreachable(UpstreamError::Refused)),
                ..forwarded
            },
            Core {
                detail: Some(Detail::Upstream(UpstreamError::ConnectTimeout)),
                ..forwarded
            },
            Core::synthetic(Detail::OnlyIfCached),
        ];
        for handling in handlings {
            let wire = member("fra-1", &handling, None);
            assert_eq!(
                read(&[wire.to_str().unwrap()]).hops(),
                [Hop::of(3, &handling)],
                "{handling:?}"
            );
        }
    }
}
