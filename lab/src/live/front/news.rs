//! How the stage stands, looked at once a second by one collector for all who watch. A reader takes the newest whenever it
//! can: one that is slow misses some, and holds up nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::Front;
use super::figures::{Figures, label, samples};
use super::journey::Journey;
use super::memory::{Course, Memory};
use super::play::{answer, choices};
use super::tally::{Seen, Tally};
use crate::live::clock::Clock;
use crate::live::control::Admin;
use crate::plan::{Nanos, Plan, Spot};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// A node that does not tell its figures within so long counts as down.
const PATIENCE: Duration = Duration::from_millis(900);
/// Entries of the diary that are kept.
pub(super) const DIARY: usize = 40;
const MS: Nanos = 1_000_000;

/// One look.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct News {
    /// Counts the looks.
    pub(super) seq: u64,
    pub(super) wall_ms: i64,
    pub(super) regions: Vec<Region>,
    pub(super) nodes: Vec<Node>,
    pub(super) origin: Origin,
    /// Links that are cut or not as the plan has them, and how many there are in all.
    pub(super) links: Vec<Link>,
    pub(super) links_known: usize,
    /// By place: the PoP that its last request was sent to, or `origin`.
    pub(super) routes: Vec<Option<String>>,
    /// How far the scenario has been played, and how long it is.
    pub(super) playing_ms: Option<u64>,
    pub(super) duration_ms: u64,
    pub(super) round: u64,
    pub(super) left_out: u64,
    pub(super) events: Vec<Happening>,
    pub(super) questions: Vec<Posed>,
    pub(super) diary: Vec<Entry>,
}

/// The clients of a region, and the PoPs that are nearest to them.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) pops: Vec<String>,
    /// As its PoPs tell.
    pub(super) now: Told,
    pub(super) all: Told,
    /// As its clients see it, as far as they are this front's.
    pub(super) clients_now: Seen,
    pub(super) clients_all: Seen,
}

/// An edge.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) pop: String,
    pub(super) up: bool,
    /// Whether the router sends clients there; `None` if it has no say.
    pub(super) routed: Option<bool>,
    pub(super) now: Told,
    pub(super) all: Told,
    pub(super) stored: u64,
}

/// What edges tell of a span.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Told {
    pub(super) requests: u64,
    pub(super) hit_ratio: Option<f64>,
    pub(super) errors: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
}

