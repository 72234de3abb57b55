//! The admin listener: alive, ready, metrics, statistics, stop.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use crate::board::{Change, NodeReport};
use crate::metrics::AnswerKind;
use crate::server::{Shared, now_ms};

pub(crate) fn routes(shared: Arc<Shared>, guard: &operator::Guard) -> Router {
    let routes = Router::new()
        .route("/health", get(async || "alive\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/stats", get(stats))
        .route("/settings", get(settings))
        .route("/stop", post(stop))
        .with_state(shared);
    guard.protect(routes)
}

/// Ready once each node has been checked: before that, answers do not know who is up.
async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if *shared.stop.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if shared.board().all_checked() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "not all nodes have been checked yet\n",
        )
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    (
        [(CONTENT_TYPE, operator::OPENMETRICS)],
        shared.metrics.text(),
    )
        .into_response()
}

#[derive(Serialize)]
struct Stats<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    now_ms: u64,
    routes: u64,
    redirects: u64,
    refusals: u64,
    nodes: Vec<NodeReport<'a>>,
    transitions: &'a VecDeque<Change>,
    /// Older transitions that are no longer in the list.
    transitions_forgotten: u64,
}

async fn stats(State(shared): State<Arc<Shared>>) -> Response {
    let board = shared.board();
    Json(Stats {
        name: &shared.name,
        at: shared.at.as_deref(),
        now_ms: now_ms(),
        routes: shared.metrics.answers(AnswerKind::Route),
        redirects: shared.metrics.answers(AnswerKind::Redirect),
        refusals: shared.metrics.answers(AnswerKind::Refusal),
        nodes: board.report(shared.steering.pop_names(), shared.steering.nodes()),
        transitions: board.transitions(),
        transitions_forgotten: board.forgotten(),
    })
    .into_response()
}

/// The configuration as the router follows it.
async fn settings(State(shared): State<Arc<Shared>>) -> Response {
    Json(&shared.settings).into_response()
}

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    shared.stop.send_replace(true);
    (StatusCode::ACCEPTED, "stopping\n")
}
