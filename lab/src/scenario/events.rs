//! What happens during a run, as written. An event has `at` and exactly one of the other keys; `ask` may stand beside it, or alone.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::OneOrMany;
use crate::units::Span;

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSpec {
    /// When, counted from the start of the run.
    pub at: Span,
    /// The origin fails or is slow.
    pub origin: Option<OriginEvent>,
    /// A link is cut or slow.
    pub link: Option<LinkEvent>,
    /// A node, or every node of a PoP, dies without warning.
    pub kill: Option<String>,
    /// A node, or every node of a PoP, starts again, empty.
    pub restart: Option<String>,
    /// The origin publishes new versions of a class, or of one path.
    pub publish: Option<String>,
    /// A purge is sent.
    pub purge: Option<PurgeEvent>,
    /// What a class is asked before this happens, on the live page (`cdnlab up --front`). It may stand without an event. Runs
    /// take no notice of it.
    pub ask: Option<AskSpec>,
}

/// A question about what an event does, answered by a real request after it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSpec {
    /// In words, such as "Frankfurt dies. Who serves a reader in London, five seconds later?".
    pub question: String,
    /// The place of the client whose request answers it: one that a population comes from.
    pub from: String,
    /// What it asks for.
    pub path: String,
    /// How long after the event. A question whose answer would come after the run is not asked.
    pub after: Span,
    /// What is to be guessed.
    #[serde(default)]
    pub about: AskAbout,
}

/// What is to be guessed of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AskAbout {
    /// `hit`, `stale`, `miss` or `error`.
    #[default]
    Outcome,
    /// The PoP that answers, or none.
    Pop,
}

/// A fault of the origin.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginEvent {
    /// It answers everything with this status, 400 to 599.
    pub status: Option<u16>,
    /// It answers so much later.
    pub delay: Option<Span>,
    /// It closes connections instead of answering.
    #[serde(default)]
    pub refuse: bool,
    /// How long; default until the end.
    #[serde(rename = "for")]
    pub length: Option<Span>,
}

/// A change of the links between two.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkEvent {
    /// Two of: a population, a PoP, a node, `origin`, `router`, `clients`, `edges`.
    pub between: [String; 2],
    /// What is lost: `both` ways, only what goes `to` the second, or only what comes `from` it.
    pub cut: Option<CutName>,
    /// What the ends notice: nothing (`blackhole`, the default), or a `reset`.
    #[serde(default)]
    pub how: CutHow,
    /// Its round-trip time from now on.
    pub rtt: Option<Span>,
    /// How long; default until the end.
    #[serde(rename = "for")]
    pub length: Option<Span>,
}

/// Which direction is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CutName {
    /// Both.
    Both,
    /// What goes to the second of the pair.
    To,
    /// What comes from the second of the pair.
    From,
}

/// What the ends of a cut link notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CutHow {
    /// Nothing: bytes vanish, connects stay unanswered.
    #[default]
    Blackhole,
    /// Connections are reset and refused.
    Reset,
}

/// A purge by URL.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeEvent {
    /// Path (and query) of what is purged.
    pub url: String,
    /// PoPs or nodes that it is sent to; default all.
    pub at: Option<OneOrMany>,
    /// `hard` (the default): it is gone. `soft`: it is stale.
    #[serde(default)]
    pub mode: PurgeMode,
}

/// How a purge treats what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PurgeMode {
    /// It is gone.
    #[default]
    Hard,
    /// It is stale, and may be validated or served as a stale response.
    Soft,
}

/// A named span of the run.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// First instant in it.
    pub from: Span,
    /// First instant after it.
    pub to: Span,
}
