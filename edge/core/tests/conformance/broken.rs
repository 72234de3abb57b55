//! Caches that are wrong on purpose: each `must` case fails with at least one of them, or it would check nothing.

use std::collections::HashMap;
use std::time::SystemTime;

use conformance::{Answer, Ask, Seen};
use edge_core::Policy;

use crate::cache::Cache;

/// What is wrong with a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Gives the first response that it got for a target to all who ask, for ever.
    Greedy,
    /// As that, whatever the target.
    GreedyForAll,
    /// As the first, for each method by itself.
    GreedyByMethod,
    /// Stores nothing, and passes everything on as it came.
    Transparent,
    /// Right, but its time stands still, and what comes is new.
    Timeless,
    /// Right, but does as if each precondition and range were met.
    Agreeable,
    /// Right, but sees only the first line of each field.
    FirstLines,
    /// Right, but loses the fields of responses.
    Forgetful,
    /// Right, but mangles the fields of requests to the origin.
    Mute,
    /// Right, but every body has a wrong byte.
    Garbling,
    /// Right, but makes up what tells of time and origin.
    Boastful,
    /// Right, but never learns of changes.
    Unmoved,
    /// Right, but drops everything when something is sent.
    Nervous,
    /// Right, but hands on what belongs to one connection.
    Leaky,
    /// Right, but takes all that a target's later responses say for a permission.
    Credulous,
    /// Right, but shows no error.
    Cheerful,
    /// Right, but asks twice.
    Repeating,
}

pub(crate) const FLAWS: [Flaw; 17] = [
    Flaw::Greedy,
    Flaw::GreedyForAll,
    Flaw::GreedyByMethod,
    Flaw::Transparent,
    Flaw::Timeless,
    Flaw::Agreeable,
    Flaw::FirstLines,
    Flaw::Forgetful,
    Flaw::Mute,
    Flaw::Garbling,
    Flaw::Boastful,
    Flaw::Unmoved,
    Flaw::Nervous,
    Flaw::Leaky,
    Flaw::Credulous,
    Flaw::Cheerful,
    Flaw::Repeating,
];

/// A cache with a flaw.
pub(crate) struct Broken {
    flaw: Flaw,
    policy: Policy,
    right: Cache,
    kept: HashMap<String, Answer>,
    began: Option<SystemTime>,
}

impl Broken {
    pub(crate) fn new(flaw: Flaw, policy: Policy) -> Self {
        Self {
            flaw,
            right: Cache::new(policy.clone()),
            policy,
            kept: HashMap::new(),
            began: None,
        }
    }

    pub(crate) fn answer(&mut self, request: &Seen, now: SystemTime, origin: Ask<'_>) -> Answer {
        let began = *self.began.get_or_insert(now);
        let safe = matches!(request.method.as_str(), "GET" | "HEAD");
        let host = field(request, "host").unwrap_or_default();
        match self.flaw {
            Flaw::Greedy => self.greedy(format!("{host}{}", request.target), request, origin),
            Flaw::GreedyForAll => self.greedy(String::new(), request, origin),
            Flaw::GreedyByMethod => {
                let key = format!("{}{host}{}", request.method, request.target);
                self.greedy(key, request, origin)
            }
            Flaw::Transparent => passed(request, origin),
            Flaw::Unmoved if !safe => passed(request, origin),
            Flaw::Timeless => self.right.answer(request, began, &mut |asked| {
                let (mut answer, _) = origin(asked);
                if let Some(answer) = &mut answer {
                    remove(&mut answer.fields, &["age", "date"]);
                }
                (answer, std::time::Duration::ZERO)
            }),
            Flaw::Agreeable => match agreed(request) {
                Some(answer) => answer,
                None => self.right.answer(request, now, origin),
            },
            Flaw::FirstLines => {
                let mut request = request.clone();
                first_lines(&mut request.fields);
                self.right.answer(&request, now, &mut |asked| {
                    let (mut answer, took) = origin(asked);
                    if let Some(answer) = &mut answer {
                        first_lines(&mut answer.fields);
                    }
                    (answer, took)
                })
            }
            Flaw::Mute => self.right.answer(request, now, &mut |mut asked| {
                asked
                    .fields
                    .retain(|(name, _)| name == "x-step" || name.starts_with("if-"));
                for (name, value) in &mut asked.fields {
                    if name != "x-step" {
                        value.push('x');
                    }
                }
                origin(asked)
            }),
            Flaw::Nervous => {
                if !safe || request.target.ends_with("/form") {
                    self.right = Cache::new(self.policy.clone());
                }
                self.right.answer(request, now, origin)
            }
            Flaw::Credulous if began != now => self.right.answer(request, now, &mut |asked| {
                let tag = field(&asked, "if-none-match").map(str::to_owned);
                let (mut answer, took) = origin(asked);
                if let Some(answer) = &mut answer {
                    permit(&mut answer.fields, tag);
                }
                (answer, took)
            }),
            Flaw::Repeating => self.right.answer(request, now, &mut |asked| {
                origin(asked.clone());
                origin(asked)
            }),
            _ => {
                let mut answer = self.right.answer(request, now, origin);
                self.spoil(&mut answer);
                answer
            }
        }
    }

