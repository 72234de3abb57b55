//! Whose request this is: the client's address from the peer or from a trusted field; pure.
//!
//! A field that anybody can send is a claim. It is read from the right, the side of the nearest hop, and only past
//! peers that are trusted; the first address that is not trusted is the client. Nobody is trusted by default, and
//! then the peer itself is the client.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The field that names the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientField {
    /// `X-Forwarded-For: client, proxy`, as most proxies send it.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client`, RFC 7239.
    Forwarded,
}

/// Who is believed, and which field they speak in.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    networks: Vec<IpNet>,
    field: ClientField,
}

impl Trust {
    /// Peers in `networks` are believed when they name the client in `field`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, field: ClientField) -> Self {
        Self { networks, field }
    }

    /// The client's address: `peer`, unless it is trusted and names another.
    ///
    /// Something that is no address (`unknown`, an obfuscated name) ends the walk: what is left of it may be a
    /// forgery, so the last trusted hop stands for the client.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let named = match self.field {
            ClientField::XForwardedFor => forwarded_for(headers),
            ClientField::Forwarded => forwarded(headers),
        };
        for named in named.into_iter().rev() {
            let Some(address) = named else { break };
            client = address;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// The list of all `X-Forwarded-For` lines, left to right; `None` for what is no address.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    lines(headers, "x-forwarded-for")
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|member| !member.is_empty())
        .map(address)
        .collect()
}

/// The `for` parameters of all `Forwarded` lines, left to right (RFC 7239 section 4).
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    lines(headers, "forwarded")
        .flat_map(|line| split_unquoted(line, ','))
        .filter(|element| !element.trim().is_empty())
        .map(|element| {
            split_unquoted(element, ';')
                .into_iter()
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
                .and_then(|(_, value)| address(value.trim().trim_matches('"')))
        })
        .collect()
}

fn lines<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    // A line that is not text is one member that is no address.
    headers
        .get_all(name)
        .into_iter()
        .map(|line| line.to_str().unwrap_or("unreadable"))
}

/// Splits at `separator` outside quoted strings (RFC 9110 section 5.6.4).
fn split_unquoted(line: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (index, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&line[start..index]);
                start = index + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&line[start..]);
    parts
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse()
        .ok()
        .or_else(bracketed)
        .or_else(with_port)
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn check(field: ClientField, peer: &str, lines: &[&str], expected: &str) {
        let trust = Trust::new(
            ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"]
                .iter()
                .map(|network| network.parse().expect("a network"))
                .collect(),
            field,
        );
        let name = match field {
            ClientField::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ClientField::Forwarded => HeaderName::from_static("forwarded"),
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).expect("a value"));
        }
        let client = trust.client(peer.parse().expect("an address"), &headers);
        assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn a_stranger_is_not_believed() {
        check(
            ClientField::XForwardedFor,
            "192.0.2.9",
            &["198.18.0.1"],
            "192.0.2.9",
        );
        check(
            ClientField::Forwarded,
            "192.0.2.9",
            &["for=198.18.0.1"],
            "192.0.2.9",
        );
    }

    #[test]
    fn nobody_is_trusted_by_default() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.18.0.1"));
        let peer = "127.0.0.1".parse().expect("an address");
        assert_eq!(Trust::default().client(peer, &headers), peer);
    }

    #[test]
    fn the_walk_goes_from_the_right_past_trusted_peers() {
        let check = |lines: &[&str], expected| {
            check(ClientField::XForwardedFor, "127.0.0.1", lines, expected)
        };
        check(&["198.18.0.1"], "198.18.0.1");
        check(&["203.0.113.7, 198.18.0.1, 10.1.2.3"], "198.18.0.1");
        check(&["203.0.113.7", "198.18.0.1", "10.1.2.3"], "198.18.0.1");
        check(&["10.1.1.1, 10.1.2.3"], "10.1.1.1");
        check(&["198.18.0.1:8080"], "198.18.0.1");
        check(&["[2001:db8::1]:8080"], "2001:db8::1");
        check(&["2001:db8::1"], "2001:db8::1");
        check(&["::ffff:198.18.0.1"], "198.18.0.1");
        check(&[], "127.0.0.1");
        check(&["203.0.113.7, unknown, 10.1.2.3"], "10.1.2.3");
        check(&[", ,"], "127.0.0.1");
    }

    #[test]
    fn forwarded_is_read_by_its_grammar() {
        let check =
            |lines: &[&str], expected| check(ClientField::Forwarded, "127.0.0.1", lines, expected);
        check(&["for=198.18.0.1;proto=http;by=203.0.113.43"], "198.18.0.1");
        check(&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17");
        check(
            &["for=203.0.113.1, proto=https;FOR=198.18.0.2, for=10.0.0.1"],
            "198.18.0.2",
        );
        check(
            &["for=203.0.113.1, for=\"_hid,den\", for=10.0.0.1"],
            "10.0.0.1",
        );
        check(&["for=203.0.113.1, proto=http, for=10.0.0.1"], "10.0.0.1");
    }
}
