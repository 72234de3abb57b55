//! Plays the scenario for whoever watches: its requests and its events at their times, and the questions that go with them.
//! It measures nothing but what the page shows, and puts right in the end what the events broke.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::{HeaderName, HeaderValue, Method};
use origin::Faults;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::Front;
use super::asking::Question;
use super::journey::{Journey, Outcome};
use crate::live::LiveError;
use crate::live::perform::perform;
use crate::live::traffic::header_map;
use crate::plan::{Ask, Event, LinkState, Nanos, Plan, PlannedRequest, RoutingMode};

/// Requests under way at most; a machine that is slower leaves some out.
const UNDER_WAY: usize = 512;

/// What is played now, or was last.
#[derive(Debug, Default)]
pub(super) struct Play {
    /// Counts the times that it was played.
    pub(super) round: u64,
    started: Option<Instant>,
    task: Option<AbortHandle>,
    /// By event of the plan: when it happened, or why it could not.
    pub(super) happened: Vec<Option<Result<Nanos, String>>>,
    /// By question of the plan.
    pub(super) answers: Vec<Option<Journey>>,
    /// Nodes that an event has killed.
    down: BTreeSet<u16>,
    /// Requests that were left out.
    pub(super) left_out: u64,
}

impl Play {
    /// How long it has been playing.
    pub(super) fn now(&self) -> Option<Nanos> {
        let started = self.started?;
        Nanos::try_from(started.elapsed().as_nanos()).ok()
    }
}

/// What can be answered to a question, as the page offers it.
pub(super) fn choices(plan: &Plan, ask: &Ask) -> Vec<String> {
    if !ask.about_pop {
        return Outcome::ALL.map(|it| it.name().to_owned()).to_vec();
    }
    let pops = plan.pops.iter().filter(|pop| pop.serves_clients);
    let pops = pops.map(|pop| pop.name.clone());
    let mut choices: Vec<String> = match plan.routing.mode {
        RoutingMode::Direct => vec![ORIGIN.to_owned()],
        _ => pops.collect(),
    };
    choices.push(NOBODY.to_owned());
    choices
}

const NOBODY: &str = "nobody";
const ORIGIN: &str = "origin";

/// Which of the choices a request has shown to be right.
pub(super) fn answer(ask: &Ask, journey: &Journey) -> String {
    match &journey.pop {
        _ if !ask.about_pop => journey.outcome.name().to_owned(),
        _ if journey.outcome == Outcome::Error => NOBODY.to_owned(),
        Some(pop) => pop.clone(),
        None => ORIGIN.to_owned(),
    }
}

impl Front {
    /// Begins: from empty caches, on a healthy network.
    pub(super) async fn play(self: &Arc<Self>) -> Result<Vec<String>, String> {
        if self.plan.sequential {
            return Err(
                "this scenario plays a trace one request after the other; `cdnlab run` does that"
                    .to_owned(),
            );
        }
        {
            let mut play = self.playing();
            if play.started.is_some() {
                return Err("it is being played already".to_owned());
            }
            *play = Play {
                round: play.round + 1,
                started: Some(Instant::now()),
                happened: vec![None; self.plan.events.len()],
                answers: vec![None; self.plan.asks.len()],
                ..Play::default()
            };
        }
        self.mend().await;
        let mut done = self.purge_all().await;
        let started = Instant::now();
        self.playing().started = Some(started);
        let front = Arc::clone(self);
        let task = tokio::spawn(async move {
            let (traffic, events, asks) = (
                front.traffic(started),
                front.events(started),
                front.asks(started),
            );
            futures_util::future::join3(traffic, events, asks).await;
            front.ended().await;
        });
        self.playing().task = Some(task.abort_handle());
        done.push(format!("{} is being played", self.plan.scenario));
        Ok(done)
    }

    /// Ends it before its time, and puts right what its events broke.
    pub(super) async fn stop_playing(self: &Arc<Self>) -> Vec<String> {
        let task = self.playing().task.take();
        let Some(task) = task else {
            return vec!["nothing is being played".to_owned()];
        };
        task.abort();
        self.ended().await;
        vec!["stopped".to_owned()]
    }

    async fn ended(&self) {
        {
            let mut play = self.playing();
            play.started = None;
            play.task = None;
        }
        self.mend().await;
    }

    /// Links healed, the origin well, and nodes started again that an event has killed.
    async fn mend(&self) {
        let down = std::mem::take(&mut self.playing().down);
        let warn = |result: Result<(), LiveError>| {
            if let Err(error) = result {
                tracing::warn!(%error, "what an event did could not be put right");
            }
        };
        warn(self.heal().await.map(drop));
        let well = Event::Origin(Faults::default());
        warn(perform(&self.stage, &self.plan, &well, 0).await.map(drop));
        for node in down {
            warn(self.stage.restart(node).await);
        }
    }

