//! Fields that belong to one connection and are not passed on (RFC 9110 section 7.6.1).

use http::{HeaderMap, HeaderName, header};

use super::list;

/// Fields that are hop-by-hop even where `Connection` does not name them.
const ALWAYS: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    // Between a client and the next proxy (RFC 9110 section 11.7), and never stored (RFC 9111
    // section 3.1).
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether a field belongs to one connection, whatever `Connection` says.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    ALWAYS.contains(name)
}

/// Removes the fields that belong to one connection, those that `Connection` nominates too.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let nominated: Vec<HeaderName> = list(headers, &header::CONNECTION)
            .filter_map(|member| HeaderName::from_bytes(member).ok())
            .collect();
        for name in nominated {
            headers.remove(name);
        }
    }
    for name in &ALWAYS {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn nominated_fields_go() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-A"),
            ("connection", "x-b,, "),
            ("x-a", "1"),
            ("x-b", "2"),
            ("x-c", "3"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x=1"),
            ("transfer-encoding", "chunked"),
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        remove_hop_by_hop(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-c"]
        );
    }
}