impl From<&Figures> for Told {
    fn from(figures: &Figures) -> Self {
        Self {
            requests: figures.requests(),
            hit_ratio: figures.hit_ratio(),
            errors: figures.errors(),
            p50_ms: figures.quantile_ms(0.5),
            p95_ms: figures.quantile_ms(0.95),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Origin {
    pub(super) up: bool,
    /// Within the last seconds, and since the front's start.
    pub(super) now: u64,
    pub(super) all: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Link {
    pub(super) from: String,
    pub(super) to: String,
    /// What is lost, such as `both`.
    pub(super) cut: Option<String>,
    pub(super) rtt_ms: f64,
    pub(super) planned_ms: f64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Happening {
    pub(super) at_ms: u64,
    pub(super) label: String,
    pub(super) happened_ms: Option<u64>,
    pub(super) failed: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Posed {
    pub(super) question: String,
    pub(super) place: String,
    pub(super) path: String,
    pub(super) choices: Vec<String>,
    pub(super) at_ms: u64,
    pub(super) reveal_ms: u64,
    pub(super) answer: Option<String>,
    pub(super) journey: Option<Journey>,
}

/// An order that was carried out, or an event.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    pub(super) wall_ms: i64,
    pub(super) what: String,
}

impl Front {
    /// Looks once a second, until dropped.
    pub(super) async fn collect(self: Arc<Self>, mut memory: Memory) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        // The first look was taken before anybody could watch.
        tick.tick().await;
        loop {
            tick.tick().await;
            let news = self.look(&mut memory).await;
            self.news.send_replace(Arc::new(news));
            self.tallies().iter_mut().for_each(Tally::tick);
        }
    }

    pub(super) async fn look(&self, memory: &mut Memory) -> News {
        let indices = 0..u16::try_from(self.plan.nodes.len()).unwrap_or(u16::MAX);
        let nodes = futures_util::future::join_all(indices.map(|node| self.node_metrics(node)));
        let links = async {
            let states = self.stage.links().states(&self.stage.control);
            tokio::time::timeout(PATIENCE, states)
                .await
                .unwrap_or_default()
        };
        let (nodes, router, origin, links) = futures_util::future::join4(
            nodes,
            self.metrics_of("router"),
            self.metrics_of("origin"),
            links,
        )
        .await;
        memory.seq += 1;
        memory
            .nodes
            .resize_with(self.plan.nodes.len(), Course::default);
        let up: Vec<bool> = nodes.iter().map(Option::is_some).collect();
        for (course, text) in memory.nodes.iter_mut().zip(nodes) {
            course.add(text.map(|text| Figures::read(&text)));
        }
        let mut news = News {
            seq: memory.seq,
            wall_ms: Clock::wall_ms(),
            origin: memory.origin(origin.as_deref()),
            nodes: self.nodes(&up, router.as_deref(), memory),
            regions: self.regions(memory),
            links_known: links.len(),
            links: changed(&self.plan, &links),
            routes: self.routes().clone(),
            duration_ms: self.plan.duration / MS,
            diary: self.diary().iter().cloned().collect(),
            ..News::default()
        };
        self.played(&mut news);
        news
    }

    /// A node's metrics; `None` while it is down.
    pub(super) async fn node_metrics(&self, node: u16) -> Option<String> {
        let admin = self.stage.admin(node)?;
        let told = tokio::time::timeout(PATIENCE, admin.metrics()).await;
        told.ok()?.ok()
    }

    /// How long a node took for a traced request; `None` if it does not know, or does not answer.
    pub(super) async fn timing(&self, name: &str, id: &str) -> Option<Duration> {
        let admin = self.admin_of(name)?;
        let told = tokio::time::timeout(PATIENCE, admin.timing(id)).await;
        told.ok()?.ok()
    }

    fn admin_of<'a>(&'a self, name: &'a str) -> Option<Admin<'a>> {
        let (_, admin) = self.admins.iter().find(|(node, _)| node == name)?;
        Some(self.stage.control.of(name, *admin))
    }

    async fn metrics_of(&self, name: &str) -> Option<String> {
        let admin = self.admin_of(name)?;
        tokio::time::timeout(PATIENCE, admin.metrics())
            .await
            .ok()?
            .ok()
    }

    fn nodes(&self, up: &[bool], router: Option<&str>, memory: &Memory) -> Vec<Node> {
        let routed: BTreeMap<&str, bool> = samples(router.unwrap_or_default())
            .filter(|(name, ..)| *name == "cdnlab_router_node_up")
            .filter_map(|(_, labels, value)| Some((label(labels, "node")?, value > 0.0)))
            .collect();
        // Where clients go straight to the origin, no node runs.
        let known = self.plan.nodes.iter().zip(0..);
        let known = known.filter(|(_, node)| self.stage.node_admin(*node).is_some());
        let nodes = known.map(|(node, _)| node).zip(&memory.nodes).zip(up);
        nodes
            .map(|((node, course), up)| Node {
                name: node.name.clone(),
                pop: self
                    .plan
                    .pops
                    .get(usize::from(node.pop))
                    .map_or_else(String::new, |pop| pop.name.clone()),
                up: *up,
                routed: routed.get(node.name.as_str()).copied(),
                now: Told::from(&course.now()),
                all: Told::from(&course.all),
                stored: course
                    .last
                    .as_ref()
                    .filter(|_| *up)
                    .map_or(0, |it| it.stored),
            })
            .collect()
    }

    fn regions(&self, memory: &Memory) -> Vec<Region> {
        let tallies = self.tallies();
        let regions = self.regions.iter().zip(tallies.iter());
        regions
            .map(|((name, pops), tally)| {
                let (mut now, mut all) = (Figures::default(), Figures::default());
                for (node, course) in self.plan.nodes.iter().zip(&memory.nodes) {
                    if pops.contains(&node.pop) {
                        now.add(&course.now());
                        all.add(&course.all);
                    }
                }
                let pops = pops
                    .iter()
                    .filter_map(|pop| self.plan.pops.get(usize::from(*pop)));
                Region {
                    name: name.clone(),
                    pops: pops.map(|pop| pop.name.clone()).collect(),
                    now: Told::from(&now),
                    all: Told::from(&all),
                    clients_now: tally.now(),
                    clients_all: tally.all(),
                }
            })
            .collect()
    }

    /// What is played, with its events and questions.
    fn played(&self, news: &mut News) {
        let play = self.playing();
        news.playing_ms = play.now().map(|at| (at / MS).min(news.duration_ms));
        (news.round, news.left_out) = (play.round, play.left_out);
        let events = self.plan.events.iter().enumerate();
        news.events = events
            .map(|(index, event)| {
                let happened = play.happened.get(index).and_then(Option::as_ref);
                Happening {
                    at_ms: event.at / MS,
                    label: event.label.clone(),
                    happened_ms: happened.and_then(|it| it.as_ref().ok()).map(|at| at / MS),
                    failed: happened.and_then(|it| it.as_ref().err()).cloned(),
                }
            })
            .collect();
        let asks = self.plan.asks.iter().enumerate();
        news.questions = asks
            .map(|(index, ask)| {
                let journey = play.answers.get(index).cloned().flatten();
                Posed {
                    question: ask.question.clone(),
                    place: self.plan.spot_name(Spot::Client(ask.place)).to_owned(),
                    path: ask.path.clone(),
                    choices: choices(&self.plan, ask),
                    at_ms: ask.at / MS,
                    reveal_ms: ask.reveal / MS,
                    answer: journey.as_ref().map(|journey| answer(ask, journey)),
                    journey,
                }
            })
            .collect();
    }
}

fn changed(plan: &Plan, links: &[((Spot, Spot), network::control::LinkStatus)]) -> Vec<Link> {
    let changed = links.iter().filter(|((from, to), status)| {
        status.cut.is_some() || status.model.rtt != plan.link(*from, *to).rtt
    });
    changed
        .map(|((from, to), status)| Link {
            from: plan.spot_name(*from).to_owned(),
            to: plan.spot_name(*to).to_owned(),
            cut: status.cut.map(|cut| {
                let direction = serde_json::to_value(cut.direction).unwrap_or_default();
                direction.as_str().unwrap_or("both").to_owned()
            }),
            rtt_ms: status.model.rtt as f64 / 1e6,
            planned_ms: plan.link(*from, *to).rtt as f64 / 1e6,
        })
        .collect()
}
