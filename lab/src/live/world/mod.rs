//! A world that runs already, such as that of `docker-compose.yml`: found by its link nodes, checked against the plan,
//! taken for a run, and left as it was found.
//!
//! Its link nodes are the one thing that the lab has to be told of. A link of the name `admin.X` leads to the admin
//! listener of `X`, and `door.X` to its data listener: through them the lab reaches every node, wherever it stands. Links
//! between nodes have the names that [`link_name`] gives; those of the clients are added for the run.

mod attach;
mod find;
mod fit;

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use network::control::Change;
use origin::{Catalogue, Faults};

pub use self::attach::{Attach, AttachError, Purpose};
pub use self::find::WorldError;

use self::find::{Found, Place};
use super::LiveError;
use super::clock::Clock;
use super::control::{Admin, Control, ControlError};
use super::links::{Links, Player, link_name};
use super::stage::{Standing, until_all_up};
use crate::observe::NodeStats;
use crate::plan::{Nanos, OriginKind, Plan, RoutingMode, Spot};
use crate::progress::Progress;

/// Between the origin's new catalogue and offset 0 of the run, in milliseconds.
const LEAD_MS: i64 = 500;

/// A world under a run.
#[derive(Debug)]
pub struct World {
    token: Option<String>,
    purpose: Purpose,
    found: Found,
    catalogue: Catalogue,
    log_begin: u64,
    /// What the nodes had counted before; nothing for one that was killed since.
    before: Mutex<Vec<NodeStats>>,
    left: bool,
}

impl World {
    /// Takes a world for a plan: its links get the plan's models, its origin the plan's content, its caches are emptied.
    ///
    /// # Errors
    /// A world that cannot be reached, or is not the one that the plan is about.
    pub(super) async fn attach(
        plan: &Plan,
        attach: &Attach,
        allow_remote: bool,
        control: &Control,
        progress: &mut dyn Progress,
    ) -> Result<(Self, Standing), LiveError> {
        if !matches!(plan.origin.kind, OriginKind::Synthetic) {
            return Err(WorldError::OwnOrigin.into());
        }
        progress.stage("looking at the world");
        let found = Found::look(attach, allow_remote, control).await?;
        let names: Vec<String> = match plan.routing.mode {
            RoutingMode::Direct => Vec::new(),
            _ => plan.nodes.iter().map(|node| node.name.clone()).collect(),
        };
        let mut admins = Vec::new();
        for name in names {
            let admin = found.admin(&name)?;
            let node = control.of(&name, admin);
            // Someone may have killed it for a while.
            node.until_ready(super::stage::BACK_LIMIT).await?;
            fit::node(plan, &name, &node.settings().await?)?;
            admins.push((name, admin));
        }
        let origin_admin = found.admin("origin")?;
        let router_admin = match plan.routing.has_router() {
            true => Some(found.admin("router")?),
            false => None,
        };
        if let Some(admin) = router_admin {
            fit::router(plan, &control.of("router", admin).settings().await?)?;
        }
        let origin = control.of("origin", origin_admin);
        let mut world = Self {
            token: attach.token.clone(),
            purpose: attach.purpose,
            catalogue: origin.catalogue().await?,
            log_begin: 0,
            before: Mutex::default(),
            found,
            left: false,
        };
        // From here on, dropping the world leaves it as it was.
        progress.stage("joining its places");
        world.found.sweep(control, world.purpose.prefix()).await?;
        let links = world.join(plan, control).await?;
        if let Some(admin) = router_admin {
            until_all_up(plan, control.of("router", admin)).await?;
        }
        let epoch = Clock::second_ahead(LEAD_MS);
        if attach.purpose == Purpose::Run {
            world.begin(plan, control, &admins, epoch).await?;
        }
        let standing = Standing {
            links,
            clock: Clock::at(epoch),
            origin_admin,
            admins,
        };
        Ok((world, standing))
    }

