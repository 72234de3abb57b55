//! Strict readers of single fields (RFC 9110, RFC 9111). Each knows its grammar and nothing of what
//! the value is for; none fails on input: what does not parse is told as such.

pub mod age;
pub mod cache_control;
pub mod connection;
pub mod date;
pub mod directives;
pub mod etag;

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
    split_at(line, comma)
}

/// The members of one line of a comma-separated list of entity tags, in whose quotes a backslash
/// stands for itself (RFC 9110 section 8.8.3).
pub fn split_tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_at(line, |bytes| {
        let mut quoted = false;
        let ends = |byte: &u8| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        };
        bytes.iter().position(ends).unwrap_or(bytes.len())
    })
}

fn split_at(line: &[u8], end: impl Fn(&[u8]) -> usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        while let Some(bytes) = rest {
            let end = end(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, header};
    use proptest::prelude::*;

    #[test]
    fn lists_over_lines() {
        let mut headers = HeaderMap::new();
        for line in ["a, \"b,c\" ,,", "", "d=\"e\\\",f\", g", "\"open, h"] {
            headers.append(header::VARY, HeaderValue::from_static(line));
        }
        let members: Vec<&[u8]> = list(&headers, &header::VARY).collect();
        let expected: [&[u8]; 5] = [b"a", b"\"b,c\"", b"d=\"e\\\",f\"", b"g", b"\"open, h"];
        assert_eq!(members, expected);
    }

    proptest! {
        /// No reader panics, whatever stands in a field.
        #[test]
        fn readers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), at: i64) {
            let _ = date::parse(&bytes, crate::Timestamp(at));
            let _ = etag::ETag::parse(&bytes);
            let _ = age::delta_seconds(&bytes);
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            for name in [header::CACHE_CONTROL, header::AGE, header::VARY, header::CONNECTION] {
                headers.insert(name, value.clone());
            }
            let _ = cache_control::response_directives(&headers);
            let _ = age::of(&headers);
            let _ = crate::Vary::of(&headers);
            connection::remove_hop_by_hop(&mut headers);
        }

        /// A directive is found whatever surrounds it, unless it is in quotes.
        #[test]
        fn directives_are_found(before in "[a-z]{0,5}(=\"[^\"\\\\]{0,9}\")?", after in "[a-z,= ]{0,9}") {
            let text = format!("{before}, No-Store , {after}");
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_str(&text) else { return Ok(()) };
            headers.insert(header::CACHE_CONTROL, value);
            prop_assert!(cache_control::response_directives(&headers).no_store);
        }
    }
}
