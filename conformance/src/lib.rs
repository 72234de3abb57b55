//! A conformance suite for shared HTTP caches, from RFC 9110, 9111, 5861, 9211, 9213 and 9875.
//!
//! Cases are data ([`Suite`], the files in `tests/conformance/`). A case is a few requests sent through the cache under
//! test, each with the response that a scripted [`Origin`] gives if the cache asks it, and with what must be seen on
//! either side. [`play`] performs them over sockets, a judge compares, [`Report`] counts.
//!
//! It knows nothing of any cache: it sees bytes on the client's side and on the origin's.

mod case;
mod client;
mod expand;
mod judge;
mod origin;
mod play;
mod rehearse;
mod report;
mod script;
mod suite;
mod wire;

pub use case::{Asked, Case, Kind, Script, Served, Step};
pub use client::Answer;
pub use judge::{Miss, Seen};
pub use origin::Origin;
pub use play::{Outcome, Played, Target, TargetError, Turn, play};
pub use rehearse::{Ask, rehearse};
pub use report::{Report, Results, transcript};
pub use suite::{Suite, SuiteError};
