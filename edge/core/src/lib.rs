//! HTTP caching decisions, sans-IO: what the live edge and the simulator both execute.
//!
//! Two layers. Heads become facts once per request or stored response ([`RequestKind::of`],
//! [`digest`], [`born`]); facts become actions with integer comparisons only ([`decide`],
//! [`Exchange`]). The rest writes heads out again ([`upstream_request`], [`update_304`],
//! [`client_response`], [`cache_status`]).
//!
//! What is absent on purpose: sockets, threads, a clock (`now` is a parameter), random numbers,
//! bodies, and the store. Nothing here panics on input.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod cache_status;
mod client;
mod digest;
mod exchange;
pub mod fields;
mod freshness;
pub mod groups;
mod handling;
mod head;
mod hops;
mod invalidation;
mod key;
mod normal;
mod policy;
pub mod purge;
pub mod ranges;
mod reason;
mod request;
mod reuse;
mod semantics;
mod stored_head;
mod storing;
mod target;
mod time;
mod update;
mod upstream;
mod vary;

pub use client::{Body, ClientResponse, Source, client_response, synthetic};
pub use digest::{Digest, Flags, Stored};
pub use exchange::{Action, Answer, Event, Exchange, Forward, From, Keep, Landing, Lookup, Reply};
pub use freshness::{age_value, born, corrected_initial_age};
pub use handling::{Class, Handling};
pub use head::{RequestHead, ResponseHead};
pub use hops::{is_loop, may_go_on};
pub use invalidation::Invalidation;
pub use key::{CacheKey, KeyRules, QueryRule, stable_hash};
pub use policy::{Collapse, Lifetimes, Policy, PolicyError, StaleRules};
pub use reason::{Detail, Fwd, NotStorable, UpstreamError};
pub use request::{MethodClass, RequestKind};
pub use reuse::{Reuse, decide, fresh_below, stale_on_error};
pub use stored_head::StoredHead;
pub use storing::digest;
pub use target::{Scheme, TargetError, TargetUri};
pub use time::{Millis, Timestamp};
pub use update::{Mismatch, update_304, update_head};
pub use upstream::{Validators, refresh_request, upstream_request};
pub use vary::{
    AcceptedLanguages, Normalise, SelectingFields, Variant, Vary, content_language,
    wanted_languages,
};
