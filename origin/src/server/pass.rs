//! The counting pass-through to a user's own application.
//!
//! Streams both ways, changes nothing but hop-by-hop fields and `Host`, and counts. Faults that the
//! origin is told to show are shown here too, in front of the application.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderName};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::connections::Closed;
use super::sending::{Receipt, Sending};
use super::{Pass, Shared, StartError};
use crate::respond::plain;

/// The application, as a target of requests.
#[derive(Debug)]
pub(super) struct Upstream {
    client: Client<HttpConnector, Incoming>,
    authority: Authority,
    host: HeaderValue,
}

/// Fields about one connection (RFC 9110 section 7.6.1), beside those that Connection names.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Upstream {
    pub(super) fn new(pass: &Pass) -> Result<Upstream, StartError> {
        let wrong = |why| StartError::Pass {
            url: pass.url.clone(),
            why,
        };
        let uri: Uri = pass.url.parse().map_err(|_| wrong("it is not a URL"))?;
        let parts = uri.into_parts();
        if parts.scheme != Some(Scheme::HTTP) {
            return Err(wrong("only http:// is possible"));
        }
        let authority = parts.authority.ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user name cannot be sent"));
        }
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(wrong("it has a path; paths come from the requests"));
        }
        let host = pass.host.as_deref().unwrap_or(authority.as_str());
        let host = host
            .parse::<Authority>()
            .ok()
            .and_then(|host| HeaderValue::from_str(host.as_str()).ok())
            .ok_or_else(|| wrong("the host to send is not a host"))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Upstream {
            client,
            authority,
            host,
        })
    }

    pub(super) async fn pass(
        &self,
        shared: &Arc<Shared>,
        mut parts: Parts,
        body: Incoming,
        mut receipt: Receipt,
    ) -> Result<Response<Sending>, Closed> {
        let head = parts.method == Method::HEAD;
        let faults = shared.faults();
        let due = Instant::now() + Duration::from_millis(faults.delay_ms);
        shared.timer.wait_until(due).await;
        if faults.refuse {
            return Err(Closed);
        }
        let reply = |status, text, receipt| Ok(words(shared, status, text, head, receipt));
        if let Some(status) = faults.status {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return reply(status, "the origin was told to fail\n", receipt);
        }
        if parts.method == Method::CONNECT {
            return reply(StatusCode::METHOD_NOT_ALLOWED, "no tunnels here\n", receipt);
        }
        end_to_end(&mut parts.headers);
        parts.headers.insert(header::HOST, self.host.clone());
        parts.uri = self.uri(&parts.uri);
        parts.version = http::Version::HTTP_11;
        parts.extensions.clear();
        match self.client.request(Request::from_parts(parts, body)).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                end_to_end(&mut parts.headers);
                parts.version = http::Version::HTTP_11;
                parts.extensions.clear();
                receipt.status(parts.status.as_u16());
                Ok(Response::from_parts(parts, Sending::passed(body, receipt)))
            }
            Err(error) => {
                tracing::debug!(%error, "the application did not answer");
                let text = if error.is_connect() {
                    "the application behind the origin cannot be reached\n"
                } else {
                    "the application behind the origin did not answer\n"
                };
                reply(StatusCode::BAD_GATEWAY, text, receipt)
            }
        }
    }

    fn uri(&self, asked: &Uri) -> Uri {
        let path = asked.path_and_query().cloned();
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
            .build()
            .unwrap_or_default()
    }
}

fn words(
    shared: &Shared,
    status: StatusCode,
    text: &'static str,
    head: bool,
    mut receipt: Receipt,
) -> Response<Sending> {
    let mut answer = plain(status, text, shared.clock.now_ms());
    if head {
        answer.parts.clear();
    }
    receipt.status(status.as_u16());
    let mut response = Response::new(Sending::made(answer.parts, true, receipt));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// Removes what concerns only the connection that it came on.
fn end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        // Framing is not the client's to remove.
        .filter(|name| name != header::CONTENT_LENGTH && name != header::HOST)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
