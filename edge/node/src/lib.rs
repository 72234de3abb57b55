//! The cache server around `edge-core`: sockets, memory and clocks for its decisions.
//!
//! A node listens for clients, decides with `edge-core`, keeps stored responses in foyer and
//! fetches from one upstream, which may be another node. It knows nothing of places, routing,
//! scenarios or delays: what stands in front of it or behind it speaks HTTP.
//!
//! [`start`] makes a node of a [`Config`]; [`Running`] is the node while it runs. Neither installs
//! signal handlers, prints or reads a command line.

mod access;
mod admin;
mod assembly;
mod body;
mod client;
mod config;
mod counters;
mod cut;
mod fetch;
mod fill;
mod filling;
mod flights;
mod following;
mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gap;
mod interim;
mod keeping;
mod laggard;
mod listen;
mod node;
mod parts;
mod ranged;
mod ride;
mod running;
mod serve;
mod slices;
mod slicing;
mod socket;
mod store;
mod tasks;
mod trailers;
mod transfer;
mod upstream;
mod worker;

pub use config::{ClientField, Config, ConfigError, Disk, Eviction};
pub use counters::Stats;
pub use running::{Running, StartError, start};
pub use store::DiskStats;
