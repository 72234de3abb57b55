//! The simulator: plays a plan in virtual time through the same cache core, origin, steering and
//! network model as a live run, and tells the same observations to the same fold.
//!
//! An event queue ordered by (time, sequence), flat state, ordered maps: the same plan gives the same
//! figures everywhere. What it leaves out: nodes take no time to think, messages travel as a whole
//! (see [`wire`]), connections have no limit of number, and store weights are worked out per class.

mod ahead;
mod alarms;
mod client;
mod exchange;
mod facts;
mod future;
mod happenings;
mod heads;
mod keys;
mod lane;
mod node;
mod origin;
mod parts;
mod queue;
mod service;
mod slab;
mod store;
mod wire;
mod world;

use std::num::NonZeroUsize;

use crate::metrics::Measured;
use crate::plan::{Nanos, Plan, TraceError};
use crate::progress::Progress;

use self::parts::Parts;
pub use self::store::{Bounds, Eviction, Filter, Key, Policies, Store, UnknownPolicy, Weights};
use self::world::World;

const SECOND: Nanos = 1_000_000_000;

/// Why a plan cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The plan's trace cannot be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// More objects and variants than a dense key can count.
    #[error("{0} objects and variants; at most 4,294,967,294 can be simulated")]
    TooManyKeys(u64),
    /// An optimum that needs to know more requests than can be numbered.
    #[error("the optimum (`eviction: belady`) knows at most 4,294,967,294 requests")]
    TooLong,
    /// The scenario names an eviction policy that is not there.
    #[error(transparent)]
    Policy(#[from] UnknownPolicy),
    /// A user's own application cannot be simulated.
    #[error("the origin is an application of yours, which only a live run can ask: use `run`")]
    OwnOrigin,
    /// The simulator has no disk.
    #[error("`{0}` has a disk tier, which only a live run has: use `run`, or leave `disk` out")]
    Disk(Box<str>),
}

/// Plays a plan in virtual time, on all cores if it has parts that cannot touch each other, and gives what was measured.
///
/// # Errors
/// When the plan is beyond the simulator, or its trace cannot be read.
pub fn simulate(plan: &Plan, progress: &mut dyn Progress) -> Result<Measured, SimError> {
    simulate_with(plan, &Policies::default(), progress)
}

/// As [`simulate`], with nodes that may use eviction policies of one's own.
///
/// # Errors
/// As [`simulate`], and if the plan names a policy that is not registered.
pub fn simulate_with(
    plan: &Plan,
    policies: &Policies,
    progress: &mut dyn Progress,
) -> Result<Measured, SimError> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    simulate_on(plan, policies, cores, progress)
}

/// As [`simulate_with`], on so many threads at most. Their number changes no figure.
///
/// # Errors
/// As [`simulate_with`].
pub fn simulate_on(
    plan: &Plan,
    policies: &Policies,
    threads: NonZeroUsize,
    progress: &mut dyn Progress,
) -> Result<Measured, SimError> {
    if matches!(plan.origin.kind, crate::plan::OriginKind::Own { .. }) {
        return Err(SimError::OwnOrigin);
    }
    if let Some(node) = plan.nodes.iter().find(|node| node.disk.is_some()) {
        return Err(SimError::Disk(node.name.as_str().into()));
    }
    progress.stage("simulating");
    let (fold, end) = Parts::new(plan).play(plan, policies, threads, progress)?;
    Ok(fold.finish(end))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
