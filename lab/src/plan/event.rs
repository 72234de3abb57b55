//! What happens during a run, with every name resolved.

use origin::{Faults, Selector};

use super::{LinkModel, Nanos, ObjectId, Plan, Spot};
use crate::scenario::Problems;
use crate::scenario::events::{AskAbout, EventSpec};

/// Something that happens at an instant of the run.
#[derive(Debug, Clone)]
pub struct PlannedEvent {
    /// When.
    pub at: Nanos,
    /// What.
    pub what: Event,
    /// One line for progress and report, such as `fra - origin cut (blackhole)`.
    pub label: String,
}

/// A question about an event, for a class in front of the live page. Both drivers pass over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// When the event happens; until then it can be answered.
    pub at: Nanos,
    /// In words.
    pub question: String,
    /// Index of the client's place whose request shows the answer.
    pub place: u16,
    /// What it asks for.
    pub path: String,
    /// When it does.
    pub reveal: Nanos,
    /// Whether the PoP is to be guessed; else the outcome.
    pub about_pop: bool,
}

/// What can happen. Faults carry the whole state that holds from then on, so that overlapping ones need no bookkeeping.
#[derive(Debug, Clone)]
pub enum Event {
    /// The origin behaves so from now on; the default: it is well again.
    Origin(Faults),
    /// This link behaves so from now on.
    Link(LinkState),
    /// The node of this index dies without warning (kill -9).
    Kill(u16),
    /// The node of this index starts again, empty.
    Restart(u16),
    /// The origin publishes new versions.
    Publish(Selector),
    /// A purge is sent to nodes.
    Purge(Purge),
}

/// The state of one link from an instant on.
#[derive(Debug, Clone)]
pub struct LinkState {
    /// The end that opens connections.
    pub from: Spot,
    /// The end that accepts them.
    pub to: Spot,
    /// The cut in force, if any.
    pub cut: Option<Cut>,
    /// The model in force.
    pub model: LinkModel,
}

/// A cut of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Which direction is lost.
    pub direction: Direction,
    /// What its ends notice.
    pub how: CutKind,
}

/// Directions of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both.
    Both,
    /// From the end that opens connections to the one that accepts them.
    Forward,
    /// The other one.
    Backward,
}

/// What the ends of a cut link notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutKind {
    /// Nothing: bytes vanish, connects stay unanswered.
    Blackhole,
    /// Connections are reset and refused.
    Reset,
}

/// A purge by URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Path and query.
    pub path: String,
    /// The object behind it, where the catalogue knows it.
    pub object: Option<ObjectId>,
    /// Indices of the nodes that it is sent to.
    pub nodes: Vec<u16>,
    /// True: what is stored becomes stale; false: it is gone.
    pub soft: bool,
}

impl Ask {
    /// The questions of a plan that is complete but for them; not those whose answer would come after
    /// the run.
    pub(super) fn all(plan: &Plan, specs: &[EventSpec], problems: &mut Problems) -> Vec<Self> {
        let mut asks = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            let Some(ask) = &spec.ask else { continue };
            let mut places = plan.places.iter().zip(0u16..);
            let Some((_, place)) = places.find(|(place, _)| place.name == ask.from) else {
                let known: Vec<&str> = plan.places.iter().map(|it| it.name.as_str()).collect();
                let message = format!(
                    "no clients in `{}`; there are some in {}",
                    ask.from,
                    known.join(", ")
                );
                problems.add(&["events", &i.to_string(), "ask", "from"], message);
                continue;
            };
            asks.push(Self {
                at: spec.at.0,
                question: ask.question.clone(),
                place,
                path: ask.path.clone(),
                reveal: spec.at.0.saturating_add(ask.after.0),
                about_pop: ask.about == AskAbout::Pop,
            });
        }
        asks.retain(|ask| ask.reveal <= plan.duration);
        asks.sort_by_key(|ask| ask.at);
        asks
    }
}
