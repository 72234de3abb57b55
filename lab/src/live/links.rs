//! The links of a run: which pairs of spots are joined, where each link listens, and which process plays it.
//!
//! It knows names and addresses; the relays themselves live in processes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use network::control::{self, Change, LinkStatus, NewLink};

use super::control::{Control, ControlError};
use crate::plan::{Cut, CutKind, Direction, LinkState, Plan, Spot};

/// Where the links of a run listen, by the spots that they join.
#[derive(Debug, Clone, Default)]
pub struct Links(BTreeMap<(Spot, Spot), Known>);

/// One link.
#[derive(Debug, Clone)]
struct Known {
    listen: SocketAddr,
    /// The admin listener of the process that plays it.
    admin: SocketAddr,
    /// Its name there.
    name: String,
}

/// Who plays a link to be added, under which name, and where it listens if that matters.
#[derive(Debug, Clone)]
pub struct Player {
    /// The admin listener of the link process.
    pub admin: SocketAddr,
    /// Put before the link's name.
    pub prefix: &'static str,
    /// Where it listens; `None`: on a free port of loopback.
    pub listen: Option<SocketAddr>,
}

/// A spot's name in the names of links. Kinds have prefixes, so that a node may be called `origin`.
pub fn spot_name(plan: &Plan, spot: Spot) -> String {
    match spot {
        Spot::Client(place) => format!("client-{place}"),
        Spot::Node(node) => format!("node-{}", plan.nodes[usize::from(node)].name),
        Spot::Origin => "origin".to_owned(),
        Spot::Router => "router".to_owned(),
    }
}

/// The name of the link between two spots.
pub fn link_name(plan: &Plan, from: Spot, to: Spot) -> String {
    format!("{}.to.{}", spot_name(plan, from), spot_name(plan, to))
}

impl Links {
    /// Adds the link between two spots, which leads to `target`.
    ///
    /// # Errors
    /// When the link node refuses it.
    pub async fn add(
        &mut self,
        control: &Control,
        plan: &Plan,
        (from, to): (Spot, Spot),
        player: Player,
        target: &str,
    ) -> Result<SocketAddr, ControlError> {
        let number = self.0.len() as u64;
        let link = NewLink {
            name: format!("{}{}", player.prefix, link_name(plan, from, to)),
            target: target.to_owned(),
            listen: player.listen,
            model: plan.link(from, to),
            // A stream of its own for each link, from the plan's one seed.
            seed: plan
                .seed
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(number),
        };
        let mut listen = control.of("links", player.admin).add_link(&link).await?;
        if listen.ip().is_unspecified() {
            // It listens on every address of its machine; the one that answers us is one of them.
            listen.set_ip(player.admin.ip());
        }
        let known = Known {
            listen,
            admin: player.admin,
            name: link.name,
        };
        self.0.insert((from, to), known);
        Ok(listen)
    }

    /// Takes a link that is there already, and gives it the plan's model, whole.
    ///
    /// # Errors
    /// When the link node refuses it.
    pub async fn adopt(
        &mut self,
        control: &Control,
        plan: &Plan,
        (from, to): (Spot, Spot),
        (listen, admin): (SocketAddr, SocketAddr),
    ) -> Result<(), ControlError> {
        let known = Known {
            listen,
            admin,
            name: link_name(plan, from, to),
        };
        let change = Change {
            model: Some(plan.link(from, to)),
            cut: Some(None),
            target: None,
        };
        let player = control.of("links", admin);
        player.change_link(&known.name, &change).await?;
        self.0.insert((from, to), known);
        Ok(())
    }

    /// Where the link between two spots listens, if the run has it.
    pub fn at(&self, from: Spot, to: Spot) -> Option<SocketAddr> {
        self.0.get(&(from, to)).map(|known| known.listen)
    }

    /// Brings a link into a state; false if the run has no such link, as a variant without a CDN may.
    ///
    /// # Errors
    /// When the link node refuses it.
    pub async fn set(&self, control: &Control, state: &LinkState) -> Result<bool, ControlError> {
        let Some(known) = self.0.get(&(state.from, state.to)) else {
            return Ok(false);
        };
        let change = Change {
            model: Some(state.model),
            cut: Some(state.cut.map(cut)),
            target: None,
        };
        let player = control.of("links", known.admin);
        player.change_link(&known.name, &change).await?;
        Ok(true)
    }

    /// How each link stands now, by its ends; those of a link process that cannot be asked are missing.
    pub async fn states(&self, control: &Control) -> Vec<((Spot, Spot), LinkStatus)> {
        let admins: BTreeSet<SocketAddr> = self.0.values().map(|known| known.admin).collect();
        let mut found = BTreeMap::new();
        for admin in admins {
            let links = control.of("links", admin).links().await.unwrap_or_default();
            for link in links {
                found.insert((admin, link.name.clone()), link);
            }
        }
        let states = self.0.iter().filter_map(|(ends, known)| {
            let status = found.remove(&(known.admin, known.name.clone()))?;
            Some((*ends, status))
        });
        states.collect()
    }

    /// The names of those that are cut now; of a link process that cannot be asked, none.
    pub async fn cut(&self, control: &Control) -> Vec<String> {
        let states = self.states(control).await.into_iter();
        let cut = states.filter(|(_, status)| status.cut.is_some());
        cut.map(|(_, status)| status.name).collect()
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn cut(cut: Cut) -> control::Cut {
    control::Cut {
        direction: match cut.direction {
            Direction::Both => control::Direction::Both,
            Direction::Forward => control::Direction::To,
            Direction::Backward => control::Direction::From,
        },
        how: match cut.how {
            CutKind::Blackhole => control::How::Blackhole,
            CutKind::Reset => control::How::Reset,
        },
    }
}
