//! What a decision needs of a request: integers and flags, worked out once. Knows nothing about
//! what is stored.

use http::{HeaderMap, Method, header};

use crate::{
    Millis, Policy, RequestHead,
    fields::cache_control::{CacheControl, request_directives},
};

/// How a method bears on caching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodClass {
    /// GET: may be answered from the store, and its answer may be stored.
    Get,
    /// HEAD: may be answered from a stored response to GET.
    Head,
    /// Other safe methods, such as OPTIONS: passed on, changes nothing.
    Safe,
    /// Everything else, unknown methods too: passed on; a success invalidates (RFC 9111 section 4.4).
    Unsafe,
}

impl MethodClass {
    /// The class of a method.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::OPTIONS | Method::TRACE => Self::Safe,
            // The registry of methods (RFC 9110 section 16.1.1) has these as safe too.
            _ if ["PROPFIND", "REPORT", "SEARCH"].contains(&method.as_str()) => Self::Safe,
            _ => Self::Unsafe,
        }
    }
}

/// What a decision needs of a request. `Copy`, no heap: the simulator keeps one per kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKind {
    /// The method's class.
    pub method: MethodClass,
    /// `max-age`: the greatest age the client takes. Milliseconds.
    pub max_age: Option<Millis>,
    /// `min-fresh`: how long the response must stay fresh. Milliseconds; 0 without.
    pub min_fresh: Millis,
    /// `max-stale`: how far past its lifetime the client takes a response. Milliseconds;
    /// `Millis::MAX` without a value.
    pub max_stale: Option<Millis>,
    /// `stale-if-error`: how far past its lifetime the client takes a response where upstream has
    /// failed (RFC 5861 section 4). Milliseconds; 0 without.
    pub stale_if_error: Millis,
    flags: u8,
}

const NO_CACHE: u8 = 1;
const NO_STORE: u8 = 2;
const ONLY_IF_CACHED: u8 = 4;
const AUTHORIZATION: u8 = 8;
const RANGE: u8 = 16;
const CONDITIONAL: u8 = 32;
const FOR_ORIGIN: u8 = 64;

impl RequestKind {
    /// A GET without anything that bears on caching.
    pub const PLAIN: Self = Self {
        method: MethodClass::Get,
        max_age: None,
        min_fresh: 0,
        max_stale: None,
        stale_if_error: 0,
        flags: 0,
    };

    /// A request of this method, without anything else that bears on caching.
    pub const fn plain(method: MethodClass) -> Self {
        Self {
            method,
            ..Self::PLAIN
        }
    }

    /// The facts of a request head under a policy: directives that the policy ignores are absent.
    pub fn of(request: &RequestHead, policy: &Policy) -> Self {
        Self::of_parts(&request.method, &request.headers, policy)
    }

    /// As [`RequestKind::of`], from the parts of a head.
    pub fn of_parts(method: &Method, headers: &HeaderMap, policy: &Policy) -> Self {
        let mut kind = Self {
            method: MethodClass::of(method),
            ..Self::PLAIN
        };
        // Most requests carry none of these: one look each, no parsing.
        if headers.contains_key(header::CACHE_CONTROL) || headers.contains_key(header::PRAGMA) {
            kind.take(&request_directives(headers), policy);
        }
        let mut set = |name: header::HeaderName, flag: u8| {
            if headers.contains_key(name) {
                kind.flags |= flag;
            }
        };
        set(header::AUTHORIZATION, AUTHORIZATION);
        set(header::RANGE, RANGE);
        set(header::IF_NONE_MATCH, CONDITIONAL);
        set(header::IF_MODIFIED_SINCE, CONDITIONAL);
        set(header::IF_MATCH, FOR_ORIGIN);
        set(header::IF_UNMODIFIED_SINCE, FOR_ORIGIN);
        kind
    }

