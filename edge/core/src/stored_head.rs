//! stub
use crate::ResponseHead;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
/// The head of a stored response, compact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    block: bytes::Bytes,
}
impl StoredHead {
    /// Packs a head; hop-by-hop fields are left out.
    pub fn new(head: &ResponseHead) -> Self {
        let _ = head;
        todo!()
    }
    /// The status.
    pub fn status(&self) -> StatusCode {
        todo!()
    }
    /// The fields, line by line, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        std::iter::empty()
    }
    /// All lines as a map.
    pub fn headers(&self) -> HeaderMap {
        self.iter().collect()
    }
    /// The first line of a field.
    pub fn first(&self, name: &HeaderName) -> Option<HeaderValue> {
        self.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
    /// The whole head.
    pub fn to_head(&self) -> ResponseHead {
        ResponseHead {
            status: self.status(),
            headers: self.headers(),
        }
    }
    /// Bytes of memory it holds.
    pub fn size(&self) -> usize {
        self.block.len()
    }
    /// The packed bytes, for a store on disk.
    pub fn as_bytes(&self) -> &bytes::Bytes {
        &self.block
    }
    /// Reads packed bytes back; `None` if they are damaged.
    pub fn from_bytes(block: bytes::Bytes) -> Option<Self> {
        let _ = block;
        todo!()
    }
}
