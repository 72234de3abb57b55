//! What holds in every simulation, whatever the scenario: drawn sites, tiers, policies, traffic and faults.

use std::path::Path;

use geo_data::Database;
use proptest::prelude::*;

use super::world::World;
use super::*;
use crate::metrics::{Label, Metric, Selector, Span};
use crate::observe::{Handling, Observation, RequestClass};
use crate::plan::{PlannedRequest, Upstream};
use crate::progress::Silent;
use crate::scenario::{PlanOptions, ScenarioFile};
use crate::sim::store::Policies;

/// How long a drawn run lasts, in seconds.
const SECONDS: u64 = 14;

/// One drawn scenario.
#[derive(Debug, Clone)]
struct Drawn {
    seed: u64,
    max_age: u64,
    more: &'static str,
    /// Whether pages come in two languages.
    vary: bool,
    admission: &'static str,
    deadline_ms: u64,
    objects: u32,
    think_ms: u64,
    /// Requests that the origin serves at once; 0: any number.
    concurrency: u32,
    changes_s: u64,
    memory_kib: u64,
    eviction: &'static str,
    shielded: [bool; 2],
    collapse: bool,
    routing: &'static str,
    rate: u64,
    burst: u64,
    events: Vec<(u64, &'static str)>,
}

/// Faults and other happenings; each begins in the first half and is over in the second.
const EVENTS: [&str; 13] = [
    "kill: fra-1",
    "kill: shield-1",
    "link: {between: [fra, origin], cut: both, how: blackhole, for: 3s}",
    "link: {between: [shield, origin], cut: to, how: reset, for: 2s}",
    "link: {between: [europe, sin], cut: from, how: blackhole, for: 4s}",
    "link: {between: [asia, sin], rtt: 400ms, for: 4s}",
    "origin: {status: 503, for: 3s}",
    "origin: {delay: 900ms, for: 3s}",
    "origin: {refuse: true, for: 2s}",
    "publish: pages",
    "purge: {url: /p/1, at: [fra, sin], mode: soft}",
    "purge: {url: /p/1, mode: hard}",
    "origin: {delay: 30ms, for: 5s}",
];

fn drawn() -> impl Strategy<Value = Drawn> {
    let site = (
        0..6u64,
        prop::sample::select(vec![
            "",
            ", stale-while-revalidate=3",
            ", stale-if-error=20",
            ", must-revalidate",
            ", no-cache",
        ]),
        prop_oneof![1..60u32, 200..3000u32],
        0..120u64,
        0..20u32,
        1..9u64,
        prop::sample::select(vec![false, false, true]),
    );
    let edges = (
        8..400u64,
        prop::sample::select(vec!["fifo", "lru", "lfu", "s3fifo", "sieve"]),
        any::<[bool; 2]>(),
        any::<bool>(),
        prop::sample::select(vec!["nearest", "nearest", "router", "redirect"]),
        prop::sample::select(vec!["", "", "", "second_hit: unlimited", "max_size: 20KiB"]),
        prop::sample::select(vec![120, 300, 2000, 2000]),
    );
    let events = prop::collection::vec(
        (1..SECONDS / 2, prop::sample::select(EVENTS.to_vec())),
        0..4,
    );
    (any::<u32>(), site, edges, 1..60u64, 1..120u64, events).prop_map(
        |(seed, site, edges, rate, burst, events)| Drawn {
            seed: u64::from(seed),
            max_age: site.0,
            more: site.1,
            vary: site.6,
            admission: edges.5,
            deadline_ms: edges.6,
            objects: site.2,
            think_ms: site.3,
            concurrency: site.4,
            changes_s: site.5,
            memory_kib: edges.0,
            eviction: edges.1,
            shielded: edges.2,
            collapse: edges.3,
            routing: edges.4,
            rate,
            burst,
            events,
        },
    )
}

impl Drawn {
    fn text(&self) -> String {
        let upstream = |shielded| if shielded { "shield" } else { "origin" };
        let mut events = String::new();
        for (at, what) in &self.events {
            // A link that the topology does not have cannot be cut.
            let fits = match *what {
                what if what.contains("[fra, origin]") => !self.shielded[0],
                what if what.contains("shield") => self.shielded != [false, false],
                // A page that the origin does not have cannot be purged.
                what if what.contains("/p/1") => self.objects > 1,
                _ => true,
            };
            let node = what.strip_prefix("kill: ");
            if fits && node.is_none_or(|_| !events.contains(what)) {
                events.push_str(&format!("  - {{at: {at}s, {what}}}\n"));
                events
                    .extend(node.map(|node| format!("  - {{at: {}s, restart: {node}}}\n", at + 3)));
            }
        }
        let events = if events.is_empty() {
            String::new()
        } else {
            format!("events:\n{events}")
        };
        let concurrency = match self.concurrency {
            0 => String::new(),
            most => format!(", concurrency: {most}"),
        };
        let vary = match self.vary {
            true => "\n    vary: {header: Accept-Language, values: [de, en]}",
            false => "",
        };
        let admission = match self.admission {
            "" => String::new(),
            filter => format!("admission: {{{filter}}}, "),
        };
        let deadline = self.deadline_ms;
        let shield = match self.shielded {
            [false, false] => "",
            _ => "\n  shield: {at: IAD, memory: 64KiB, serves_clients: false}",
        };
        format!(
            "
schema: 1
name: drawn
seed: {}
duration: {SECONDS}s
warmup: 2s
origin: {{at: IAD{concurrency}}}
content:
  pages:
    path: /p/{{id}}
    objects: {}
    size: {{min: 100B, max: 40KiB}}
    headers: {{Cache-Control: 'max-age={}{}'}}
    think: {}ms
    changes: {{every: {}s}}{vary}
pops:
  fra: {{at: FRA, memory: {}KiB, upstream: {}}}
  sin: {{at: SIN, memory: {}KiB, upstream: {}}}{shield}
defaults: {{{admission}eviction: {}, cache: {{collapse: {}, upstream_timeout: 1s}}}}
clients:
  europe: {{from: [FRA, LHR], rate: {}/s, deadline: {deadline}ms}}
  asia: {{from: [SIN], rate: {}/s, burst: {{at: 4s, count: {}, within: 1s}}, deadline: {deadline}ms}}
routing: {{mode: {}}}
{events}",
            self.seed,
            self.objects,
            self.max_age,
            self.more,
            self.think_ms,
            self.changes_s,
            self.memory_kib,
            upstream(self.shielded[0]),
            self.memory_kib,
            upstream(self.shielded[1]),
            self.eviction,
            self.collapse,
            self.rate,
            self.rate,
            self.burst,
            self.routing,
        )
    }

