//! How values on the command line are read: sizes and durations exactly as in scenario files, addresses and networks
//! with messages that say how to write them.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use lab::units::{Size, Span};
use network::control::NewLink;
use network::model::LinkModel;

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

/// `NAME=ADDRESS,HOST:PORT`: a link without delay; whoever drives it gives it one.
pub(crate) fn link(text: &str) -> Result<NewLink, String> {
    let how = "write NAME=ADDRESS,HOST:PORT, as in fra-1.to.origin=0.0.0.0:7001,origin:8080";
    let (name, ways) = text.split_once('=').ok_or(how)?;
    let (listen, target) = ways.split_once(',').ok_or(how)?;
    let (host, port) = target.rsplit_once(':').ok_or(how)?;
    if name.is_empty() || host.is_empty() || port.parse::<u16>().is_err() {
        return Err(how.to_owned());
    }
    Ok(NewLink {
        name: name.to_owned(),
        target: target.to_owned(),
        listen: Some(address(listen)?),
        model: LinkModel::default(),
        seed: 0,
    })
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

    #[test]
    fn links() {
        let read = link("a.to.b=:7001,b.example:80").expect("a link");
        assert_eq!(
            (read.name.as_str(), read.target.as_str()),
            ("a.to.b", "b.example:80")
        );
        assert_eq!(read.listen, "127.0.0.1:7001".parse().ok());
        for wrong in ["a", "a=:1", "=:1,b:2", "a=:1,b", "a=:1,:2", "a=1,b:2"] {
            assert!(link(wrong).is_err(), "{wrong}");
        }
    }
}
