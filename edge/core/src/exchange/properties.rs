//! Properties of an [`Exchange`], played by a small world of several requests for one key.

use super::{
    tests::{T0, answer, fresh, policy},
    *,
};
use crate::{Digest, Flags, NotStorable, UpstreamError};
use proptest::prelude::*;

/// One step of a world of several requests for one key: which exchange moves, and what comes of it.
#[derive(Clone, Debug)]
struct Step {
    who: usize,
    outcome: u8,
    digest: Digest,
}

fn digests() -> impl Strategy<Value = Digest> {
    (0..4_i64, 0..3_i64, 0..3_i64, 0..16_u8).prop_map(|(lifetime, swr, sie, bits)| Digest {
        lifetime: lifetime * 1_000,
        stale_while_revalidate: swr * 1_000,
        stale_if_error: sie * 1_000,
        flags: Flags::none()
            .with_if(Flags::NO_CACHE, bits & 1 != 0)
            .with_if(Flags::MUST_REVALIDATE, bits & 2 != 0)
            .with_if(Flags::VALIDATOR, bits & 4 != 0),
        status: 200,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..6_usize, any::<u8>(), digests()).prop_map(|(who, outcome, digest)| Step {
        who,
        outcome,
        digest,
    });
    prop::collection::vec(step, 40..160)
}

/// A store with one key, one flight, and some requests.
#[derive(Default)]
struct World {
    stored: Option<Stored>,
    marked: bool,
    /// Who leads the flight.
    leader: Option<usize>,
    /// Actions not yet answered.
    open: Vec<(Exchange, Action)>,
    replies: Vec<usize>,
    refreshes: usize,
}

impl World {
    fn lookup(&self) -> Lookup {
        match self.stored {
            Some(stored) => Lookup::Hit(stored),
            None if self.marked => Lookup::HitForMiss,
            None => Lookup::Miss,
        }
    }

    fn outcome(&self, step: &Step, forward: Forward, now: Timestamp) -> Event {
        match step.outcome % 8 {
            0 => Event::Failed(UpstreamError::Refused),
            1 => Event::Upstream(answer(503, Err(NotStorable::NoFreshness), now)),
            2 => Event::Upstream(answer(200, Err(NotStorable::NoStore), now)),
            3 if forward.conditional => Event::Mismatch,
            4 | 5 if forward.conditional => Event::Upstream(answer(304, Ok(step.digest), now)),
            6 => Event::Upstream(answer(304, Err(NotStorable::NoStore), now)),
            _ => Event::Upstream(answer(200, Ok(step.digest), now)),
        }
    }

    /// The event that answers the outstanding action of an exchange; none while it waits.
    fn event(&mut self, step: &Step, action: Action, now: Timestamp) -> Option<Event> {
        match action {
            Action::Lookup => Some(Event::Found(self.lookup())),
            Action::Join if self.leader.is_some() => Some(Event::Following),
            Action::Join => {
                self.leader = Some(step.who);
                Some(Event::Lead)
            }
            Action::Wait { until } => (now >= until).then_some(Event::WaitExpired),
            Action::Forward(forward) => Some(self.outcome(step, forward, now)),
            Action::Reply(_) | Action::Pending => None,
        }
    }

    fn apply(&mut self, policy: &Policy, who: usize, event: Event, now: Timestamp) {
        let action = self.open[who].0.handle(policy, event, now);
        assert_ne!(action, Action::Pending, "{event:?} was an answer");
        self.open[who].1 = action;
        let Action::Reply(reply) = action else { return };
        self.replies[who] += 1;
        assert_eq!(
            reply.land.is_some(),
            self.leader == Some(who),
            "a leader lands: {reply:?}"
        );
        match reply.keep {
            Keep::Nothing | Keep::Compare | Keep::Replace => {}
            Keep::Response | Keep::Update => {
                let Event::Upstream(answer) = event else {
                    panic!("nothing to keep: {event:?}")
                };
                let digest = answer.storable.expect("what is kept is storable");
                self.stored = Some(Stored {
                    digest,
                    born: answer.born,
                });
                self.marked = false;
            }
            Keep::Forget => self.stored = None,
            Keep::HitForMiss { .. } => {
                self.stored = None;
                self.marked = true;
            }
        }
        if reply.refresh {
            self.refreshes += 1;
            let stored = self.open[who]
                .0
                .stored()
                .expect("a refresh is of something");
            self.open.push(Exchange::refresh(policy, stored, now));
            self.replies.push(0);
        }
        if let Some(landing) = reply.land {
            self.leader = None;
            for other in 0..self.open.len() {
                if matches!(self.open[other].1, Action::Wait { .. }) {
                    self.apply(policy, other, Event::Landed(landing), now);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens in whatever order: each request gets one reply, each leader lands its
    /// flight, one flight flies at a time.
    #[test]
    fn every_request_ends_once(steps in steps(), collapse: bool, patience in 0..3_u8) {
        let mut policy = policy();
        policy.collapse.enabled = collapse;
        policy.collapse.takeovers = patience;
        policy.stale.unreachable_ms = 1_500;
        let mut world = World::default();
        for _ in 0..6 {
            world.open.push(Exchange::begin(&policy, RequestKind::PLAIN, T0));
            world.replies.push(0);
        }
        let mut now = T0;
        for step in &steps {
            now = now.plus(97);
            let action = world.open[step.who].1;
            if let Some(event) = world.event(step, action, now) {
                world.apply(&policy, step.who, event, now);
            }
        }
        // Then all is played to the end: everyone moves in turn, waits run out.
        for _ in 0..64 {
            now = now.plus(20_000);
            for who in 0..world.open.len() {
                let step = Step { who, outcome: who as u8, digest: fresh() };
                let action = world.open[who].1;
                if let Some(event) = world.event(&step, action, now) {
                    world.apply(&policy, who, event, now);
                }
            }
        }
        prop_assert!(world.leader.is_none());
        prop_assert!(world.replies.iter().all(|count| *count == 1), "{:?}", world.replies);
        prop_assert!(world.open.iter().all(|(exchange, _)| exchange.is_done()));
    }

    /// Events that answer nothing change nothing, before the end and after it.
    #[test]
    fn stray_events_change_nothing(steps in steps()) {
        let policy = policy();
        let stray = |action: Action, step: &Step| {
            let strays = [
                Event::Found(Lookup::Miss),
                Event::Lead,
                Event::Following,
                Event::Landed(Landing::NotShareable),
                Event::WaitExpired,
                Event::Upstream(answer(200, Ok(step.digest), T0)),
                Event::Failed(UpstreamError::Closed),
                Event::Mismatch,
            ];
            let event = strays[usize::from(step.outcome) % strays.len()];
            let answers = match (action, event) {
                (Action::Lookup, Event::Found(_))
                | (
                    Action::Join,
                    Event::Found(_) | Event::Lead | Event::Following | Event::Landed(_),
                )
                | (Action::Wait { .. }, Event::Landed(_) | Event::WaitExpired)
                | (Action::Forward(_), Event::Upstream(_) | Event::Failed(_)) => true,
                (Action::Forward(forward), Event::Mismatch) => forward.conditional,
                _ => false,
            };
            (!answers).then_some(event)
        };
        let (mut exchange, mut action) = Exchange::begin(&policy, RequestKind::PLAIN, T0);
        let mut world = World::default();
        for step in &steps {
            if let Some(event) = stray(action, step) {
                let before = exchange;
                prop_assert_eq!(exchange.handle(&policy, event, T0), Action::Pending);
                prop_assert_eq!(exchange, before);
            }
            if let Some(event) = world.event(step, action, T0) {
                action = exchange.handle(&policy, event, T0);
            }
        }
    }
}
