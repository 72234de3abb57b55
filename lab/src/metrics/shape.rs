//! The shape of a run: which labels exist, as dense small integers. All that metrics know of a plan.

use super::scene::Scene;
use crate::plan::{ClientPlace, Event, Faults, Nanos, Plan, Selector, Upstream};

/// Windows that every run has, before the named ones.
pub(crate) const WARMUP: usize = 0;
/// Everything after the warm-up.
pub(crate) const MEASURED: usize = 1;

/// Labels and what figures need to know about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) regions: Vec<String>,
    /// The places of clients, each by a name of its own.
    pub(crate) places: Vec<String>,
    /// Region of each place.
    pub(crate) region_of: Vec<u16>,
    pub(crate) pops: Vec<String>,
    pub(crate) nodes: Vec<NodeShape>,
    pub(crate) classes: Vec<ClassShape>,
    /// Warm-up, measured, then the named ones.
    pub(crate) windows: Vec<WindowShape>,
    pub(crate) duration: Nanos,
    pub(crate) sequential: bool,
    pub(crate) events: Vec<EventShape>,
    pub(crate) scene: Scene,
}

#[derive(Debug, Clone)]
pub(crate) struct NodeShape {
    pub(crate) name: String,
    pub(crate) pop: u16,
    /// Whether its PoP serves clients; otherwise it is an inner tier.
    pub(crate) serves_clients: bool,
    pub(crate) asks_origin: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ClassShape {
    pub(crate) name: String,
    /// How long a plain response is fresh, or the rule that keeps it from being stored.
    pub(crate) lifetime: Result<Nanos, String>,
    pub(crate) variants: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct WindowShape {
    pub(crate) name: String,
    pub(crate) from: Nanos,
    pub(crate) to: Nanos,
}

#[derive(Debug, Clone)]
pub(crate) struct EventShape {
    pub(crate) label: String,
    pub(crate) effect: Effect,
}

/// What an event means for figures.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Nothing but a mark in the time series.
    Mark,
    /// A fault begins.
    Fault,
    /// A fault ends: convergence counts from here.
    Heal,
    /// New versions: convergence of these objects counts from here.
    Publish { class: u16, object: Option<u32> },
    /// This node died without a last word.
    Killed(u16),
    /// What this node had stored is gone.
    Emptied(u16),
    /// What these nodes had stored of this object is gone or stale.
    Purge {
        nodes: Vec<u16>,
        class: u16,
        object: u32,
    },
}

impl Shape {
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut regions: Vec<String> = Vec::new();
        let region_of = plan.places.iter().map(|place| {
            let known = regions.iter().position(|region| *region == place.region);
            small(known.unwrap_or_else(|| {
                regions.push(place.region.clone());
                regions.len() - 1
            }))
        });
        let region_of = region_of.collect();
        let fixed = [
            ("warmup", 0, plan.warmup),
            ("measured", plan.warmup, Nanos::MAX),
        ];
        let fixed = fixed.map(|(name, from, to)| WindowShape {
            name: name.to_owned(),
            from,
            to,
        });
        let named = plan.windows.iter().map(|window| WindowShape {
            name: window.name.clone(),
            from: window.from,
            to: window.to,
        });
        let nodes = plan.nodes.iter().map(|node| NodeShape {
            name: node.name.clone(),
            pop: node.pop,
            serves_clients: plan
                .pops
                .get(usize::from(node.pop))
                .is_none_or(|pop| pop.serves_clients),
            asks_origin: node.upstream == Upstream::Origin,
        });
        Self {
            regions,
            places: places(plan),
            region_of,
            pops: plan.pops.iter().map(|pop| pop.name.clone()).collect(),
            nodes: nodes.collect(),
            classes: plan.classes.iter().map(class).collect(),
            windows: fixed.into_iter().chain(named).collect(),
            duration: plan.duration,
            sequential: plan.sequential,
            events: events(plan),
            scene: Scene::of(plan),
        }
    }

    /// How many cells there are: one per place, node (the last: none) and path class.
    pub(crate) fn cells(&self) -> usize {
        self.region_of.len().max(1) * (self.nodes.len() + 1) * self.classes.len().max(1)
    }

    /// Index of the cell of a place, a node and a path class. A place that the plan does not know counts as the first.
    #[inline]
    pub(crate) fn cell(&self, place: u16, node: Option<u16>, class: u16) -> usize {
        let nodes = self.nodes.len() + 1;
        let node = node.map_or(nodes - 1, |node| usize::from(node).min(nodes - 1));
        let place = match usize::from(place) {
            known if known < self.region_of.len() => known,
            _ => 0,
        };
        (place * nodes + node) * self.classes.len().max(1) + usize::from(class)
    }

    /// The region of a place, by their indices.
    pub(crate) fn region_at(&self, place: usize) -> usize {
        let region = self.region_of.get(place);
        region.map_or(0, |region| usize::from(*region))
    }

    /// The region of a place.
    #[inline]
    pub(crate) fn region(&self, place: u16) -> usize {
        self.region_at(usize::from(place))
    }
}

/// A place of several populations has the name of its population, too.
fn places(plan: &Plan) -> Vec<String> {
    let name = |place: &ClientPlace| {
        let alike = plan.places.iter().filter(|other| other.name == place.name);
        let population = plan.populations.get(usize::from(place.population));
        match population.filter(|_| alike.count() > 1) {
            Some(population) => format!("{} of {}", place.name, population.name),
            None => place.name.clone(),
        }
    };
    plan.places.iter().map(name).collect()
}

fn class(class: &crate::plan::ClassPlan) -> ClassShape {
    ClassShape {
        name: class.name.clone(),
        lifetime: match &class.cacheable {
            // What must be validated before each use is never fresh, whatever its lifetime says.
            Ok(digest) if digest.no_cache() => Ok(0),
            Ok(digest) => Ok(Nanos::try_from(digest.lifetime)
                .unwrap_or(0)
                .saturating_mul(1_000_000)),
            Err(rule) => Err(rule.to_string()),
        },
        variants: class
            .vary
            .as_ref()
            .map_or(1, |vary| vary.values.len().max(1) as u32),
    }
}

/// Faults carry their whole state, so the end of one is an event that leaves nothing wrong. A link that was never cut does
/// not heal: its latency changes.
fn events(plan: &Plan) -> Vec<EventShape> {
    let mut cut = std::collections::BTreeSet::new();
    let mut effect = |event: &Event| match event {
        Event::Origin(fault) if *fault == Faults::default() => Effect::Heal,
        Event::Origin(_) => Effect::Fault,
        Event::Link(link) if link.cut.is_some() => {
            cut.insert((link.from, link.to));
            Effect::Fault
        }
        Event::Link(link) if cut.remove(&(link.from, link.to)) => Effect::Heal,
        Event::Link(_) => Effect::Mark,
        Event::Kill(node) => Effect::Killed(*node),
        Event::Restart(node) => Effect::Emptied(*node),
        Event::Publish(Selector::Class(class)) => Effect::Publish {
            class: *class,
            object: None,
        },
        Event::Publish(Selector::Object(id)) => Effect::Publish {
            class: id.class,
            object: Some(id.object),
        },
        // A plan names what it publishes.
        Event::Publish(Selector::All) => Effect::Mark,
        Event::Purge(purge) => match purge.object {
            Some(id) => Effect::Purge {
                nodes: purge.nodes.clone(),
                class: id.class,
                object: id.object,
            },
            None => Effect::Mark,
        },
    };
    let shapes = plan.events.iter().map(|event| EventShape {
        label: event.label.clone(),
        effect: effect(&event.what),
    });
    shapes.collect()
}

fn small(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
