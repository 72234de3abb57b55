//! Who may look at the page, and who may give orders from it. Pure.
//!
//! - Whoever looks must have asked for an address, for `localhost`, or for the name that the front was given: a page of
//!   another site that has its own name resolved to this machine (DNS rebinding) asks for that name.
//! - An order must not come from a page of another site (`Origin`, `Sec-Fetch-Site`).
//! - From this machine orders need no token. From anywhere else they need the operator's, in `Authorization: Bearer TOKEN`.
//!
//! "This machine" is a peer on loopback, that asked for loopback. A front in a container never sees one: its port is
//! published by somebody else. It is told at which address; if that is loopback, only this machine can come through, and
//! then peers of private networks (the gateway, neighbours in the container's own networks) count as this machine.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};

/// The rules of one front.
#[derive(Debug, Clone, Default)]
pub struct Door {
    token: Option<Arc<str>>,
    published: Option<IpAddr>,
    name: Option<String>,
}

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "this address is asked for under a name that it does not know; use localhost, an IP address, or start the front with --front-name NAME"
    )]
    Name,
    #[error("orders are not taken from pages of other sites")]
    Foreign,
    #[error(
        "orders from beyond this machine need the operator's token: Authorization: Bearer TOKEN"
    )]
    NoToken,
    #[error(
        "orders from beyond this machine need a token, and the front was started without one (CDNLAB_ADMIN_TOKEN)"
    )]
    NoneSet,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Name => StatusCode::MISDIRECTED_REQUEST,
            Self::Foreign | Self::NoneSet => StatusCode::FORBIDDEN,
            Self::NoToken => StatusCode::UNAUTHORIZED,
        }
    }
}

impl Door {
    /// `token`: the operator's. `published`: where somebody else publishes the front's port. `name`: a further name that the
    /// front is asked for under.
    #[must_use]
    pub fn new(token: Option<&str>, published: Option<IpAddr>, name: Option<&str>) -> Self {
        Self {
            token: token.map(Into::into),
            published,
            name: name.map(str::to_ascii_lowercase),
        }
    }

    /// Whether a visitor may see the page and what it tells.
    pub(super) fn look(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = host(headers).ok_or(Refusal::Name)?;
        let known = host.parse::<IpAddr>().is_ok()
            || is_localhost(host)
            || self
                .name
                .as_deref()
                .is_some_and(|name| host.eq_ignore_ascii_case(name));
        if known { Ok(()) } else { Err(Refusal::Name) }
    }

    /// Whether a visitor may have a request sent.
    pub(super) fn visit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.look(headers)?;
        if is_foreign(headers) {
            return Err(Refusal::Foreign);
        }
        Ok(())
    }

    /// Whether a visitor may give an order.
    pub(super) fn order(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        self.visit(headers)?;
        if !self.asks(peer, headers) {
            return Ok(());
        }
        match &self.token {
            Some(token) if operator::shows(headers, token) => Ok(()),
            Some(_) => Err(Refusal::NoToken),
            None => Err(Refusal::NoneSet),
        }
    }

    /// Whether a visitor's orders need the token.
    pub(super) fn asks(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let peer = peer.to_canonical();
        let near = peer.is_loopback()
            || self.published.is_some_and(|at| at.is_loopback()) && is_private(peer);
        let local = host(headers).is_some_and(|host| {
            is_localhost(host) || host.parse().is_ok_and(|at: IpAddr| at.is_loopback())
        });
        !(near && local)
    }
}

/// The host that was asked for, without its port and the brackets of an IPv6 address.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(HOST).iter();
    let field = fields.next()?.to_str().ok()?;
    if fields.next().is_some() {
        return None;
    }
    if let Some(rest) = field.strip_prefix('[') {
        return rest.split_once(']').map(|(host, _)| host);
    }
    Some(field.rsplit_once(':').map_or(field, |(host, _)| host))
}

