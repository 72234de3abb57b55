//! Events of a scenario as a schedule: names resolved, lengths expanded into begin and end, overlaps worked out.

use std::collections::BTreeMap;

use super::{
    Cut, CutKind, Direction, Event, Faults, LinkState, Nanos, OriginKind, Plan, PlannedEvent,
    Purge, Selector, Spot,
};
use crate::scenario::Problems;
use crate::scenario::events::{CutHow, CutName, EventSpec, LinkEvent, OriginEvent, PurgeMode};
use crate::scenario::values::OneOrMany;
use crate::units::Span;

/// The schedule of a plan that is complete but for its events.
pub(super) fn schedule(
    plan: &Plan,
    specs: &[EventSpec],
    problems: &mut Problems,
) -> Vec<PlannedEvent> {
    let mut events = Vec::new();
    origin_faults(plan, specs, &mut events);
    links(plan, specs, problems, &mut events);
    for (i, spec) in specs.iter().enumerate() {
        let at = spec.at.0;
        let mut add = |what, label| events.push(PlannedEvent { at, what, label });
        for (kind, name, make) in [
            ("kill", &spec.kill, Event::Kill as fn(u16) -> Event),
            ("restart", &spec.restart, Event::Restart as fn(u16) -> Event),
        ] {
            for node in name.iter().flat_map(|name| plan.nodes_called(name)) {
                add(
                    make(node),
                    format!("{kind} {}", plan.spot_name(Spot::Node(node))),
                );
            }
        }
        if let Some(what) = &spec.publish {
            let class = plan.classes.iter().position(|class| class.name == *what);
            let selector = match class {
                Some(class) => Some(Selector::Class(class as u16)),
                None => plan.origin.catalogue.resolve(what).map(Selector::Object),
            };
            match selector {
                Some(selector) => add(Event::Publish(selector), format!("publish {what}")),
                None => problems.add(
                    &["events", &i.to_string(), "publish"],
                    format!("the origin has no object at `{what}`"),
                ),
            }
        }
        if let Some(purge) = &spec.purge {
            let names = |OneOrMany(names): &OneOrMany| {
                names
                    .iter()
                    .flat_map(|name| plan.nodes_called(name))
                    .collect()
            };
            let mut nodes: Vec<u16> = purge
                .at
                .as_ref()
                .map_or_else(|| (0..plan.nodes.len() as u16).collect(), names);
            nodes.sort_unstable();
            nodes.dedup();
            let object = plan.origin.catalogue.resolve(&purge.url);
            // What an origin of the user's own has is not known here.
            if object.is_none() && matches!(plan.origin.kind, OriginKind::Synthetic) {
                problems.add(
                    &["events", &i.to_string(), "purge", "url"],
                    format!(
                        "the origin has no object at `{}`; a purge names one path",
                        purge.url
                    ),
                );
            }
            let soft = purge.mode == PurgeMode::Soft;
            let label = format!(
                "{} purge of {}",
                if soft { "soft" } else { "hard" },
                purge.url
            );
            add(
                Event::Purge(Purge {
                    path: purge.url.clone(),
                    object,
                    nodes,
                    soft,
                }),
                label,
            );
        }
    }
    // Stable: of events at one instant, links and origin come first, the rest as the file has them.
    events.sort_by_key(|event| event.at);
    events
}

/// When a fault that began at `at` ends; faults without a length last beyond every run.
fn end(at: Nanos, length: Option<Span>) -> Nanos {
    length.map_or(Nanos::MAX, |length| at.saturating_add(length.0))
}

