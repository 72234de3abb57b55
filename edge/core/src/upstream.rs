//! The request that goes upstream. Knows nothing about connections; the caller sets Host.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    Forward, Fwd, Policy, RequestHead, StoredHead,
    fields::connection::remove_hop_by_hop,
    hops::{append_cdn_loop, append_via},
};

/// The validators of a stored response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Its entity tag.
    pub etag: Option<HeaderValue>,
    /// Its Last-Modified.
    pub last_modified: Option<HeaderValue>,
}

impl Validators {
    /// Those of a stored head.
    pub fn of(head: &StoredHead) -> Self {
        let mut found = Self::default();
        for (name, value) in head {
            if name == header::ETAG {
                found.etag.get_or_insert(value);
            } else if name == header::LAST_MODIFIED {
                found.last_modified.get_or_insert(value);
            }
        }
        found
    }
}

/// What the client holds itself and asks to have compared. It is answered from the response here;
/// mixed with our own condition, a 304 would not say which of the two it confirms.
const CLIENTS_OWN: [HeaderName; 6] = [
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
];

/// The fields of the upstream request: those of the client's, less what belongs to its connection,
/// with Via and CDN-Loop appended and, if `forward` says so, the stored response's validators as the
/// condition. Host is left out: the caller sets it.
pub fn upstream_request(
    request: &RequestHead,
    policy: &Policy,
    forward: &Forward,
    stored: Option<&Validators>,
) -> HeaderMap {
    let mut headers = request.headers.clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(header::HOST);
    if !forward.passes {
        for name in &CLIENTS_OWN {
            headers.remove(name);
        }
    }
    if forward.conditional
        && let Some(stored) = stored
    {
        insert_condition(&mut headers, stored);
    }
    normalise(&mut headers, policy);
    append_via(&mut headers, &policy.name);
    append_cdn_loop(&mut headers, &policy.name);
    headers
}

/// The fields of a background refresh (always a GET), made from the request that found the stored
/// response: its selecting fields must be the same.
pub fn refresh_request(
    request: &RequestHead,
    policy: &Policy,
    stored: Option<&Validators>,
) -> HeaderMap {
    let conditional = stored.is_some();
    let forward = Forward {
        why: Fwd::Stale,
        conditional,
        leads: true,
        passes: false,
    };
    upstream_request(request, policy, &forward, stored)
}

/// If-None-Match where there is an entity tag; If-Modified-Since too, for an upstream that knows
/// only that (RFC 9111 section 4.3.1).
fn insert_condition(headers: &mut HeaderMap, stored: &Validators) {
    if let Some(etag) = &stored.etag {
        headers.insert(header::IF_NONE_MATCH, etag.clone());
    }
    if let Some(last_modified) = &stored.last_modified {
        headers.insert(header::IF_MODIFIED_SINCE, last_modified.clone());
    }
}

/// Upstream must see the values that the variant is stored under.
fn normalise(headers: &mut HeaderMap, policy: &Policy) {
    for rule in &policy.normalise {
        let Ok(name) = HeaderName::from_bytes(rule.field.as_bytes()) else {
            continue;
        };
        let lines: Vec<&str> = headers
            .get_all(&name)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        if let Ok(value) = HeaderValue::from_str(rule.apply(&lines.join(","))) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normalise, TargetUri};
    use http::Method;

    fn sent(lines: &[(&str, &str)], policy: &Policy, forward: Forward) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        let target = TargetUri::parse("http://a.test/").unwrap();
        let request = RequestHead {
            method: Method::GET,
            target,
            headers,
        };
        let stored = Validators {
            etag: Some(HeaderValue::from_static("\"s\"")),
            last_modified: Some(HeaderValue::from_static("then")),
        };
        let headers = upstream_request(&request, policy, &forward, Some(&stored));
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    const MISS: Forward = Forward {
        why: Fwd::UriMiss,
        conditional: false,
        leads: true,
        passes: false,
    };
    const CLIENT: [(&str, &str); 8] = [
        ("host", "a.test"),
        ("if-none-match", "\"c\""),
        ("if-modified-since", "now"),
        ("range", "bytes=0-1"),
        ("if-range", "\"c\""),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("via", "1.0 before"),
    ];

    #[test]
    fn conditions_never_mix() {
        let policy = Policy {
            name: "fra-1".into(),
            ..Policy::default()
        };
        let plain = ["cdn-loop: fra-1", "via: 1.0 before", "via: 1.1 fra-1"];
        assert_eq!(sent(&CLIENT, &policy, MISS), plain);
        let ours = sent(
            &CLIENT,
            &policy,
            Forward {
                conditional: true,
                ..MISS
            },
        );
        assert!(
            ours.contains(&"if-none-match: \"s\"".to_owned()),
            "{ours:?}"
        );
        assert!(
            ours.contains(&"if-modified-since: then".to_owned()),
            "{ours:?}"
        );
        assert!(
            !ours
                .iter()
                .any(|line| line.contains("\"c\"") || line.contains("range"))
        );
        let theirs = sent(
            &CLIENT,
            &policy,
            Forward {
                passes: true,
                ..MISS
            },
        );
        assert!(
            theirs.contains(&"if-none-match: \"c\"".to_owned()),
            "{theirs:?}"
        );
        assert!(
            theirs.contains(&"range: bytes=0-1".to_owned()),
            "{theirs:?}"
        );
    }

    #[test]
    fn upstream_sees_the_normalised_value() {
        let rule = Normalise {
            field: "Accept-Language".into(),
            values: vec!["en".into(), "de".into()],
        };
        let policy = Policy {
            normalise: vec![rule],
            ..Policy::default()
        };
        let lines = sent(&[("accept-language", "fr, DE;q=0.5")], &policy, MISS);
        assert!(
            lines.contains(&"accept-language: de".to_owned()),
            "{lines:?}"
        );
    }
}
