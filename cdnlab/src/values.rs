//! How values on the command line are read: sizes and durations exactly as in scenario files, addresses and networks
//! with messages that say how to write them.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use lab::units::{Size, Span};

/// `64MiB`, in bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    text.parse::<Size>()
        .map(|size| size.0)
        .map_err(|error| error.to_string())
}

/// `250ms`, `20s`, `5m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Span>()
        .map(|span| Duration::from_nanos(span.0))
        .map_err(|error| error.to_string())
}

/// `127.0.0.1:8080`, `[::1]:8080`; `:8080` and `localhost:8080` mean loopback.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let written = match text
        .strip_prefix("localhost:")
        .or_else(|| text.strip_prefix(':'))
    {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    written
        .parse()
        .map_err(|_| "write an address and a port, as in 127.0.0.1:8080 or [::1]:8080; port 0 lets the system choose".to_owned())
}

/// `10.0.0.0/8`, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "write a network, as in 10.0.0.0/8 or fd00::/8, or one address".to_owned())
}

/// `NAME=HOST`.
pub(crate) fn alias(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => {
            Ok((name.to_owned(), host.to_owned()))
        }
        _ => Err("write NAME=HOST, as in fra-1.localhost=www.example.test".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Option<&str>| {
            let read = address(text).ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("127.0.0.1:8080", Some("127.0.0.1:8080"));
        check("[::1]:0", Some("[::1]:0"));
        check(":8080", Some("127.0.0.1:8080"));
        check("localhost:8080", Some("127.0.0.1:8080"));
        check("8080", None);
        check("127.0.0.1", None);
        check("127.0.0.1:99999", None);
        check("", None);
    }

    #[test]
    fn networks_and_aliases() {
        assert_eq!(
            network("10.0.0.0/8").map(|network| network.to_string()),
            Ok("10.0.0.0/8".to_owned())
        );
        assert_eq!(
            network("127.0.0.1").map(|network| network.to_string()),
            Ok("127.0.0.1/32".to_owned())
        );
        assert!(network("10.0.0.0/33").is_err());
        assert_eq!(alias("a=b"), Ok(("a".to_owned(), "b".to_owned())));
        assert!(alias("a").is_err() && alias("=b").is_err() && alias("a=").is_err());
    }
}
