//! A small world for the tests of this folder and of the report: two regions, two edges and a shield, a cacheable class
//! (10 s, three variants) and an uncacheable one.

use proptest::prelude::*;

use super::shape::{ClassShape, Effect, EventShape, NodeShape, Shape, WindowShape};
use crate::observe::{
    Answer, Cacheable, Failure, Fwd, Handling, Hop, Observation, Path, Verified, Waits,
};
use crate::plan::{Nanos, ObjectId};

pub(crate) const SECOND: Nanos = 1_000_000_000;
pub(crate) const MS: Nanos = 1_000_000;

pub(crate) fn shape() -> Shape {
    let node = |name: &str, pop, serves_clients, asks_origin| NodeShape {
        name: name.into(),
        pop,
        serves_clients,
        asks_origin,
    };
    let class = |name: &str, lifetime, variants| ClassShape {
        name: name.into(),
        lifetime,
        variants,
    };
    let window = |name: &str, from, to| WindowShape {
        name: name.into(),
        from: from * SECOND,
        to,
    };
    Shape {
        regions: vec!["europe".into(), "asia".into()],
        places: vec!["FRA".into(), "LHR".into(), "NRT".into()],
        region_of: vec![0, 0, 1],
        pops: vec!["fra".into(), "nrt".into(), "shield".into()],
        nodes: vec![
            node("fra-1", 0, true, false),
            node("nrt-1", 1, true, false),
            node("shield-1", 2, false, true),
        ],
        classes: vec![
            class("pages", Ok(10 * SECOND), 3),
            class("api", Err("no-store".into()), 1),
        ],
        windows: vec![
            window("warmup", 0, 2 * SECOND),
            window("measured", 2, Nanos::MAX),
            window("cut", 5, 10 * SECOND),
        ],
        duration: 20 * SECOND,
        sequential: false,
        events: Vec::new(),
        scene: super::Scene::default(),
    }
}

/// A fault, its end, a publication, a kill, a restart and a purge, in the order of their indices.
pub(crate) fn eventful() -> Shape {
    let purge = Effect::Purge {
        nodes: vec![0, 1],
        class: 0,
        object: 1,
    };
    let publish = Effect::Publish {
        class: 0,
        object: None,
    };
    let effects = [
        Effect::Fault,
        Effect::Heal,
        publish,
        Effect::Killed(0),
        Effect::Emptied(0),
        purge,
    ];
    let event = |effect| EventShape {
        label: String::new(),
        effect,
    };
    with_events(effects.map(event).into())
}

pub(crate) fn with_events(events: Vec<EventShape>) -> Shape {
    Shape { events, ..shape() }
}

pub(crate) fn answer() -> Answer {
    Answer {
        status: 200,
        path: Path::EMPTY,
        age: None,
        bytes: 1000,
        version: Some(1),
        outdated_by: None,
        verified: Verified::Right,
        cacheable: Cacheable::AsPlanned,
    }
}

/// A request of place 0 at fra-1 for object `object` of the cacheable class, sent at `sent`; first byte after 10 ms.
pub(crate) fn observation(
    object: u32,
    sent: Nanos,
    outcome: Result<Answer, Failure>,
) -> Observation {
    Observation {
        step: 0,
        place: 0,
        object: ObjectId { class: 0, object },
        variant: 0,
        node: Some(0),
        due: sent,
        started: sent,
        first_byte: sent + 10 * MS,
        done: sent + 20 * MS,
        waits: Waits::default(),
        outcome,
        late: 0,
    }
}

/// Any end that a request can come to.
pub(crate) fn any_outcome() -> impl Strategy<Value = Result<Answer, Failure>> {
    let handling = prop_oneof![
        (-5..20_i32).prop_map(|ttl| hit(Some(ttl))),
        Just(forwarded(Fwd::UriMiss, None, true)),
        Just(forwarded(Fwd::Stale, Some(304), true)),
        Just(forwarded(Fwd::Stale, Some(503), false)),
        Just(forwarded(Fwd::Method, None, false)),
        Just(Handling::Own),
    ];
    let answer = (
        handling,
        prop::sample::select(vec![200_u16, 304, 404, 503]),
        0_u64..5000,
    )
        .prop_map(|(handling, status, bytes)| {
            Ok(Answer {
                status,
                bytes,
                ..by(handling)
            })
        });
    prop_oneof![9 => answer, 1 => Just(Err(Failure::Deadline))]
}

pub(crate) fn hit(ttl: Option<i32>) -> Handling {
    Handling::Hit { ttl }
}

pub(crate) fn forwarded(why: Fwd, status: Option<u16>, stored: bool) -> Handling {
    Handling::Forwarded {
        why,
        status,
        stored,
        collapsed: false,
        failed: false,
    }
}

pub(crate) fn by(handling: Handling) -> Answer {
    Answer {
        path: Path::of(&[Hop {
            node: Some(0),
            handling,
        }]),
        ..answer()
    }
}