/// Every instant at which one of these spans begins or ends within the run.
fn borders(spans: impl Iterator<Item = (Nanos, Nanos)>, duration: Nanos) -> Vec<Nanos> {
    let mut borders: Vec<Nanos> = spans
        .flat_map(|(from, to)| [from, to])
        .filter(|at| *at <= duration)
        .collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

fn origin_faults(plan: &Plan, specs: &[EventSpec], events: &mut Vec<PlannedEvent>) {
    let faults: Vec<(Nanos, Nanos, &OriginEvent)> = specs
        .iter()
        .filter_map(|spec| {
            spec.origin
                .as_ref()
                .map(|fault| (spec.at.0, end(spec.at.0, fault.length), fault))
        })
        .collect();
    for at in borders(
        faults.iter().map(|(from, to, _)| (*from, *to)),
        plan.duration,
    ) {
        let mut state = Faults::default();
        // Of overlapping faults, the one that stands later in the file decides, key by key.
        for (_, _, fault) in faults
            .iter()
            .filter(|(from, to, _)| (*from..*to).contains(&at))
        {
            state.status = fault.status.or(state.status);
            state.delay_ms = fault.delay.map_or(state.delay_ms, Span::millis);
            state.refuse |= fault.refuse;
        }
        let label = match (state.status, state.delay_ms, state.refuse) {
            (_, _, true) => "origin refuses".to_owned(),
            (Some(status), 0, _) => format!("origin answers {status}"),
            (Some(status), delay, _) => format!("origin answers {status} after {delay} ms"),
            (None, 0, _) => "origin well".to_owned(),
            (None, delay, _) => format!("origin {delay} ms slower"),
        };
        events.push(PlannedEvent {
            at,
            what: Event::Origin(state),
            label,
        });
    }
}

/// An event at one link: when it begins and ends, whether the link opens from the first of its pair, and the event.
type Change<'a> = (Nanos, Nanos, bool, &'a LinkEvent);

fn links(
    plan: &Plan,
    specs: &[EventSpec],
    problems: &mut Problems,
    events: &mut Vec<PlannedEvent>,
) {
    let all = plan.links();
    let mut touched: BTreeMap<(Spot, Spot), Vec<Change<'_>>> = BTreeMap::new();
    for (i, spec) in specs.iter().enumerate() {
        let Some(event) = &spec.link else { continue };
        let [first, second] = [plan.spots(&event.between[0]), plan.spots(&event.between[1])];
        let mut none = true;
        for link @ (from, to) in &all {
            let forward = first.contains(from) && second.contains(to);
            let backward = first.contains(to) && second.contains(from);
            if forward || backward {
                none = false;
                let ends = end(spec.at.0, event.length);
                touched
                    .entry(*link)
                    .or_default()
                    .push((spec.at.0, ends, forward, event));
            }
        }
        // Without a CDN most links do not exist, and an event about them is right for the other variants.
        if none && plan.routing.mode != super::RoutingMode::Direct {
            problems.add(
                &["events", &i.to_string(), "link", "between"],
                format!(
                    "nothing goes directly between `{}` and `{}`",
                    event.between[0], event.between[1]
                ),
            );
        }
    }
    for ((from, to), changes) in touched {
        for at in borders(
            changes.iter().map(|(from, to, ..)| (*from, *to)),
            plan.duration,
        ) {
            let mut model = plan.link(from, to);
            let mut cut = None;
            for (_, _, forward, event) in changes
                .iter()
                .filter(|(from, to, ..)| (*from..*to).contains(&at))
            {
                if let Some(rtt) = event.rtt {
                    model.rtt = rtt.0;
                }
                cut = event
                    .cut
                    .map(|name| self::cut(name, event.how, *forward))
                    .or(cut);
            }
            let (one, other) = (plan.spot_name(from), plan.spot_name(to));
            let state = match cut {
                Some(Cut { direction, how }) => {
                    let how = match how {
                        CutKind::Blackhole => "blackhole",
                        CutKind::Reset => "reset",
                    };
                    match direction {
                        Direction::Both => format!("cut ({how})"),
                        Direction::Forward => format!("cut ({how}, towards {other})"),
                        Direction::Backward => format!("cut ({how}, towards {one})"),
                    }
                }
                None if model.rtt != plan.link(from, to).rtt => format!("RTT {}", Span(model.rtt)),
                None => "healed".to_owned(),
            };
            let label = format!("{one} - {other} {state}");
            events.push(PlannedEvent {
                at,
                what: Event::Link(LinkState {
                    from,
                    to,
                    cut,
                    model,
                }),
                label,
            });
        }
    }
}

