//! Strict readers of single fields (RFC 9110, RFC 9111). Each knows its grammar and nothing of what
//! the value is for; none fails on input: what does not parse is told as such.

pub mod age;
pub mod cache_control;
pub mod connection;
pub mod date;
pub mod etag;
pub mod range;

use http::{HeaderMap, HeaderName};

/// The members of a comma-separated list over all lines of a field, in order, without the white
/// space around them and without empty ones (RFC 9110 section 5.6.1). Quoted strings are kept whole.
pub fn list<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| split(line.as_bytes()))
}

/// The members of one line of a comma-separated list.
pub fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        while let Some(bytes) = rest {
            let end = comma(bytes);
            rest = bytes.get(end + 1..);
            let member = bytes[..end].trim_ascii();
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    })
}

/// Where the first comma outside of quoted strings is, or the end.
fn comma(bytes: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    bytes.len()
}

/// Whether all bytes are those of a token, and there is at least one (RFC 9110 section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
