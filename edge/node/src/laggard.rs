//! How a reader that a transfer's window has left behind goes on by itself: with a range request
//! of its own for exactly the representation it has begun (RFC 9110 section 13.1.5).

use std::sync::Arc;

use edge_core::ResponseHead;
use edge_core::ranges::ByteRange;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use crate::node::Ids;
use crate::parts;
use crate::ride::Ride;
use crate::serve::REQUEST_ID;
use crate::upstream::{Failure, RequestBody, Upstream, UpstreamBody};

/// What a reader needs for going on by itself.
#[derive(Clone)]
pub(crate) struct Resume {
    pub(crate) upstream: Upstream,
    /// Path and query, as upstream was asked.
    pub(crate) target: Arc<str>,
    /// The fields of the request that the transfer answers, without preconditions or range.
    pub(crate) headers: HeaderMap,
    /// Which part of the representation the transfer has.
    part: Option<ByteRange>,
    /// The entity tag of the representation, a strong one.
    pub(crate) etag: HeaderValue,
    /// Gives the request an id of its own.
    pub(crate) ids: Arc<Ids>,
}

/// A strong entity tag, the only validator by which parts of two responses may be put together
/// (RFC 9110 section 15.3.7.3).
fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(header::ETAG)?;
    etag.as_bytes().starts_with(b"\"").then(|| etag.clone())
}

impl Resume {
    /// How readers of this response go on, if its validator is strong enough.
    pub(crate) fn of(ride: &Ride, head: &ResponseHead, mut sent: HeaderMap) -> Option<Self> {
        let part = match head.status {
            StatusCode::OK => None,
            StatusCode::PARTIAL_CONTENT => Some(parts::part_of(&head.headers)?.0),
            _ => return None,
        };
        let gets = ride.ask.head.method == Method::GET;
        let etag = strong_etag(&head.headers).filter(|_| gets)?;
        sent.remove(header::IF_NONE_MATCH);
        sent.remove(header::IF_MODIFIED_SINCE);
        Some(Self {
            upstream: ride.worker.upstream.clone(),
            target: ride.ask.head.target.path_and_query().into(),
            headers: sent,
            part,
            etag,
            ids: Arc::clone(&ride.node().ids),
        })
    }

    /// The same representation from `offset` of the transfer on: a body, and how many of its first
    /// bytes come before the offset.
    pub(crate) async fn from(self, offset: u64) -> Result<(UpstreamBody, u64), Failure> {
        let mut headers = self.headers;
        let offset = offset + self.part.map_or(0, |part| part.start);
        let range = match self.part.and_then(|part| ByteRange::new(offset, part.end)) {
            Some(rest) => rest.range(),
            None => HeaderValue::from_str(&format!("bytes={offset}-"))
                .map_err(|_| Failure::Malformed)?,
        };
        headers.insert(header::RANGE, range);
        headers.insert(header::IF_RANGE, self.etag.clone());
        headers.insert(REQUEST_ID, self.ids.next("lag"));
        // The final response has begun: nothing interim can go before it.
        let hints = Arc::default();
        let response = self
            .upstream
            .send(
                Method::GET,
                &self.target,
                headers,
                RequestBody::None,
                &hints,
            )
            .await?;
        if strong_etag(response.headers()) != Some(self.etag) {
            // Another representation by now; its bytes do not belong behind those already sent.
            return Err(Failure::Changed);
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT
                if parts::part_of(response.headers())
                    .is_some_and(|(range, _)| range.start == offset) =>
            {
                Ok((response.into_body(), 0))
            }
            StatusCode::OK => Ok((response.into_body(), offset)),
            _ => Err(Failure::Changed),
        }
    }
}
