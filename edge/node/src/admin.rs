//! The operator's side of a node: health, metrics, purge and stop, on a listener of its own.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use crate::node::{Node, PurgeError, PurgeMode};
use crate::running::Phase;

/// What the operator's requests are answered with.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) node: Arc<Node>,
    pub(crate) stop: Arc<watch::Sender<bool>>,
}

/// The operator's paths.
pub(crate) fn router(admin: Admin) -> Router {
    let guard = admin.node.config.guard.clone();
    let timings = admin.node.timings.routes();
    let routes = Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route(
            "/stats",
            get(async |State(admin): State<Admin>| Json(admin.node.stats())),
        )
        .route(
            "/settings",
            get(async |State(admin): State<Admin>| Json(admin.node.settings())),
        )
        .route("/purge", post(purge))
        .route("/stop", post(stop))
        .with_state(admin)
        .merge(timings);
    guard.protect(routes)
}

async fn ready(State(admin): State<Admin>) -> Response {
    if *admin.node.phase.borrow() == Phase::Serving {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let kind = operator::OPENMETRICS;
    ([(header::CONTENT_TYPE, kind)], admin.node.metrics()).into_response()
}

/// `?url=URL`, `?group=NAME` or `?all=true`, and `&mode=hard` (the default) or `soft`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Purge {
    url: Option<String>,
    group: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    mode: PurgeMode,
}

async fn purge(
    State(admin): State<Admin>,
    asked: Result<Query<Purge>, QueryRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.body_text()),
    };
    let done = match (&asked.url, &asked.group, asked.all) {
        (Some(url), None, false) => admin.node.purge(url, asked.mode).await,
        (None, Some(group), false) => admin.node.purge_group(group, asked.mode).await,
        (None, None, true) => admin.node.purge_all(asked.mode).await,
        _ => Err(PurgeError::What),
    };
    match done {
        Ok(sequence) => Json(json!({
            "purged": asked.url,
            "group": asked.group,
            "all": asked.all,
            "sequence": sequence
        }))
        .into_response(),
        Err(error) => {
            let status = match error {
                PurgeError::NotDurable(_) => StatusCode::INTERNAL_SERVER_ERROR,
                PurgeError::What | PurgeError::Url(..) => StatusCode::BAD_REQUEST,
            };
            refused(status, &error.to_string())
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

async fn stop(State(admin): State<Admin>) -> Response {
    admin.stop.send_replace(true);
    (StatusCode::ACCEPTED, "stopping\n").into_response()
}
