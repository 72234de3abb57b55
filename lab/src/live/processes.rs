//! The processes of a run: every node of the topology, started in order, joined by links, taken down again.
//!
//! Upstream stands before downstream: links, origin, shields, edges, router. It knows processes and
//! addresses; it sends no traffic.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::sync::Mutex;

use super::LiveError;
use super::child::{Child, ChildSpec};
use super::clock::Clock;
use super::control::Control;
use super::folder::Folder;
use super::links::{Links, Player};
use super::nodes;
use super::stage::{LiveOptions, Standing, until_all_up};
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

/// The processes of a run. Dropping it kills them all.
#[derive(Debug)]
pub(super) struct Processes {
    link_node: Child,
    origin: Mutex<Child>,
    nodes: Vec<Mutex<Child>>,
    router: Option<Child>,
    /// Catalogue, policies and the router's configuration; goes with the stage.
    folder: Folder,
}

impl Processes {
    /// Starts everything that the plan's variant needs.
    ///
    /// # Errors
    /// The first node that does not start, with its last words. What had started is taken down.
    pub(super) async fn start(
        plan: &Plan,
        options: &LiveOptions,
        control: &Control,
        progress: &mut dyn Progress,
    ) -> Result<(Self, Standing), LiveError> {
        let folder = Folder::new().map_err(LiveError::Folder)?;
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
        let epoch = Clock::second_ahead(
            planned
                .saturating_mul(LEAD_PER_NODE_MS)
                .saturating_add(checks)
                .saturating_add(LEAD_MS),
        );
        let origin =
            Child::start(nodes::origin(exe, folder.path(), plan, epoch)?, READY_LIMIT).await?;
        let mut standing = Standing {
            links: Links::default(),
            clock: Clock::at(epoch),
            origin_admin: origin.admin(),
            admins: Vec::new(),
        };
        let mut processes = Self {
            link_node,
            origin: Mutex::new(origin),
            nodes: Vec::new(),
            router: None,
            folder,
        };
        let links = &mut standing.links;
        if plan.routing.mode != RoutingMode::Direct {
            processes
                .start_edges(plan, exe, control, links, progress)
                .await?;
        }
        processes
            .join_all(plan, control, links, |to| to != Spot::Router)
            .await?;
        if plan.routing.has_router() {
            progress.stage("starting the router");
            let reach = |node| links.at(Spot::Router, Spot::Node(node));
            let geo = options.geo.as_deref();
            let spec = nodes::router(exe, processes.folder.path(), plan, geo, reach)?;
            let router = Child::start(spec, READY_LIMIT).await?;
            let admin = router.admin();
            processes.router = Some(router);
            processes
                .join_all(plan, control, links, |to| to == Spot::Router)
                .await?;
            progress.stage("waiting for the router's health checks");
            until_all_up(plan, control.of("router", admin)).await?;
        }
        for (node, planned) in processes.nodes.iter_mut().zip(&plan.nodes) {
            let admin = node.get_mut().admin();
            standing.admins.push((planned.name.clone(), admin));
        }
        processes
            .set_the_clock(plan, exe, &mut standing.clock)
            .await?;
        Ok((processes, standing))
    }

    async fn start_edges(
        &mut self,
        plan: &Plan,
        exe: &Path,
        control: &Control,
        links: &mut Links,
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
            let ends = (Spot::Node(node), to);
            let upstream = links
                .add(control, plan, ends, self.player(), &target.to_string())
                .await?;
            let spec = nodes::edge(exe, self.folder.path(), plan, node, upstream)?;
            let child = Child::start(spec, READY_LIMIT).await?;
            started[usize::from(node)] = Some(child);
        }
        // Every index was visited: upstream_first gives each node once.
        self.nodes = started.into_iter().flatten().map(Mutex::new).collect();
        Ok(())
    }

    /// Versions change by offsets from the epoch that the origin was started with. If starting the
    /// others has taken longer than foreseen, the origin starts once more, with an epoch ahead of now.
    async fn set_the_clock(
        &mut self,
        plan: &Plan,
        exe: &Path,
        clock: &mut Clock,
    ) -> Result<(), LiveError> {
        if Clock::wall_ms() < clock.epoch_ms() {
            return Ok(());
        }
        let epoch = Clock::second_ahead(LEAD_MS);
        let origin = self.origin.get_mut();
        if matches!(plan.origin.kind, OriginKind::Synthetic) {
            let ChildSpec { args, .. } = nodes::origin(exe, self.folder.path(), plan, epoch)?;
            origin.spec_mut().args = args;
            origin.restart(READY_LIMIT).await?;
        }
        *clock = Clock::at(epoch);
        Ok(())
    }

    /// Adds the links of the plan whose far end fits and which are not there yet.
    async fn join_all(
        &mut self,
        plan: &Plan,
        control: &Control,
        links: &mut Links,
        fits: impl Fn(Spot) -> bool,
    ) -> Result<(), LiveError> {
        for (from, to) in plan.links() {
            if !fits(to) || links.at(from, to).is_some() {
                continue;
            }
            let target = match to {
                Spot::Node(node) => self.nodes[usize::from(node)].get_mut().listen(),
                Spot::Origin => self.origin.get_mut().listen(),
                Spot::Router => self.router.as_ref().and_then(Child::listen),
                Spot::Client(_) => None,
            };
            let target = target.ok_or_else(|| no_listener(plan, to))?;
            links
                .add(
                    control,
                    plan,
                    (from, to),
                    self.player(),
                    &target.to_string(),
                )
                .await?;
        }
        Ok(())
    }

    fn player(&self) -> Player {
        Player {
            admin: self.link_node.admin(),
            prefix: "",
            listen: None,
        }
    }

    /// Kills a node as `kill -9` does, and waits until it is gone.
    pub(super) async fn kill(&self, node: u16) {
        if let Some(child) = self.nodes.get(usize::from(node)) {
            child.lock().await.kill().await;
        }
    }

    /// Restarts a node on its ports, with the limit that all starts have.
    ///
    /// # Errors
    /// As its first start.
    pub(super) async fn restart(&self, node: u16) -> Result<(), LiveError> {
        if let Some(child) = self.nodes.get(usize::from(node)) {
            child.lock().await.restart(READY_LIMIT).await?;
        }
        Ok(())
    }

    /// Resident memory of a node's process; 0 where the system does not tell.
    pub(super) async fn resident_bytes(&self, node: u16) -> u64 {
        match self.nodes.get(usize::from(node)) {
            Some(child) => child.lock().await.resident_bytes(),
            None => 0,
        }
    }

    /// Every process with its name, how it ended if it has, and its last lines on stderr.
    pub(super) async fn ended(&self) -> Vec<(String, String, Vec<String>)> {
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
    pub(super) async fn addresses(&self) -> Vec<(String, Option<SocketAddr>, SocketAddr)> {
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
    pub(super) async fn stop(mut self) {
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
