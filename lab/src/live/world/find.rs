//! What is there: every link of every link node of a world, by name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use network::control::LinkStatus;

use super::{Attach, Purpose};
use crate::live::control::{Control, ControlError};

/// How long a world may take until its link nodes answer.
const UP_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks.
const UP_POLL: Duration = Duration::from_millis(100);

/// Why a world cannot be played against.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A link node has no address.
    #[error("cannot find {host}: {why}; is the world up, and is this run within its network?")]
    Host {
        /// As written.
        host: String,
        /// Why.
        why: String,
    },
    /// It is somewhere else.
    #[error(
        "{0} is beyond this machine and its private networks; --allow-remote permits load on it"
    )]
    Remote(String),
    /// It has no link of a name.
    #[error("the world has no link `{name}`; it has {known}")]
    NoLink {
        /// As the plan needs it.
        name: String,
        /// All there are.
        known: String,
    },
    /// A node is not as the scenario has it.
    #[error("{node} of the world is not as the scenario has it: {differences}")]
    Differs {
        /// The node.
        node: String,
        /// What differs, and how.
        differences: String,
    },
    /// The scenario is about another origin.
    #[error("a world brings its own origin; `origin.url` is for runs with processes")]
    OwnOrigin,
}

/// One link, and who plays it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) admin: SocketAddr,
    pub(super) status: LinkStatus,
}

impl Place {
    /// Where it listens as seen from here: its machine is that of its admin listener.
    pub(super) fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.admin.ip(), self.status.listen.port())
    }
}

/// All links of a world.
#[derive(Debug)]
pub(super) struct Found {
    /// The link nodes, by the names of their hosts.
    admins: Vec<(String, SocketAddr)>,
    links: BTreeMap<String, Place>,
}

impl Found {
    /// Asks each link node.
    pub(super) async fn look(
        attach: &Attach,
        allow_remote: bool,
        control: &Control,
    ) -> Result<Self, crate::live::LiveError> {
        let mut found = Self {
            admins: Vec::new(),
            links: BTreeMap::new(),
        };
        for host in &attach.links {
            let admin = up(host, control).await?;
            if !allow_remote && !is_private(admin.ip()) {
                return Err(WorldError::Remote(host.clone()).into());
            }
            for status in control.of(host, admin).links().await? {
                let place = Place { admin, status };
                found.links.insert(place.status.name.clone(), place);
            }
            let name = host
                .rsplit_once(':')
                .map_or(host.as_str(), |(name, _)| name);
            found.admins.push((name.to_owned(), admin));
        }
        Ok(found)
    }

    pub(super) fn link(&self, name: &str) -> Result<&Place, WorldError> {
        self.links.get(name).ok_or_else(|| WorldError::NoLink {
            name: name.to_owned(),
            known: self.links.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// The admin listener of a node, as seen from here.
    pub(super) fn admin(&self, node: &str) -> Result<SocketAddr, WorldError> {
        Ok(self.link(&format!("admin.{node}"))?.listen())
    }

    /// The links between nodes; not the ways of the lab.
    pub(super) fn between_nodes(&self) -> impl Iterator<Item = &Place> {
        self.links.values().filter(|place| {
            let name = &place.status.name;
            name.contains(".to.")
                && ![Purpose::Run, Purpose::Visit]
                    .iter()
                    .any(|it| name.starts_with(it.prefix()))
        })
    }

    /// Takes all links away whose names begin so.
    pub(super) async fn sweep(&self, control: &Control, prefix: &str) -> Result<(), ControlError> {
        for (_, admin) in &self.admins {
            let node = control.of("links", *admin);
            for link in node.links().await? {
                if link.name.starts_with(prefix) {
                    node.remove_link(&link.name).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn addresses(&self) -> Vec<(String, Option<SocketAddr>, SocketAddr)> {
        let nodes = self.links.iter().filter_map(|(name, place)| {
            let node = name.strip_prefix("admin.")?;
            let door = self.links.get(&format!("door.{node}"));
            Some((node.to_owned(), door.map(Place::listen), place.listen()))
        });
        let links = self.admins.iter();
        let links = links.map(|(name, admin)| (name.clone(), None, *admin));
        nodes.chain(links).collect()
    }
}

/// The address of a link node that answers. A world may be starting, node by node.
async fn up(host: &str, control: &Control) -> Result<SocketAddr, crate::live::LiveError> {
    let end = tokio::time::Instant::now() + UP_LIMIT;
    loop {
        let error: crate::live::LiveError = match resolve(host).await {
            Ok(admin) => match control.of(host, admin).links().await {
                Ok(_) => return Ok(admin),
                Err(error) => error.into(),
            },
            Err(error) => error.into(),
        };
        if tokio::time::Instant::now() >= end {
            return Err(error);
        }
        tokio::time::sleep(UP_POLL).await;
    }
}

async fn resolve(host: &str) -> Result<SocketAddr, WorldError> {
    let failed = |why: String| WorldError::Host {
        host: host.to_owned(),
        why,
    };
    let mut found = tokio::net::lookup_host(host)
        .await
        .map_err(|error| failed(error.to_string()))?;
    found.next().ok_or_else(|| failed("no address".to_owned()))
}

/// Loopback, or a network that no router of the internet carries (RFC 1918, RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}
