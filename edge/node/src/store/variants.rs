//! The variants of a resource: under which keys its stored responses stand, and which of them answers
//! a request (RFC 9111 section 4.1).
//!
//! A resource whose responses never vary has none of this: its response stands under its own key.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use edge_core::purge::Sequence;
use edge_core::{
    AcceptedLanguages, CacheKey, Lookup, SelectingFields, Timestamp, Vary, content_language,
    wanted_languages,
};
use http::HeaderMap;

use super::{Found, Read, Store, What};

/// Lists of selecting fields that a resource is looked up by, one after the other.
const MOST_LISTS: usize = 4;
/// Languages that are remembered.
const MOST_LANGUAGES: usize = 16;

/// What stands under the key of a resource that varies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Variants {
    /// The set that its variants' keys name. Where this entry is evicted and made anew it is another
    /// one: what was stored before might have been invalidated meanwhile, unnoticed.
    set: u64,
    /// The lists of selecting fields that its responses came with, the latest first; the empty one,
    /// for responses without Vary, last (section 4.1 prefers those that have one).
    lists: Vec<SelectingFields>,
    /// The languages of its responses, and what their requests accepted.
    languages: Vec<(String, AcceptedLanguages)>,
}

/// Where a response is to stand.
pub(crate) struct Place {
    pub(crate) key: CacheKey,
    /// The fields that say for which requests, and what [`Store::named`] makes of them; none where the
    /// resource does not vary.
    pub(crate) varies: Option<(SelectingFields, CacheKey)>,
}

impl Variants {
    pub(super) fn weight(&self) -> usize {
        let lists = self.lists.iter().map(|list| size_of_val(list.names()));
        let languages = self.languages.iter().map(|(language, accepted)| {
            size_of::<(String, AcceptedLanguages)>() + language.len() + accepted.as_str().len()
        });
        lists.chain(languages).sum()
    }

    /// From what [`Variants::set`], [`Variants::lists`] and [`Variants::languages`] gave.
    pub(super) fn new(
        set: u64,
        lists: Vec<SelectingFields>,
        languages: Vec<(String, AcceptedLanguages)>,
    ) -> Self {
        Self {
            set,
            lists,
            languages,
        }
    }

    pub(super) fn set(&self) -> u64 {
        self.set
    }

    pub(super) fn lists(&self) -> &[SelectingFields] {
        &self.lists
    }

    pub(super) fn languages(&self) -> &[(String, AcceptedLanguages)] {
        &self.languages
    }

    fn has(&self, fields: &SelectingFields) -> bool {
        self.lists.contains(fields)
    }

    fn add(&mut self, fields: SelectingFields) {
        self.lists.retain(|known| *known != fields);
        self.lists.insert(0, fields);
        // Stable: the others stay in their order.
        self.lists.sort_by_key(|list| list.names().is_empty());
        while self.lists.len() > MOST_LISTS {
            self.lists.remove(MOST_LISTS - 1);
        }
    }

    fn learn(&mut self, language: String, accepted: AcceptedLanguages) {
        self.languages.retain(|(known, _)| *known != language);
        self.languages.insert(0, (language, accepted));
        self.languages.truncate(MOST_LANGUAGES);
    }

    fn accepted(&self, language: &str) -> Option<&AcceptedLanguages> {
        let known = self.languages.iter().find(|(known, _)| known == language);
        known.map(|(_, accepted)| accepted)
    }
}

impl Store {
    /// The stored response that answers a request best: one for its selecting fields, the latest if
    /// there are several; else one in a language that it wants most.
    pub(super) fn select(
        &self,
        read: &Read,
        variants: &Variants,
        primary: &CacheKey,
        request: &HeaderMap,
        now: Timestamp,
    ) -> Found {
        let mut best: Option<(Timestamp, Found)> = None;
        let mut first = None;
        let mut marked = false;
        for fields in &variants.lists {
            let key = self.variant_key(primary, variants.set, fields, request);
            first.get_or_insert_with(|| key.clone());
            // A response without Vary only counts where none with one does.
            if best.is_some() && fields.names().is_empty() {
                break;
            }
            let Some((entry, stale)) = self.entry(read, &key, primary) else {
                continue;
            };
            let found = Self::found(&entry.what, stale, Some(key), now);
            match found.lookup {
                Lookup::Hit(stored) if best.as_ref().is_none_or(|(at, _)| *at < stored.born) => {
                    best = Some((stored.born, found));
                }
                Lookup::HitForMiss => marked = true,
                _ => {}
            }
        }
        if let Some((_, found)) = best {
            return found;
        }
        if let Some(found) = self.in_a_language(read, variants, primary, request, now) {
            return found;
        }
        let lookup = if marked {
            Lookup::HitForMiss
        } else {
            Lookup::VaryMiss
        };
        Found::none(lookup, first)
    }

