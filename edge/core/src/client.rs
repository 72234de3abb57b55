//! stub
use crate::{
    Handling, Policy, RequestHead, ResponseHead, Stored, Timestamp, fields::range::ByteRange,
};
use http::{HeaderMap, HeaderValue, StatusCode};
/// Which bytes of the body go to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// All of it.
    Whole,
    /// This part of it.
    Part(ByteRange),
}
/// The head that goes to the client, and which bytes of the body.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// The status.
    pub status: StatusCode,
    /// The fields.
    pub headers: HeaderMap,
    /// Which bytes.
    pub body: Body,
}
/// Where a client's response comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// For a stored response (or one that is being stored): what its Age is worked out from.
    pub stored: Option<Stored>,
    /// The length of the whole body, where it is known: ranges are answered from it.
    pub length: Option<u64>,
    /// The client's preconditions and Range went upstream as they are, so that this answer is final.
    pub passed: bool,
}
/// The response for a client, made from a stored head or an upstream one.
pub fn client_response(
    request: &RequestHead,
    head: ResponseHead,
    source: Source,
    handling: &Handling,
    key: Option<&str>,
    policy: &Policy,
    now: Timestamp,
) -> ClientResponse {
    let _ = (request, head, source, handling, key, policy, now);
    todo!()
}
/// A response of the node's own.
pub fn synthetic(
    status: StatusCode,
    handling: &Handling,
    policy: &Policy,
    now: Timestamp,
) -> ResponseHead {
    let _ = (status, handling, policy, now, HeaderValue::from(0));
    todo!()
}