    /// The scenario's content, a healthy origin, empty caches.
    async fn begin(
        &mut self,
        plan: &Plan,
        control: &Control,
        admins: &[(String, SocketAddr)],
        epoch_ms: i64,
    ) -> Result<(), LiveError> {
        let origin = control.of("origin", self.found.admin("origin")?);
        origin.faults(&Faults::default()).await?;
        self.log_begin = origin.log_end().await?;
        let catalogue = Catalogue {
            epoch_ms,
            ..plan.origin.catalogue.clone()
        };
        origin.set_catalogue(&catalogue).await?;
        let mut before = Vec::new();
        for (name, admin) in admins {
            let node = control.of(name, *admin);
            node.purge_all().await?;
            before.push(node.stats().await?);
        }
        self.before = Mutex::new(before);
        Ok(())
    }

    /// Links between nodes are there, and get the plan's model; those of clients are added beside the doors.
    async fn join(&self, plan: &Plan, control: &Control) -> Result<Links, LiveError> {
        let mut links = Links::default();
        for (from, to) in plan.links() {
            if !matches!(from, Spot::Client(_)) {
                let place = self.found.link(&link_name(plan, from, to))?;
                let at = (place.listen(), place.admin);
                links.adopt(control, plan, (from, to), at).await?;
                continue;
            }
            let door = self.found.link(&format!("door.{}", plan.spot_name(to)))?;
            let player = Player {
                admin: door.admin,
                prefix: self.purpose.prefix(),
                listen: Some(SocketAddr::new(door.status.listen.ip(), 0)),
            };
            let target = &door.status.target;
            links.add(control, plan, (from, to), player, target).await?;
        }
        Ok(links)
    }

    /// The number of the last record of the origin's log that is older than the run.
    pub(super) fn log_begin(&self) -> u64 {
        self.log_begin
    }

    /// Aborts a node, which stays down for so long.
    pub(super) async fn kill(
        &self,
        admin: Admin<'_>,
        node: u16,
        down: Nanos,
    ) -> Result<(), ControlError> {
        admin.abort(down / 1_000_000).await?;
        // Its next life counts from nothing.
        if let Some(before) = self.before().get_mut(usize::from(node)) {
            *before = NodeStats::default();
        }
        Ok(())
    }

    /// Takes from a node's counters what they were before the run.
    pub(super) fn since_begin(&self, node: u16, stats: &mut NodeStats) {
        if let Some(before) = self.before().get(usize::from(node)) {
            stats.take_away(before);
        }
    }

    fn before(&self) -> std::sync::MutexGuard<'_, Vec<NodeStats>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line per node: its name, its door as seen from here, and its admin listener.
    pub(super) fn addresses(&self) -> Vec<(String, Option<SocketAddr>, SocketAddr)> {
        self.found.addresses()
    }

    /// Leaves the world as it was found.
    pub(super) async fn leave(mut self) {
        self.left = true;
        self.restore().await;
    }

    /// What cannot be reached any more is left to the next run, which begins by sweeping.
    async fn restore(&self) {
        let Ok(control) = Control::new(self.token.as_deref()) else {
            return;
        };
        let _ = self.found.sweep(&control, self.purpose.prefix()).await;
        if self.purpose == Purpose::Visit {
            return;
        }
        for Place { admin, status } in self.found.between_nodes() {
            let change = Change {
                model: Some(status.model),
                cut: Some(status.cut),
                target: None,
            };
            let links = control.of("links", *admin);
            let _ = links.change_link(&status.name, &change).await;
        }
        if let Ok(admin) = self.found.admin("origin") {
            let origin = control.of("origin", admin);
            let _ = origin.faults(&Faults::default()).await;
            let _ = origin.set_catalogue(&self.catalogue).await;
        }
    }
}

/// A run that is given up (Ctrl-C) leaves the world too. Its own runtime: the one of the run may be ending.
impl Drop for World {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(self.restore());
                }
            });
        });
    }
}
