//! Heads as they come from the wire. Knows nothing about bodies, sockets or the store.

use http::{HeaderMap, Method, StatusCode};

use crate::{TargetUri, Timestamp, fields::date};

/// The head of a request, its target already parsed.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method, as received.
    pub method: Method,
    /// The target URI (RFC 9110 section 7.1).
    pub target: TargetUri,
    /// The fields, as received.
    pub headers: HeaderMap,
}

/// The head of a final response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status, as received.
    pub status: StatusCode,
    /// The fields, as received.
    pub headers: HeaderMap,
}

impl ResponseHead {
    /// A head as it came from upstream at `received`. A response without `Date` gets one, as
    /// RFC 9110 section 6.6.1 demands of a recipient with a clock.
    pub fn received(status: StatusCode, mut headers: HeaderMap, received: Timestamp) -> Self {
        if !headers.contains_key(http::header::DATE) {
            headers.insert(http::header::DATE, date::value(received));
        }
        Self { status, headers }
    }
}
