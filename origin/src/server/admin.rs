//! The admin listener: log, counts, faults, publications, and the usual health and metrics.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::synthetic::Synthetic;
use super::{Behind, Shared};
use crate::catalogue::Catalogue;
use crate::faults::Faults;
use crate::log::Counts;
use crate::versions::Selector;

/// Body of `POST /publish`: a class by name, an object by path, or neither for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Name of a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Path of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Answer to `POST /publish`: what the lab's own [`crate::Versions`] must be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// When, in milliseconds since the catalogue's epoch.
    pub offset_ms: u64,
    /// What.
    pub selector: Selector,
    /// The version that is current from then on, if it is one object's.
    pub version: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct LogQuery {
    after: u64,
    limit: usize,
}

impl Default for LogQuery {
    fn default() -> Self {
        LogQuery {
            after: 0,
            limit: 10_000,
        }
    }
}

pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    guard: operator::Guard,
    mut closing: watch::Receiver<bool>,
) {
    let timings = shared.timings.routes();
    let app = Router::new()
        .route("/health", get(async || "alive\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route(
            "/counts",
            get(async |State(it): State<Arc<Shared>>| Json(it.log.counts())),
        )
        .route("/log", get(log))
        .route("/faults", put(set_faults).delete(clear_faults).get(faults))
        .route("/publish", post(publish))
        .route("/catalogue", get(catalogue).put(set_catalogue))
        .route("/stop", post(stop))
        .with_state(shared)
        .merge(timings);
    let app = guard.protect(app);
    let closed = async move {
        // An error means that the origin was dropped, which ends this too.
        let _ = closing.wait_for(|closing| *closing).await;
    };
    if let Err(error) = axum::serve(listener, app)
        .with_graceful_shutdown(closed)
        .await
    {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if *shared.draining.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn log(State(shared): State<Arc<Shared>>, Query(query): Query<LogQuery>) -> Response {
    let (page, records) = shared.log.page(query.after, query.limit.clamp(1, 100_000));
    let mut lines = serde_json::to_string(&page).unwrap_or_default();
    lines.push('\n');
    for record in &records {
        lines.push_str(&serde_json::to_string(record).unwrap_or_default());
        lines.push('\n');
    }
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    Json(shared.faults())
}

async fn set_faults(State(shared): State<Arc<Shared>>, Json(faults): Json<Faults>) -> Response {
    match faults.check() {
        Ok(()) => {
            shared.set_faults(faults);
            Json(faults).into_response()
        }
        Err(what) => (StatusCode::UNPROCESSABLE_ENTITY, what + "\n").into_response(),
    }
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    shared.set_faults(Faults::default());
    Json(Faults::default())
}

async fn publish(State(shared): State<Arc<Shared>>, Json(wanted): Json<Publish>) -> Response {
    let Some(synthetic) = shared.behind.synthetic() else {
        let text = "a pass-through has no versions to publish\n";
        return (StatusCode::CONFLICT, text).into_response();
    };
    let catalogue = &synthetic.catalogue;
    let class = |name: &String| {
        let mut classes = catalogue.classes.iter().zip(0u16..);
        classes
            .find(|(class, _)| class.name == *name)
            .map(|(_, index)| Selector::Class(index))
    };
    let selector = match (&wanted.class, &wanted.path) {
        (None, None) => Some(Selector::All),
        (Some(name), None) => class(name),
        (None, Some(path)) => catalogue.resolve(path).map(Selector::Object),
        (Some(_), Some(_)) => {
            let text = "give a class or a path, not both\n";
            return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
        }
    };
    let Some(selector) = selector else {
        return (StatusCode::NOT_FOUND, "no such class or path\n").into_response();
    };
    let at_ms = shared.clock.now_ms();
    let offset_ms = synthetic.publish(selector, at_ms);
    let version = match selector {
        Selector::Object(id) => Some(synthetic.with_versions(|it| it.version_at(id, offset_ms))),
        Selector::All | Selector::Class(_) => None,
    };
    Json(Published {
        at_ms,
        offset_ms,
        selector,
        version,
    })
    .into_response()
}

async fn catalogue(State(shared): State<Arc<Shared>>) -> Response {
    match shared.behind.synthetic() {
        Some(synthetic) => Json(&synthetic.catalogue).into_response(),
        None => (StatusCode::NOT_FOUND, NO_CATALOGUE).into_response(),
    }
}

/// Another site from now on. Counts and log go on; what was published is forgotten.
async fn set_catalogue(
    State(shared): State<Arc<Shared>>,
    Json(mut wanted): Json<Catalogue>,
) -> Response {
    let Behind::Synthetic(now) = &shared.behind else {
        return (StatusCode::CONFLICT, NO_CATALOGUE).into_response();
    };
    if let Err(error) = wanted.check() {
        return (StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")).into_response();
    }
    if wanted.epoch_ms == 0 {
        wanted.epoch_ms = shared.clock.now_ms();
    }
    let fresh = Arc::new(Synthetic::new(wanted));
    *now.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    StatusCode::NO_CONTENT.into_response()
}

const NO_CATALOGUE: &str = "a pass-through has no catalogue\n";

async fn stop(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    shared.stop.send_replace(true);
    (StatusCode::ACCEPTED, "stopping\n")
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = exposition(&shared.log.counts());
    ([(header::CONTENT_TYPE, operator::OPENMETRICS)], text).into_response()
}

/// OpenMetrics text: a counter's family lacks the ending of its samples.
fn exposition(counts: &Counts) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{line}");
    };
    line(format_args!(
        "# HELP cdnlab_origin_requests Requests whose response has ended, by status."
    ));
    line(format_args!("# TYPE cdnlab_origin_requests counter"));
    for (status, count) in &counts.by_status {
        line(format_args!(
            "cdnlab_origin_requests_total{{status=\"{status}\"}} {count}"
        ));
    }
    for (name, kind, help, value) in [
        (
            "cdnlab_origin_body_bytes_total",
            "counter",
            "Body bytes handed to connections.",
            counts.body_bytes,
        ),
        (
            "cdnlab_origin_conditional_requests_total",
            "counter",
            "Requests with a precondition.",
            counts.conditional,
        ),
        (
            "cdnlab_origin_incomplete_total",
            "counter",
            "Responses that ended early.",
            counts.incomplete,
        ),
        (
            "cdnlab_origin_in_flight",
            "gauge",
            "Requests under way.",
            counts.in_flight,
        ),
    ] {
        let family = name.strip_suffix("_total").unwrap_or(name);
        line(format_args!("# HELP {family} {help}"));
        line(format_args!("# TYPE {family} {kind}"));
        line(format_args!("{name} {value}"));
    }
    line(format_args!("# EOF"));
    text
}
