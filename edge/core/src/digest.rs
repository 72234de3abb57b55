//! What decisions need of a stored response: integers and flags, worked out when it is stored.

use crate::{Millis, Timestamp};

/// Flags of a [`Digest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// Must be validated before each use (RFC 9111 section 5.2.2.4).
    pub const NO_CACHE: Self = Self(1);
    /// Must not be served stale for any reason: must-revalidate, proxy-revalidate, and s-maxage
    /// (RFC 9111 sections 5.2.2.2, 5.2.2.8, 5.2.2.10).
    pub const MUST_REVALIDATE: Self = Self(2);
    /// Carries an entity tag or Last-Modified, so that it can be validated.
    pub const VALIDATOR: Self = Self(4);
    /// A stored error answer (400 and above).
    pub const NEGATIVE: Self = Self(8);
    /// Its lifetime is a guess from Last-Modified (RFC 9111 section 4.2.2).
    pub const HEURISTIC: Self = Self(16);
    /// Its lifetime comes from the policy's default.
    pub const DEFAULTED: Self = Self(32);

    /// No flag.
    pub const fn none() -> Self {
        Self(0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As one byte, for a store on disk.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From the byte that [`Flags::bits`] gave.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// These flags, and those if `condition`.
    pub const fn with_if(self, other: Self, condition: bool) -> Self {
        if condition { self.with(other) } else { self }
    }
}

/// What decisions need of a stored response. `Copy`, 32 bytes: the edge keeps one per stored
/// response, the simulator one per content class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Freshness lifetime (RFC 9111 section 4.2.1). Milliseconds.
    pub lifetime: Millis,
    /// How far past its lifetime it may be served while a refresh runs. Milliseconds.
    pub stale_while_revalidate: Millis,
    /// How far past its lifetime it may be served for an upstream error answer. Milliseconds.
    pub stale_if_error: Millis,
    /// Flags.
    pub flags: Flags,
    /// The status.
    pub status: u16,
}

impl Digest {
    /// A response that is fresh for `lifetime`, can be validated, and asks for nothing else.
    pub const fn fresh_for(lifetime: Millis) -> Self {
        Self {
            lifetime,
            stale_while_revalidate: 0,
            stale_if_error: 0,
            flags: Flags::VALIDATOR,
            status: 200,
        }
    }

    /// Must be validated before each use.
    pub const fn no_cache(&self) -> bool {
        self.flags.has(Flags::NO_CACHE)
    }

    /// Must not be served stale, whatever happens.
    pub const fn forbids_stale(&self) -> bool {
        self.flags.has(Flags::MUST_REVALIDATE) || self.no_cache()
    }

    /// Whether requests that waited for this response may share it (RFC 9111 section 4: what a
    /// cache may reuse). Those who waited asked before it was made, so a positive lifetime is
    /// enough, even if the way here has used it up.
    pub const fn shareable(&self) -> bool {
        self.lifetime > 0 && !self.no_cache()
    }

    /// Can be validated.
    pub const fn validator(&self) -> bool {
        self.flags.has(Flags::VALIDATOR)
    }
}

/// A stored response as a look-up found it, after the check for purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// What was worked out when it was stored.
    pub digest: Digest,
    /// The instant its age counts from: see [`crate::born`].
    pub born: Timestamp,
}

impl Stored {
    /// Its age. Milliseconds, never negative.
    pub const fn age(&self, now: Timestamp) -> Millis {
        let age = now.since(self.born);
        if age < 0 { 0 } else { age }
    }

    /// What is left of its lifetime. Milliseconds, negative when stale.
    pub const fn ttl(&self, now: Timestamp) -> Millis {
        self.digest.lifetime.saturating_sub(self.age(now))
    }

    /// Whether it is fresh: lifetime > age (RFC 9111 section 4.2).
    pub const fn is_fresh(&self, now: Timestamp) -> bool {
        self.ttl(now) > 0
    }

    /// The same response after a soft purge at `at`: stale from then on.
    pub const fn expired_at(mut self, at: Timestamp) -> Self {
        let age = self.age(at);
        if age < self.digest.lifetime {
            self.digest.lifetime = age;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set() {
        let both = Flags::NO_CACHE.with(Flags::VALIDATOR);
        assert!(both.has(Flags::NO_CACHE) && both.has(Flags::VALIDATOR));
        assert_eq!(both.with(Flags::VALIDATOR), both);
        assert_eq!(Flags::from_bits(both.bits()), both);
        assert!(!Flags::none().has(Flags::NO_CACHE));
    }

    #[test]
    fn what_has_no_lifetime_is_not_shared() {
        assert!(Digest::fresh_for(1).shareable());
        assert!(!Digest::fresh_for(0).shareable());
        let flags = Flags::NO_CACHE;
        let must_ask = Digest {
            flags,
            ..Digest::fresh_for(1)
        };
        assert!(!must_ask.shareable());
    }

    #[test]
    fn a_soft_purge_ends_a_lifetime_and_never_prolongs_it() {
        let stored = Stored {
            digest: Digest::fresh_for(100),
            born: Timestamp(1_000),
        };
        let lifetime = |at: i64| stored.expired_at(Timestamp(at)).digest.lifetime;
        assert_eq!(
            (lifetime(1_040), lifetime(1_100), lifetime(5_000)),
            (40, 100, 100)
        );
        let purged = stored.expired_at(Timestamp(1_040));
        assert!(purged.is_fresh(Timestamp(1_039)) && !purged.is_fresh(Timestamp(1_040)));
    }
}
