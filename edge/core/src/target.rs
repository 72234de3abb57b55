//! The target URI of a request (RFC 9110 section 7.1), normalised once. Knows nothing about what
//! is the same resource: see [`crate::KeyRules`].

use std::{borrow::Cow, fmt, net::Ipv6Addr};

use http::{HeaderMap, Method, Uri, header, uri::Authority};

use crate::normal;

/// Why a request has no usable target URI. Each is a 400 to the client, but for `Connect` (501).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No Host field, and no authority in the request target.
    #[error("the request names no host")]
    NoHost,
    /// More than one Host field line (RFC 9112 section 3.2).
    #[error("the request names several hosts")]
    SeveralHosts,
    /// The host is not a valid authority.
    #[error("the request's host is malformed")]
    BadHost,
    /// CONNECT: this is no tunnel.
    #[error("CONNECT is not supported")]
    Connect,
    /// A scheme other than http and https.
    #[error("the scheme is not supported")]
    Scheme,
    /// The target is neither a path nor `*` for OPTIONS.
    #[error("the request target is malformed")]
    BadPath,
}

/// The scheme a request came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// http, default port 80.
    #[default]
    Http,
    /// https, default port 443.
    Https,
}

impl Scheme {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A target URI: scheme, lower-case authority without default port, and path with query in their
/// normal form (RFC 3986 section 6.2.2). One allocation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TargetUri {
    scheme: Scheme,
    /// Authority, then path and query.
    text: Box<str>,
    path_at: u32,
}

impl TargetUri {
    /// The target of a request: from the request target if it is absolute, else from Host.
    /// `scheme` is that of the connection.
    pub fn from_request(
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        scheme: Scheme,
    ) -> Result<Self, TargetError> {
        if method == Method::CONNECT {
            return Err(TargetError::Connect);
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(TargetError::SeveralHosts);
        }
        let scheme = match uri.scheme_str() {
            None => scheme,
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err(TargetError::Scheme),
        };
        let given = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let path: Cow<'_, str> = match given {
            "*" if method == Method::OPTIONS => Cow::Borrowed("*"),
            path if path.starts_with('/') => Cow::Borrowed(path),
            // An absolute target may leave the path out.
            query if uri.scheme().is_some() => Cow::Owned(format!("/{query}")),
            _ => return Err(TargetError::BadPath),
        };
        let host = match host {
            Some(host) => Some(host.to_str().map_err(|_| TargetError::BadHost)?),
            None => None,
        };
        let host = host.map(|host| host.trim_matches([' ', '\t']));
        if let Some(authority) = uri.authority() {
            // `example.com:80` without a scheme is for CONNECT alone (RFC 9112 section 3.2.3).
            if uri.scheme().is_none() {
                return Err(TargetError::BadPath);
            }
            // It does not count here, but it has to be one (section 3.2).
            if let Some(host) = host.filter(|host| !host.is_empty()) {
                split_port(host)?;
            }
            return Self::build(scheme, authority.as_str(), &path);
        }
        Self::build(scheme, host.ok_or(TargetError::NoHost)?, &path)
    }

    /// Reads an absolute `http` or `https` URI, as `explain` and purges are given it.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let uri: Uri = text.parse().map_err(|_| TargetError::BadPath)?;
        if uri.scheme().is_none() {
            return Err(TargetError::Scheme);
        }
        Self::from_request(&Method::GET, &uri, &HeaderMap::new(), Scheme::Http)
    }

    /// The URI that a reference in Location or Content-Location means (RFC 3986 section 5.2), without
    /// its dot segments. `None` for what is no http URI.
    pub fn resolve(&self, reference: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(reference)
            .ok()?
            .trim_matches([' ', '\t']);
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let scheme_end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        if scheme_end.is_some_and(|at| at > 0 && text.as_bytes().get(at) == Some(&b':')) {
            return Self::parse(text).ok();
        }
        if text.starts_with("//") {
            return Self::parse(&format!("{}:{text}", self.scheme.as_str())).ok();
        }
        let path = if text.starts_with('/') {
            text.to_owned()
        } else if text.is_empty() {
            self.path_and_query().to_owned()
        } else if text.starts_with('?') {
            format!("{}{text}", self.path())
        } else {
            let folder = self
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            format!("{folder}/{text}")
        };
        let path: http::uri::PathAndQuery = path.parse().ok()?;
        Self::build(self.scheme, self.authority(), path.as_str()).ok()
    }

    /// The same at another host, given as an authority.
    pub fn at(&self, authority: &str) -> Result<Self, TargetError> {
        Self::build(self.scheme, authority, self.path_and_query())
    }

    /// Whether both are of one origin: the same scheme, host and port (RFC 9110 section 4.3.1).
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority() == other.authority()
    }

    fn build(scheme: Scheme, authority: &str, path: &str) -> Result<Self, TargetError> {
        if authority.is_empty() {
            return Err(TargetError::NoHost);
        }
        let (host, port) = split_port(authority)?;
        let port = port.filter(|port| *port != scheme.default_port());
        let mut text = String::with_capacity(authority.len() + path.len());
        text.extend(host.chars().map(|c| c.to_ascii_lowercase()));
        if let Some(port) = port {
            text.push(':');
            text.push_str(&port.to_string());
        }
        let path_at = u32::try_from(text.len()).map_err(|_| TargetError::BadHost)?;
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        normal::push_path(&mut text, path);
        if let Some(query) = query {
            text.push('?');
            normal::push_query(&mut text, query);
        }
        Ok(Self {
            scheme,
            text: text.into(),
            path_at,
        })
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and, unless it is the scheme's own, port; lower case.
    pub fn authority(&self) -> &str {
        self.text.get(..self.path_at as usize).unwrap_or_default()
    }

    /// Path and query.
    pub fn path_and_query(&self) -> &str {
        self.text.get(self.path_at as usize..).unwrap_or_default()
    }

    /// The path.
    pub fn path(&self) -> &str {
        let whole = self.path_and_query();
        whole.split_once('?').map_or(whole, |(path, _)| path)
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query()
            .split_once('?')
            .map(|(_, query)| query)
    }
}

