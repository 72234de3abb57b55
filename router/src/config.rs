//! What a router is told at its start, as it stands in its JSON file.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::client::ClientField;
use crate::health::Rules;

/// A router's configuration. Unknown keys are refused.
///
/// Instants and durations are whole milliseconds, places are degrees north and east.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The router's name, used in its answers and its metrics.
    pub name: String,
    /// Where clients ask. Port 0 lets the system choose.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    /// Where the administrator asks: health, metrics, statistics, stop.
    #[serde(default = "loopback")]
    pub admin: SocketAddr,
    /// Who may change the router there; comes from the command line, not from the file.
    #[serde(skip)]
    pub guard: operator::Guard,
    /// The name of the place where the router stands; told in `/stats`, decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The points of presence to choose from, at least one.
    pub pops: Vec<PopConfig>,
    /// Where clients go whose place is unknown. Absent: the first of `pops`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_pop: Option<String>,
    /// A MaxMind database of type City or Country. Absent: the one that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo: Option<PathBuf>,
    /// How long the asker may keep an answer of `/route`.
    #[serde(default = "default_ttl_ms")]
    pub ttl_ms: u64,
    /// How the edges' health is watched.
    #[serde(default)]
    pub health: HealthConfig,
    /// Peers whose word about the client's address is taken. Nobody by default.
    #[serde(default)]
    pub trust: Vec<IpNet>,
    /// The field in which a trusted peer names the client.
    #[serde(default)]
    pub client_field: ClientField,
}

/// A point of presence: nodes at one place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopConfig {
    /// Its name, unique among the router's.
    pub name: String,
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// Its edges, at least one.
    pub nodes: Vec<NodeConfig>,
}

/// One edge as the router reaches it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name, unique among the router's.
    pub name: String,
    /// `http://host:port`, where its health is checked, as seen from the router.
    pub url: String,
    /// The name that redirects send clients to. Without a port, the port of `url` is added; absent: the authority of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// How the edges' health is watched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// From the start of one check to the start of the next.
    pub interval_ms: u64,
    /// A check that takes longer has failed. One longer than the interval delays the next check.
    pub timeout_ms: u64,
    /// Checks in a row that must succeed before a node that is down counts as up.
    pub rise: u32,
    /// Checks in a row that must fail before a node that is up counts as down.
    pub fall: u32,
    /// The path asked for; any 2xx answer is a success.
    pub path: String,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            interval_ms: 1_000,
            timeout_ms: 500,
            rise: 2,
            fall: 3,
            path: "/.well-known/cdnlab/health".to_owned(),
        }
    }
}

impl HealthConfig {
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            rise: self.rise,
            fall: self.fall,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing to choose from.
    #[error("a router needs at least one PoP")]
    NoPops,
    /// A PoP that could never serve.
    #[error("PoP `{0}` has no nodes")]
    NoNodes(String),
    /// Two of the same name.
    #[error("{kind} `{name}` is there twice")]
    Twice {
        /// PoP or node.
        kind: &'static str,
        /// The repeated name.
        name: String,
    },
    /// Not a place on Earth.
    #[error("PoP `{pop}`: latitude {lat} and longitude {lon} are no place (-90..90, -180..180)")]
    NoPlace {
        /// The PoP.
        pop: String,
        /// As written.
        lat: f64,
        /// As written.
        lon: f64,
    },
    /// Not `http://host:port`.
    #[error("node `{node}`: `{url}` is not of the form http://host:port ({why})")]
    Url {
        /// The node.
        node: String,
        /// As written.
        url: String,
        /// What is amiss.
        why: String,
    },
    /// A redirect could not name it.
    #[error("node `{node}`: `{host}` is not a host name, with or without a port")]
    Host {
        /// The node.
        node: String,
        /// As written.
        host: String,
    },
    /// The default is none of the PoPs.
    #[error("default_pop `{name}` is none of the PoPs ({known})")]
    UnknownDefault {
        /// As written.
        name: String,
        /// Those that are there.
        known: String,
    },
    /// A rule of the health checks that cannot be followed.
    #[error("health.{0} must be at least 1")]
    Zero(&'static str),
    /// Not a path.
    #[error("health.path `{0}` must begin with `/`")]
    HealthPath(String),
}

/// A checked configuration's nodes, flat, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) pop: usize,
    pub(crate) name: String,
    /// `http://host:port`, no slash at the end.
    pub(crate) url: String,
    /// `http://name:port`, no slash at the end.
    pub(crate) redirect: String,
}

