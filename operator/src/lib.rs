//! What the admin listeners of nodes share: who may change things there, how a node is ended on purpose, and how long single
//! requests took.
//!
//! Reading (`GET`) is open to whoever reaches the listener: scrapers and health checks. Everything else changes the node,
//! and where a token is set, it has to be shown. Where none is, programs may change it, web pages may not: any page that is
//! open in a browser on this machine reaches its loopback addresses. It knows nothing of what a node does.

mod down;
mod memory;
mod timings;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

pub use down::{Down, LONGEST};
pub use memory::resident_bytes;
pub use timings::{Stopwatch, TRACE, Timing, Timings};

/// The media type of [OpenMetrics](https://github.com/prometheus/OpenMetrics) text, which every node's `/metrics` is.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Who may change a node through its admin listener. By default every program that reaches it,
/// and nobody can abort it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Guard {
    token: Option<Arc<str>>,
    state: Option<PathBuf>,
}

/// Never the token itself: configurations are logged.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("token", &self.token.is_some())
            .field("state", &self.state)
            .finish()
    }
}

impl Guard {
    /// Changes need `Authorization: Bearer TOKEN`. With it, `POST /abort` ends the process as a crash would.
    #[must_use]
    pub fn token(token: &str) -> Self {
        Self {
            token: Some(token.into()),
            state: None,
        }
    }

    /// `POST /abort?down_ms=N` keeps in this folder until when the node has to stay down (see [`Down`]).
    #[must_use]
    pub fn with_state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Whether changes need a token.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.token.is_some()
    }

    /// The folder of [`Guard::with_state`].
    #[must_use]
    pub fn state(&self) -> Option<&Path> {
        self.state.as_deref()
    }

    /// The same listener, guarded; with a token it gets `POST /abort`.
    pub fn protect(&self, routes: Router) -> Router {
        let Some(token) = self.token.clone() else {
            return routes.layer(middleware::from_fn(no_pages));
        };
        let abort = Router::new()
            .route("/abort", post(abort))
            .with_state(self.state.clone());
        routes
            .merge(abort)
            .layer(middleware::from_fn_with_state(token, check))
    }
}

/// Browsers name the page that a change comes from (`Origin`, as the Fetch standard has it), also where it is a page of their own
/// site; no listener of ours has pages.
async fn no_pages(request: Request, next: Next) -> Response {
    if reads(&request) || !request.headers().contains_key(header::ORIGIN) {
        return next.run(request).await;
    }
    let error =
        "a web page cannot change this node, since it has no admin token (--admin-token-file FILE)";
    (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response()
}

fn reads(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

async fn check(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    if reads(&request) || shows(request.headers(), &token) {
        return next.run(request).await;
    }
    let error =
        "changes need the header `Authorization: Bearer TOKEN` with this node's admin token";
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, "Bearer")],
        Json(json!({ "error": error })),
    )
        .into_response()
}

/// Whether a request shows this token, as `Authorization: Bearer TOKEN` (RFC 6750 section 2.1). It takes as long wherever
/// the first difference is.
#[must_use]
pub fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION).map(|it| it.as_bytes());
    let Some((scheme, shown)) = shown.and_then(|it| it.split_at_checked(7)) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer ") && same(shown, token.as_bytes())
}

/// Takes as long wherever the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |found, (a, b)| found | (a ^ b)) == 0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Abort {
    /// How long the node stays down once it is started again, counted from now.
    #[serde(default)]
    down_ms: u64,
}

/// The process dies without a word to its clients, as by a crash: no drain, nothing is written any more.
async fn abort(State(state): State<Option<PathBuf>>, Query(asked): Query<Abort>) -> Response {
    let refuse = |status: StatusCode, error: String| {
        (status, Json(json!({ "error": error }))).into_response()
    };
    if asked.down_ms > 0 {
        let Some(folder) = &state else {
            let error = "this node keeps no state (--state), so it cannot stay down";
            return refuse(StatusCode::CONFLICT, error.to_owned());
        };
        if let Err(error) = Down::for_ms(asked.down_ms).write(folder) {
            let error = format!("cannot write into {}: {error}", folder.display());
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, error);
        }
    }
    tracing::error!(down_ms = asked.down_ms, "aborting, as POST /abort asked");
    // The answer has to leave first.
    tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        std::process::abort();
    });
    (StatusCode::ACCEPTED, "aborting\n").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower_service::Service;

    use super::*;

    async fn ask(guard: &Guard, method: &str, path: &str, token: Option<&str>) -> u16 {
        ask_with(guard, method, path, token.map(|it| ("authorization", it))).await
    }

    async fn ask_with(guard: &Guard, method: &str, path: &str, field: Option<(&str, &str)>) -> u16 {
        let routes = Router::new().route("/thing", get(async || "read").post(async || "changed"));
        let mut request = Request::builder().method(method).uri(path);
        if let Some((name, value)) = field {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let answer = guard.protect(routes).call(request).await;
        answer.expect("a router never fails").status().as_u16()
    }

    #[tokio::test]
    async fn reading_is_open_and_changing_needs_the_token() {
        let guard = Guard::token("s3cret");
        let check = async |method, token, expected| {
            assert_eq!(
                ask(&guard, method, "/thing", token).await,
                expected,
                "{method} {token:?}"
            );
        };
        check("GET", None, 200).await;
        check("HEAD", None, 200).await;
        check("POST", None, 401).await;
        check("POST", Some("Bearer s3creT"), 401).await;
        check("POST", Some("Bearer s3cret "), 401).await;
        check("POST", Some("Basic s3cret"), 401).await;
        check("POST", Some("Bearer"), 401).await;
        check("POST", Some("bearer s3cret"), 200).await;
        check("POST", Some("Bearer s3cret"), 200).await;
    }

    #[tokio::test]
    async fn without_a_token_changes_are_open_and_there_is_no_abort() {
        let guard = Guard::default();
        assert_eq!(ask(&guard, "POST", "/thing", None).await, 200);
        assert_eq!(ask(&guard, "POST", "/abort", None).await, 404);
    }

    #[tokio::test]
    async fn without_a_token_web_pages_change_nothing() {
        let guard = Guard::default();
        for page in ["https://elsewhere.example", "http://localhost:8080", "null"] {
            let origin = Some(("origin", page));
            assert_eq!(ask_with(&guard, "POST", "/thing", origin).await, 403);
            assert_eq!(ask_with(&guard, "GET", "/thing", origin).await, 200);
        }
    }

    #[tokio::test]
    async fn an_abort_that_cannot_be_kept_to_is_refused() {
        let guard = Guard::token("t");
        let path = "/abort?down_ms=1000";
        assert_eq!(ask(&guard, "POST", path, None).await, 401);
        assert_eq!(ask(&guard, "POST", path, Some("Bearer t")).await, 409);
        let nowhere = guard.with_state("/nonexistent/folder");
        assert_eq!(ask(&nowhere, "POST", path, Some("Bearer t")).await, 500);
    }

    #[test]
    fn a_token_is_never_shown() {
        assert!(!format!("{:?}", Guard::token("s3cret")).contains("s3cret"));
    }
}