/// Whether a text can stand in `Host`, and so as the authority of a target.
pub(crate) fn is_authority(text: &str) -> bool {
    split_port(text).is_ok()
}

/// Host and port of an authority, which has no user (RFC 9110 section 4.2.4). An empty port counts as none.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), TargetError> {
    // The `http` crate knows the characters of hosts, and takes users and whatever stands in brackets.
    let parsed: Authority = authority.parse().map_err(|_| TargetError::BadHost)?;
    let literal = parsed
        .host()
        .strip_prefix('[')
        .map(|host| host.strip_suffix(']'));
    let address = |host: Option<&str>| host.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    if authority.contains('@') || literal.is_some_and(|host| !address(host)) {
        return Err(TargetError::BadHost);
    }
    let host_len = parsed.host().len();
    let host = authority.get(..host_len).filter(|host| !host.is_empty());
    let host = host.ok_or(TargetError::BadHost)?;
    match authority.get(host_len..).unwrap_or_default() {
        "" | ":" => Ok((host, None)),
        rest => {
            let digits = rest.strip_prefix(':').ok_or(TargetError::BadHost)?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(TargetError::BadHost);
            }
            digits
                .parse()
                .map(|port| (host, Some(port)))
                .map_err(|_| TargetError::BadHost)
        }
    }
}

impl fmt::Display for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.text)
    }
}

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn target(uri: &str, hosts: &[&str]) -> Result<String, TargetError> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(
                header::HOST,
                HeaderValue::from_str(host).expect("a field value"),
            );
        }
        let uri = uri.parse().expect("a request target");
        TargetUri::from_request(&Method::GET, &uri, &headers, Scheme::Http)
            .map(|target| target.to_string())
    }

    #[test]
    fn from_host_or_absolute() {
        let check = |uri: &str, hosts: &[&str], expected: Result<&str, TargetError>| {
            assert_eq!(
                target(uri, hosts),
                expected.map(str::to_owned),
                "{uri} {hosts:?}"
            );
        };
        check("/a?b", &["Example.TEST"], Ok("http://example.test/a?b"));
        check("/", &["a.test:80"], Ok("http://a.test/"));
        check("/", &["a.test:"], Ok("http://a.test/"));
        check("/", &["a.test:8080"], Ok("http://a.test:8080/"));
        check("/", &["a.test:0080"], Ok("http://a.test/"));
        check("/", &["[2001:DB8::1]:443"], Ok("http://[2001:db8::1]:443/"));
        check("http://B.test/x", &["a.test"], Ok("http://b.test/x"));
        check("https://b.test:443/x", &["a.test"], Ok("https://b.test/x"));
        check("http://b.test", &["a.test"], Ok("http://b.test/"));
        check("http://b.test?q", &["a.test"], Ok("http://b.test/?q"));
        check("/", &[], Err(TargetError::NoHost));
        check("/", &[""], Err(TargetError::NoHost));
        check("/", &["a.test", "a.test"], Err(TargetError::SeveralHosts));
        check("/", &["a.test/x"], Err(TargetError::BadHost));
        check("/", &["a b"], Err(TargetError::BadHost));
        check("/", &["a.test:99999"], Err(TargetError::BadHost));
        check("/", &["a.test:8x"], Err(TargetError::BadHost));
        check("ftp://b.test/", &[], Err(TargetError::Scheme));
        check("*", &["a.test"], Err(TargetError::BadPath));
        check("a.test:80", &["b.test"], Err(TargetError::BadPath));
        check("/", &["u:p@a.test"], Err(TargetError::BadHost));
        check("/", &["[zz]"], Err(TargetError::BadHost));
        check("http://u@b.test/", &["b.test"], Err(TargetError::BadHost));
        check("http://b.test/", &["a b"], Err(TargetError::BadHost));
        check("http://b.test/", &[""], Ok("http://b.test/"));
        check(
            "/a/%2e%2e/./%7Eb?%41=%2f",
            &["a.test"],
            Ok("http://a.test/~b?A=%2F"),
        );
    }
}
