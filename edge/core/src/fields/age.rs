//! `Age` and delta-seconds (RFC 9111 sections 1.2.2 and 5.1).

use http::{HeaderMap, header};

/// The greatest number of seconds that is told apart: RFC 9111 section 1.2.2 names 2^31.
pub const MAX_SECONDS: u64 = 1 << 31;

/// Reads digits as seconds, held at [`MAX_SECONDS`]. Anything but digits is `None`.
pub fn delta_seconds(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| (sum * 10 + u64::from(byte - b'0')).min(MAX_SECONDS))
    })
}

/// The age a response claims, in seconds: the first member of all lines, parameters after `;`
/// dropped. `None` without the field or if it is not a number.
pub fn of(headers: &HeaderMap) -> Option<u64> {
    let member = super::list(headers, &header::AGE).next()?;
    let value = member
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    delta_seconds(value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_digits_count() {
        let check = |text: &'static str, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AGE, HeaderValue::from_static(text));
            assert_eq!(of(&headers), expected, "{text}");
        };
        check("0", Some(0));
        check("  17 ", Some(17));
        check("17, 3", Some(17));
        check("17;a=b", Some(17));
        check("99999999999999999999999999", Some(MAX_SECONDS));
        check("-1", None);
        check("+1", None);
        check("1.5", None);
        check("\"1\"", None);
        check("", None);
        check("a, 1", None);
        check("7200 3", None);
        check("7200;a, 1", Some(7200));
        check("'1'", None);
        check("0x10", None);
        assert_eq!(of(&HeaderMap::new()), None);
        let mut lines = HeaderMap::new();
        for (line, expected) in [("", None), ("17", Some(17)), ("3", Some(17))] {
            lines.append(header::AGE, HeaderValue::from_static(line));
            assert_eq!(of(&lines), expected, "{line}");
        }
    }
}