    fn take(&mut self, directives: &CacheControl, policy: &Policy) {
        if directives.only_if_cached {
            self.flags |= ONLY_IF_CACHED;
        }
        if !policy.request_directives {
            return;
        }
        if directives.no_cache.is_some() {
            self.flags |= NO_CACHE;
        }
        if directives.no_store {
            self.flags |= NO_STORE;
        }
        self.max_age = directives.max_age;
        self.min_fresh = directives.min_fresh.unwrap_or(0);
        self.max_stale = directives.max_stale;
        self.stale_if_error = directives.stale_if_error.unwrap_or(0);
    }

    /// The client wants the response validated (RFC 9111 section 5.2.1.4).
    pub const fn no_cache(&self) -> bool {
        self.flags & NO_CACHE != 0
    }

    /// Nothing of this exchange may be stored (RFC 9111 section 5.2.1.5).
    pub const fn no_store(&self) -> bool {
        self.flags & NO_STORE != 0
    }

    /// The client wants a stored response or 504 (RFC 9111 section 5.2.1.7).
    pub const fn only_if_cached(&self) -> bool {
        self.flags & ONLY_IF_CACHED != 0
    }

    /// The request carries credentials (RFC 9111 section 3.5).
    pub const fn authorization(&self) -> bool {
        self.flags & AUTHORIZATION != 0
    }

    /// The request asks for a part.
    pub const fn range(&self) -> bool {
        self.flags & RANGE != 0
    }

    /// The client holds something of its own: If-None-Match or If-Modified-Since.
    pub const fn conditional(&self) -> bool {
        self.flags & CONDITIONAL != 0
    }

    /// A precondition that only the origin may evaluate (RFC 9111 section 4.3.2).
    pub const fn for_origin(&self) -> bool {
        self.flags & FOR_ORIGIN != 0
    }

    /// Whether the store may answer this request at all.
    pub const fn cacheable(&self) -> bool {
        matches!(self.method, MethodClass::Get | MethodClass::Head) && !self.for_origin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    /// Each field sets its own flag and no other.
    #[test]
    fn what_a_request_is_about() {
        let of = |name: &'static str, value: &'static str, request_directives: bool| {
            let policy = Policy {
                request_directives,
                ..Policy::default()
            };
            let name = HeaderName::from_static(name);
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let kind = RequestKind::of_parts(&Method::GET, &headers, &policy);
            [
                ("authorization", kind.authorization()),
                ("range", kind.range()),
                ("conditional", kind.conditional()),
                ("for the origin", kind.for_origin()),
                ("no-cache", kind.no_cache()),
                ("no-store", kind.no_store()),
                ("only-if-cached", kind.only_if_cached()),
            ]
            .iter()
            .filter_map(|(what, is)| is.then_some(*what))
            .collect::<Vec<_>>()
        };
        for (name, value, what) in [
            ("authorization", "x", "authorization"),
            ("range", "bytes=0-", "range"),
            ("if-none-match", "*", "conditional"),
            ("if-modified-since", "x", "conditional"),
            ("if-match", "*", "for the origin"),
            ("if-unmodified-since", "x", "for the origin"),
            ("cache-control", "no-cache", "no-cache"),
            ("cache-control", "no-store", "no-store"),
            ("cache-control", "only-if-cached", "only-if-cached"),
        ] {
            assert_eq!(of(name, value, true), [what], "{name}: {value}");
        }
        assert!(of("accept", "x", true).is_empty());
        // By default a client's wishes for the store do not count; only-if-cached asks nothing of it.
        assert!(of("cache-control", "no-cache, no-store", false).is_empty());
        assert_eq!(
            of("cache-control", "only-if-cached", false),
            ["only-if-cached"]
        );
    }

    #[test]
    fn directives_add_up() {
        let headers = HeaderMap::from_iter([(
            header::CACHE_CONTROL,
            HeaderValue::from_static("only-if-cached, no-cache, no-store, min-fresh=2"),
        )]);
        let policy = Policy {
            request_directives: true,
            ..Policy::default()
        };
        let kind = RequestKind::of_parts(&Method::GET, &headers, &policy);
        assert!(kind.only_if_cached() && kind.no_cache() && kind.no_store());
        assert!(kind.cacheable() && kind.min_fresh == 2_000);
    }
}
