//! Plays a suite against a cache: all cases at once, as far as the limit lets them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use crate::case::{Asked, Case};
use crate::client::{self, Answer};
use crate::judge::{Miss, Seen, judge};
use crate::origin::{Origin, Room};
use crate::suite::Suite;
use crate::wire;

/// How long a refresh in the background may take to reach the origin.
const BACKGROUND: Duration = Duration::from_secs(3);

/// A cache under test.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name in tables.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The Host that requests name.
    pub authority: String,
}

/// Why a target cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Neither `http://host:port` nor `name=http://host:port`.
    #[error(
        "`{0}` is no cache's address: write http://127.0.0.1:8080, or name=http://127.0.0.1:8080"
    )]
    Form(String),
    /// Its name is not known.
    #[error("cannot find {authority}: {source}")]
    Resolve {
        /// Host and port.
        authority: String,
        /// The resolver's reason.
        source: std::io::Error,
    },
    /// Its name has no address.
    #[error("{0} has no address")]
    Nowhere(String),
}

impl Target {
    /// Reads `[name=]http://host[:port]`.
    ///
    /// # Errors
    /// For another form, and where the host is not found.
    pub async fn find(text: &str) -> Result<Self, TargetError> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if !name.contains('/') => (name, url),
            _ => ("cache", text),
        };
        let authority = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .ok_or_else(|| TargetError::Form(text.to_owned()))?;
        let port_end = authority.rsplit(']').next().unwrap_or_default();
        let place = if port_end.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        let found = tokio::net::lookup_host(&place).await;
        let found = found.map_err(|source| TargetError::Resolve {
            authority: place.clone(),
            source,
        })?;
        let Some(address) = { found }.next() else {
            return Err(TargetError::Nowhere(authority.to_owned()));
        };
        Ok(Self {
            name: name.to_owned(),
            address,
            authority: authority.to_owned(),
        })
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was as expected.
    Passed,
    /// Something was not.
    Failed {
        /// The step, counted from 1.
        step: usize,
        /// What.
        miss: Miss,
    },
    /// A preparing step went otherwise: the case says nothing about this cache.
    NotApplicable {
        /// The step, counted from 1.
        step: usize,
        /// What went otherwise.
        miss: Miss,
    },
    /// A case that it depends on has not passed.
    Depends(String),
}

/// One step as it was seen.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What went over the wire to the cache.
    pub sent: String,
    /// What came back, or why nothing did.
    pub answer: Result<Answer, String>,
    /// What reached the origin.
    pub seen: Vec<Seen>,
}

/// A case as it went.
#[derive(Clone, Debug)]
pub struct Played {
    /// Which.
    pub case: Arc<Case>,
    /// What became of it.
    pub outcome: Outcome,
    /// Its steps as far as it came.
    pub turns: Vec<Turn>,
}

/// Plays all cases of `suite` through `target`, which stands before `origin`, up to `limit` at once; in the suite's order.
pub async fn play(suite: &Suite, target: &Target, origin: &Origin, limit: usize) -> Vec<Played> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let run = format!("{:x}", since.as_millis());
    let mut order: Vec<_> = suite
        .cases
        .iter()
        .cloned()
        .map(Arc::new)
        .enumerate()
        .collect();
    // Those that pause longest go first: the others are played meanwhile.
    let pause = |case: &Case| -> i64 {
        case.steps
            .iter()
            .map(|step| (step.after * 1000.0) as i64)
            .sum()
    };
    order.sort_by_key(|(_, case)| -pause(case));
    let mut played: Vec<_> = stream::iter(order)
        .map(|(at, case)| {
            let run = run.as_str();
            async move { (at, play_case(case, target, origin, run).await) }
        })
        .buffer_unordered(limit.max(1))
        .collect()
        .await;
    played.sort_by_key(|(at, _)| *at);
    let mut played: Vec<_> = played.into_iter().map(|(_, played)| played).collect();
    drop_dependents(&mut played);
    played
}

/// A case whose ground is gone is not judged, nor what stands on it.
fn drop_dependents(played: &mut [Played]) {
    loop {
        let broken: HashSet<String> = played
            .iter()
            .filter(|each| each.outcome != Outcome::Passed)
            .map(|each| each.case.id.clone())
            .collect();
        let mut changed = false;
        for each in played.iter_mut() {
            let ground = each.case.depends.iter().find(|id| broken.contains(*id));
            if let Some(id) = ground
                && !matches!(each.outcome, Outcome::Depends(_))
            {
                each.outcome = Outcome::Depends(id.clone());
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

async fn play_case(case: Arc<Case>, target: &Target, origin: &Origin, run: &str) -> Played {
    let room = origin.open(&case, run, &target.authority);
    let mut turns = Vec::new();
    let mut outcome = Outcome::Passed;
    for number in 1..=case.steps.len() {
        let (turn, judged) = play_step(&case, number, target, &room).await;
        turns.push(turn);
        if let Err(miss) = judged {
            outcome = if case.steps[number - 1].setup {
                Outcome::NotApplicable { step: number, miss }
            } else {
                Outcome::Failed { step: number, miss }
            };
            break;
        }
    }
    origin.close(&room);
    Played {
        case,
        outcome,
        turns,
    }
}

async fn play_step(
    case: &Case,
    number: usize,
    target: &Target,
    room: &Room,
) -> (Turn, Result<(), Miss>) {
    let step = &case.steps[number - 1];
    if step.after > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(step.after)).await;
    }
    let words = room.words();
    let request = client::request(step, number, &words);
    let clients =
        (0..step.at_once.max(1)).map(|_| client::send(target.address, &request, &step.method));
    let answers = join_all(clients).await;
    if step.asked == Some(Asked::Soon) {
        room.asked(number, BACKGROUND).await;
    }
    let seen = room.seen(number);
    let judged = answers.into_iter().map(|answer| {
        let judged = judge(case, number, &answer, &seen, &words);
        (answer, judged)
    });
    // The first that misses something speaks for all.
    let judged: Vec<_> = judged.collect();
    let worst = judged.iter().position(|(_, judged)| judged.is_err());
    let (answer, judged) = judged
        .into_iter()
        .nth(worst.unwrap_or(0))
        .unwrap_or((Err("nothing was sent".to_owned()), Ok(())));
    let turn = Turn {
        sent: wire::text(&request),
        answer,
        seen,
    };
    (turn, judged)
}
