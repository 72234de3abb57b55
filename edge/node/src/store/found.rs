//! What a look-up has found.

use std::sync::Arc;

use edge_core::{CacheKey, Lookup};

use super::Response;

/// What a look-up has found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// For the core.
    pub(crate) lookup: Lookup,
    /// The key of the variant that the request names, where the resource has variants.
    pub(crate) variant: Option<CacheKey>,
    /// What the look-up is about, if it is a hit.
    pub(crate) response: Option<Arc<Response>>,
    /// Something of it came from the disk tier.
    pub(crate) from_disk: bool,
}

impl Found {
    pub(super) fn none(lookup: Lookup, variant: Option<CacheKey>) -> Self {
        Self {
            lookup,
            variant,
            response: None,
            from_disk: false,
        }
    }

    /// The same where the response is of no use to the request.
    pub(crate) fn without_response(self) -> Self {
        let lookup = match self.variant {
            Some(_) => Lookup::VaryMiss,
            None => Lookup::Miss,
        };
        Self {
            lookup,
            response: None,
            ..self
        }
    }

    /// Whether the store has not changed between two look-ups, for this request's purposes.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let response = match (&self.response, &other.response) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        response && self.lookup == other.lookup && self.variant == other.variant
    }
}
