//! The synthetic origin: queue, think, answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{Response, header};
use tokio::sync::Semaphore;

use super::Shared;
use super::connections::Closed;
use super::sending::{Receipt, Sending};
use crate::catalogue::Catalogue;
use crate::respond::{self, Outcome, Request, respond};
use crate::versions::{Selector, Versions};

/// A catalogue in operation.
#[derive(Debug)]
pub(super) struct Synthetic {
    pub(super) catalogue: Catalogue,
    versions: RwLock<Versions>,
    /// First come, first served: tokio's semaphore is fair.
    slots: Option<Semaphore>,
    arrived: AtomicU64,
}

impl Synthetic {
    pub(super) fn new(catalogue: Catalogue) -> Synthetic {
        let most = |slots| {
            usize::try_from(slots)
                .unwrap_or(usize::MAX)
                .min(Semaphore::MAX_PERMITS)
        };
        Synthetic {
            versions: RwLock::new(catalogue.versions()),
            slots: catalogue
                .concurrency
                .map(|slots| Semaphore::new(most(slots))),
            arrived: AtomicU64::new(0),
            catalogue,
        }
    }

    /// Publishes from `now_ms` on; the offset that the versions know it by.
    pub(super) fn publish(&self, selector: Selector, now_ms: i64) -> u64 {
        let mut versions = self
            .versions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let offset = versions.offset(now_ms);
        versions.publish(selector, offset);
        offset
    }

    pub(super) fn with_versions<T>(&self, read: impl FnOnce(&Versions) -> T) -> T {
        read(&self.versions.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn answer(
        &self,
        shared: &Arc<Shared>,
        parts: &Parts,
        mut receipt: Receipt,
    ) -> Result<Response<Sending>, Closed> {
        let request = Request {
            method: &parts.method,
            target: parts
                .uri
                .path_and_query()
                .map_or("*", |target| target.as_str()),
            headers: &parts.headers,
        };
        let nth = self.arrived.fetch_add(1, Ordering::Relaxed);
        let slot = match &self.slots {
            // The semaphore is never closed.
            Some(slots) => slots.acquire().await.ok(),
            None => None,
        };
        let begun = Instant::now();
        let service = respond::service_ns(&self.catalogue, &shared.faults(), request, nth);
        shared
            .timer
            .wait_until(begun + Duration::from_nanos(service))
            .await;
        drop(slot);
        let faults = shared.faults();
        let now_ms = shared.clock.now_ms();
        let outcome = self.with_versions(|versions| {
            respond(&self.catalogue, versions, &faults, request, now_ms, nth)
        });
        match outcome {
            Outcome::Refuse { .. } => Err(Closed),
            Outcome::Answer(answer) => {
                receipt.answered(&answer);
                let announced = answer.headers.contains_key(header::CONTENT_LENGTH);
                let mut response = Response::new(Sending::made(answer.parts, announced, receipt));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                Ok(response)
            }
        }
    }
}
