//! The normal form of paths and queries (RFC 3986 section 6.2.2): what is the same by RFC 9110 section 4.2.3 is written the
//! same, in the cache key and to upstream alike. Otherwise one spelling could store its answer under another's key.

/// Removes dot segments (RFC 3986 section 5.2.4) and normalises percent-encoding (section 6.2.2).
/// Doubled slashes stay: they are a different path.
pub(crate) fn push_path(text: &mut String, path: &str) {
    if path == "*" {
        text.push('*');
        return;
    }
    // Most paths have neither dots at the start of a segment nor percent signs.
    if !path.contains("/.") && !path.contains('%') {
        text.push_str(path);
        return;
    }
    let start = text.len();
    let mut plain = String::with_capacity(path.len());
    push_query(&mut plain, path);
    let mut segments = plain.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    let parent = text
                        .get(start..)
                        .and_then(|path| path.rfind('/'))
                        .unwrap_or(0);
                    text.truncate(start + parent);
                }
                if last {
                    text.push('/');
                }
            }
            _ => {
                text.push('/');
                text.push_str(segment);
            }
        }
    }
}

/// As for a query: decodes percent-encoded unreserved characters and writes the others' hex digits in upper case.
pub(crate) fn push_query(text: &mut String, part: &str) {
    let mut rest = part;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        match rest.get(at + 1..at + 3).and_then(hex_byte) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                text.push(char::from(byte));
                rest = &rest[at + 3..];
            }
            Some(_) => {
                text.push('%');
                text.push_str(&rest[at + 1..at + 3].to_ascii_uppercase());
                rest = &rest[at + 3..];
            }
            None => {
                text.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
}

fn hex_byte(digits: &str) -> Option<u8> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}
