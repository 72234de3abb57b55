//! What an edge node is told before it starts. Plain data: it parses no command line and reads
//! no file; the binary does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use ipnet::IpNet;

use crate::store::LEAST_DISK;
use crate::upstream::tls;

/// One edge node's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's name: the cache's name in `Cache-Status`, the pseudonym in `Via` and the id in
    /// `CDN-Loop`. A token (RFC 9110 section 5.6.2).
    pub name: String,
    /// Where clients connect. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where the operator connects. Loopback unless there is a reason.
    pub admin: SocketAddr,
    /// Who may change the node there.
    pub guard: operator::Guard,
    /// Where responses come from: `http://` or `https://`, host and optional port; no path.
    pub upstream: String,
    /// The `Host` that upstream sees; `None` is the authority of [`Config::upstream`].
    pub upstream_host: Option<String>,
    /// The authorities whose certificates an https upstream may show, in PEM; `None`: the public roots.
    pub upstream_ca: Option<String>,
    /// Bytes of memory for stored responses.
    pub memory: u64,
    /// Stored responses at most, beside the bytes; for experiments that count in objects. Neither is
    /// exceeded: each response counts with the larger of its part of the memory and of the number, so
    /// that a mix of small and large ones may be full a little before either.
    pub max_objects: Option<u64>,
    /// Where stored responses are kept beyond memory and restarts; `None`: nowhere.
    pub disk: Option<Disk>,
    /// Which stored response goes first when memory is full.
    pub eviction: Eviction,
    /// Independent parts of the store, each with its share of the memory and its own lock. One
    /// keeps the eviction order exact.
    pub shards: usize,
    /// Data threads, each with a runtime of its own; 0 is one per core.
    pub threads: usize,
    /// Peers whose word about the client's address is believed. Nobody by default.
    pub trust: Vec<IpNet>,
    /// The one field in which trusted peers name the client.
    pub client_field: ClientField,
    /// Names of this node, mapped to the host of the site that they stand for before the cache
    /// key is made: `fra-1.localhost` -> `www.example.test`.
    pub aliases: BTreeMap<String, String>,
    /// What the cache may do. Its name is set to [`Config::name`].
    pub policy: edge_core::Policy,
    /// How long a connection to upstream may take, TLS included.
    pub connect_timeout: Duration,
    /// How long upstream may take from the request until its response head.
    pub first_byte_timeout: Duration,
    /// How long either side may stay silent in the middle of a message, and a client between two.
    pub idle_timeout: Duration,
    /// Bytes of a transfer kept in memory when the whole does not fit the store.
    pub window: u64,
    /// Bodies larger than this are stored in slices of this many bytes each, where they have a strong
    /// validator; `None`: bodies are stored whole, or not at all.
    pub slice: Option<u64>,
    /// Added to the wall clock wherever this node reads it, in milliseconds. For tests.
    pub clock_offset_ms: i64,
}

impl Config {
    /// A node with default settings on ports that the system chooses.
    pub fn new(name: impl Into<String>, upstream: impl Into<String>) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            name: name.into(),
            listen: loopback,
            admin: loopback,
            guard: operator::Guard::default(),
            upstream: upstream.into(),
            upstream_host: None,
            upstream_ca: None,
            memory: 64 << 20,
            max_objects: None,
            disk: None,
            eviction: Eviction::default(),
            shards: 1,
            threads: 0,
            trust: Vec::new(),
            client_field: ClientField::default(),
            aliases: BTreeMap::new(),
            policy: edge_core::Policy::default(),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            window: 8 << 20,
            slice: None,
            clock_offset_ms: 0,
        }
    }
}

/// A disk tier: stored responses in a folder of the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its folder, for this node alone. Made if it does not exist.
    pub folder: PathBuf,
    /// Bytes that it may take, at least 8 MiB. A record can take a 32nd of it, at most 16 MiB.
    pub size: u64,
}

/// Eviction policies of the store, as foyer has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eviction {
    /// First in, first out.
    Fifo,
    /// Least recently used, exact.
    Lru,
    /// Least frequently used (W-TinyLFU).
    Lfu,
    /// Three queues (Yang et al., SOSP 2023).
    #[default]
    S3Fifo,
    /// SIEVE (Zhang et al., NSDI 2024).
    Sieve,
}

impl Eviction {
    /// Its name on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Lru => "lru",
            Self::Lfu => "lfu",
            Self::S3Fifo => "s3fifo",
            Self::Sieve => "sieve",
        }
    }
}

impl FromStr for Eviction {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Ok(match text {
            "fifo" => Self::Fifo,
            "lru" => Self::Lru,
            "lfu" => Self::Lfu,
            "s3fifo" => Self::S3Fifo,
            "sieve" => Self::Sieve,
            _ => return Err(ConfigError::Eviction(text.to_owned())),
        })
    }
}

/// The field in which trusted peers name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientField {
    /// `X-Forwarded-For`: addresses, the nearest peer's last.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the `for` parameters, the nearest peer's last.
    Forwarded,
}

impl FromStr for ClientField {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Ok(match text {
            "x-forwarded-for" => Self::XForwardedFor,
            "forwarded" => Self::Forwarded,
            _ => return Err(ConfigError::ClientField(text.to_owned())),
        })
    }
}

