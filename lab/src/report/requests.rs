//! `requests.ndjson`: single requests, one JSON object per line, in the order of the plan.

use std::io::{self, Write};

use serde::Serialize;

use super::build::seconds;
use super::terminal::escaped;
use crate::metrics::{Measured, judge};
use crate::observe::{Failure, Handling, Hop, Observation, RequestClass, Verified};

/// One request.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// The variant of the scenario.
    variant: &'a str,
    /// Number of the request in the plan.
    step: u64,
    /// When it was to be sent, seconds since the start of the run.
    due_seconds: f64,
    /// When the client began.
    started_seconds: f64,
    /// Where the client is.
    place: &'a str,
    region: &'a str,
    /// The PoP and node that it asked; `null`: none.
    pop: Option<&'a str>,
    edge: Option<&'a str>,
    path_class: &'a str,
    url: String,
    class: RequestClass,
    /// Status of the answer; `null` without one.
    status: Option<u16>,
    /// What happened in place of an answer.
    failure: Option<Failure>,
    /// From the time that it was to be sent to the first and the last byte.
    ttfb_seconds: Option<f64>,
    total_seconds: f64,
    /// Body bytes received.
    bytes: u64,
    /// The `Age` field, seconds.
    age: Option<u32>,
    /// Version of the object, if its validator tells.
    version: Option<u32>,
    /// How long that had been superseded; `null`: it was the current one, or not known.
    outdated_seconds: Option<f64>,
    /// Whether the bytes were what the origin must have sent; `null`: not checked.
    right: Option<bool>,
    /// What each cache said, that nearest to the client first.
    caches: Vec<Cache<'a>>,
}

/// What one cache said (RFC 9211).
#[derive(Debug, Serialize)]
struct Cache<'a> {
    node: Option<&'a str>,
    hit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_status: Option<u16>,
    #[serde(skip_serializing_if = "is_false")]
    stored: bool,
    #[serde(skip_serializing_if = "is_false")]
    collapsed: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Writes the requests that a run has kept, and says how many there were. docs/reports.md has the fields.
///
/// # Errors
/// Those of the writer.
pub fn write_requests(
    variant: &str,
    measured: &Measured,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let kept = measured.kept.as_ref();
    let kept = kept.map_or_else(Vec::new, |kept| kept.in_order());
    for seen in &kept {
        let line = serde_json::to_string(&line(variant, measured, seen))?;
        writeln!(out, "{}", escaped(&line))?;
    }
    Ok(kept.len())
}

fn line<'a>(variant: &'a str, measured: &'a Measured, seen: &Observation) -> Line<'a> {
    let shape = &measured.shape;
    let scene = &shape.scene;
    let at = if shape.sequential {
        seen.started
    } else {
        seen.due
    };
    let node = seen
        .node
        .and_then(|node| shape.nodes.get(usize::from(node)));
    let pop = node.and_then(|node| shape.pops.get(usize::from(node.pop)));
    let class = shape.classes.get(usize::from(seen.object.class));
    let answer = seen.outcome.as_ref().ok();
    let since = |instant: u64| seconds(instant.saturating_sub(at));
    Line {
        variant,
        step: seen.step,
        due_seconds: seconds(seen.due),
        started_seconds: seconds(seen.started),
        place: shape
            .places
            .get(usize::from(seen.place))
            .map_or("", String::as_str),
        region: shape
            .regions
            .get(shape.region(seen.place))
            .map_or("", String::as_str),
        pop: pop.map(String::as_str),
        edge: node.map(|node| node.name.as_str()),
        path_class: class.map_or("", |class| class.name.as_str()),
        url: format!("http://{}{}", scene.site, scene.path(seen.object)),
        class: judge(seen, shape).class,
        status: answer.map(|answer| answer.status),
        failure: seen.outcome.as_ref().err().copied(),
        ttfb_seconds: answer.map(|_| since(seen.first_byte)),
        total_seconds: since(seen.done),
        bytes: answer.map_or(0, |answer| answer.bytes),
        age: answer.and_then(|answer| answer.age),
        version: answer.and_then(|answer| answer.version),
        outdated_seconds: answer.and_then(|answer| answer.outdated_by).map(seconds),
        right: answer.and_then(|answer| match answer.verified {
            Verified::Right => Some(true),
            Verified::Wrong => Some(false),
            Verified::Unchecked => None,
        }),
        caches: answer.map_or_else(Vec::new, |answer| {
            answer.path.hops().map(|hop| cache(measured, hop)).collect()
        }),
    }
}

fn cache(measured: &Measured, hop: Hop) -> Cache<'_> {
    let node = hop
        .node
        .and_then(|node| measured.shape.nodes.get(usize::from(node)));
    let said = Cache {
        node: node.map(|node| node.name.as_str()),
        hit: false,
        ttl: None,
        fwd: None,
        fwd_status: None,
        stored: false,
        collapsed: false,
    };
    match hop.handling {
        Handling::Hit { ttl } => Cache {
            hit: true,
            ttl,
            ..said
        },
        Handling::Forwarded {
            why,
            status,
            stored,
            collapsed,
            ..
        } => Cache {
            fwd: Some(why.as_str()),
            fwd_status: status,
            stored,
            collapsed,
            ..said
        },
        Handling::Own => said,
    }
}