    /// The run with every observation.
    fn play(&self) -> (Plan, Measured, Vec<Observation>) {
        self.play_with(false)
    }

    /// `no_lane`: every request takes the full path.
    fn play_with(&self, no_lane: bool) -> (Plan, Measured, Vec<Observation>) {
        let text = self.text();
        let file = ScenarioFile::parse("drawn.yaml", text.clone(), Path::new("."), false)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let geo = Database::embedded();
        let plan = file
            .plan(
                "base",
                &PlanOptions {
                    seed: None,
                    geo: &geo,
                },
            )
            .unwrap_or_else(|error| panic!("{error}"));
        let mut world = World::new(&plan, &Policies::default(), |_| true).unwrap();
        world.watched = true;
        world.lane.closed |= no_lane;
        world.prepare();
        let requests: Vec<PlannedRequest> = plan.requests().collect::<Result<_, _>>().unwrap();
        world.play(&requests, 0, &mut Silent);
        world.end(&mut Silent);
        let seen = std::mem::take(&mut world.seen);
        let (fold, end) = world.folded();
        let measured = fold.finish(end);
        (plan, measured, seen)
    }
}

fn lanes_and_full_path_agree(drawn: &Drawn) -> Result<(), TestCaseError> {
    // What nothing can touch any more is observed before it is over, and what the origin is certain to answer is counted there
    // before it comes.
    let [(lane, at_origin), (full, at_origin_full)] = [false, true].map(|no_lane| {
        let (_, measured, mut seen) = drawn.play_with(no_lane);
        seen.sort_unstable_by_key(|one| one.step);
        let all = Selector {
            span: Span::All,
            ..Selector::default()
        };
        (
            seen,
            (
                measured.origin(&all),
                measured.nodes(&all, |_| true).0,
                measured.sums,
            ),
        )
    });
    prop_assert_eq!(format!("{at_origin:?}"), format!("{at_origin_full:?}"));
    prop_assert_eq!(lane.len(), full.len());
    for (lane, full) in lane.iter().zip(&full) {
        prop_assert_eq!(format!("{lane:?}"), format!("{full:?}"));
    }
    Ok(())
}

/// Cases in which they once did not.
#[test]
fn the_lanes_and_the_full_path_come_to_the_same_where_they_did_not() {
    let plain = Drawn {
        seed: 3_411_193_694,
        max_age: 3,
        more: ", stale-if-error=20",
        vary: false,
        admission: "",
        deadline_ms: 2000,
        objects: 14,
        think_ms: 95,
        concurrency: 0,
        changes_s: 3,
        memory_kib: 251,
        eviction: "lru",
        shielded: [true, false],
        collapse: false,
        routing: "nearest",
        rate: 58,
        burst: 107,
        events: Vec::new(),
    };
    let cases = [
        // An answer comes at the very instant of a timeout.
        Drawn {
            events: vec![(3, "origin: {delay: 900ms, for: 3s}")],
            ..plain.clone()
        },
        // Two requests arrive at the origin at one instant, one over a new connection.
        Drawn {
            seed: 2_421_330_433,
            max_age: 5,
            more: ", no-cache",
            think_ms: 80,
            changes_s: 5,
            memory_kib: 387,
            eviction: "s3fifo",
            shielded: [false, true],
            collapse: true,
            routing: "router",
            rate: 26,
            burst: 76,
            events: vec![(2, "purge: {url: /p/1, at: [fra, sin], mode: soft}")],
            ..plain.clone()
        },
        // Background work is under way when the last client has its answer.
        Drawn {
            seed: 2_225_212_309,
            max_age: 5,
            objects: 59,
            think_ms: 103,
            concurrency: 3,
            changes_s: 6,
            memory_kib: 162,
            shielded: [false, false],
            collapse: true,
            rate: 59,
            burst: 48,
            events: vec![(5, "kill: fra-1")],
            ..plain.clone()
        },
        // Two requests leave for the origin at one instant, one over a new connection, and both answers are whole at one instant.
        Drawn {
            seed: 109_451_592,
            max_age: 0,
            more: ", must-revalidate",
            objects: 40,
            think_ms: 91,
            changes_s: 4,
            memory_kib: 156,
            shielded: [false, false],
            collapse: true,
            routing: "router",
            rate: 47,
            burst: 91,
            events: vec![
                (
                    6,
                    "link: {between: [fra, origin], cut: both, how: blackhole, for: 3s}",
                ),
                (2, "purge: {url: /p/1, at: [fra, sin], mode: soft}"),
            ],
            ..plain.clone()
        },
        // A shield is killed while its answer passes through an edge.
        Drawn {
            seed: 2_951_666_797,
            more: ", no-cache",
            objects: 33,
            concurrency: 11,
            changes_s: 8,
            memory_kib: 175,
            eviction: "lfu",
            shielded: [true, true],
            rate: 46,
            events: vec![(1, "kill: shield-1")],
            ..plain.clone()
        },
        // A request comes to a shield at the instant at which the answer is whole that it was asked for a second before.
        Drawn {
            seed: 858_329,
            max_age: 0,
            more: "",
            deadline_ms: 120,
            objects: 6,
            think_ms: 90,
            changes_s: 1,
            memory_kib: 8,
            eviction: "lfu",
            shielded: [false, true],
            collapse: true,
            rate: 5,
            burst: 1,
            events: vec![(1, "origin: {delay: 900ms, for: 3s}")],
            ..plain.clone()
        },
    ];
    for drawn in &cases {
        lanes_and_full_path_agree(drawn).unwrap_or_else(|error| panic!("{error}\n{drawn:?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_planned_request_is_over_exactly_once_and_in_time(drawn in drawn()) {
        let (plan, measured, seen) = drawn.play();
        let planned: Vec<PlannedRequest> = plan.requests().collect::<Result<_, _>>().unwrap();
        let mut steps: Vec<u64> = seen.iter().map(|one| one.step).collect();
        steps.sort_unstable();
        let expected: Vec<u64> = planned.iter().map(|one| one.step).collect();
        prop_assert_eq!(steps, expected);

        let all = Selector { span: Span::All, ..Selector::default() };
        let cell = measured.cell(&all);
        let by_class: u64 = RequestClass::ALL.into_iter().map(|class| cell.requests(class)).sum();
        prop_assert_eq!(by_class, planned.len() as u64, "every request has one class");
        let requests = measured.figure(Metric::Requests, &all);
        prop_assert_eq!(requests.samples, planned.len() as u64);

        for one in &seen {
            prop_assert!(one.due <= one.started && one.started <= one.first_byte && one.first_byte <= one.done, "{:?}", one);
            prop_assert!(one.done <= one.due + drawn.deadline_ms * 1_000_000, "{:?}", one);
            if one.outcome.is_ok() {
                let before = one.first_byte - one.started;
                prop_assert!(one.waits.whole && one.waits.phases.total() == before, "{:?}", one);
            }
        }
    }

    #[test]
    fn the_lanes_and_the_full_path_come_to_the_same(drawn in drawn()) {
        lanes_and_full_path_agree(&drawn)?;
    }

    #[test]
    fn a_fresh_hit_never_exceeds_its_lifetime(drawn in drawn()) {
        let (_, _, seen) = drawn.play();
        // Ages are whole seconds: one is lost at each tier.
        let lifetime = drawn.max_age * 1_000_000_000;
        let bound = lifetime + 2_000_000_000;
        for one in &seen {
            let Ok(answer) = &one.outcome else { continue };
            let Some(Handling::Hit { ttl }) = answer.path.hops().next().map(|hop| hop.handling) else { continue };
            if ttl.is_some_and(|ttl| ttl < 0) {
                continue;
            }
            prop_assert!(u64::from(answer.age.unwrap_or(0)) <= drawn.max_age, "{:?}", one);
            prop_assert!(answer.outdated_by.is_none_or(|by| by <= bound), "{:?}", one);
        }
    }

    #[test]
    fn bytes_are_conserved_from_origin_to_clients(drawn in drawn()) {
        let calm = Drawn { events: Vec::new(), think_ms: drawn.think_ms.min(20), concurrency: 64, ..drawn.clone() };
        for (drawn, faults) in [(calm, false), (drawn, true)] {
            let (plan, measured, seen) = drawn.play();
            let all = Selector { span: Span::All, ..Selector::default() };
            let is_shield = |node: usize| !plan.pops[usize::from(plan.nodes[node].pop)].serves_clients;
            let behind_shield = |node: usize| matches!(plan.nodes[node].upstream, Upstream::Pop(_));
            let clients: u64 = seen.iter().filter_map(|one| one.outcome.ok()).map(|answer| answer.bytes).sum();
            let cell = measured.cell(&all);
            let counted: u64 = RequestClass::ALL.into_iter().map(|class| cell.bytes(class)).sum();
            prop_assert_eq!(clients, counted);
            let sent = measured.nodes(&all, |node| !is_shield(node)).0.downstream_bytes;
            let shield = measured.nodes(&all, is_shield).0;
            let from_shield = measured.nodes(&all, behind_shield).0.upstream_bytes;
            let from_origin = measured.nodes(&all, |node| !behind_shield(node)).0.upstream_bytes;
            let (_, origin) = measured.origin(&all);
            if faults {
                // What was sent may be lost on the way, and a kill takes counters with it; nothing comes from nowhere.
                let killed = drawn.text().contains("kill");
                prop_assert!(killed || clients <= sent);
                prop_assert!(killed || from_shield <= shield.downstream_bytes);
                prop_assert!(killed || from_origin <= origin);
            } else if !measured.names(Label::Pop).is_empty() && seen.iter().all(|one| one.outcome.is_ok()) {
                prop_assert_eq!(clients, sent, "edges to clients");
                prop_assert_eq!(from_shield, shield.downstream_bytes, "shield to edges");
                prop_assert_eq!(from_origin, origin, "origin to its caches");
                prop_assert!(measured.sums.agrees(), "{:?}", measured.sums);
            }
        }
    }
}
