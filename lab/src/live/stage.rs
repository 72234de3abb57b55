//! The stage of a run: every process of the topology, started in order, joined by links, taken down again.
//!
//! Upstream stands before downstream: links, origin, shields, edges, router. It knows processes and
//! addresses; it sends no traffic.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;

use super::LiveError;
use super::child::{Child, ChildSpec};
use super::clock::Clock;
use super::control::Control;
use super::folder::Folder;
use super::links::Links;
use super::nodes;
use crate::plan::{OriginKind, Plan, RoutingMode, Spot, Upstream};
use crate::progress::Progress;

/// How long a node may take until it is ready. Generous: the machine may be busy compiling.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// How long the user's own application may take.
const OWN_LIMIT: Duration = Duration::from_secs(30);
/// How long a node may take to end when asked.
const GRACE: Duration = Duration::from_secs(2);
/// Time between the start of the origin and offset 0 of the run, in milliseconds: what starting the
/// other nodes may take before the origin's clock has to be set again.
const LEAD_MS: i64 = 300;
const LEAD_PER_NODE_MS: i64 = 60;
/// Between two looks at the router's health checks.
const HEALTH_POLL: Duration = Duration::from_millis(10);

/// What a live run needs beside its plan.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// The binary that plays the nodes; normally `std::env::current_exe()`.
    pub exe: PathBuf,
    /// The geo database of the router, if not the shipped one.
    pub geo: Option<PathBuf>,
    /// Whether the user's own origin may be beyond loopback.
    pub allow_remote: bool,
}

/// The processes of a run. Dropping it kills them all.
#[derive(Debug)]
pub struct Stage {
    /// Where the links listen.
    pub links: Links,
    /// The client of the admin listeners.
    pub control: Control,
    link_node: Child,
    origin: Mutex<Child>,
    nodes: Vec<Mutex<Child>>,
    router: Option<Child>,
    /// Admin addresses of the nodes, which a restart does not change.
    admins: Vec<SocketAddr>,
    origin_admin: SocketAddr,
    clock: Clock,
    /// Catalogue, policies and the router's configuration; goes with the stage.
    folder: Folder,
}

impl Stage {
    /// Starts everything that the plan's variant needs.
    ///
    /// # Errors
    /// The first node that does not start, with its last words. What had started is taken down.
    pub async fn start(
        plan: &Plan,
        options: &LiveOptions,
        progress: &mut dyn Progress,
    ) -> Result<Self, LiveError> {
        if let Some(why) = plan.only_simulated() {
            return Err(LiveError::OnlySimulated(why));
        }
        let folder = Folder::new().map_err(LiveError::Folder)?;
        let control = Control::new()?;
        if let OriginKind::Own { url, ready, .. } = &plan.origin.kind {
            if !options.allow_remote && !is_loopback(url) {
                return Err(LiveError::Remote(url.clone()));
            }
            if let Some(ready) = ready {
                progress.stage("waiting for the origin's application");
                let url = format!("{}{ready}", url.trim_end_matches('/'));
                control.until_ready(&url, OWN_LIMIT).await?;
            }
        }
        let exe = options.exe.as_path();
        progress.stage("starting links");
        let link_node = Child::start(nodes::links(exe), READY_LIMIT).await?;
        progress.stage("starting the origin");
        let planned = i64::try_from(plan.nodes.len()).unwrap_or(i64::MAX);
        let checks = match plan.routing.has_router() {
            true => i64::try_from(plan.routing.health.timeout / 1_000_000).unwrap_or(i64::MAX),
            false => 0,
        };
        let epoch = Clock::wall_ms()
            .saturating_add(planned.saturating_mul(LEAD_PER_NODE_MS))
            .saturating_add(checks)
            .saturating_add(LEAD_MS);
        let origin =
            Child::start(nodes::origin(exe, folder.path(), plan, epoch)?, READY_LIMIT).await?;
        let mut stage = Self {
            links: Links::default(),
            control,
            origin_admin: origin.admin(),
            link_node,
            origin: Mutex::new(origin),
            nodes: Vec::new(),
            router: None,
            admins: Vec::new(),
            clock: Clock::at(epoch),
            folder,
        };
        if plan.routing.mode != RoutingMode::Direct {
            stage.start_edges(plan, exe, progress).await?;
        }
        stage.join_all(plan, |to| to != Spot::Router).await?;
        if plan.routing.has_router() {
            progress.stage("starting the router");
            let reach = |node| stage.links.at(Spot::Router, Spot::Node(node));
            let geo = options.geo.as_deref();
            let spec = nodes::router(exe, stage.folder.path(), plan, geo, reach)?;
            stage.router = Some(Child::start(spec, READY_LIMIT).await?);
            stage.join_all(plan, |to| to == Spot::Router).await?;
            progress.stage("waiting for the router's health checks");
            stage.until_all_up(plan).await?;
        }
        stage.set_the_clock(plan, exe).await?;
        Ok(stage)
    }

