use proptest::prelude::*;

use super::testing::{
    MS, SECOND, any_outcome, by, forwarded, hit, observation, shape, with_events,
};
use super::*;
use crate::observe::{Answer, Failure, Fwd, NodeStats, RequestId};

proptest! {
    #[test]
    fn classes_sum_to_all_and_every_observation_is_counted_once(
        requests in prop::collection::vec((any_outcome(), 0_u64..20, 0_u16..4, 0_u16..2, 0_u16..5), 0..300),
    ) {
        let mut fold = Fold::of(shape());
        for (step, (outcome, second, place, class, node)) in requests.iter().enumerate() {
            let mut seen = observation(step as u32 % 7, second * SECOND, *outcome);
            seen.step = step as u64;
            (seen.place, seen.object.class) = (*place, *class);
            seen.node = (*node < 4).then_some(*node);
            fold.observe(&seen);
        }
        let measured = fold.finish(20 * SECOND);
        let all = Selector { span: Span::All, ..Selector::default() };
        let count = |selector: &Selector| measured.figure(Metric::Requests, selector).value.unwrap();
        prop_assert_eq!(count(&all), requests.len() as f64);
        let by_class = RequestClass::ALL.map(|class| Selector { class: Some(class), ..all });
        prop_assert_eq!(by_class.iter().map(count).sum::<f64>(), requests.len() as f64);
        let shares = by_class.iter().filter_map(|selector| measured.figure(Metric::ClassShare, selector).value);
        let sum = shares.sum::<f64>();
        prop_assert!(requests.is_empty() || (sum - 1.0).abs() < 1e-9);
        for (label, number) in [(Label::Region, 2), (Label::Path, 2)] {
            let mut sum = 0.0;
            for index in 0..number {
                let mut part = all;
                let name = measured.names(label)[index].to_owned();
                prop_assert!(measured.narrow(&mut part, label, &name));
                sum += count(&part);
            }
            prop_assert_eq!(sum, requests.len() as f64, "{:?}", label);
        }
        let spans = [Span::Warmup, Span::Measured].map(|span| count(&Selector { span, ..Selector::default() }));
        prop_assert_eq!(spans[0] + spans[1], requests.len() as f64);
        let buckets = measured.series.buckets.iter();
        prop_assert_eq!(buckets.flat_map(|bucket| bucket.classes).sum::<u64>(), requests.len() as u64);
        for info in METRICS {
            let figure = measured.figure(info.metric, &all);
            prop_assert!(figure.value.is_none_or(f64::is_finite), "{}", info.name);
            if info.unit == Unit::Ratio && figure.samples == 0 {
                prop_assert_eq!(figure.value, None, "{} without samples", info.name);
            }
        }
    }
}

fn measured(shape: Shape, seen: &[Observation]) -> Measured {
    let mut fold = Fold::of(shape);
    for (step, observation) in seen.iter().enumerate() {
        fold.observe(&Observation {
            step: step as u64,
            ..*observation
        });
    }
    fold.finish(20 * SECOND)
}

fn value(measured: &Measured, name: &str, labels: &[(Label, &str)]) -> Option<f64> {
    let mut selector = Selector::default();
    for (label, name) in labels {
        assert!(measured.narrow(&mut selector, *label, name), "{name}");
    }
    measured
        .figure(Metric::named(name).unwrap().metric, &selector)
        .value
}