impl Config {
    /// Checks everything that can be checked without a socket or a file.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.nodes().map(drop)?;
        self.default_index().map(drop)
    }

    /// The index of the default PoP.
    pub(crate) fn default_index(&self) -> Result<usize, ConfigError> {
        let Some(name) = &self.default_pop else {
            return Ok(0);
        };
        self.pops
            .iter()
            .position(|pop| pop.name == *name)
            .ok_or_else(|| ConfigError::UnknownDefault {
                name: name.clone(),
                known: self
                    .pops
                    .iter()
                    .map(|pop| pop.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    pub(crate) fn nodes(&self) -> Result<Vec<Node>, ConfigError> {
        let health = &self.health;
        for (key, value) in [
            ("interval_ms", health.interval_ms),
            ("timeout_ms", health.timeout_ms),
            ("rise", health.rise.into()),
            ("fall", health.fall.into()),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(key));
            }
        }
        if !health.path.starts_with('/') {
            return Err(ConfigError::HealthPath(health.path.clone()));
        }
        if self.pops.is_empty() {
            return Err(ConfigError::NoPops);
        }
        let mut pops = HashSet::new();
        let mut names = HashSet::new();
        let mut nodes = Vec::new();
        for (index, pop) in self.pops.iter().enumerate() {
            if !pops.insert(pop.name.as_str()) {
                return Err(twice("PoP", &pop.name));
            }
            // A comparison with NaN is false, so that it is refused too.
            if !((-90.0..=90.0).contains(&pop.lat) && (-180.0..=180.0).contains(&pop.lon)) {
                return Err(ConfigError::NoPlace {
                    pop: pop.name.clone(),
                    lat: pop.lat,
                    lon: pop.lon,
                });
            }
            if pop.nodes.is_empty() {
                return Err(ConfigError::NoNodes(pop.name.clone()));
            }
            for node in &pop.nodes {
                if !names.insert(node.name.as_str()) {
                    return Err(twice("node", &node.name));
                }
                nodes.push(node.checked(index)?);
            }
        }
        Ok(nodes)
    }
}

impl NodeConfig {
    fn checked(&self, pop: usize) -> Result<Node, ConfigError> {
        let wrong = |why: &str| ConfigError::Url {
            node: self.name.clone(),
            url: self.url.clone(),
            why: why.to_owned(),
        };
        let url: http::Uri = self
            .url
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        let scheme = url.scheme_str().ok_or_else(|| wrong("no scheme"))?;
        if scheme != "http" {
            return Err(wrong("only http is spoken here"));
        }
        let authority = url.authority().ok_or_else(|| wrong("no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("no user information, please"));
        }
        if url.path() != "/" || url.query().is_some() {
            return Err(wrong("no path, please"));
        }
        let redirect = match &self.host {
            None => authority.to_string(),
            Some(host) => {
                let named: http::uri::Authority = host
                    .parse()
                    .ok()
                    .filter(|named: &http::uri::Authority| {
                        !named.host().is_empty() && !named.as_str().contains('@')
                    })
                    .ok_or_else(|| ConfigError::Host {
                        node: self.name.clone(),
                        host: host.clone(),
                    })?;
                match (named.port(), authority.port()) {
                    (None, Some(port)) => format!("{named}:{port}"),
                    _ => named.to_string(),
                }
            }
        };
        Ok(Node {
            pop,
            name: self.name.clone(),
            url: format!("http://{authority}"),
            redirect: format!("http://{redirect}"),
        })
    }
}

fn twice(kind: &'static str, name: &str) -> ConfigError {
    ConfigError::Twice {
        kind,
        name: name.to_owned(),
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

fn default_ttl_ms() -> u64 {
    30_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Config {
        serde_json::from_str(json).expect("a configuration")
    }

    const TWO: &str = r#"{"name": "r", "pops": [
        {"name": "fra", "lat": 50.0, "lon": 8.6, "nodes": [
            {"name": "fra-1", "url": "http://127.0.0.1:4000", "host": "fra-1.localhost"},
            {"name": "fra-2", "url": "http://127.0.0.1:4001", "host": "fra-2.example:80"}]},
        {"name": "iad", "lat": 38.9, "lon": -77.5, "nodes": [{"name": "iad-1", "url": "http://127.0.0.1:4002/"}]}]}"#;

    #[test]
    fn names_in_redirects_take_the_port_of_the_url_unless_they_have_their_own() {
        let nodes = parse(TWO).nodes().expect("valid");
        let redirects: Vec<&str> = nodes.iter().map(|node| node.redirect.as_str()).collect();
        assert_eq!(
            redirects,
            [
                "http://fra-1.localhost:4000",
                "http://fra-2.example:80",
                "http://127.0.0.1:4002"
            ]
        );
        assert_eq!(nodes[2].url, "http://127.0.0.1:4002");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |from: &str, to: &str, expected: &str| {
            let config = parse(&TWO.replacen(from, to, 1));
            let error = config.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("\"iad\"", "\"fra\"", "PoP `fra` is there twice");
        check("\"fra-2\"", "\"fra-1\"", "node `fra-1` is there twice");
        check("50.0", "91.0", "latitude 91");
        check(
            "http://127.0.0.1:4000",
            "https://127.0.0.1:4000",
            "only http",
        );
        check(
            "http://127.0.0.1:4000",
            "http://127.0.0.1:4000/a",
            "no path",
        );
        check("http://127.0.0.1:4000", "nonsense", "no scheme");
        check("fra-1.localhost", "two words", "not a host name");
        check(
            r#""name": "r","#,
            r#""name": "r", "default_pop": "syd","#,
            "none of the PoPs (fra, iad)",
        );
        check(
            r#""name": "r","#,
            r#""name": "r", "health": {"fall": 0},"#,
            "health.fall",
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<Config>(r#"{"name": "r", "pops": [], "popz": 1}"#)
            .expect_err("a typo");
        assert!(error.to_string().contains("popz"));
    }
}