    async fn start_edges(
        &mut self,
        plan: &Plan,
        exe: &Path,
        progress: &mut dyn Progress,
    ) -> Result<(), LiveError> {
        let mut started: Vec<Option<Child>> = plan.nodes.iter().map(|_| None).collect();
        for node in upstream_first(plan) {
            let planned = &plan.nodes[usize::from(node)];
            progress.stage(&format!("starting {}", planned.name));
            let (to, target) = match plan.upstream_node(node) {
                None => (Spot::Origin, self.origin.get_mut().listen()),
                Some(upstream) => {
                    let child = started[usize::from(upstream)].as_ref();
                    (Spot::Node(upstream), child.and_then(Child::listen))
                }
            };
            let target = target.ok_or_else(|| no_listener(plan, to))?;
            let admin = self.link_node.admin();
            let upstream = self
                .links
                .add(
                    self.control.of("links", admin),
                    plan,
                    (Spot::Node(node), to),
                    target,
                )
                .await?;
            let spec = nodes::edge(exe, self.folder.path(), plan, node, upstream)?;
            let child = Child::start(spec, READY_LIMIT).await?;
            started[usize::from(node)] = Some(child);
        }
        // Every index was visited: upstream_first gives each node once.
        self.nodes = started.into_iter().flatten().map(Mutex::new).collect();
        for node in &mut self.nodes {
            self.admins.push(node.get_mut().admin());
        }
        Ok(())
    }

    /// A run begins with every node up, as far as the router can see. Its first check of a node decides at once and
    /// has to make a connection, which on a long way or a busy machine can take more than its patience.
    async fn until_all_up(&self, plan: &Plan) -> Result<(), LiveError> {
        let Some(router) = &self.router else {
            return Ok(());
        };
        let health = plan.routing.health;
        // A node that is down after the first check, and up again after `rise` more, with room for a late one. One that
        // never answers in time is what the scenario says.
        let checks = u64::from(health.rise) + 3;
        let limit =
            Duration::from_nanos(checks.saturating_mul(health.interval.max(health.timeout)));
        let end = tokio::time::Instant::now() + limit;
        let admin = self.control.of("router", router.admin());
        while !admin.all_up().await? && tokio::time::Instant::now() < end {
            tokio::time::sleep(HEALTH_POLL).await;
        }
        Ok(())
    }

    /// Versions change by offsets from the epoch that the origin was started with. If starting the
    /// others has taken longer than foreseen, the origin starts once more, with an epoch ahead of now.
    async fn set_the_clock(&mut self, plan: &Plan, exe: &Path) -> Result<(), LiveError> {
        if Clock::wall_ms() < self.clock.epoch_ms() {
            return Ok(());
        }
        let epoch = Clock::wall_ms() + LEAD_MS;
        let origin = self.origin.get_mut();
        if matches!(plan.origin.kind, OriginKind::Synthetic) {
            let ChildSpec { args, .. } = nodes::origin(exe, self.folder.path(), plan, epoch)?;
            origin.spec_mut().args = args;
            origin.restart(READY_LIMIT).await?;
        }
        self.clock = Clock::at(epoch);
        Ok(())
    }

