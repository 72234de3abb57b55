//! What the router counts, in the OpenMetrics text format.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerKind {
    /// JSON on `/route`.
    Route,
    /// A redirect.
    Redirect,
    /// A request that cannot be answered.
    Refusal,
}

impl AnswerKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Redirect => "redirect",
            Self::Refusal => "refusal",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NodeLabels {
    pop: String,
    node: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CheckLabels {
    pop: String,
    node: String,
    result: &'static str,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<AnswerLabels, Counter>,
    choices: Family<NodeLabels, Counter>,
    checks: Family<CheckLabels, Counter>,
    transitions: Family<NodeLabels, Counter>,
    up: Family<NodeLabels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("cdnlab_router");
        let answers = Family::default();
        let choices = Family::default();
        let checks = Family::default();
        let transitions = Family::default();
        let up = Family::default();
        registry.register("answers", "Requests answered, by kind", answers.clone());
        registry.register("choices", "How often each node was chosen", choices.clone());
        registry.register("checks", "Health checks by result", checks.clone());
        registry.register(
            "transitions",
            "Changes of a node's health",
            transitions.clone(),
        );
        registry.register("node_up", "1 if clients are sent to the node", up.clone());
        Self {
            registry,
            answers,
            choices,
            checks,
            transitions,
            up,
        }
    }

    pub(crate) fn answered(&self, kind: AnswerKind) {
        self.answers
            .get_or_create(&AnswerLabels { kind: kind.label() })
            .inc();
    }

    /// How many requests were answered so.
    pub(crate) fn answers(&self, kind: AnswerKind) -> u64 {
        self.answers
            .get_or_create(&AnswerLabels { kind: kind.label() })
            .get()
    }

    pub(crate) fn chosen(&self, pop: &str, node: &str) {
        self.choices.get_or_create(&labels(pop, node)).inc();
    }

    pub(crate) fn checked(&self, pop: &str, node: &str, success: bool) {
        let result = if success { "success" } else { "failure" };
        let labels = CheckLabels {
            pop: pop.to_owned(),
            node: node.to_owned(),
            result,
        };
        self.checks.get_or_create(&labels).inc();
    }

    pub(crate) fn changed(&self, pop: &str, node: &str) {
        self.transitions.get_or_create(&labels(pop, node)).inc();
    }

    pub(crate) fn node_up(&self, pop: &str, node: &str, up: bool) {
        self.up.get_or_create(&labels(pop, node)).set(up.into());
    }

    /// The text that a scraper reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

fn labels(pop: &str, node: &str) -> NodeLabels {
    NodeLabels {
        pop: pop.to_owned(),
        node: node.to_owned(),
    }
}
