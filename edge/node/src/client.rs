//! Whose request it is: the address that the nearest trusted peers vouch for.

use std::net::{IpAddr, SocketAddr};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;

use crate::config::{ClientField, trusted};

/// `X-Forwarded-For`, which has no RFC.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: the peer, or, as long as the last address is trusted, the one before it
/// in the configured field, read from the right. What cannot be read ends the walk: nothing to its
/// left can be believed either.
pub(crate) fn address(
    peer: IpAddr,
    headers: &HeaderMap,
    field: ClientField,
    trust: &[IpNet],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted(trust, peer) {
        return peer;
    }
    let mut address = peer;
    let name = match field {
        ClientField::XForwardedFor => X_FORWARDED_FOR,
        ClientField::Forwarded => header::FORWARDED,
    };
    // Lines in order make up one list; it is walked from its end.
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    for line in lines.into_iter().rev() {
        let Ok(line) = line.to_str() else {
            return address;
        };
        for element in members(line).into_iter().rev() {
            let named = match field {
                ClientField::XForwardedFor => node(element),
                ClientField::Forwarded => forwarded_for(element).and_then(node),
            };
            let Some(named) = named else { return address };
            address = named;
            if !trusted(trust, address) {
                return address;
            }
        }
    }
    address
}

/// The field that tells upstream for whom this node asks: what came from a trusted peer with that
/// peer appended, or the peer alone. What an untrusted peer claims is not passed on, in neither field:
/// upstream may read the one that this node does not.
pub(crate) fn forward(peer: IpAddr, headers: &mut HeaderMap, field: ClientField, trust: &[IpNet]) {
    let peer = peer.to_canonical();
    let name = match field {
        ClientField::XForwardedFor => X_FORWARDED_FOR,
        ClientField::Forwarded => header::FORWARDED,
    };
    if !trusted(trust, peer) {
        headers.remove(X_FORWARDED_FOR);
        headers.remove(header::FORWARDED);
    }
    let element = match (field, peer) {
        (ClientField::XForwardedFor, _) => peer.to_string(),
        (ClientField::Forwarded, IpAddr::V4(_)) => format!("for={peer}"),
        (ClientField::Forwarded, IpAddr::V6(_)) => format!("for=\"[{peer}]\""),
    };
    let before: Vec<&str> = headers
        .get_all(&name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let all = before
        .into_iter()
        .chain([element.as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(name, value);
    }
}

/// The members of a list, commas inside quoted strings left alone.
fn members(line: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    let split = line.split(move |c| {
        let escape = std::mem::take(&mut escaped);
        match c {
            '"' if !escape => quoted = !quoted,
            '\\' if quoted && !escape => escaped = true,
            _ => {}
        }
        c == ',' && !quoted
    });
    split
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .collect()
}

/// The value of `for` in one element of `Forwarded` (RFC 7239 section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| value.trim().trim_matches('"'))
    })
}

/// An address, perhaps in brackets, perhaps with a port.
fn node(text: &str) -> Option<IpAddr> {
    let plain = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = plain.parse().ok().or_else(|| {
        text.parse::<SocketAddr>()
            .ok()
            .map(|with_port| with_port.ip())
    });
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, field: ClientField, lines: &[&str], expected: &str) {
        let trust = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = if field == ClientField::Forwarded {
                header::FORWARDED
            } else {
                X_FORWARDED_FOR
            };
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        let found = address(peer.parse().unwrap(), &headers, field, &trust);
        assert_eq!(
            found,
            expected.parse::<IpAddr>().unwrap(),
            "{peer} {lines:?}"
        );
    }

    #[test]
    fn the_field_is_walked_from_the_right_past_trusted_peers() {
        let field = ClientField::XForwardedFor;
        check("192.0.2.9", field, &["198.18.0.1"], "192.0.2.9");
        check("10.0.0.1", field, &[], "10.0.0.1");
        check("10.0.0.1", field, &["198.18.0.1"], "198.18.0.1");
        check(
            "10.0.0.1",
            field,
            &["1.2.3.4, 198.18.0.1, 10.9.9.9"],
            "198.18.0.1",
        );
        check(
            "10.0.0.1",
            field,
            &["1.2.3.4", "198.18.0.1", "10.9.9.9"],
            "198.18.0.1",
        );
        check(
            "10.0.0.1",
            field,
            &["1.2.3.4, nonsense, 10.9.9.9"],
            "10.9.9.9",
        );
        check("fd00::1", field, &["2001:db8::5"], "2001:db8::5");
        check("::ffff:10.0.0.1", field, &["198.18.0.1:4711"], "198.18.0.1");
    }

    #[test]
    fn forwarded_is_read_with_its_quotes_brackets_and_parameters() {
        let field = ClientField::Forwarded;
        check(
            "10.0.0.1",
            field,
            &["for=1.2.3.4, for=198.18.0.1;proto=http;by=\"a,b\""],
            "198.18.0.1",
        );
        check(
            "10.0.0.1",
            field,
            &["For=\"[2001:db8::1]:4711\""],
            "2001:db8::1",
        );
        check("10.0.0.1", field, &["for=unknown"], "10.0.0.1");
        check("10.0.0.1", field, &["proto=http"], "10.0.0.1");
    }

    #[test]
    fn an_untrusted_claim_is_not_passed_on() {
        let trust = ["10.0.0.0/8".parse().unwrap()];
        let sent = |peer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("198.18.0.1"));
            let other = HeaderValue::from_static("for=198.18.0.1");
            headers.insert(header::FORWARDED, other);
            forward(
                peer.parse().unwrap(),
                &mut headers,
                ClientField::XForwardedFor,
                &trust,
            );
            let sent = headers[X_FORWARDED_FOR].to_str().unwrap().to_owned();
            (sent, headers.contains_key(header::FORWARDED))
        };
        assert_eq!(sent("192.0.2.9"), ("192.0.2.9".to_owned(), false));
        let both = "198.18.0.1, 10.0.0.1".to_owned();
        assert_eq!(sent("10.0.0.1"), (both, true));
    }
}
