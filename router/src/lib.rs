//! The router: a node that tells clients which edge to use.
//!
//! It locates the client's address, ranks the points of presence by distance and health, and answers in one of
//! two ways: `GET /route?client=IP` with JSON, as a resolver would ask, and any other request with a redirect (307)
//! to the chosen edge's name. It watches the edges from where it stands, over the same network that its clients
//! would use, and takes a failing one out and back in.
//!
//! What it knows nothing about: caching, origins, scenarios, and whether the network between it and an edge is
//! real. It installs no signal handlers, prints nothing and reads no command line.
//!
//! Deciding is pure ([`choice`], [`client`], [`health`]); sockets and the clock are in the private modules around it.

mod admin;
mod answer;
mod board;
pub mod choice;
pub mod client;
mod config;
pub mod health;
mod metrics;
mod server;
mod watch;

pub use config::{Config, ConfigError, HealthConfig, NodeConfig, PopConfig};
pub use server::{Running, StartError, start};
