//! The links of a run: which pairs of spots are joined, and where each link listens.
//!
//! It knows names and addresses; the relays themselves live in a process of their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use network::control::{self, Change, NewLink};

use super::control::{Admin, ControlError};
use crate::plan::{Cut, CutKind, Direction, LinkState, Plan, Spot};

/// Where the links of a run listen, by the spots that they join.
#[derive(Debug, Clone, Default)]
pub struct Links(BTreeMap<(Spot, Spot), SocketAddr>);

/// A spot's name in the names of links. Kinds have prefixes, so that a node may be called `origin`.
pub fn spot_name(plan: &Plan, spot: Spot) -> String {
    match spot {
        Spot::Client(place) => format!("client-{place}"),
        Spot::Node(node) => format!("node-{}", plan.nodes[usize::from(node)].name),
        Spot::Origin => "origin".to_owned(),
        Spot::Router => "router".to_owned(),
    }
}

fn link_name(plan: &Plan, from: Spot, to: Spot) -> String {
    format!("{}.to.{}", spot_name(plan, from), spot_name(plan, to))
}

impl Links {
    /// Adds the link between two spots, which leads to `target`.
    ///
    /// # Errors
    /// When the link node refuses it.
    pub async fn add(
        &mut self,
        admin: Admin<'_>,
        plan: &Plan,
        (from, to): (Spot, Spot),
        target: SocketAddr,
    ) -> Result<SocketAddr, ControlError> {
        let number = self.0.len() as u64;
        let link = NewLink {
            name: link_name(plan, from, to),
            target: target.to_string(),
            listen: None,
            model: plan.link(from, to),
            // A stream of its own for each link, from the plan's one seed.
            seed: plan
                .seed
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(number),
        };
        let listen = admin.add_link(&link).await?;
        self.0.insert((from, to), listen);
        Ok(listen)
    }

    /// Where the link between two spots listens, if the run has it.
    pub fn at(&self, from: Spot, to: Spot) -> Option<SocketAddr> {
        self.0.get(&(from, to)).copied()
    }

    /// Brings a link into a state; false if the run has no such link, as a variant without a CDN may.
    ///
    /// # Errors
    /// When the link node refuses it.
    pub async fn set(
        &self,
        admin: Admin<'_>,
        plan: &Plan,
        state: &LinkState,
    ) -> Result<bool, ControlError> {
        if self.at(state.from, state.to).is_none() {
            return Ok(false);
        }
        let change = Change {
            model: Some(state.model),
            cut: Some(state.cut.map(cut)),
            target: None,
        };
        admin
            .change_link(&link_name(plan, state.from, state.to), &change)
            .await?;
        Ok(true)
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
