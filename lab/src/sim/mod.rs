//! The simulator: plays a plan in virtual time through the same cache core.

pub mod store;
