//! The data listener: `/route` and redirects.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::metrics::AnswerKind;
use crate::server::Shared;

pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(any).with_state(shared)
}

#[derive(Deserialize)]
struct RouteQuery {
    client: Option<String>,
}

async fn any(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asker = shared.trust.client(peer.ip(), &headers);
    let (kind, mut response) =
        if uri.path() == "/route" && (method == Method::GET || method == Method::HEAD) {
            route(&shared, asker, &uri)
        } else {
            redirect(&shared, asker, &uri)
        };
    shared.metrics.answered(kind);
    // An answer is for one client at one moment.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer for the client that is named, or for the asker itself.
fn route(shared: &Shared, asker: IpAddr, uri: &Uri) -> (AnswerKind, Response) {
    let named = match Query::<RouteQuery>::try_from_uri(uri) {
        Ok(Query(RouteQuery { client })) => client,
        Err(error) => return bad_question(&error.to_string()),
    };
    let client = match named.as_deref().map(str::parse::<IpAddr>) {
        None => asker,
        Some(Ok(address)) => address.to_canonical(),
        Some(Err(_)) => {
            let text = named.unwrap_or_default();
            return bad_question(&format!("client `{text}` is not an IP address"));
        }
    };
    let decision = shared.decide(client, client.to_string().as_bytes());
    (AnswerKind::Route, Json(decision).into_response())
}

fn bad_question(error: &str) -> (AnswerKind, Response) {
    let body = Json(serde_json::json!({ "error": error }));
    (
        AnswerKind::Refusal,
        (StatusCode::BAD_REQUEST, body).into_response(),
    )
}

/// 307 (RFC 9110 section 15.4.8): the method stays, and so do path and query.
fn redirect(shared: &Shared, asker: IpAddr, uri: &Uri) -> (AnswerKind, Response) {
    let refusal = |why: &'static str| {
        (
            AnswerKind::Refusal,
            (StatusCode::BAD_REQUEST, why).into_response(),
        )
    };
    // `*` and the authority form name no resource that could be elsewhere.
    let Some(target) = uri
        .path_and_query()
        .filter(|target| target.as_str().starts_with('/'))
    else {
        return refusal("only targets with a path can be redirected\n");
    };
    let decision = shared.decide(asker, target.path().as_bytes());
    let location = format!("{}{target}", decision.choice.redirect);
    let Ok(location) = HeaderValue::try_from(location) else {
        return refusal("this target cannot stand in a Location field\n");
    };
    let body = format!("{}\n", decision.why);
    let answer = (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)], body);
    (AnswerKind::Redirect, answer.into_response())
}