#[test]
fn the_formulas_of_metrics() {
    let miss = forwarded(Fwd::UriMiss, None, true);
    let collapsed = crate::observe::Handling::Forwarded {
        why: Fwd::UriMiss,
        status: None,
        stored: false,
        collapsed: true,
        failed: false,
    };
    let at = |ms: u64, outcome| observation(0, 3 * SECOND + ms * MS, outcome);
    let stale = Answer {
        outdated_by: Some(2 * SECOND),
        bytes: 3000,
        ..by(hit(Some(-4)))
    };
    let seen = [
        observation(0, SECOND, Ok(by(miss))),
        at(0, Ok(by(miss))),
        at(1, Ok(by(collapsed))),
        at(2, Ok(by(hit(Some(5))))),
        at(3, Ok(stale)),
        at(4, Ok(by(forwarded(Fwd::Stale, Some(304), true)))),
        at(5, Ok(by(forwarded(Fwd::Method, None, false)))),
        at(6, Err(Failure::Reset)),
        at(
            7,
            Ok(Answer {
                status: 502,
                ..by(miss)
            }),
        ),
    ];
    let measured = measured(shape(), &seen);
    let check = |name, expected: f64| {
        let value = value(&measured, name, &[]).unwrap();
        assert!(
            (value - expected).abs() < 1e-9,
            "{name}: {value}, not {expected}"
        );
    };
    check("requests", 8.0);
    check("request_hit_ratio", 2.0 / 5.0);
    check("overall_hit_ratio", 2.0 / 8.0);
    check("cache_coverage", 5.0 / 8.0);
    check("cdn_hit_ratio", 3.0 / 5.0);
    // The object was fetched in the warm-up, so an infinite cache would have had it each time.
    check("offered_hit_ratio", 1.0);
    check("byte_hit_ratio", 1.0 - 1.0 / 7.0);
    check("coalescing_factor", 3.0 / 2.0);
    check("stale_ratio", 1.0 / 6.0);
    check("stale_seconds_max", 4.0);
    check("outdated_ratio", 1.0 / 7.0);
    check("outdated_seconds_p50", 2.0);
    check("availability", 6.0 / 8.0);
    check("errors", 2.0);
    check("latency_p50", 0.010);
    check("total_max", 0.020);
    check("misses", 1.0);
    assert_eq!(
        value(&measured, "misses", &[(Label::Cause, "evicted")]),
        Some(1.0)
    );
    assert_eq!(
        value(&measured, "requests", &[(Label::Window, "warmup")]),
        Some(1.0)
    );
    assert_eq!(
        value(&measured, "request_hit_ratio", &[(Label::Pop, "nrt")]),
        None
    );
    assert_eq!(
        value(&measured, "request_hit_ratio", &[(Label::Window, "cut")]),
        None
    );
    assert_eq!(value(&measured, "shield_hit_ratio", &[]), None);
    assert_eq!(value(&measured, "edge_hit_ratio", &[]), Some(2.0 / 5.0));
}

#[test]
fn latency_counts_from_the_intended_instant_unless_the_plan_is_sequential() {
    let mut late = observation(0, 3 * SECOND, Ok(by(hit(None))));
    late.started += 100 * MS;
    late.first_byte += 100 * MS;
    late.late = 100 * MS;
    let open = measured(shape(), &[late]);
    assert_eq!(value(&open, "latency_max", &[]), Some(0.110));
    assert!(!open.validity().valid, "{:?}", open.validity());
    let closed = measured(
        Shape {
            sequential: true,
            ..shape()
        },
        &[late],
    );
    assert_eq!(value(&closed, "latency_max", &[]), Some(0.010));
}

#[test]
fn a_run_with_few_late_requests_is_valid() {
    let on_time = observation(0, 3 * SECOND, Ok(by(hit(None))));
    let late = Observation {
        late: 11 * MS,
        ..on_time
    };
    let seen: Vec<_> = (0..200)
        .map(|n| if n < 2 { late } else { on_time })
        .collect();
    assert!(measured(shape(), &seen).validity().valid);
    let seen: Vec<_> = (0..200)
        .map(|n| if n < 3 { late } else { on_time })
        .collect();
    assert!(!measured(shape(), &seen).validity().valid);
    assert!(!measured(shape(), &[]).validity().valid);
}