    /// Adds the links of the plan whose far end fits and which are not there yet.
    async fn join_all(
        &mut self,
        plan: &Plan,
        fits: impl Fn(Spot) -> bool,
    ) -> Result<(), LiveError> {
        for (from, to) in plan.links() {
            if !fits(to) || self.links.at(from, to).is_some() {
                continue;
            }
            let target = match to {
                Spot::Node(node) => self.nodes[usize::from(node)].get_mut().listen(),
                Spot::Origin => self.origin.get_mut().listen(),
                Spot::Router => self.router.as_ref().and_then(Child::listen),
                Spot::Client(_) => None,
            };
            let target = target.ok_or_else(|| no_listener(plan, to))?;
            let admin = self.control.of("links", self.link_node.admin());
            self.links.add(admin, plan, (from, to), target).await?;
        }
        Ok(())
    }

    /// The clock of the run; offset 0 may lie a moment ahead.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The admin listener of the link process.
    pub fn link_admin(&self) -> SocketAddr {
        self.link_node.admin()
    }

    /// The admin listener of the origin.
    pub fn origin_admin(&self) -> SocketAddr {
        self.origin_admin
    }

    /// The admin listener of a node; `None` where this variant has no nodes.
    pub fn node_admin(&self, node: u16) -> Option<SocketAddr> {
        self.admins.get(usize::from(node)).copied()
    }

    /// The process of a node, to kill it or to start it again.
    pub fn node(&self, node: u16) -> Option<&Mutex<Child>> {
        self.nodes.get(usize::from(node))
    }

    /// Restarts a node on its ports, with the limit that all starts have.
    ///
    /// # Errors
    /// As its first start.
    pub async fn restart(&self, node: u16) -> Result<(), LiveError> {
        if let Some(child) = self.node(node) {
            child.lock().await.restart(READY_LIMIT).await?;
        }
        Ok(())
    }

    /// Every process with its name, how it ended if it has, and its last lines on stderr.
    pub async fn ended(&self) -> Vec<(String, String, Vec<String>)> {
        let mut found = Vec::new();
        let mut look = |child: &Child| {
            if let Some(how) = child.ended() {
                found.push((child.name().to_owned(), how, child.stderr()));
            }
        };
        look(&self.link_node);
        self.router.iter().for_each(&mut look);
        look(&*self.origin.lock().await);
        for node in &self.nodes {
            look(&*node.lock().await);
        }
        found
    }

    /// One line per process: name, data listener (where it has one) and admin listener.
    pub async fn addresses(&self) -> Vec<(String, Option<SocketAddr>, SocketAddr)> {
        let mut found = Vec::new();
        let mut look = |child: &Child| {
            found.push((child.name().to_owned(), child.listen(), child.admin()));
        };
        self.router.iter().for_each(&mut look);
        for node in &self.nodes {
            look(&*node.lock().await);
        }
        look(&*self.origin.lock().await);
        look(&self.link_node);
        found
    }

    /// Takes everything down in order: who asks before who answers.
    pub async fn stop(mut self) {
        if let Some(router) = &mut self.router {
            router.stop(GRACE).await;
        }
        let nodes = self.nodes.iter_mut().map(|node| node.get_mut().stop(GRACE));
        futures_util::future::join_all(nodes).await;
        self.origin.get_mut().stop(GRACE).await;
        self.link_node.stop(GRACE).await;
    }
}

/// All nodes, each behind those that it fetches from.
fn upstream_first(plan: &Plan) -> Vec<u16> {
    let depth = |node: u16| {
        let mut depth = 0;
        let mut at = node;
        // A plan has no circles; the bound keeps a wrong one from hanging us.
        while let Upstream::Pop(_) = plan.nodes[usize::from(at)].upstream {
            let Some(next) = plan.upstream_node(at) else {
                break;
            };
            at = next;
            depth += 1;
            if depth > plan.nodes.len() {
                break;
            }
        }
        depth
    };
    let mut order: Vec<u16> = (0..u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX)).collect();
    order.sort_by_key(|&node| (depth(node), node));
    order
}

fn no_listener(plan: &Plan, spot: Spot) -> LiveError {
    LiveError::NoListener(plan.spot_name(spot).to_owned())
}

/// Whether a URL leads to this machine's loopback: by address, or by a name that can mean nothing else.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_is_taken_for_loopback() {
        for url in [
            "http://127.0.0.1:3000",
            "http://localhost:3000/",
            "http://[::1]",
            "http://app.localhost",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "http://10.0.0.1",
            "http://example.test",
            "http://localhost.example.test",
            "nonsense",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