/// The cut of a link whose opening end is the first of the pair (`forward`) or the second.
fn cut(name: CutName, how: CutHow, forward: bool) -> Cut {
    let direction = match (name, forward) {
        (CutName::Both, _) => Direction::Both,
        (CutName::To, true) | (CutName::From, false) => Direction::Forward,
        (CutName::To, false) | (CutName::From, true) => Direction::Backward,
    };
    let how = match how {
        CutHow::Blackhole => CutKind::Blackhole,
        CutHow::Reset => CutKind::Reset,
    };
    Cut { direction, how }
}

impl Plan {
    /// What an event of a scenario, written as JSON, means for this plan: what happens at once (at 0), and what ends it.
    ///
    /// # Errors
    /// In one sentence, what is wrong with it.
    pub fn happening(&self, written: &serde_json::Value) -> Result<Vec<PlannedEvent>, String> {
        let spec: EventSpec =
            serde_json::from_value(written.clone()).map_err(|error| error.to_string())?;
        let ends = spec.link.iter().flat_map(|link| &link.between);
        let purged = spec.purge.iter().filter_map(|purge| purge.at.as_ref());
        let nodes = purged.flat_map(|OneOrMany(names)| names);
        let nodes = nodes.chain(&spec.kill).chain(&spec.restart);
        let unknown = ends
            .filter(|name| self.spots(name).is_empty())
            .chain(nodes.filter(|name| self.nodes_called(name).is_empty()))
            .next();
        if let Some(name) = unknown {
            let pops = self.pops.iter().map(|pop| pop.name.as_str());
            let nodes = self.nodes.iter().map(|node| node.name.as_str());
            let known: Vec<&str> = pops.chain(nodes).collect();
            return Err(format!(
                "nothing is called `{name}`; nodes are {}",
                known.join(", ")
            ));
        }
        let mut problems = Problems::default();
        // It may last longer than a run would.
        let endless = Self {
            duration: Nanos::MAX - 1,
            ..self.clone()
        };
        let events = schedule(&endless, &[spec], &mut problems);
        match problems.0.into_iter().next() {
            Some((_, message)) => Err(message),
            None => Ok(events),
        }
    }

    /// The nodes that a name stands for: a node, or all nodes of a PoP.
    pub(super) fn nodes_called(&self, name: &str) -> Vec<u16> {
        if let Some(pop) = self.pops.iter().find(|pop| pop.name == name) {
            return pop.nodes.clone();
        }
        let node = self.nodes.iter().position(|node| node.name == name);
        node.map(|node| node as u16).into_iter().collect()
    }

    /// The ends of links that a name stands for: a population, a PoP, a node, or one of the words for several of them.
    pub(super) fn spots(&self, name: &str) -> Vec<Spot> {
        let clients = |wanted: &dyn Fn(u16) -> bool| {
            let places = self
                .places
                .iter()
                .zip(0..)
                .filter(|(place, _)| wanted(place.population));
            places.map(|(_, place)| Spot::Client(place)).collect()
        };
        match name {
            "origin" => vec![Spot::Origin],
            "router" => vec![Spot::Router],
            "edges" => (0..self.nodes.len() as u16).map(Spot::Node).collect(),
            "clients" => clients(&|_| true),
            _ => match self
                .populations
                .iter()
                .position(|population| population.name == name)
            {
                Some(population) => clients(&|of| usize::from(of) == population),
                None => self
                    .nodes_called(name)
                    .into_iter()
                    .map(Spot::Node)
                    .collect(),
            },
        }
    }
}