#[test]
fn offload_follows_the_origins_own_count() {
    let mut fold = Fold::of(shape());
    for step in 0..10 {
        fold.observe(&Observation {
            step,
            ..observation(0, 3 * SECOND, Ok(by(hit(None))))
        });
    }
    let record = OriginRecord {
        id: RequestId::Background {
            node: Some(0),
            number: 1,
        },
        at: 3 * SECOND,
        object: Some(crate::plan::ObjectId {
            class: 0,
            object: 0,
        }),
        status: 200,
        body_bytes: 20_000,
        conditional: false,
    };
    (0..2).for_each(|_| fold.origin(&record));
    let measured = fold.finish(20 * SECOND);
    assert_eq!(
        value(&measured, "origin_fetches", &[(Label::Path, "pages")]),
        Some(2.0)
    );
    assert_eq!(value(&measured, "origin_offload_requests", &[]), Some(0.8));
    assert_eq!(value(&measured, "origin_offload_bytes", &[]), Some(-3.0));
}

/// Without a cache the origin has served exactly what was asked for, although requests that are under way when the warm-up
/// ends reach it afterwards.
#[test]
fn a_request_counts_in_the_same_window_at_both_ends() {
    let mut fold = Fold::of(shape());
    for step in 0..40 {
        let due = step * 100 * MS;
        fold.origin(&OriginRecord {
            id: RequestId::Step(step),
            at: due + 250 * MS,
            object: None,
            status: 200,
            body_bytes: 1000,
            conditional: false,
        });
        let mut answer = by(forwarded(Fwd::UriMiss, None, true));
        answer.bytes = 1000;
        fold.observe(&Observation {
            step,
            ..observation(0, due, Ok(answer))
        });
    }
    let measured = fold.finish(20 * SECOND);
    assert_eq!(value(&measured, "origin_fetches", &[]), Some(20.0));
    assert_eq!(value(&measured, "origin_offload_requests", &[]), Some(0.0));
    assert_eq!(value(&measured, "origin_offload_bytes", &[]), Some(0.0));
}

#[test]
fn convergence_counts_from_the_heal_to_the_last_outdated_request() {
    let event = |effect| shape::EventShape {
        label: String::new(),
        effect,
    };
    let shape = with_events(vec![
        event(shape::Effect::Fault),
        event(shape::Effect::Heal),
    ]);
    let outdated = |ms: u64| {
        let answer = Answer {
            outdated_by: Some(SECOND),
            ..by(hit(None))
        };
        observation(0, ms * MS, Ok(answer))
    };
    let fine = |ms: u64| observation(0, ms * MS, Ok(by(hit(None))));
    let run = |seen: &[Observation]| {
        let mut fold = Fold::of(shape.clone());
        fold.event(0, 5 * SECOND);
        fold.event(1, 10 * SECOND);
        seen.iter()
            .for_each(|observation| fold.observe(observation));
        value(&fold.finish(20 * SECOND), "convergence_seconds", &[])
    };
    assert_eq!(
        run(&[
            outdated(9000),
            outdated(10_500),
            outdated(12_250),
            fine(12_500)
        ]),
        Some(2.25)
    );
    assert_eq!(run(&[outdated(9000), fine(10_500)]), Some(0.0));
    assert_eq!(
        run(&[outdated(9000), outdated(12_000)]),
        None,
        "never converged"
    );
    assert_eq!(run(&[outdated(9000)]), None, "nothing asked since");
}

/// What a node that died unasked had stored, and what it had not told, are gone as if it had been killed.
#[test]
fn a_death_that_nobody_planned() {
    let mut fold = Fold::of(shape());
    fold.node_stats(0, &NodeStats::default(), SECOND);
    fold.died(Some(0), "a-1 died unasked".to_owned(), 2 * SECOND);
    fold.died(None, "router died unasked".to_owned(), 3 * SECOND);
    let measured = fold.finish(10 * SECOND);
    assert!(measured.tiers.nodes[0].incomplete);
    assert!(!measured.tiers.nodes[1].incomplete);
    let seen: Vec<_> = measured.unasked.iter().map(|(_, at)| *at).collect();
    assert_eq!(seen, [2 * SECOND, 3 * SECOND]);
}
