//! stub
use crate::{Fwd, Handling};
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;
/// The text of one member.
pub fn member(name: &str, handling: &Handling, key: Option<&str>) -> HeaderValue {
    let _ = (name, handling, key);
    todo!()
}
/// One cache's word about a request, as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The cache's name.
    pub cache: Box<str>,
    /// Answered from its store.
    pub hit: bool,
    /// Why it went upstream.
    pub fwd: Option<Fwd>,
    /// The status that upstream answered with.
    pub fwd_status: Option<u16>,
    /// The answer was stored.
    pub stored: bool,
    /// Collapsed with another request.
    pub collapsed: bool,
    /// What is left of the lifetime. Seconds, negative when stale.
    pub ttl: Option<i64>,
    /// More about it.
    pub detail: Option<Box<str>>,
    /// The cache key.
    pub key: Option<Box<str>>,
}
/// The members that tell of this request: from the client's side, up to and with the first `hit`
/// or `collapsed`; what is behind it is history stored with the response.
pub fn parse_path(headers: &HeaderMap) -> SmallVec<[Member; 2]> {
    let _ = headers;
    todo!()
}
