//! stub
use crate::{ResponseHead, StoredHead};
/// The 304 does not belong to the stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the 304 names another response than the stored one")]
pub struct Mismatch;
/// The stored head as a 304 updates it (RFC 9111 sections 3.2 and 4.3.4).
pub fn update_304(stored: &StoredHead, response: &ResponseHead) -> Result<ResponseHead, Mismatch> {
    let _ = (stored, response);
    todo!()
}
