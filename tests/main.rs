//! The tests that need more than one crate: the built binary, real sockets, the repository itself.
//!
//! One test binary with a module per subject. Each test takes port 0 and a folder of its own.

mod arrows;
mod attach;
mod bad_input;
mod cli;
mod compare;
mod conformance;
mod determinism;
mod disk;
mod docs;
mod edge;
mod large;
mod live;
mod operating;
mod parity;
mod playing;
mod requests;
mod support;
mod sweep;
mod tls;
mod world;
