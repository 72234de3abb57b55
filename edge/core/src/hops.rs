//! Traces of the nodes that a message went through: `Via` (RFC 9110 section 7.6.3) and `CDN-Loop`
//! (RFC 8586).

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::fields::{is_token, list};

/// `CDN-Loop`.
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// Whether a request has been through the node of this name before (RFC 8586): answer it with 508.
pub fn is_loop(headers: &HeaderMap, name: &str) -> bool {
    let id = identifier(name);
    list(headers, &CDN_LOOP).any(|member| {
        let found = member
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        found.trim_ascii() == id.as_bytes()
    })
}

/// Counts a hop of a request that is traced hop by hop (`Max-Forwards`, RFC 9110 section 7.6.2). False: it ends here.
pub fn may_go_on(method: &Method, headers: &mut HeaderMap) -> bool {
    if !matches!(*method, Method::TRACE | Method::OPTIONS) {
        return true;
    }
    let line = headers.get(header::MAX_FORWARDS);
    let digits = line.and_then(|value| value.to_str().ok());
    let digits = digits.filter(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(digits) = digits else { return true };
    // What is larger than can be counted is larger than any way.
    let left: u64 = digits.parse().unwrap_or(u64::MAX);
    match left.checked_sub(1) {
        Some(left) => {
            headers.insert(header::MAX_FORWARDS, left.into());
            true
        }
        None => false,
    }
}

/// Appends the node to `Via`.
pub(crate) fn append_via(headers: &mut HeaderMap, name: &str) {
    append(headers, header::VIA, &format!("1.1 {}", identifier(name)));
}

/// Appends the node to `CDN-Loop`.
pub(crate) fn append_cdn_loop(headers: &mut HeaderMap, name: &str) {
    append(headers, CDN_LOOP, &identifier(name));
}

fn append(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.append(name, value);
    }
}

/// A name as a token: what cannot stand in one becomes `_`.
pub(crate) fn identifier(name: &str) -> String {
    if is_token(name.as_bytes()) {
        return name.to_owned();
    }
    let token: String = name
        .chars()
        .map(|c| {
            if c.is_ascii() && is_token(&[c as u8]) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if token.is_empty() {
        "_".to_owned()
    } else {
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traced_requests_end_where_they_are_to() {
        let check = |method: Method, value: &'static str, goes_on: bool, left: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::MAX_FORWARDS, HeaderValue::from_static(value));
            assert_eq!(
                may_go_on(&method, &mut headers),
                goes_on,
                "{method} {value}"
            );
            assert_eq!(headers[header::MAX_FORWARDS], left, "{method} {value}");
        };
        check(Method::TRACE, "0", false, "0");
        check(Method::OPTIONS, "0", false, "0");
        check(Method::OPTIONS, "10", true, "9");
        check(
            Method::TRACE,
            "99999999999999999999",
            true,
            "18446744073709551614",
        );
        check(Method::TRACE, "-1", true, "-1");
        check(Method::GET, "0", true, "0");
        assert!(may_go_on(&Method::TRACE, &mut HeaderMap::new()));
    }

    #[test]
    fn loops_are_seen() {
        let mut headers = HeaderMap::new();
        append_cdn_loop(&mut headers, "fra-1");
        append_cdn_loop(&mut headers, "a b");
        headers.append(CDN_LOOP, HeaderValue::from_static("x, lhr-1;hops=2"));
        for (name, expected) in [
            ("fra-1", true),
            ("a b", true),
            ("a_b", true),
            ("a\u{161}b", true),
            ("a\u{161}", false),
            ("lhr-1", true),
            ("fra", false),
            ("hops=2", false),
        ] {
            assert_eq!(is_loop(&headers, name), expected, "{name}");
        }
    }
}
