//! The laboratory: a scenario file becomes a plan, a driver plays the plan, what was seen is folded into metrics and a report.
//!
//! Scenario (as written) -> [`plan`] (checked, seeded, lazy) -> live driver or [`sim`] -> observations -> metrics ->
//! expectations -> report. The lab speaks HTTP to the nodes as any client does; it knows nothing of their insides.

mod atlas;
pub mod expect;
pub mod live;
pub mod metrics;
mod near;
pub mod noise;
pub mod observe;
pub mod parity;
pub mod plan;
pub mod progress;
pub mod report;
pub mod scenario;
pub mod sim;
pub mod steering;
pub mod sweep;
pub mod units;
