//! The network between the nodes: one model of a link, and the relay that plays it.
//!
//! - [`time`]: nanosecond offsets, and a timer precise to a fraction of a millisecond.
//! - [`model`]: what a link does to bytes, pure and in integers, so that a simulator and a relay agree.
//! - [`control`]: the requests and answers of a link node's admin listener.
//! - [`relay`]: one link between sockets: a split TCP connection with delay, rate, loss and cuts.
//! - [`node`]: many links in one process, with the admin listener; [`start`] starts one.
//!
//! It knows nothing of HTTP caching, of places or of scenarios: bytes go in at one end and come out at the other.

mod admin;
pub mod control;
pub mod model;
pub mod node;
pub mod relay;
pub mod time;

pub use node::{Config, Running, StartError, start};