    fn greedy(&mut self, key: String, request: &Seen, origin: Ask<'_>) -> Answer {
        if let Some(kept) = self.kept.get(&key) {
            return kept.clone();
        }
        let answer = passed(request, origin);
        self.kept.insert(key, answer.clone());
        answer
    }

    /// What is wrong with its answers alone.
    fn spoil(&self, answer: &mut Answer) {
        match self.flaw {
            Flaw::Forgetful => answer.fields.retain(|(name, _)| name == "x-served"),
            Flaw::Garbling => answer.body.push(b'!'),
            Flaw::Cheerful => answer.status = 200,
            Flaw::Boastful => {
                remove(&mut answer.fields, &["age", "date", "via", "cache-status"]);
                for (name, value) in [
                    ("age", "7, 7"),
                    ("date", "now"),
                    ("cache-status", "x; fwd=miss, x; hit; stored; hit, x"),
                    ("content-length", "3"),
                ] {
                    answer.fields.push((name.to_owned(), value.to_owned()));
                }
            }
            Flaw::Leaky => {
                for name in ["x-hop", "x-other", "keep-alive", "transfer-encoding"] {
                    answer
                        .fields
                        .push((name.to_owned(), "77, x-secret".to_owned()));
                }
            }
            _ => {}
        }
    }
}

fn passed(request: &Seen, origin: Ask<'_>) -> Answer {
    origin(request.clone()).0.unwrap_or_else(|| made(502))
}

fn made(status: u16) -> Answer {
    Answer {
        status,
        fields: Vec::new(),
        body: Vec::new(),
        trailers: Vec::new(),
        interim: Vec::new(),
        complete: true,
    }
}

/// The answer to a request whose precondition or range is said to be met.
fn agreed(request: &Seen) -> Option<Answer> {
    let has = |name: &str| field(request, name).is_some();
    if has("if-none-match") || has("if-modified-since") {
        Some(made(304))
    } else if has("if-match") || has("if-unmodified-since") {
        Some(made(412))
    } else if has("range") {
        Some(made(206))
    } else {
        None
    }
}

/// What these fields would have to say for their response to be reused.
fn permit(fields: &mut Vec<(String, String)>, tag: Option<String>) {
    remove(fields, &["cache-control", "age", "vary"]);
    fields.push(("cache-control".to_owned(), "max-age=3600".to_owned()));
    if let Some(tag) = tag {
        remove(fields, &["etag"]);
        fields.push(("etag".to_owned(), tag));
    }
}

fn field<'a>(request: &'a Seen, name: &str) -> Option<&'a str> {
    let mut fields = request.fields.iter();
    let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

fn remove(fields: &mut Vec<(String, String)>, names: &[&str]) {
    fields.retain(|(name, _)| !names.contains(&name.to_ascii_lowercase().as_str()));
}

fn first_lines(fields: &mut Vec<(String, String)>) {
    let mut seen: Vec<String> = Vec::new();
    fields.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        let new = !seen.contains(&name);
        seen.push(name);
        new
    });
}