    async fn traffic(self: &Arc<Self>, started: Instant) {
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        let headers: Vec<HeaderMap> = self
            .plan
            .populations
            .iter()
            .map(|population| header_map(&population.headers))
            .collect();
        for planned in self.plan.requests() {
            // A trace that cannot be read on has no further requests.
            let Ok(planned) = planned else { break };
            tokio::time::sleep_until((started + Duration::from_nanos(planned.due)).into()).await;
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                self.playing().left_out += 1;
                continue;
            };
            let Some(question) = self.question(&planned, &headers) else {
                continue;
            };
            let front = Arc::clone(self);
            tokio::spawn(async move {
                let place = question.place;
                match front.asker.ask(question).await {
                    Some(answered) => front.note(place, &answered),
                    None => front.playing().left_out += 1,
                }
                drop(permit);
            });
        }
    }

    fn question(&self, planned: &PlannedRequest, headers: &[HeaderMap]) -> Option<Question> {
        let path = self.plan.origin.catalogue.path(planned.object);
        let mut headers = headers.get(usize::from(planned.population))?.clone();
        let class = self.plan.classes.get(usize::from(planned.object.class));
        if let Some(vary) = class.and_then(|class| class.vary.as_ref())
            && let Some(value) = vary.values.get(usize::from(planned.variant))
        {
            let name = HeaderName::from_bytes(vary.header.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::from_str(value).ok()?);
        }
        Some(Question {
            place: planned.place,
            client: planned.client,
            method: Method::GET,
            uri: path.parse().ok()?,
            headers,
            body: false,
        })
    }

    async fn events(&self, started: Instant) {
        let all = self.plan.events.iter().enumerate();
        let all = all.map(async |(index, event)| {
            tokio::time::sleep_until((started + Duration::from_nanos(event.at)).into()).await;
            let mut down = 0;
            match event.what {
                Event::Kill(node) => {
                    self.playing().down.insert(node);
                    let mut later = self.plan.events.iter().filter(|it| it.at > event.at);
                    let back =
                        later.find(|it| matches!(it.what, Event::Restart(again) if again == node));
                    down = back.map_or(self.plan.duration, |it| it.at) - event.at;
                }
                Event::Restart(node) => {
                    self.playing().down.remove(&node);
                }
                _ => {}
            }
            let result = perform(&self.stage, &self.plan, &event.what, down).await;
            let mut play = self.playing();
            let at = play.now().unwrap_or(event.at);
            self.write_down(&event.label);
            if let Some(happened) = play.happened.get_mut(index) {
                *happened = Some(result.map(|_| at).map_err(|error| error.to_string()));
            }
        });
        futures_util::future::join_all(all).await;
    }

    /// Answers the questions, each by a request of its own.
    async fn asks(&self, started: Instant) {
        let all = self.plan.asks.iter().enumerate();
        let all = all.map(async |(index, ask)| {
            tokio::time::sleep_until((started + Duration::from_nanos(ask.reveal)).into()).await;
            let Ok(question) = Question::get(&self.plan, ask.place, &ask.path) else {
                return;
            };
            let journey = self.journey(question).await;
            if let Some(answer) = self.playing().answers.get_mut(index) {
                *answer = journey;
            }
        });
        futures_util::future::join_all(all).await;
    }

    /// Every link as the plan has it.
    pub(super) async fn heal(&self) -> Result<Vec<String>, LiveError> {
        for (from, to) in self.plan.links() {
            let state = LinkState {
                from,
                to,
                cut: None,
                model: self.plan.link(from, to),
            };
            self.stage.links().set(&self.stage.control, &state).await?;
        }
        Ok(vec!["all links healed".to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{PlanOptions, ScenarioFile};

    #[test]
    fn questions_offer_what_can_be_answered() {
        let geo = geo_data::Database::embedded();
        let plan = |name: &str, variant: &str| {
            let file = ScenarioFile::shipped(name)
                .expect("shipped")
                .expect("right");
            let options = PlanOptions {
                seed: None,
                geo: &geo,
            };
            file.plan(variant, &options).expect("a plan")
        };
        let direct = plan("quickstart", "direct");
        let of_pop = direct.asks.iter().find(|ask| ask.about_pop);
        let of_pop = of_pop.expect("a question about the PoP");
        assert_eq!(choices(&direct, of_pop), ["origin", "nobody"]);
        let plan = plan("region-outage", "base");
        assert!(
            !plan.asks.is_empty(),
            "a scenario for a class asks something"
        );
        for ask in &plan.asks {
            let choices = choices(&plan, ask);
            assert!(ask.reveal >= ask.at);
            if ask.about_pop {
                assert_eq!(choices, ["fra", "iad", "nrt", "syd", "nobody"]);
            } else {
                assert_eq!(choices, ["hit", "stale", "miss", "error"]);
            }
        }
    }
}
