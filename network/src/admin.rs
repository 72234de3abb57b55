//! The admin listener of a link node: [`crate::control`] over HTTP, and its metrics.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::watch;

use crate::control::{Added, Change, ErrorBody, LinkStatus, NewLink, Stats};
use crate::node::{ChangeError, Links};
use crate::relay::LinkError;

#[derive(Clone)]
struct Node {
    name: Arc<str>,
    links: Arc<Links>,
    stop: watch::Sender<bool>,
}

pub(crate) fn routes(name: String, links: Arc<Links>, stop: watch::Sender<bool>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(health))
        .route("/metrics", get(metrics))
        .route("/stop", post(request_stop))
        .route("/links", get(list).post(add))
        .route("/links/{name}", get(one).patch(change).delete(remove))
        .with_state(Node {
            name: name.into(),
            links,
            stop,
        })
}

async fn health(State(node): State<Node>) -> Response {
    Json(serde_json::json!({ "name": &*node.name, "ok": true })).into_response()
}

async fn request_stop(State(node): State<Node>) -> StatusCode {
    node.stop.send_replace(true);
    StatusCode::ACCEPTED
}

async fn list(State(node): State<Node>) -> Json<Vec<LinkStatus>> {
    Json(node.links.statuses().await)
}

async fn one(
    State(node): State<Node>,
    Path(name): Path<String>,
) -> Result<Json<LinkStatus>, ChangeError> {
    node.links.status(&name).await.map(Json)
}

/// Parses by hand, so that a body that makes no sense is answered like any other refusal.
type Body<T> = Result<Json<T>, JsonRejection>;

async fn add(
    State(node): State<Node>,
    body: Body<NewLink>,
) -> Result<(StatusCode, Json<Added>), Response> {
    let Json(link) = body.map_err(malformed)?;
    let added = node
        .links
        .add(link)
        .await
        .map_err(IntoResponse::into_response)?;
    Ok((StatusCode::CREATED, Json(added)))
}

async fn change(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Body<Change>,
) -> Result<Json<LinkStatus>, Response> {
    let Json(change) = body.map_err(malformed)?;
    node.links
        .change(&name, change)
        .await
        .map(Json)
        .map_err(IntoResponse::into_response)
}

async fn remove(
    State(node): State<Node>,
    Path(name): Path<String>,
) -> Result<StatusCode, ChangeError> {
    node.links.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn malformed(rejection: JsonRejection) -> Response {
    refusal(rejection.status(), rejection.body_text())
}

fn refusal(status: StatusCode, error: String) -> Response {
    (status, Json(ErrorBody { error })).into_response()
}

impl IntoResponse for ChangeError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Taken(_) => StatusCode::CONFLICT,
            Self::Unknown(_) | Self::Link(LinkError::Gone) => StatusCode::NOT_FOUND,
            Self::Nameless | Self::Link(LinkError::Model(_) | LinkError::Target(_)) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Link(LinkError::Listen { .. }) => StatusCode::CONFLICT,
        };
        refusal(status, self.to_string())
    }
}

async fn metrics(State(node): State<Node>) -> impl IntoResponse {
    let text = exposition(&node.links.statuses().await);
    ([(header::CONTENT_TYPE, operator::OPENMETRICS)], text)
}

/// OpenMetrics text: a counter's family lacks the ending of its samples.
fn exposition(links: &[LinkStatus]) -> String {
    type Figure = fn(&Stats) -> u64;
    const BY_LINK: [(&str, &str, &str, Figure); 4] = [
        (
            "cdnlab_link_connections_open",
            "gauge",
            "Connections open now.",
            |s| s.open,
        ),
        (
            "cdnlab_link_connections_total",
            "counter",
            "Connections accepted.",
            |s| s.accepted,
        ),
        (
            "cdnlab_link_connections_reset_total",
            "counter",
            "Connections ended by a reset.",
            |s| s.reset,
        ),
        (
            "cdnlab_link_connections_refused_total",
            "counter",
            "Connections refused by the target.",
            |s| s.refused,
        ),
    ];
    const BY_DIRECTION: [(&str, &str, &str, Figure, Figure); 3] = [
        (
            "cdnlab_link_bytes_read_total",
            "counter",
            "Bytes taken from senders.",
            |s| s.to.read,
            |s| s.from.read,
        ),
        (
            "cdnlab_link_bytes_delivered_total",
            "counter",
            "Bytes given to receivers.",
            |s| s.to.delivered,
            |s| s.from.delivered,
        ),
        (
            "cdnlab_link_bytes_held",
            "gauge",
            "Bytes under way.",
            |s| s.to.held,
            |s| s.from.held,
        ),
    ];
    let mut text = String::new();
    let label = |name: &str| {
        name.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    };
    // Writing to a string cannot fail.
    for (metric, kind, help, figure) in BY_LINK {
        let family = metric.strip_suffix("_total").unwrap_or(metric);
        let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
        for link in links {
            let _ = writeln!(
                text,
                "{metric}{{link=\"{}\"}} {}",
                label(&link.name),
                figure(&link.stats)
            );
        }
    }
    for (metric, kind, help, to, from) in BY_DIRECTION {
        let family = metric.strip_suffix("_total").unwrap_or(metric);
        let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
        for link in links {
            for (direction, figure) in [("to", to), ("from", from)] {
                let name = label(&link.name);
                let value = figure(&link.stats);
                let _ = writeln!(
                    text,
                    "{metric}{{link=\"{name}\",direction=\"{direction}\"}} {value}"
                );
            }
        }
    }
    let _ = writeln!(
        text,
        "# HELP cdnlab_link_cut 1 while the link is cut.\n# TYPE cdnlab_link_cut gauge"
    );
    for link in links {
        let _ = writeln!(
            text,
            "cdnlab_link_cut{{link=\"{}\"}} {}",
            label(&link.name),
            u8::from(link.cut.is_some())
        );
    }
    text.push_str("# EOF\n");
    text
}
