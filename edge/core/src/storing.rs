//! stub
use crate::{Digest, NotStorable, Policy, RequestHead, ResponseHead, Timestamp};
/// Whether a response may be stored (RFC 9111 section 3), and what decisions need of it then.
/// `received` is when its head came.
pub fn digest(
    request: &RequestHead,
    response: &ResponseHead,
    policy: &Policy,
    received: Timestamp,
) -> Result<Digest, NotStorable> {
    let _ = (request, response, policy, received);
    todo!()
}
