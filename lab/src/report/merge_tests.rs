//! Folds that add up: a report does not depend on how a run was taken apart.

use proptest::prelude::*;

use super::VariantReport;
use crate::metrics::Fold;
use crate::metrics::testing::{MS, SECOND, any_outcome, eventful, observation};
use crate::observe::{Answer, Failure, NodeStats, Observation, OriginRecord, RequestId};

/// What a driver tells of one request: its outcome and age, who asks where, and how often the origin counted it.
type Told = (
    Result<Answer, Failure>,
    (u32, u64),
    (u16, u16, u16),
    u64,
    bool,
);

fn told() -> impl Strategy<Value = Told> {
    let whom = (0_u16..3, 0_u16..4, 0_u16..2);
    (
        any_outcome(),
        (0_u32..6, 0..30 * SECOND),
        whom,
        0_u64..3,
        any::<bool>(),
    )
}

/// Requests played into as many folds as there are; `side` chooses one for each node, and for requests without one.
fn spread(requests: &[Told], folds: &mut [Fold], side: impl Fn(u16, bool) -> usize) {
    let every = requests.len() / 6 + 1;
    for (step, (outcome, (object, late), (place, node, class), records, other)) in
        (0..).zip(requests)
    {
        let due = step as u64 * 20 * SECOND / requests.len() as u64;
        if step % every == 0 {
            let event = step / every;
            folds.iter_mut().for_each(|fold| fold.event(event, due));
        }
        let mut outcome = *outcome;
        if let (Ok(answer), true) = (&mut outcome, late % 5 == 0) {
            answer.outdated_by = Some(*late);
        }
        let mut seen = Observation {
            step: step as u64,
            place: *place,
            late: late / 1000 * u64::from(*other),
            ..observation(*object, due, outcome)
        };
        seen.node = Some(*node).filter(|node| *node < 3);
        seen.object.class = *class;
        seen.first_byte += late / 7;
        seen.done += late / 5;
        let fold = &mut folds[side(*node, *other)];
        for record in 0..*records {
            fold.origin(&OriginRecord {
                id: RequestId::Step(seen.step),
                at: due + record * 300 * MS,
                object: Some(seen.object),
                status: 200,
                body_bytes: 1000 + record,
                conditional: false,
            });
        }
        fold.observe(&seen);
        if step % 31 == 30 {
            fold.settle_steps(seen.step / 2);
        }
        let stats = NodeStats {
            upstream_requests: seen.step,
            stored_bytes: 100 * seen.step,
            ..NodeStats::default()
        };
        if let (Some(node), 0) = (seen.node, step % 7) {
            fold.node_stats(node, &stats, due);
        }
    }
}

proptest! {
    /// Whatever node is told to which of two folds: added up, they are what one fold makes of it all.
    #[test]
    fn two_folds_add_up_to_one(
        requests in prop::collection::vec(told(), 1..200),
        sides in prop::array::uniform4(0_usize..2),
    ) {
        let mut whole = [Fold::of(eventful())];
        spread(&requests, &mut whole, |_, _| 0);
        let mut halves = [Fold::of(eventful()), Fold::of(eventful())];
        spread(&requests, &mut halves, |node, other| match node {
            3 => usize::from(other),
            node => sides[usize::from(node)],
        });
        let [whole] = whole;
        let [mut one, two] = halves;
        one.merge(two);
        let report = |fold: Fold| {
            let report = VariantReport::of("any", &fold.finish(60 * SECOND));
            serde_json::to_string_pretty(&report).unwrap()
        };
        let (whole, merged) = (report(whole), report(one));
        let differs = whole.lines().zip(merged.lines()).find(|(whole, merged)| whole != merged);
        prop_assert!(whole == merged, "first difference: {:?}", differs);
    }
}
