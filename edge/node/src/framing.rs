//! What the framing of a message must be like to be taken at all (RFC 9112 section 6). hyper reads
//! it; here stands what hyper takes and a node in the middle must not.

use edge_core::fields::list;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};

/// How upstream's word about its framing is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As it is.
    Fine,
    /// It says two things. hyper follows the one that RFC 9112 section 6.3 names; the connection
    /// may hold something else than it seems, and is not used again.
    Doubtful,
    /// The body would not be what it seems.
    Wrong,
}

/// Whether a request has a transfer coding beside `chunked`: those are not known here, and dropped
/// they would leave upstream a body it cannot read (RFC 9112 section 6.1: 501).
pub(crate) fn has_unknown_coding(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && !only_chunked(headers)
}

fn only_chunked(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let (first, more) = (lines.next(), lines.next());
    let chunked = |line: &http::HeaderValue| line.as_bytes().eq_ignore_ascii_case(b"chunked");
    first.is_some_and(chunked) && more.is_none()
}

/// Whether the body has, or may have, a coding that hyper leaves in place: one that is registered, or
/// looks like `chunked`. Any other name is no coding, but a field that upstream knows nothing about:
/// such a body ends with its connection (RFC 9112 section 6.3) and is what it is.
fn is_coded(headers: &HeaderMap) -> bool {
    const REGISTERED: [&[u8]; 5] = [b"compress", b"deflate", b"gzip", b"x-compress", b"x-gzip"];
    let coding = |name: &[u8]| {
        let name = name.to_ascii_lowercase();
        let name = name.split(|byte| *byte == b';').next().unwrap_or_default();
        REGISTERED.contains(&name.trim_ascii()) || name.windows(7).any(|part| part == b"chunked")
    };
    let nameless = list(headers, &TRANSFER_ENCODING).next().is_none();
    has_unknown_coding(headers) && (nameless || list(headers, &TRANSFER_ENCODING).any(coding))
}

/// What to make of a final response's head.
pub(crate) fn of_response(status: StatusCode, headers: &HeaderMap) -> Framing {
    // Nobody asked for an upgrade: `Upgrade` does not go upstream.
    if status.is_informational() || is_coded(headers) {
        return Framing::Wrong;
    }
    if has_unknown_coding(headers) {
        return Framing::Doubtful;
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    if lengths > 1 || (lengths > 0 && headers.contains_key(TRANSFER_ENCODING)) {
        return Framing::Doubtful;
    }
    Framing::Fine
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn check(status: u16, lines: &[(&'static str, &'static str)], expected: Framing) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_static(value);
            headers.append(HeaderName::from_static(name), value);
        }
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(of_response(status, &headers), expected, "{lines:?}");
    }

    #[test]
    fn framing() {
        let (te, cl) = ("transfer-encoding", "content-length");
        check(200, &[], Framing::Fine);
        check(200, &[(cl, "5")], Framing::Fine);
        check(200, &[(te, "Chunked")], Framing::Fine);
        check(200, &[(te, "gzip, chunked")], Framing::Wrong);
        check(200, &[(te, "gzip"), (te, "chunked")], Framing::Wrong);
        check(200, &[(te, "chunked"), (te, "chunked")], Framing::Wrong);
        check(200, &[(te, "x-gzip; q=1")], Framing::Wrong);
        check(200, &[(te, "none, deflate")], Framing::Wrong);
        check(200, &[(te, "xchunked")], Framing::Wrong);
        check(200, &[(te, "identity")], Framing::Doubtful);
        check(200, &[(te, "none")], Framing::Doubtful);
        check(200, &[(te, "")], Framing::Wrong);
        check(200, &[(te, "chunked"), (cl, "5")], Framing::Doubtful);
        check(200, &[(cl, "5"), (cl, "5")], Framing::Doubtful);
        check(101, &[], Framing::Wrong);
    }
}
