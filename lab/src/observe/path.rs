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
}

/// One hop in eight bytes, because a path is copied some times for each of millions of requests; 0: none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed(u64);

/// Where the parts of a [`Packed`] lie; below them are the 32 bits of the ttl or the status.
const NODE: u32 = 32;
const TAG: u32 = 48;
const WHY: u32 = 50;
const HAS_NODE: u64 = 1 << 56;
const HAS_VALUE: u64 = 1 << 57;
const STORED: u64 = 1 << 58;
const COLLAPSED: u64 = 1 << 59;
const FAILED: u64 = 1 << 60;
const HIT: u64 = 1;
const FORWARDED: u64 = 2;
const OWN: u64 = 3;
/// In the order of their indices.
const WHYS: [Fwd; 8] = [
    Fwd::Bypass,
    Fwd::Method,
    Fwd::UriMiss,
    Fwd::VaryMiss,
    Fwd::Miss,
    Fwd::Request,
    Fwd::Stale,
    Fwd::Partial,
];

impl Packed {
    const NONE: Self = Self(0);

    fn of(hop: Hop) -> Self {
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let value = |value: Option<u32>| value.map_or(0, |value| HAS_VALUE | u64::from(value));
        let node = hop
            .node
            .map_or(0, |node| HAS_NODE | u64::from(node) << NODE);
        let rest = match hop.handling {
            // The bits of the number, whatever its sign.
            Handling::Hit { ttl } => HIT << TAG | value(ttl.map(i32::cast_unsigned)),
            Handling::Forwarded {
                why,
                status,
                stored,
                collapsed,
                failed,
            } => {
                FORWARDED << TAG
                    | (why as u64) << WHY
                    | value(status.map(u32::from))
                    | flag(stored, STORED)
                    | flag(collapsed, COLLAPSED)
                    | flag(failed, FAILED)
            }
            Handling::Own => OWN << TAG,
        };
        Self(node | rest)
    }

    fn hop(self) -> Option<Hop> {
        let has = |bit: u64| self.0 & bit != 0;
        let value = has(HAS_VALUE).then_some(self.0 as u32);
        let handling = match self.0 >> TAG & 3 {
            HIT => Handling::Hit {
                ttl: value.map(u32::cast_signed),
            },
            FORWARDED => Handling::Forwarded {
                why: WHYS[(self.0 >> WHY & 7) as usize],
                status: value.map(|status| status as u16),
                stored: has(STORED),
                collapsed: has(COLLAPSED),
                failed: has(FAILED),
            },
            OWN => Handling::Own,
            _ => return None,
        };
        Some(Hop {
            node: has(HAS_NODE).then_some((self.0 >> NODE) as u16),
            handling,
        })
    }

    /// Whether what lies behind this hop had no part in this request.
    const fn ends_the_path(self) -> bool {
        matches!(self.0 >> TAG & 3, HIT | OWN) || self.0 & COLLAPSED != 0
    }
}

/// The hops of one response, nearest to the client first, up to the first `hit` or `collapsed`: what lies behind it is
/// history that was stored with the response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Path([Packed; Self::MOST]);

impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.hops()).finish()
    }
}

impl Path {
    /// Hops kept; more tiers than this are counted as if they forwarded.
    pub const MOST: usize = 4;

    /// No cache spoke.
    pub const EMPTY: Self = Self([Packed::NONE; Self::MOST]);

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
        for place in &mut self.0 {
            if *place == Packed::NONE {
                *place = Packed::of(hop);
                return;
            }
            if place.ends_the_path() {
                return;
            }
        }
    }

    /// The hops, nearest to the client first.
    pub fn hops(&self) -> impl Iterator<Item = Hop> + '_ {
        self.0.iter().map_while(|hop| hop.hop())
    }

    /// The hop nearest to the client.
    #[must_use]
    pub fn nearest(&self) -> Option<Hop> {
        self.0[0].hop()
    }

    /// Whether the nearest cache answered from its store, with something that it did not call stale: most of all requests,
    /// so that this looks at two bits.
    #[must_use]
    pub(crate) const fn is_plain_hit(&self) -> bool {
        let Packed(hop) = self.0[0];
        const NEGATIVE: u64 = HAS_VALUE | 1 << 31;
        hop >> TAG & 3 == HIT && hop & NEGATIVE != NEGATIVE
    }

    /// The freshness left that the cache told which answered from its store: it is the last of the path.
    #[must_use]
    pub(crate) fn hit(&self) -> Option<Handling> {
        let hit = self.0.iter().find(|hop| hop.0 >> TAG & 3 == HIT)?;
        hit.hop().map(|hop| hop.handling)
    }

    /// Whether every cache on the way forwarded the request, so that the origin must have seen it. An empty path says yes:
    /// no cache stood in between.
    #[must_use]
    pub fn reached_origin(&self) -> bool {
        !self.0.iter().any(|hop| hop.ends_the_path())
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
#[path = "path_tests.rs"]
mod tests;
