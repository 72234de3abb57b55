//! How long a node took for single requests, told by their ids: whoever follows one request through all tiers asks each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What the `X-Request-Id` of a request begins with that is to be timed.
pub const TRACE: &str = "trace-";
/// Longer ids are not timed.
const LONGEST_ID: usize = 64;
/// The requests whose times are kept, the newest ones.
const KEPT: usize = 256;

/// The reply times of the last requests that were to be timed.
#[derive(Debug, Default)]
pub struct Timings {
    kept: Mutex<VecDeque<(Box<str>, Duration)>>,
}

/// How long one reply took: from the request's head to the response's, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The request's id.
    pub id: String,
    /// Seconds until the head of the response was ready.
    pub seconds: f64,
}

/// A request that is being timed.
#[derive(Debug)]
pub struct Stopwatch {
    id: Box<str>,
    begun: Instant,
}

impl Timings {
    /// Begins to time a request, if its id says so.
    #[must_use]
    pub fn begin(headers: &HeaderMap) -> Option<Stopwatch> {
        let id = headers.get("x-request-id").map(HeaderValue::to_str)?.ok()?;
        let timed = id.starts_with(TRACE) && id.len() <= LONGEST_ID;
        timed.then(|| Stopwatch {
            id: id.into(),
            begun: Instant::now(),
        })
    }

    /// Its reply is ready.
    pub fn end(&self, stopwatch: Stopwatch) {
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((stopwatch.id, stopwatch.begun.elapsed()));
    }

    /// How long the reply to this request took; the last one, if there were several.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<Duration> {
        let kept = self.kept();
        let found = kept.iter().rev().find(|(known, _)| **known == *id);
        found.map(|(_, took)| *took)
    }

    /// `GET /timings?id=ID`: a [`Timing`], or 404.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/timings", get(told))
            .with_state(Arc::clone(self))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Box<str>, Duration)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: String,
}

async fn told(State(timings): State<Arc<Timings>>, Query(Asked { id }): Query<Asked>) -> Response {
    match timings.of(&id) {
        Some(took) => {
            let seconds = took.as_secs_f64();
            Json(Timing { id, seconds }).into_response()
        }
        None => {
            let error = format!(
                "no such request here: the last {KEPT} whose X-Request-Id begins with `{TRACE}` are known"
            );
            (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopwatch(id: &str) -> Option<Stopwatch> {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", id.parse().expect("a field value"));
        Timings::begin(&headers)
    }

    #[test]
    fn only_requests_that_ask_for_it_are_timed() {
        assert!(stopwatch("trace-1").is_some());
        assert!(stopwatch("lab-1").is_none());
        assert!(stopwatch(&format!("trace-{}", "1".repeat(LONGEST_ID))).is_none());
        assert!(Timings::begin(&HeaderMap::new()).is_none());
    }

    #[test]
    fn the_newest_are_kept() {
        let timings = Timings::default();
        for number in 0..=KEPT {
            timings.end(stopwatch(&format!("trace-{number}")).expect("timed"));
        }
        assert_eq!(timings.of("trace-0"), None);
        assert!(timings.of("trace-1").is_some());
        assert!(timings.of(&format!("trace-{KEPT}")).is_some());
    }
}
