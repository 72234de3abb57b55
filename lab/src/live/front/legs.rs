//! Where the time of one request went, share by share.
//!
//! What a node does not tell is worked out from the model of the network, and marked so.

use std::collections::BTreeMap;
use std::time::Duration;

use edge_core::cache_status::Member;
use serde::Serialize;

use super::asking::{Answered, Whole};
use crate::plan::{Plan, Spot};

/// A share of the time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Leg {
    pub(super) what: String,
    /// `router`, `client`, `node`, `link`, `origin` or `body`: how it is drawn.
    pub(super) kind: &'static str,
    pub(super) ms: f64,
    /// Measured, or worked out from the model.
    pub(super) measured: bool,
}

/// The shares, in the order of the way.
pub(super) struct Legs(pub(super) Vec<Leg>);

impl Legs {
    fn push(&mut self, kind: &'static str, what: impl Into<String>, ms: f64, measured: bool) {
        self.0.push(Leg {
            what: what.into(),
            kind,
            ms: ms.max(0.0),
            measured,
        });
    }

    pub(super) fn measured(&mut self, kind: &'static str, what: impl Into<String>, time: Duration) {
        self.push(kind, what, millis(time), true);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "all that is known of one request"
    )]
    /// Those of a whole answer. `took` has the reply times of the nodes that know the request.
    pub(super) fn answer(
        &mut self,
        plan: &Plan,
        place: u16,
        answered: &Answered,
        whole: &Whole,
        members: &[Member],
        took: &BTreeMap<&str, Duration>,
        path: &str,
    ) {
        let (Some(routed), Some(spot)) = (answered.routed, answered.spot) else {
            return;
        };
        let name = plan.spot_name(spot);
        if !whole.kept {
            let what = format!("a new connection to {name}");
            self.measured("client", what, whole.asked - routed);
        }
        let waited = whole.first_byte - whole.asked;
        let here = plan.spot_name(Spot::Client(place));
        let handshake = if whole.kept { "" } else { ", with a handshake" };
        let link = format!("{here} – {name} and back{handshake}");
        let away = plan.link(Spot::Client(place), spot);
        let away = match whole.kept {
            true => away.rtt,
            false => away.rtt + network::model::handshake(&away),
        };
        let away = away as f64 / 1e6;
        match (spot, took.get(name)) {
            (Spot::Node(node), Some(&edge)) if edge <= waited => {
                self.measured("client", link, waited - edge);
                self.inward(plan, node, members, took, path);
            }
            (Spot::Node(node), _) => {
                self.push("client", link, away, false);
                let from = self.0.len();
                self.inward(plan, node, members, &BTreeMap::new(), path);
                let known: f64 = self.0.iter().skip(from).map(|leg| leg.ms).sum();
                let rest = millis(waited) - away - known;
                self.push(
                    "node",
                    "the rest: nodes, waiting, new connections",
                    rest,
                    false,
                );
            }
            (_, Some(&origin)) if origin <= waited => {
                self.measured("client", link, waited - origin);
                self.measured("origin", "the origin", origin);
            }
            _ => {
                let away = away.min(millis(waited));
                self.push("client", link, away, false);
                self.push("origin", "the origin", millis(waited) - away, false);
            }
        }
        self.measured("body", "the body", answered.done - whole.first_byte);
    }

    /// From a node on, towards the origin.
    fn inward(
        &mut self,
        plan: &Plan,
        node: u16,
        members: &[Member],
        took: &BTreeMap<&str, Duration>,
        path: &str,
    ) {
        let name = plan.spot_name(Spot::Node(node));
        let own = took.get(name).copied();
        let (member, rest) = match members.split_first() {
            Some((member, rest)) => (Some(member), rest),
            None => (None, members),
        };
        let asked = member.is_some_and(|member| member.fwd.is_some() && !member.hit);
        let waited = member.is_some_and(|member| member.collapsed);
        if !asked || waited {
            let what = if waited {
                "waits for another's fetch"
            } else {
                "answers from its store"
            };
            self.push(
                "node",
                format!("{name} {what}"),
                own.map_or(0.0, millis),
                own.is_some(),
            );
            return;
        }
        if let Some(next) = plan.upstream_node(node) {
            let next_name = plan.spot_name(Spot::Node(next));
            let link = format!("{name} – {next_name} and back");
            match (own, took.get(next_name)) {
                (Some(own), Some(&inner)) if inner <= own => {
                    self.measured("link", link, own - inner);
                    self.inward(plan, next, rest, took, path);
                }
                (Some(own), _) if rest.is_empty() => {
                    self.measured(
                        "link",
                        format!("{name} – {next_name}, no usable answer"),
                        own,
                    );
                }
                _ => {
                    let rtt = plan.link(Spot::Node(node), Spot::Node(next)).rtt;
                    self.push("link", link, rtt as f64 / 1e6, false);
                    self.inward(plan, next, rest, &BTreeMap::new(), path);
                }
            }
            return;
        }
        let link = plan.link(Spot::Node(node), Spot::Origin).rtt as f64 / 1e6;
        let think = plan.origin.catalogue.resolve(path);
        let think = think.map_or(0.0, |object| {
            plan.origin.catalogue.think(object, 0) as f64 / 1e6
        });
        let way = format!("{name} – origin and back");
        match (own, took.get(plan.spot_name(Spot::Origin))) {
            (Some(own), Some(&origin)) if origin <= own => {
                self.measured("link", way, own - origin);
                self.measured("origin", "the origin", origin);
            }
            (Some(own), _) => {
                let own = millis(own);
                let rest = own - link.min(own);
                self.push("link", way, link.min(own), false);
                self.push(
                    "origin",
                    "the origin, with any new connection to it",
                    rest,
                    false,
                );
            }
            (None, _) => {
                self.push("link", way, link, false);
                self.push("origin", "the origin thinks", think, false);
            }
        }
    }
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
