//! Plans are ordered, seeded, shared by variants, and say what the scenario says.

use std::collections::HashMap;
use std::path::Path;

use geo_data::Database;
use proptest::prelude::*;

use super::*;
use crate::scenario::{PlanOptions, ScenarioFile};

const HEAD: &str = "
schema: 1
name: test
duration: 10s
content:
  pages: {path: '/p/{id}', objects: 50, headers: {Cache-Control: max-age=5}, vary: {header: x-lang, values: [a, b, c]}}
  api: {path: /api, headers: {Cache-Control: no-store}}
pops:
  fra: {at: FRA, nodes: 2, upstream: shield}
  shield: {at: IAD, nodes: 2, serves_clients: false}
";

fn plans(text: &str) -> Result<Vec<Plan>, String> {
    let geo = Database::embedded();
    let file = ScenarioFile::parse("test.yaml", text.to_owned(), Path::new("."), false);
    let options = PlanOptions {
        seed: None,
        geo: &geo,
    };
    file.and_then(|file| file.plans(&options))
        .map_err(|error| error.to_string())
}

fn plan(text: &str) -> Plan {
    plans(text)
        .unwrap_or_else(|error| panic!("{error}"))
        .remove(0)
}

fn requests(plan: &Plan) -> Vec<PlannedRequest> {
    plan.requests()
        .map(|request| request.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ordered_near_the_rate_and_repeatable(
        seed in 1_u64..1000,
        rate in 0_u32..400,
        stages in proptest::collection::vec((1_u64..3000, 0_u32..600), 1..4),
        burst in (0_u64..8, 1_u64..500, 0_u64..2000),
    ) {
        let stage_text: Vec<String> =
            stages.iter().map(|(ms, rate)| format!("{{for: {ms}ms, rate: {rate}/s}}")).collect();
        let text = format!(
            "{HEAD}seed: {seed}\nclients:\n  a: {{from: [FRA, LHR], rate: {rate}/s}}\n  b: {{from: {{EWR: 1}}, stages: [{}]}}\n  \
             c: {{from: [SIN], burst: {{at: {}s, count: {}, within: {}ms}}}}\n",
            stage_text.join(", "), burst.0, burst.1, burst.2,
        );
        let plan = plan(&text);
        let drawn = requests(&plan);
        prop_assert_eq!(&drawn, &requests(&plan), "the same plan gives the same requests");
        let (mut stream, mut batches, mut size) = (plan.requests(), Vec::new(), 0);
        for most in (1..200).cycle() {
            stream.fill(&mut batches, most).unwrap_or_else(|error| panic!("{error}"));
            if batches.len() < size + most {
                break;
            }
            size += most;
        }
        prop_assert_eq!(&drawn, &batches, "batches hold the same");
        let mut last = 0;
        for (step, request) in drawn.iter().enumerate() {
            prop_assert_eq!(request.step, step as u64);
            prop_assert!(request.due >= last && request.due < plan.duration);
            last = request.due;
            let place = &plan.places[usize::from(request.place)];
            prop_assert_eq!(place.population, request.population);
            prop_assert!(place.networks.iter().any(|network| network.contains(&request.client)));
            let class = &plan.origin.catalogue.classes[usize::from(request.object.class)];
            prop_assert!(request.object.object < class.objects);
            let values = plan.classes[usize::from(request.object.class)].vary.as_ref().map_or(1, |v| v.values.len());
            prop_assert!(usize::from(request.variant) < values);
        }
        let count = |population| drawn.iter().filter(|r| r.population == population).count() as f64;
        let near = |found: f64, mean: f64| (found - mean).abs() <= 6.0 * mean.sqrt() + 1.0;
        prop_assert!(near(count(0), f64::from(rate) * 10.0), "{} at {rate}/s", count(0));
        let mut expected = 0.0;
        let mut end = 0;
        for (i, (ms, rate)) in stages.iter().enumerate() {
            let length = if i + 1 == stages.len() { 10_000 - end } else { *ms };
            expected += length as f64 / 1e3 * f64::from(*rate);
            end += ms;
        }
        prop_assert!(near(count(1), expected), "{} of {expected} in stages", count(1));
        prop_assert_eq!(count(2), burst.1 as f64);
        let (from, to) = (burst.0 * 1_000_000_000, burst.0 * 1_000_000_000 + burst.2.max(1) * 1_000_000);
        prop_assert!(drawn.iter().filter(|r| r.population == 2).all(|r| (from..to).contains(&r.due)));
    }
}

#[test]
fn variants_share_their_arrivals_and_populations_do_not_disturb_each_other() {
    let clients = "clients:\n  a: {from: [FRA, LHR], rate: 200/s}\n";
    let both = plans(&format!("{HEAD}{clients}variants:\n  x: {{}}\n  y: {{routing: {{mode: direct}}, pops: {{fra: {{nodes: 1}}}}}}\n"))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(requests(&both[0]), requests(&both[1]));
    assert_ne!(both[0].nodes.len(), both[1].nodes.len());
    let more = plan(&format!(
        "{HEAD}{clients}  b: {{from: [EWR], rate: 50/s}}\n"
    ));
    let of_a = |plan: &Plan| -> Vec<(Nanos, ObjectId, std::net::IpAddr)> {
        requests(plan)
            .iter()
            .filter(|r| r.population == 0)
            .map(|r| (r.due, r.object, r.client))
            .collect()
    };
    assert_eq!(of_a(&both[0]), of_a(&more));
    let other_seed = plan(&format!("{HEAD}seed: 2\n{clients}"));
    assert_ne!(of_a(&both[0]), of_a(&other_seed));
}

#[test]
fn shares_weights_and_popularity_are_as_written() {
    let plan = plan(&format!(
        "{HEAD}clients:\n  a: {{from: {{FRA: 3, LHR: 1}}, rate: 5000/s, zipf: 1}}\n"
    ));
    let drawn = requests(&plan);
    let share = |wanted: &dyn Fn(&PlannedRequest) -> bool| {
        drawn.iter().filter(|request| wanted(request)).count() as f64 / drawn.len() as f64
    };
    let check = |found: f64, wanted: f64| {
        assert!((found - wanted).abs() < 0.015, "{found}, wanted {wanted}")
    };
    check(share(&|r| r.place == 0), 0.75);
    check(share(&|r| r.object.class == 0), 0.5);
    check(share(&|r| r.variant == 1), 0.5 / 3.0);
    let harmonic: f64 = (1..=50).map(|rank| 1.0 / f64::from(rank)).sum();
    check(
        share(&|r| {
            r.object
                == ObjectId {
                    class: 0,
                    object: 0,
                }
        }),
        0.5 / harmonic,
    );
    check(
        share(&|r| {
            r.object
                == ObjectId {
                    class: 0,
                    object: 9,
                }
        }),
        0.05 / harmonic,
    );
}

#[test]
fn links_follow_the_model() {
    let text = format!(
        "{HEAD}clients:\n  a: {{from: [FRA, LHR], rate: 1/s, access: 10ms}}\n\
         network: {{overrides: [{{between: [shield, origin], rtt: 1ms}}]}}\n"
    );
    let plan = plan(&text);
    let rtt = |from, to| plan.link(from, to).rtt;
    assert_eq!(
        rtt(Spot::Client(0), Spot::Node(0)),
        15_000_000,
        "at the same place: base and access network"
    );
    assert_eq!(rtt(Spot::Node(0), Spot::Node(1)), INSIDE_POP);
    assert_eq!(rtt(Spot::Node(2), Spot::Origin), 1_000_000);
    assert_eq!(rtt(Spot::Origin, Spot::Node(3)), 1_000_000);
    let (fra, iad) = (plan.pops[0].point, plan.pops[1].point);
    let formula = 5e6 + 15_500.0 * geo_data::distance_km(fra, iad);
    let crossing = rtt(Spot::Node(0), Spot::Node(2)) as f64;
    assert!(
        (crossing - formula).abs() < 1.0,
        "{crossing}, wanted {formula}"
    );
    assert_eq!(plan.upstream_node(0), Some(2));
    assert_eq!(plan.upstream_node(1), Some(3));
    assert_eq!(plan.upstream_node(2), None);
    let links = plan.links();
    assert!(
        links.contains(&(Spot::Client(1), Spot::Node(0)))
            && links.contains(&(Spot::Node(1), Spot::Node(3)))
    );
    assert!(
        !links.contains(&(Spot::Client(0), Spot::Node(2))),
        "clients do not go to a shield"
    );
    let none = self::plan(&format!("{text}  model: none\n").replace(
        "network: {overrides: [{between: [shield, origin], rtt: 1ms}]}\n",
        "network:\n",
    ));
    assert_eq!(none.link(Spot::Client(0), Spot::Origin).rtt, 0);
}

#[test]
fn questions_stand_beside_events_and_change_none() {
    let with = |events: &str| {
        plan(&format!(
            "{HEAD}clients: {{a: {{from: [FRA, LHR], rate: 1/s}}}}\nevents: [{events}]\n"
        ))
    };
    let ask = "ask: {question: Who?, from: LHR, path: /p/1, after: 2s, about: pop}";
    let plan = with(&format!(
        "{{at: 4s, kill: fra, {ask}}}, {{at: 3s, {ask}}}, {{at: 90s, {ask}}}"
    ));
    let without = with("{at: 4s, kill: fra}");
    assert_eq!(plan.events.len(), without.events.len());
    let times: Vec<_> = plan.asks.iter().map(|ask| (ask.at, ask.reveal)).collect();
    let s = 1_000_000_000;
    assert_eq!(times, [(3 * s, 5 * s), (4 * s, 6 * s)]);
    let ask = &plan.asks[0];
    assert_eq!((ask.place, ask.about_pop), (1, true));
    assert_eq!((ask.question.as_str(), ask.path.as_str()), ("Who?", "/p/1"));
}

#[test]
fn events_carry_the_state_that_holds_from_then_on() {
    let plan = plan(&format!(
        "{HEAD}clients: {{a: {{from: [FRA], rate: 1/s}}}}\nevents:
  - {{at: 2s, link: {{between: [origin, shield], cut: to, for: 4s}}}}
  - {{at: 3s, link: {{between: [shield, origin], rtt: 500ms}}}}
  - {{at: 1s, origin: {{status: 503, for: 8s}}}}
  - {{at: 2s, origin: {{delay: 200ms, for: 1s}}}}
  - {{at: 4s, kill: fra}}
  - {{at: 5s, restart: fra-2}}
  - {{at: 6s, publish: pages}}
  - {{at: 7s, purge: {{url: /p/3, at: fra, mode: soft}}}}
"
    ));
    assert!(plan.events.is_sorted_by_key(|event| event.at));
    let origin: Vec<(u64, Option<u16>, u64)> = plan
        .events
        .iter()
        .filter_map(|event| match &event.what {
            Event::Origin(faults) => {
                Some((event.at / 1_000_000_000, faults.status, faults.delay_ms))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        origin,
        [
            (1, Some(503), 0),
            (2, Some(503), 200),
            (3, Some(503), 0),
            (9, None, 0)
        ]
    );
    let mut by_link: HashMap<Spot, Vec<(u64, Option<Direction>, u64)>> = HashMap::new();
    for event in &plan.events {
        if let Event::Link(LinkState {
            from,
            to: Spot::Origin,
            cut,
            model,
        }) = &event.what
        {
            let state = (
                event.at / 1_000_000_000,
                cut.map(|cut| cut.direction),
                model.rtt / 1_000_000,
            );
            by_link.entry(*from).or_default().push(state);
        }
    }
    // The shield opens the connection, and what goes *to* it is what comes back.
    let shield = [
        (2, Some(Direction::Backward), 5),
        (3, Some(Direction::Backward), 500),
        (6, None, 500),
    ];
    assert_eq!(by_link[&Spot::Node(2)], shield);
    assert_eq!(by_link.len(), 2);
    let rest: Vec<&Event> = plan
        .events
        .iter()
        .map(|e| &e.what)
        .filter(|e| !matches!(e, Event::Origin(_) | Event::Link(_)))
        .collect();
    assert!(
        matches!(rest[..2], [Event::Kill(0), Event::Kill(1)]),
        "{rest:?}"
    );
    assert!(matches!(rest[2], Event::Restart(1)));
    assert!(matches!(rest[3], Event::Publish(Selector::Class(0))));
    let Event::Purge(purge) = rest[4] else {
        panic!("{rest:?}")
    };
    assert_eq!(
        (purge.nodes.as_slice(), purge.soft),
        ([0, 1].as_slice(), true)
    );
    assert_eq!(
        purge.object,
        Some(ObjectId {
            class: 0,
            object: 3
        })
    );
}

#[test]
fn classes_are_judged_by_the_cache_core() {
    let plan = plan(&format!(
        "{HEAD}clients: {{a: {{from: [FRA], rate: 1/s}}}}\ndefaults: {{cache: {{collapse: false, upstream_timeout: 1s}}}}\n"
    ));
    assert_eq!(
        plan.classes[0].cacheable.map(|digest| digest.lifetime),
        Ok(5_000)
    );
    assert_eq!(plan.classes[1].cacheable, Err(NotStorable::NoStore));
    assert!(!plan.nodes[0].policy.collapse.enabled);
    assert_eq!(plan.nodes[0].policy.name, "fra-1");
    assert_eq!(plan.nodes[0].timeouts.first_byte, 1_000_000_000);
}

#[test]
fn what_only_tables_can_refuse() {
    let check = |clients: &str, rest: &str, expected: &str| {
        let error =
            plans(&format!("{HEAD}clients: {{a: {{{clients}}}}}\n{rest}")).expect_err(clients);
        assert!(error.contains(expected), "{error}");
    };
    check(
        "from: [XXQ], rate: 1/s",
        "",
        "clients.a.from.0: unknown place `XXQ`",
    );
    check("from: [FRX], rate: 1/s", "", "did you mean");
    check("from: {QQ: 1}, rate: 1/s", "", "unknown country `QQ`");
    check(
        "from: [{lat: 95, lon: 0, name: x}], rate: 1/s",
        "",
        "not coordinates",
    );
    check(
        "from: [{lat: -60, lon: -140, name: sea}], rate: 1/s",
        "",
        "no client network near `sea`",
    );
    check(
        "from: [FRA], rate: 1/s",
        "origin: {at: QQQ}",
        "origin.at: unknown place",
    );
    check(
        "from: [FRA], rate: 1/s",
        "events: [{at: 1s, ask: {question: Who?, from: XXX, path: /p, after: 1s}}]",
        "no clients in `XXX`; there are some in FRA",
    );
    check(
        "from: [FRA], rate: 1/s",
        "events: [{at: 1s, publish: /nothing}]",
        "no object at `/nothing`",
    );
    check(
        "from: [FRA], rate: 1/s",
        "events: [{at: 1s, purge: {url: /p/*}}]",
        "no object at `/p/*`; a purge names one path",
    );
    check(
        "from: [FRA], rate: 1/s",
        "events: [{at: 1s, link: {between: [fra, origin], cut: both}}]",
        "nothing goes directly between `fra` and `origin`",
    );
    check(
        "from: [FRA], trace: {file: no-such.csv}",
        "",
        "clients.a.trace.file: trace ./no-such.csv: ",
    );
}

#[test]
fn everyone_by_country() {
    let plan = plan(&format!(
        "{HEAD}clients: {{world: {{from: countries, rate: 2000/s}}}}\n"
    ));
    assert!(plan.places.len() >= 30, "{} countries", plan.places.len());
    let drawn = requests(&plan);
    let india = plan
        .places
        .iter()
        .position(|place| place.name == "IN")
        .map(|place| place as u16);
    let share = drawn
        .iter()
        .filter(|request| Some(request.place) == india)
        .count() as f64
        / drawn.len() as f64;
    assert!((0.08..0.20).contains(&share), "{share}");
}