/// A configuration that no node can be started from.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The name cannot stand in a field value.
    #[error("name {0:?}: letters, digits, '-', '_' and '.' only")]
    Name(String),
    /// The upstream is not an absolute URL without a path.
    #[error("upstream {url:?}: {why}")]
    Upstream {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The upstream host cannot stand in `Host`.
    #[error("upstream host {0:?} is not a host with an optional port")]
    UpstreamHost(String),
    /// The authorities for upstream's certificates are of no use.
    #[error("upstream's certificate authorities: {0}; PEM with at least one certificate is needed")]
    UpstreamCa(String),
    /// No such eviction policy.
    #[error("eviction {0:?}: one of fifo, lru, lfu, s3fifo, sieve")]
    Eviction(String),
    /// No such client field.
    #[error("client field {0:?}: x-forwarded-for or forwarded")]
    ClientField(String),
    /// The cache's rules say something that it could not act on.
    #[error("cache policy: {0}")]
    Policy(#[from] edge_core::PolicyError),
    /// The disk tier is too small to be of use.
    #[error("disk size {0}: at least {LEAST_DISK} bytes (8 MiB) are needed")]
    DiskSize(u64),
    /// A slice that would not find room in the store.
    #[error("a slice of {slice} bytes finds no room: at most half of the memory, {room} bytes")]
    Slice {
        /// Bytes per slice, as configured.
        slice: u64,
        /// The largest body that the store keeps.
        room: u64,
    },
    /// A figure that must be above zero is not.
    #[error("{0} must be above zero")]
    Zero(&'static str),
}

/// Where upstream is, checked.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamAddress {
    /// `http` or `https`.
    pub(crate) scheme: Scheme,
    /// Host and port to connect to.
    pub(crate) authority: Authority,
    /// What upstream sees as `Host`.
    pub(crate) host: http::HeaderValue,
    /// Whom to trust there, if the scheme is `https`.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

impl UpstreamAddress {
    pub(crate) fn of(config: &Config) -> Result<Self, ConfigError> {
        let wrong = |why| ConfigError::Upstream {
            url: config.upstream.clone(),
            why,
        };
        let uri: Uri = config.upstream.parse().map_err(|_| wrong("not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .ok_or_else(|| wrong("no scheme: begin with http:// or https://"))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(wrong("the scheme is neither http nor https"));
        }
        let authority = parts.authority.ok_or_else(|| wrong("no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("user information is not supported"));
        }
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(wrong("no path or query may follow the host"));
        }
        let host = config
            .upstream_host
            .as_deref()
            .unwrap_or(authority.as_str());
        let wrong_host = || ConfigError::UpstreamHost(host.to_owned());
        host.parse::<Authority>().map_err(|_| wrong_host())?;
        let host = http::HeaderValue::from_str(host).map_err(|_| wrong_host())?;
        let https = scheme == Scheme::HTTPS;
        let tls = https
            .then(|| tls::client(config.upstream_ca.as_deref()))
            .transpose()
            .map_err(ConfigError::UpstreamCa)?;
        Ok(Self {
            scheme,
            authority,
            host,
            tls,
        })
    }
}

impl Config {
    /// Checks what plain types leave open.
    pub(crate) fn check(&self) -> Result<UpstreamAddress, ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(ConfigError::Name(self.name.clone()));
        }
        let above_zero = [
            ("memory", self.memory > 0),
            ("max objects", self.max_objects != Some(0)),
            ("shards", self.shards > 0),
            ("window", self.window > 0),
            ("slice size", self.slice != Some(0)),
            ("connect timeout", !self.connect_timeout.is_zero()),
            ("first byte timeout", !self.first_byte_timeout.is_zero()),
            ("idle timeout", !self.idle_timeout.is_zero()),
        ];
        let room = self.memory / self.shards.max(1) as u64 / 2;
        if let Some(slice) = self.slice.filter(|slice| *slice > room) {
            return Err(ConfigError::Slice { slice, room });
        }
        if let Some((what, _)) = above_zero.into_iter().find(|(_, fine)| !fine) {
            return Err(ConfigError::Zero(what));
        }
        if let Some(disk) = &self.disk
            && disk.size < LEAST_DISK
        {
            return Err(ConfigError::DiskSize(disk.size));
        }
        self.whole_policy().check()?;
        UpstreamAddress::of(self)
    }

    /// The cache's rules with the node's name, which is the only one it has, and its aliases.
    pub(crate) fn whole_policy(&self) -> edge_core::Policy {
        let mut policy = self.policy.clone();
        policy.name.clone_from(&self.name);
        let aliases = self.aliases.iter();
        policy.key.aliases.extend(
            aliases.map(|(name, host)| (name.to_ascii_lowercase(), host.to_ascii_lowercase())),
        );
        policy
    }

    /// Data threads to start.
    pub(crate) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}

/// Whether a peer's word about the client is believed.
pub(crate) fn trusted(trust: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    trust.iter().any(|network| network.contains(&peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_absolute_url_without_a_path() {
        let check = |url: &str| {
            Config::new("a", url)
                .check()
                .map(|found| found.authority.to_string())
        };
        assert_eq!(check("http://127.0.0.1:3000").unwrap(), "127.0.0.1:3000");
        assert_eq!(check("https://example.test/").unwrap(), "example.test");
        for wrong in [
            "",
            "example.test",
            "ftp://x",
            "http://x/path",
            "http://x/?q",
            "http://u@x",
            "http://",
        ] {
            assert!(check(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn aliases_are_hosts_in_any_case() {
        let check = |name: &str, site: &str| {
            let mut config = Config::new("a", "http://x");
            config.aliases.insert(name.to_owned(), site.to_owned());
            config.check().map_err(|error| error.to_string()).err()
        };
        assert_eq!(check("CDN.example", "Shop.example:81"), None);
        let error = check("a b", "shop.example").expect("no host");
        assert!(error.contains("`a b`"), "{error}");
    }

    #[test]
    fn a_name_can_stand_in_a_field_value() {
        assert!(Config::new("fra-1", "http://x").check().is_ok());
        for wrong in ["", "a b", "a;b", "ä"] {
            assert!(
                Config::new(wrong, "http://x").check().is_err(),
                "{wrong:?} was accepted"
            );
        }
    }
}
