//! What the cache of this test has stored: a list, searched from its end.

use bytes::Bytes;
use edge_core::groups::{Tags, tags};
use edge_core::{CacheKey, Lookup, Policy, SelectingFields, Stored, StoredHead, Vary};
use http::HeaderMap;

/// A stored response with all of its body.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) facts: Stored,
    pub(crate) head: StoredHead,
    pub(crate) body: Bytes,
}

struct Entry {
    key: CacheKey,
    /// Which requests it answers: the key with the variant, by the fields that its Vary named.
    variant: CacheKey,
    fields: SelectingFields,
    tags: Tags,
    response: Response,
}

#[derive(Default)]
pub(crate) struct Store {
    entries: Vec<Entry>,
}

impl Store {
    pub(crate) fn look_up(
        &self,
        key: &CacheKey,
        request: &HeaderMap,
        policy: &Policy,
    ) -> (Lookup, Option<Response>) {
        let mut there = self.entries.iter().filter(|entry| entry.key == *key);
        let fits = |entry: &&Entry| {
            let variant = entry.fields.variant(request, &policy.normalise);
            key.with_variant(&variant) == entry.variant
        };
        match there.clone().rev().find(fits) {
            Some(entry) => {
                let response = entry.response.clone();
                (Lookup::Hit(response.facts), Some(response))
            }
            None if there.next().is_some() => (Lookup::VaryMiss, None),
            None => (Lookup::Miss, None),
        }
    }

    pub(crate) fn insert(
        &mut self,
        key: &CacheKey,
        request: &HeaderMap,
        policy: &Policy,
        response: Response,
    ) {
        let fields = match Vary::of(&response.head.headers()) {
            Vary::Fields(fields) => fields,
            Vary::None | Vary::Star => SelectingFields::none(),
        };
        let variant = key.with_variant(&fields.variant(request, &policy.normalise));
        self.entries.retain(|entry| entry.variant != variant);
        self.entries.push(Entry {
            tags: tags(key, &response.head),
            key: key.clone(),
            variant,
            fields,
            response,
        });
    }

    pub(crate) fn forget(&mut self, key: &CacheKey) {
        self.entries.retain(|entry| entry.key != *key);
    }

    pub(crate) fn forget_group(&mut self, tag: u64) {
        self.entries.retain(|entry| !entry.tags.contains(&tag));
    }

    /// What is stored for the key is stale from now on.
    pub(crate) fn make_stale(&mut self, key: &CacheKey) {
        for entry in self.entries.iter_mut().filter(|entry| entry.key == *key) {
            entry.response.facts.digest.lifetime = 0;
        }
    }
}
