//! The eviction policies that a simulation can use: those built in, and those that a program registers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Bound, Eviction, Maker, Store};
use crate::plan;

/// What a policy is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Keys are below this.
    pub keys: usize,
    /// The total weight that the store holds: bytes, or, where the number of objects is bounded, 1024 for each of them.
    pub capacity: u64,
}

/// Makes the policy of one store.
#[derive(Clone)]
pub(super) struct Factory(Arc<dyn Fn(Bounds) -> Box<dyn Eviction> + Send + Sync>);

impl Factory {
    pub(super) fn make(&self, bounds: Bounds) -> Box<dyn Eviction> {
        (self.0)(bounds)
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Factory")
    }
}

/// The eviction policies that scenarios can name. Those built in are always there; others are
/// registered under a name, which a scenario gives as `eviction: {own: name}`.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    own: BTreeMap<String, Factory>,
}

/// A scenario names a policy that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no eviction policy is registered as `{name}`; {}",
    if known.is_empty() { "none is registered".to_owned() } else { format!("these are: {}", known.join(", ")) }
)]
pub struct UnknownPolicy {
    /// As the scenario calls it.
    pub name: String,
    /// The names of those that are registered.
    pub known: Vec<String>,
}

impl Policies {
    /// Registers a policy: `make` is called for each store, and again when its node restarts.
    #[must_use]
    pub fn with<P: Eviction + 'static>(
        mut self,
        name: &str,
        make: impl Fn(Bounds) -> P + Send + Sync + 'static,
    ) -> Self {
        let make = move |bounds| -> Box<dyn Eviction> { Box::new(make(bounds)) };
        self.own.insert(name.to_owned(), Factory(Arc::new(make)));
        self
    }

    /// A store for the keys `0..keys` that holds a total weight of `capacity`, in whatever unit.
    ///
    /// # Errors
    /// If the policy is not registered.
    pub fn store(
        &self,
        eviction: &plan::Eviction,
        capacity: u64,
        keys: usize,
    ) -> Result<Store, UnknownPolicy> {
        self.bounded(eviction, Bound::plain(capacity), keys)
    }

    /// As [`Policies::store`], of what counts as a node counts it.
    pub(in crate::sim) fn bounded(
        &self,
        eviction: &plan::Eviction,
        bound: Bound,
        keys: usize,
    ) -> Result<Store, UnknownPolicy> {
        let maker = match eviction {
            plan::Eviction::Own(name) => Maker::Own(self.own.get(&**name).cloned().ok_or_else(
                || UnknownPolicy {
                    name: name.to_string(),
                    known: self.own.keys().cloned().collect(),
                },
            )?),
            built_in => Maker::BuiltIn(built_in.clone()),
        };
        Ok(Store::bounded(maker, bound, keys))
    }
}