    fn in_a_language(
        &self,
        read: &Read,
        variants: &Variants,
        primary: &CacheKey,
        request: &HeaderMap,
        now: Timestamp,
    ) -> Option<Found> {
        let keys = self.keys_in_languages(variants, primary, request);
        keys.into_iter().find_map(|key| {
            let (entry, stale) = self.entry(read, &key, primary)?;
            let found = Self::found(&entry.what, stale, Some(key), now);
            matches!(found.lookup, Lookup::Hit(_)).then_some(found)
        })
    }

    /// Where responses would stand that are in a language that the request wants most.
    fn keys_in_languages(
        &self,
        variants: &Variants,
        primary: &CacheKey,
        request: &HeaderMap,
    ) -> Vec<CacheKey> {
        if variants.languages.is_empty() {
            return Vec::new();
        }
        let wanted = wanted_languages(request);
        let accepted = wanted
            .iter()
            .filter_map(|language| variants.accepted(language));
        let tried = accepted.flat_map(|accepted| {
            let lists = variants.lists.iter();
            lists.map(move |fields| fields.variant_for(request, &self.normalise, Some(accepted)))
        });
        tried
            .map(|variant| primary.with_variant_in(variants.set, &variant))
            .collect()
    }

    /// Where a response for this request may stand, the best place first; nowhere if the resource
    /// has no variants.
    pub(super) fn candidates(
        &self,
        read: &Read,
        primary: &CacheKey,
        request: &HeaderMap,
    ) -> Vec<CacheKey> {
        let Some((entry, _)) = self.entry(read, primary, primary) else {
            return Vec::new();
        };
        let What::Varies(variants) = &entry.what else {
            return Vec::new();
        };
        let lists = variants.lists.iter();
        let mut keys: Vec<CacheKey> = lists
            .map(|fields| self.variant_key(primary, variants.set, fields, request))
            .collect();
        keys.extend(self.keys_in_languages(variants, primary, request));
        keys
    }

    /// Where a response to this request is to stand. Notes what its look-ups need to know;
    /// `before` is told the key first, so that whoever is led there by the note finds its flight.
    pub(crate) fn place(
        &self,
        primary: &CacheKey,
        stamp: Sequence,
        request: &HeaderMap,
        response: &HeaderMap,
        before: impl FnOnce(&CacheKey),
    ) -> Place {
        let there = self.entry(&Read::new(), primary, primary);
        let known = there.as_ref().and_then(|(entry, _)| match &entry.what {
            What::Varies(variants) => Some(variants),
            What::Response(_) | What::HitForMiss(_) => None,
        });
        let fields = match (Vary::of(response), known) {
            (Vary::Fields(fields), _) => fields,
            (Vary::None | Vary::Star, Some(_)) => SelectingFields::none(),
            (Vary::None | Vary::Star, None) => {
                let key = primary.clone();
                return Place { key, varies: None };
            }
        };
        let set = known.map_or_else(
            || self.sets.fetch_add(1, Ordering::Relaxed),
            |known| known.set,
        );
        let key = self.variant_key(primary, set, &fields, request);
        before(&key);
        let language = self.learnt(&fields, request, response);
        let latest = |variants: &Arc<Variants>| {
            variants.lists.first() == Some(&fields)
                || fields.names().is_empty() && variants.has(&fields)
        };
        // Nothing new is nothing to write.
        if !known.is_some_and(latest) || language.is_some() {
            let mut variants = known.map_or_else(Variants::default, |known| (**known).clone());
            variants.set = set;
            variants.add(fields.clone());
            if let Some((language, accepted)) = language {
                variants.learn(language, accepted);
            }
            if let Some((entry, _)) = &there
                && let What::Response(_) = &entry.what
            {
                // What stood there for all requests still does, where no variant fits.
                let key = self.variant_key(primary, set, &SelectingFields::none(), request);
                variants.add(SelectingFields::none());
                self.insert(key, entry.stamp.load(Ordering::Relaxed), entry.what.clone());
            }
            self.insert(primary.clone(), stamp, What::Varies(Arc::new(variants)));
        }
        let named = self.named(primary, &fields, request);
        let varies = Some((fields, named));
        Place { key, varies }
    }

    fn learnt(
        &self,
        fields: &SelectingFields,
        request: &HeaderMap,
        response: &HeaderMap,
    ) -> Option<(String, AcceptedLanguages)> {
        if !self.match_language {
            return None;
        }
        let accepted = fields.accepted_languages(request, &self.normalise)?;
        Some((content_language(response)?, accepted))
    }
}

#[cfg(test)]
mod tests;
