//! A case as it is written: plain data, read strictly.

use serde::{Deserialize, Serialize};

/// How binding the rule is that a case checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A MUST of the standard: a cache that fails it is wrong.
    Must,
    /// A SHOULD of the standard.
    Should,
    /// What the standard permits and a good cache does: it reuses what may be reused.
    Quality,
}

impl Kind {
    /// All kinds, the most binding first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Should, Self::Quality];

    /// Its word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Quality => "quality",
        }
    }
}

/// One case: a few requests through a cache, and what must be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name, `subject/name` once the suite is loaded: small letters, digits and `-`.
    pub id: String,
    /// The rule in a sentence.
    pub title: String,
    /// Where the rule stands, as in `RFC 9111 4.2.1`. A file gives a default.
    #[serde(default)]
    pub section: String,
    /// How binding it is.
    pub kind: Kind,
    /// Cases without which this one says nothing: where one fails, this one is not judged.
    #[serde(default)]
    pub depends: Vec<String>,
    /// The policy that our own edge is started with for this case (a patch of its defaults). Other caches are the
    /// user's to configure.
    #[serde(default)]
    pub policy: serde_json::Value,
    /// The requests, one after the other.
    pub steps: Vec<Step>,
}

/// One request, the response of the origin if it is asked, and what must be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// A step that only prepares: where it fails, the case is not applicable rather than failed.
    pub setup: bool,
    /// Pause before the request, in seconds.
    pub after: f64,
    /// Its method.
    pub method: String,
    /// What follows the case's own path in the request target, as in `/part?x=1`.
    pub target: String,
    /// Field lines of the request, as `Name: value`.
    pub send: Vec<String>,
    /// Content of the request.
    pub content: Option<String>,
    /// The whole request as it goes over the wire, in place of what the above would give.
    pub raw: Option<String>,
    /// How many clients send it at once. What is expected of the response is expected of each.
    pub at_once: usize,
    /// What the origin answers, if the cache asks it.
    pub origin: Script,
    /// Where the response must come from.
    pub served: Option<Served>,
    /// Whether the origin must be asked.
    pub asked: Option<Asked>,
    /// How many requests of this step must reach the origin.
    pub asked_times: Option<usize>,
    /// Fields of the first request at the origin, as [`Step::fields`].
    pub asked_with: Vec<String>,
    /// Fields that no request at the origin may have.
    pub asked_without: Vec<String>,
    /// The statuses allowed; unless given, that of the response it is served from.
    pub status: Vec<u16>,
    /// Fields of the response: `Name: value` (lines joined by `, `), `Name ~ part`, `Name !~ part`, `Name >= 10`,
    /// `Name <= 10`, `Name ?` (is there).
    pub fields: Vec<String>,
    /// Fields that the response may not have.
    pub absent: Vec<String>,
    /// The body; unless given, that of the response it is served from.
    pub body: Option<String>,
    /// A part of the body.
    pub body_has: Vec<String>,
    /// The interim responses before it, with or without fields: `103`, or `103 Link: <a>`.
    pub interim: Option<Vec<String>>,
    /// Its trailer fields, as [`Step::fields`].
    pub trailers: Vec<String>,
    /// The message must be seen to be cut off (or an error of the cache in its place).
    pub incomplete: bool,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            setup: false,
            after: 0.0,
            method: "GET".to_owned(),
            target: String::new(),
            send: Vec::new(),
            content: None,
            raw: None,
            at_once: 1,
            origin: Script::default(),
            served: None,
            asked: None,
            asked_times: None,
            asked_with: Vec::new(),
            asked_without: Vec::new(),
            status: Vec::new(),
            fields: Vec::new(),
            absent: Vec::new(),
            body: None,
            body_has: Vec::new(),
            interim: None,
            trailers: Vec::new(),
            incomplete: false,
        }
    }
}

/// Where a response comes from, as the mark that the origin puts on each of its own shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Served {
    /// A stored response, without asking the origin.
    Hit,
    /// A stored response, whether or not the origin was asked.
    Stored,
    /// A stored response, after the origin was asked with a precondition.
    Validated,
    /// The origin's response of this step.
    Origin,
    /// Anything but a stored response.
    NotStored,
    /// The cache itself: no mark of the origin.
    Cache,
}

/// Whether the origin must be asked in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// Not before the response is whole.
    Never,
    /// At least once.
    Always,
    /// With If-None-Match or If-Modified-Since.
    Conditional,
    /// With neither.
    Unconditional,
    /// Before or soon after the response.
    Soon,
}

/// What the origin answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The status. A 304 is given only to a request with a precondition: to another, a 200 with these fields.
    pub status: u16,
    /// Field lines, beside Date, Content-Length and the origin's mark, which it adds unless they are named here.
    pub fields: Vec<String>,
    /// Content; a text that names case and step unless given.
    pub body: Option<String>,
    /// The content is a representation: a request for a range of it gets a 206, or a 416 where there is no such range.
    pub ranges: bool,
    /// No Date.
    pub no_date: bool,
    /// How the content is framed.
    pub framing: Framing,
    /// Trailer fields, after chunks.
    pub trailers: Vec<String>,
    /// Interim responses before the final one, as `103 Link: <a>`.
    pub interim: Vec<String>,
    /// Milliseconds between the request (or the interim responses) and the final response.
    pub delay_ms: u64,
    /// Bytes of content after which the connection is closed.
    pub cut_after: Option<usize>,
    /// Close the connection without an answer.
    pub silent: bool,
    /// The whole response as it goes over the wire, in place of what the above would give; then the connection is
    /// closed.
    pub raw: Option<String>,
    /// The connection is not closed after `raw` but held until another request comes on it, which gets no answer.
    pub held: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            status: 200,
            fields: Vec::new(),
            body: None,
            ranges: false,
            no_date: false,
            framing: Framing::Length,
            trailers: Vec::new(),
            interim: Vec::new(),
            delay_ms: 0,
            cut_after: None,
            silent: false,
            raw: None,
            held: false,
        }
    }
}

/// How content is framed (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// By Content-Length.
    Length,
    /// In chunks.
    Chunked,
    /// By the end of the connection.
    Close,
}
