//! One request's way through the CDN, told hop by hop: which node, what its cache said, and where the time went.
//!
//! What a node took is measured by the node itself, and told by the request's id ([`operator::Timings`]). Where a node does not
//! know any more, as after its death, round trips and think time are those of the model, and marked so.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use edge_core::Detail;
use edge_core::cache_status::{self, Member};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::Front;
use super::asking::{Answered, Question, REQUEST_ID};
use super::legs::{Leg, Legs, millis};
use crate::live::clock::Clock;
use crate::plan::{Plan, Spot};

/// Field values longer than this are cut for the page.
const LONGEST: usize = 400;
/// Fields shown at most.
const FIELDS: usize = 60;

/// What one request met.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Journey {
    pub(super) place: String,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    /// Why there is no answer.
    pub(super) failure: Option<&'static str>,
    pub(super) node: Option<String>,
    pub(super) pop: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) first_byte_ms: Option<f64>,
    pub(super) total_ms: f64,
    pub(super) age: Option<String>,
    pub(super) bytes: u64,
    /// Members of Cache-Status, nearest to the client first, as written.
    pub(super) caches: Vec<String>,
    pub(super) legs: Vec<Leg>,
    pub(super) headers: Vec<(String, String)>,
}

/// The four answers to "what will happen?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// From the nearest cache, fresh.
    Hit,
    /// From the nearest cache, stale.
    Stale,
    /// The nearest cache had to ask.
    Miss,
    /// No answer, or an error that came from no store.
    Error,
}

impl Outcome {
    pub(super) const ALL: [Self; 4] = [Self::Hit, Self::Stale, Self::Miss, Self::Error];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Error => "error",
        }
    }

    /// Of an answer, by its status and the nearest cache's member.
    fn of(status: u16, nearest: Option<&Member>) -> Self {
        let stale_on_failure = nearest.is_some_and(|member| {
            let detail = member.detail.as_deref().unwrap_or_default();
            detail == "stale-unreachable" || detail == Detail::StaleIfError.as_str()
        });
        match nearest {
            _ if stale_on_failure && status < 500 => Self::Stale,
            Some(member) if member.hit && member.ttl.is_some_and(|ttl| ttl < 0) => Self::Stale,
            Some(member) if member.hit => Self::Hit,
            _ if status >= 500 => Self::Error,
            _ => Self::Miss,
        }
    }
}

impl Front {
    /// Sends a request and tells its way; `None` if too many wait already.
    pub(super) async fn journey(&self, mut question: Question) -> Option<Journey> {
        let (place, path) = (question.place, question.uri.to_string());
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        // Another front may ask in the same world.
        let id = format!("{}{:x}-{number}", operator::TRACE, Clock::wall_ms());
        if let Ok(id) = HeaderValue::from_str(&id) {
            question.headers.insert(REQUEST_ID, id);
        }
        let answered = self.asker.ask(question).await?;
        self.note(place, &answered);
        let took = self.took(&id).await;
        Some(tell(&self.plan, place, path, &answered, &took))
    }

    /// How long a traced request took at each node, and at the origin, that it came to.
    async fn took(&self, id: &str) -> BTreeMap<&str, Duration> {
        let nodes = self.plan.nodes.iter().map(|node| node.name.as_str());
        let all = nodes.chain([self.plan.spot_name(Spot::Origin)]);
        let all = all.map(async |name| Some((name, self.timing(name, id).await?)));
        let all = futures_util::future::join_all(all).await;
        all.into_iter().flatten().collect()
    }
}

/// `took` has the reply times of the nodes that know the request.
fn tell(
    plan: &Plan,
    place: u16,
    path: String,
    answered: &Answered,
    took: &BTreeMap<&str, Duration>,
) -> Journey {
    let node = answered.spot.map(|spot| plan.spot_name(spot).to_owned());
    let pop = match answered.spot {
        Some(Spot::Node(node)) => plan.nodes.get(usize::from(node)),
        _ => None,
    };
    let pop = pop.and_then(|node| plan.pops.get(usize::from(node.pop)));
    let mut journey = Journey {
        place: plan.spot_name(Spot::Client(place)).to_owned(),
        path,
        status: None,
        failure: None,
        pop: pop.map(|pop| pop.name.clone()),
        node,
        outcome: Outcome::Error,
        first_byte_ms: None,
        total_ms: millis(answered.done - answered.begun),
        age: None,
        bytes: 0,
        caches: Vec::new(),
        legs: Vec::new(),
        headers: Vec::new(),
    };
    let mut legs = Legs(Vec::new());
    if let Some(routed) = answered.routed {
        legs.measured(
            "router",
            "who is near? (router, or its last answer)",
            routed - answered.begun,
        );
    }
    match &answered.outcome {
        Err(failure) => {
            journey.failure = Some(failure.name());
            let since = answered.routed.unwrap_or(answered.begun);
            legs.measured("client", "waiting, in vain", answered.done - since);
        }
        Ok(whole) => {
            let members = cache_status::parse_path(&whole.headers);
            journey.status = Some(whole.status.as_u16());
            journey.outcome = Outcome::of(whole.status.as_u16(), members.first());
            journey.first_byte_ms = Some(millis(whole.first_byte - answered.begun));
            journey.age = text(&whole.headers, "age");
            journey.bytes = whole.bytes;
            journey.caches = caches(&whole.headers);
            // What was said when a stored response came is no part of this way.
            journey.caches.truncate(members.len());
            journey.headers = shown(&whole.headers);
            legs.answer(plan, place, answered, whole, &members, took, &journey.path);
        }
    }
    journey.legs = legs.0;
    journey
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(cut(&String::from_utf8_lossy(value.as_bytes())))
}

/// The members of Cache-Status as written. None of ours has a comma within.
fn caches(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("cache-status").iter();
    let mut members: Vec<String> = lines
        .flat_map(|line| {
            let line = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let members = line.split(',').map(|member| cut(member.trim()));
            members.collect::<Vec<_>>()
        })
        .take(FIELDS)
        .collect();
    members.reverse();
    members
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.iter().take(FIELDS);
    fields
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), cut(&value))
        })
        .collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_follow_status_and_the_nearest_cache() {
        let check = |status, field: &str, expected| {
            let mut headers = HeaderMap::new();
            if let Ok(value) = field.parse() {
                headers.insert("cache-status", value);
            }
            let members = cache_status::parse_path(&headers);
            assert_eq!(
                Outcome::of(status, members.first()),
                expected,
                "{status} {field}"
            );
        };
        check(200, "fra-1; hit; ttl=3", Outcome::Hit);
        check(404, "fra-1; hit", Outcome::Hit);
        check(200, "fra-1; hit; ttl=-3", Outcome::Stale);
        check(
            200,
            "fra-1; fwd=stale; ttl=-3; detail=stale-unreachable",
            Outcome::Stale,
        );
        check(200, "ord-1; hit; ttl=9, fra-1; fwd=uri-miss", Outcome::Miss);
        check(200, "fra-1; fwd=stale; fwd-status=304", Outcome::Miss);
        check(
            502,
            "fra-1; fwd=uri-miss; detail=upstream-refused",
            Outcome::Error,
        );
        check(503, "", Outcome::Error);
        check(200, "", Outcome::Miss);
        check(200, "not ( a list", Outcome::Miss);
    }

    #[test]
    fn long_fields_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"ä".repeat(LONGEST + 5));
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