/// Names that browsers and resolvers keep on this machine (RFC 6761 section 6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn is_private(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// A browser says which page a request comes from; other clients say nothing.
fn is_foreign(headers: &HeaderMap) -> bool {
    let field = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let other_site =
        field("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let other_origin = field(ORIGIN.as_str()).is_some_and(|origin| {
        let (_, of) = origin.split_once("://").unwrap_or(("", "null"));
        Some(of) != field(HOST.as_str())
    });
    other_site || other_origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let value = value.parse().expect("a value");
            (http::HeaderName::from_static(name), value)
        });
        fields.collect()
    }

    #[test]
    fn a_page_is_asked_for_by_address_or_by_a_name_that_is_known() {
        let door = Door::new(None, None, Some("Lab.example"));
        let look = |host: &str| door.look(&headers(&[("host", host)]));
        for host in [
            "127.0.0.1:8642",
            "10.1.2.3",
            "[::1]:80",
            "localhost:1",
            "a.localhost",
            "lab.EXAMPLE:80",
        ] {
            assert_eq!(look(host), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8642",
            "localhost.evil.example",
            "lab.example.evil",
            "",
        ] {
            assert_eq!(look(host), Err(Refusal::Name), "{host}");
        }
        assert_eq!(door.look(&HeaderMap::new()), Err(Refusal::Name));
    }

    #[test]
    fn orders_need_the_token_beyond_this_machine() {
        let order = |door: &Door, peer: &str, fields: &[(&'static str, &str)]| {
            door.order(peer.parse().expect("an address"), &headers(fields))
        };
        let door = Door::new(Some("s3cret"), None, Some("lab.example"));
        let local = ("host", "localhost:8642");
        assert_eq!(order(&door, "127.0.0.1", &[local]), Ok(()));
        assert_eq!(order(&door, "::ffff:127.0.0.1", &[local]), Ok(()));
        // Through a proxy on this machine, which serves others.
        let named = ("host", "lab.example");
        assert_eq!(order(&door, "127.0.0.1", &[named]), Err(Refusal::NoToken));
        for peer in ["172.18.0.1", "203.0.113.9", "fd00::1"] {
            assert_eq!(
                order(&door, peer, &[local]),
                Err(Refusal::NoToken),
                "{peer}"
            );
            let wrong = ("authorization", "Bearer s3creT");
            assert_eq!(order(&door, peer, &[local, wrong]), Err(Refusal::NoToken));
            let right = ("authorization", "Bearer s3cret");
            assert_eq!(order(&door, peer, &[local, right]), Ok(()));
        }
        let open = Door::default();
        assert_eq!(order(&open, "127.0.0.1", &[local]), Ok(()));
        assert_eq!(order(&open, "10.0.0.1", &[local]), Err(Refusal::NoneSet));
    }

    #[test]
    fn a_port_that_is_published_on_loopback_is_this_machines() {
        let order = |published: &str, peer: &str, host: &str| {
            let door = Door::new(Some("t"), published.parse().ok(), None);
            door.order(
                peer.parse().expect("an address"),
                &headers(&[("host", host)]),
            )
        };
        assert_eq!(order("127.0.0.1", "172.18.0.1", "localhost:8642"), Ok(()));
        assert_eq!(order("::1", "fd00::1", "[::1]:8642"), Ok(()));
        for (published, peer, host) in [
            ("0.0.0.0", "172.18.0.1", "localhost"),
            ("127.0.0.1", "203.0.113.9", "localhost"),
            ("127.0.0.1", "172.18.0.1", "172.18.0.2:8080"),
        ] {
            assert_eq!(
                order(published, peer, host),
                Err(Refusal::NoToken),
                "{published} {peer} {host}"
            );
        }
    }

    #[test]
    fn pages_of_other_sites_give_no_orders() {
        let door = Door::default();
        let order = |fields: &[(&'static str, &str)]| {
            let mut all = vec![("host", "localhost:8642")];
            all.extend(fields);
            door.order(IpAddr::from([127, 0, 0, 1]), &headers(&all))
        };
        assert_eq!(order(&[("origin", "http://localhost:8642")]), Ok(()));
        assert_eq!(order(&[("sec-fetch-site", "same-origin")]), Ok(()));
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "http://localhost:3000"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(order(&[foreign]), Err(Refusal::Foreign), "{foreign:?}");
        }
    }
}
