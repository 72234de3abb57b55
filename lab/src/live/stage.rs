//! The stage of a run: what the driver needs to know of the nodes, whoever started them.
//!
//! They are processes of this lab ([`Processes`]), or a world that runs already ([`World`]). It sends no traffic.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::LiveError;
use super::clock::Clock;
use super::control::{Admin, Control};
use super::links::Links;
use super::processes::Processes;
use super::world::{Attach, World};
use crate::observe::NodeStats;
use crate::plan::{Nanos, Plan};
use crate::progress::Progress;

/// Between two looks at the router's health checks.
const HEALTH_POLL: Duration = Duration::from_millis(10);
/// How long a world's node may take to come back after its time. Generous: restart policies wait a little more after
/// each crash, and the machine may be busy.
pub(super) const BACK_LIMIT: Duration = Duration::from_secs(30);

/// What a live run needs beside its plan.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// The binary that plays the nodes; normally `std::env::current_exe()`.
    pub exe: PathBuf,
    /// The geo database of the router, if not the shipped one.
    pub geo: Option<PathBuf>,
    /// Whether the user's own origin may be beyond loopback.
    pub allow_remote: bool,
    /// A world to play against; `None`: processes of one's own.
    pub attach: Option<Attach>,
}

/// Where everything stands, once it runs.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) links: Links,
    pub(super) clock: Clock,
    pub(super) origin_admin: SocketAddr,
    /// Of the nodes, with their names, in the plan's order; a restart does not change them.
    pub(super) admins: Vec<(String, SocketAddr)>,
}

/// The nodes of a run. Dropping it kills processes, and leaves a world as it was found.
#[derive(Debug)]
pub struct Stage {
    /// The client of the admin listeners.
    pub control: Control,
    standing: Standing,
    cast: Cast,
}

#[derive(Debug)]
enum Cast {
    Processes(Box<Processes>),
    World(Box<World>),
}

impl Stage {
    /// Starts everything that the plan's variant needs, or takes a world for it.
    ///
    /// # Errors
    /// The first node that does not start, with its last words. What had started is taken down. A world that is not
    /// the plan's.
    pub async fn start(
        plan: &Plan,
        options: &LiveOptions,
        progress: &mut dyn Progress,
    ) -> Result<Self, LiveError> {
        if let Some(why) = plan.only_simulated() {
            return Err(LiveError::OnlySimulated(why));
        }
        let (control, standing, cast) = match &options.attach {
            None => {
                let control = Control::new(None)?;
                let (processes, standing) =
                    Processes::start(plan, options, &control, progress).await?;
                (control, standing, Cast::Processes(Box::new(processes)))
            }
            Some(attach) => {
                let control = Control::new(attach.token.as_deref())?;
                let (world, standing) =
                    World::attach(plan, attach, options.allow_remote, &control, progress).await?;
                (control, standing, Cast::World(Box::new(world)))
            }
        };
        Ok(Self {
            control,
            standing,
            cast,
        })
    }

    /// Where the links listen.
    pub fn links(&self) -> &Links {
        &self.standing.links
    }

    /// The clock of the run; offset 0 may lie a moment ahead.
    pub fn clock(&self) -> Clock {
        self.standing.clock
    }

    /// The admin listener of the origin.
    pub fn origin_admin(&self) -> SocketAddr {
        self.standing.origin_admin
    }

    /// The admin listener of a node; `None` where this variant has no nodes.
    pub fn node_admin(&self, node: u16) -> Option<SocketAddr> {
        let (_, admin) = self.standing.admins.get(usize::from(node))?;
        Some(*admin)
    }

    /// The admin listener of a node, to be asked; `None` where this variant has no nodes.
    pub(super) fn admin(&self, node: u16) -> Option<Admin<'_>> {
        let (name, admin) = self.standing.admins.get(usize::from(node))?;
        Some(self.control.of(name, *admin))
    }

    /// The number of the last record of the origin's log that is older than this run.
    pub fn log_begin(&self) -> u64 {
        match &self.cast {
            Cast::Processes(_) => 0,
            Cast::World(world) => world.log_begin(),
        }
    }

    /// Kills a node as a crash does. In a world, where others start it again at once, it stays down for `down`.
    ///
    /// # Errors
    /// When a world's node refuses it.
    pub async fn kill(&self, node: u16, down: Nanos) -> Result<(), LiveError> {
        match &self.cast {
            Cast::Processes(processes) => processes.kill(node).await,
            Cast::World(world) => {
                if let Some(admin) = self.admin(node) {
                    world.kill(admin, node, down).await?;
                }
            }
        }
        Ok(())
    }

    /// A killed node starts again, on its ports; returns when it is ready.
    ///
    /// # Errors
    /// As its first start; a world's node that does not come back.
    pub async fn restart(&self, node: u16) -> Result<(), LiveError> {
        match &self.cast {
            Cast::Processes(processes) => processes.restart(node).await,
            Cast::World(_) => match self.admin(node) {
                Some(admin) => Ok(admin.until_ready(BACK_LIMIT).await?),
                None => Ok(()),
            },
        }
    }

    /// A node's counters, as of this run; `None` while it is down.
    pub async fn stats(&self, node: u16) -> Option<NodeStats> {
        let mut stats = self.admin(node)?.stats().await.ok()?;
        match &self.cast {
            Cast::Processes(processes) => {
                stats.resident_bytes = processes.resident_bytes(node).await;
            }
            Cast::World(world) => world.since_begin(node, &mut stats),
        }
        Some(stats)
    }

    /// Every process with its name, how it ended if it has, and its last lines on stderr. A world's are its own affair.
    pub async fn ended(&self) -> Vec<(String, String, Vec<String>)> {
        match &self.cast {
            Cast::Processes(processes) => processes.ended().await,
            Cast::World(_) => Vec::new(),
        }
    }

    /// One line per node: name, data listener (where it has one and it can be reached from here) and admin listener.
    pub async fn addresses(&self) -> Vec<(String, Option<SocketAddr>, SocketAddr)> {
        match &self.cast {
            Cast::Processes(processes) => processes.addresses().await,
            Cast::World(world) => world.addresses(),
        }
    }

    /// Takes everything down in order; a world is left as it was found.
    pub async fn stop(self) {
        match self.cast {
            Cast::Processes(processes) => processes.stop().await,
            Cast::World(world) => world.leave().await,
        }
    }
}

/// A run begins with every node up, as far as the router can see. Its first check of a node decides at once and has to
/// make a connection, which on a long way or a busy machine can take more than its patience.
pub(super) async fn until_all_up(plan: &Plan, router: Admin<'_>) -> Result<(), LiveError> {
    let health = plan.routing.health;
    // A node that is down after the first check, and up again after `rise` more, with room for a late one. One that
    // never answers in time is what the scenario says.
    let checks = u64::from(health.rise) + 3;
    let limit = Duration::from_nanos(checks.saturating_mul(health.interval.max(health.timeout)));
    let end = tokio::time::Instant::now() + limit;
    while !router.all_up().await? && tokio::time::Instant::now() < end {
        tokio::time::sleep(HEALTH_POLL).await;
    }
    Ok(())
}
