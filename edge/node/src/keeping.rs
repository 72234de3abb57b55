//! What an answer does to the store beside being stored: updates, marks and invalidations, as the core
//! has decided. Knows nothing about bodies on their way.

use std::sync::Arc;

use edge_core::purge::{Mode, Sequence};
use edge_core::{
    Answer, CacheKey, Invalidation, Keep, RequestHead, ResponseHead, Stored, StoredHead, Vary,
    update_head,
};
use http::{HeaderMap, Method};

use crate::fetch::Outcome;
use crate::parts::{self, Parts};
use crate::ride::{Ask, Ride};
use crate::store::{self, Selection};

impl Ride {
    /// What has to be done to the store before anybody hears of the answer: invalidations, which may
    /// have to wait for the disk, and what an answer to HEAD tells.
    pub(crate) async fn settle(&self, keep: Keep, outcome: &mut Outcome) {
        let node = self.node();
        match (keep, outcome) {
            (Keep::Forget, Outcome::Response { head, .. }) => self.invalidate(&head.headers).await,
            (Keep::Replace, Outcome::Response { head, stamp, .. }) => {
                self.invalidate(&head.headers).await;
                // Stored after, and so untouched by, what it invalidates.
                *stamp = node.store.stamp();
            }
            (
                Keep::Compare,
                Outcome::Response {
                    head,
                    answer,
                    stamp,
                    ..
                },
            ) => self.compare(head, answer, *stamp).await,
            (Keep::Forget, _) => node.forget(&self.ask.key).await,
            _ => {}
        }
    }

    /// Does to the store what the core has decided, but for storing a response and what
    /// [`Ride::settle`] has done.
    pub(crate) fn keep(&self, keep: Keep, stamp: Sequence, updated: Option<&Arc<store::Response>>) {
        let node = self.node();
        match (keep, updated) {
            (Keep::Update, Some(updated)) => {
                let key = self.key_of_updated(stamp, updated);
                node.store.insert_response(key, stamp, Arc::clone(updated));
                node.counters.stored.inc();
            }
            // What cannot be shared is an answer to one range.
            (Keep::HitForMiss { .. }, _) if self.range().is_some() => {}
            (Keep::HitForMiss { until }, _) => {
                node.store
                    .insert_hit_for_miss(self.meeting_key().clone(), stamp, until);
            }
            _ => {}
        }
    }

    /// Where an updated response stands: where it did, unless it varies on other fields now.
    fn key_of_updated(&self, stamp: Sequence, updated: &store::Response) -> CacheKey {
        let vary = |response: &store::Response| Vary::of(&response.head.headers());
        let before = self
            .found
            .as_ref()
            .and_then(|found| found.response.as_deref());
        if before.is_none_or(|before| vary(before) == vary(updated)) {
            return self.meeting_key().clone();
        }
        let Ask { key, head, .. } = &self.ask;
        let fields = updated.head.headers();
        let store = &self.node().store;
        let place = store.place(key, stamp, &head.headers, &fields, |_| ());
        place.key
    }

    /// An unsafe request has succeeded.
    async fn invalidate(&self, answer: &HeaderMap) {
        let node = self.node();
        let Invalidation { keys, tags } =
            Invalidation::of(&self.ask.head, answer, &node.config.policy);
        for key in &keys {
            node.forget(key).await;
        }
        for tag in tags {
            node.invalidate(Selection::Tag(tag), Mode::Hard).await;
        }
    }

    /// HEAD was answered with 200: what is stored is updated, or stale if it is something else.
    async fn compare(&self, head: &ResponseHead, answer: &Answer, stamp: Sequence) {
        let node = self.node();
        let policy = &node.config.policy;
        let Some(stored) = self
            .found
            .as_ref()
            .and_then(|found| found.response.as_ref())
        else {
            return;
        };
        // Of parts, HEAD speaks of the whole that they belong to.
        let length = Parts::of(stored).map_or(stored.body.length(), |parts| parts.total);
        let Ok(updated) = update_head(&stored.head, length, head) else {
            let selection = Selection::Key(self.ask.key.hash());
            node.invalidate(selection, Mode::Soft).await;
            return;
        };
        let request = RequestHead {
            method: Method::GET,
            ..self.ask.head.clone()
        };
        match parts::digest(&request, &updated, policy, answer.received) {
            Ok(digest) => {
                let born = answer.born;
                let response = store::Response {
                    facts: Stored { digest, born },
                    head: StoredHead::of(&updated, policy),
                    body: stored.body.clone(),
                    trailers: stored.trailers.clone(),
                };
                self.keep(Keep::Update, stamp, Some(&Arc::new(response)));
            }
            Err(_) => node.forget(&self.ask.key).await,
        }
    }
}
