//! Each request as the operator sees it: how long its reply took (of single ones by their id), and a line of the access log.

use std::time::Instant;

use http::Request;
use http::header::HeaderMap;
use hyper::body::Incoming;
use operator::Timings;

use crate::serve::{self, HEALTH, REQUEST_ID, Reply};
use crate::worker::Client;

/// Serves one request, timed. It is logged at level debug, with the request id that goes on to upstream if the client sent
/// one; the health checks of routers are neither.
pub(crate) async fn request(client: &Client, request: Request<Incoming>) -> Reply {
    if request.uri().path() == HEALTH {
        return serve::request(client, request).await;
    }
    let stopwatch = Timings::begin(request.headers());
    let begun = Instant::now();
    let asked = tracing::enabled!(target: "access", tracing::Level::DEBUG).then(|| {
        let id = field(request.headers(), REQUEST_ID.as_str());
        (id, request.method().clone(), request.uri().clone())
    });
    let reply = serve::request(client, request).await;
    let seconds = begun.elapsed().as_secs_f64();
    client.worker.node.counters.reply_seconds.observe(seconds);
    if let Some(stopwatch) = stopwatch {
        client.worker.node.timings.end(stopwatch);
    }
    if let Some((id, method, uri)) = asked {
        let cache_status = field(reply.headers(), "cache-status");
        let (status, path) = (reply.status().as_u16(), uri.path());
        tracing::debug!(target: "access", id, %method, path, status, cache_status, seconds, "request");
    }
    reply
}

/// The last line of a field, or `-`.
fn field(headers: &HeaderMap, name: &str) -> String {
    let line = headers.get_all(name).into_iter().next_back();
    let text = line.and_then(|line| line.to_str().ok());
    text.unwrap_or("-").to_owned()
}
