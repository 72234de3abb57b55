//! stub
use crate::{Forward, Policy, RequestHead, StoredHead};
use http::{HeaderMap, HeaderValue};
/// The validators of a stored response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Its entity tag.
    pub etag: Option<HeaderValue>,
    /// Its Last-Modified.
    pub last_modified: Option<HeaderValue>,
}
impl Validators {
    /// Those of a stored head.
    pub fn of(head: &StoredHead) -> Self {
        let _ = head;
        todo!()
    }
}
/// The fields of the upstream request. `version` is the HTTP version the client's request came
/// with (1.1 as a rule), for Via. The caller sets Host.
pub fn upstream_request(
    request: &RequestHead,
    policy: &Policy,
    forward: &Forward,
    stored: Option<&Validators>,
) -> HeaderMap {
    let _ = (request, policy, forward, stored);
    todo!()
}
/// The fields of a background refresh, from the request that found the stored response.
pub fn refresh_request(
    request: &RequestHead,
    policy: &Policy,
    stored: Option<&Validators>,
) -> HeaderMap {
    let _ = (request, policy, stored);
    todo!()
}
/// Whether a request has been through the node of this name before (RFC 8586): answer 508.
pub fn is_loop(headers: &HeaderMap, name: &str) -> bool {
    let _ = (headers, name);
    todo!()
}
