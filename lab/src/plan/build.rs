//! From a checked variant of a scenario to its plan.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geo_data::Database;

use super::content::{self, Contents};
use super::edges;
use super::random::{Alias, Zipf};
use super::trace::TraceFile;
use super::traffic::{BurstPlan, Drawn, Networks, Source, Traffic};
use super::{
    ClientPlace, Handshake, Health, Nanos, NetworkPlan, OriginKind, OriginPlan, Plan,
    PopulationPlan, RoutingMode, RoutingPlan, Window, places, schedule,
};
use crate::scenario::Problems;
use crate::scenario::clients::{Clients, RoutingModeName, TraceMode};
use crate::scenario::topology::{HandshakeName, NetworkModel};
use crate::scenario::values::{ACCESS_NETWORKS, Access};
use crate::scenario::written::Scenario;
use crate::units::BitRate;

/// What a plan depends on beside the scenario.
pub(crate) struct BuildOptions<'a> {
    pub(crate) variant: &'a str,
    pub(crate) seed: Option<u64>,
    pub(crate) geo: &'a Database,
    /// Where relative names of trace files start.
    pub(crate) folder: &'a Path,
}

/// Makes the plan of a variant that has passed its checks. The problems are those that only the geo database, the tables of
/// places and the trace files can show.
pub(crate) fn build(scenario: &Scenario, options: &BuildOptions<'_>) -> Result<Plan, Problems> {
    let mut problems = Problems::default();
    let p = &mut problems;
    let seed = options.seed.unwrap_or(scenario.seed);
    let traces = traces(scenario, options.folder, p);
    let contents = content::contents(scenario, seed, &traces, p);
    let origin = places::find(&scenario.origin.at, &["origin", "at"], p);
    let (pops, nodes) = edges::edges(scenario, p);
    let router = scenario
        .routing
        .at
        .as_ref()
        .map(|at| places::find(at, &["routing", "at"], p));
    let (populations, client_places) = populations(scenario, options.geo, &traces, &contents, p);
    let Some(origin) = origin.filter(|_| p.0.is_empty()) else {
        return Err(problems);
    };
    let router = router.flatten().unwrap_or_else(|| origin.clone());
    let first_serving = scenario
        .pops
        .iter()
        .position(|(_, pop)| pop.serves_clients)
        .unwrap_or(0);
    let default_pop = scenario
        .routing
        .default
        .as_ref()
        .and_then(|name| scenario.pops.index(name));
    let mut plan = Plan {
        scenario: scenario.name.clone(),
        variant: options.variant.to_owned(),
        seed,
        duration: scenario.duration.0,
        warmup: scenario.warmup.0,
        windows: scenario
            .windows
            .iter()
            .map(|(name, window)| Window {
                name: name.to_owned(),
                from: window.from.0,
                to: window.to.0,
            })
            .collect(),
        site: scenario.site.clone(),
        populations,
        places: client_places,
        pops,
        nodes,
        origin: OriginPlan {
            name: origin.name,
            point: origin.point,
            catalogue: contents.catalogue,
            kind: match &scenario.origin.url {
                None => OriginKind::Synthetic,
                Some(url) => OriginKind::Own {
                    url: url.clone(),
                    host: scenario.origin.host.clone(),
                    ready: scenario.origin.ready.clone(),
                },
            },
        },
        routing: RoutingPlan {
            mode: match scenario.routing.mode {
                RoutingModeName::Router => RoutingMode::Router,
                RoutingModeName::Redirect => RoutingMode::Redirect,
                RoutingModeName::Nearest => RoutingMode::Nearest,
                RoutingModeName::Direct => RoutingMode::Direct,
            },
            ttl: scenario.routing.ttl.0,
            name: router.name,
            point: router.point,
            health: Health {
                interval: scenario.routing.health.interval.0,
                timeout: scenario.routing.health.timeout.0,
                rise: scenario.routing.health.rise,
                fall: scenario.routing.health.fall,
            },
            default_pop: default_pop.unwrap_or(first_serving) as u16,
        },
        network: network(scenario),
        events: Vec::new(),
        asks: Vec::new(),
        classes: contents.classes,
        keep_requests: 0,
        sequential: traces.values().any(|trace| trace.sequential),
    };
    overrides(&mut plan, scenario);
    plan.events = schedule::schedule(&plan, &scenario.events, p);
    plan.asks = super::Ask::all(&plan, &scenario.events, p);
    if p.0.is_empty() {
        Ok(plan)
    } else {
        Err(problems)
    }
}

/// The traces of a scenario, each read through once; by the name of their population.
type Traces<'a> = HashMap<&'a str, Arc<TraceFile>>;

fn traces<'a>(scenario: &'a Scenario, folder: &Path, p: &mut Problems) -> Traces<'a> {
    let mut traces = Traces::new();
    // A class made for traces stands behind the written ones; each trace without a class of its own gets one.
    let mut made = scenario.content.len();
    for (name, clients) in scenario.clients.iter() {
        let Some(spec) = &clients.trace else { continue };
        let class = spec
            .content
            .as_ref()
            .and_then(|class| scenario.content.index(class))
            .unwrap_or_else(|| {
                made += 1;
                made - 1
            });
        let path: PathBuf = folder.join(&spec.file);
        let sequential = spec.mode == TraceMode::Sequential;
        match TraceFile::scan(&path, class as u16, sequential, scenario.duration.0) {
            Ok(trace) => {
                traces.insert(name, Arc::new(trace));
            }
            Err(error) => p.add(&["clients", name, "trace", "file"], error.to_string()),
        }
    }
    traces
}

fn populations(
    scenario: &Scenario,
    geo: &Database,
    traces: &Traces<'_>,
    contents: &Contents,
    p: &mut Problems,
) -> (Vec<PopulationPlan>, Vec<ClientPlace>) {
    let (mut populations, mut places) = (Vec::new(), Vec::new());
    let variants: Arc<Vec<u16>> = Arc::new(
        contents
            .classes
            .iter()
            .map(|class| {
                class
                    .vary
                    .as_ref()
                    .map_or(0, |vary| vary.values.len() as u16)
            })
            .collect(),
    );
    // Populations that ask for the same classes equally share their tables.
    let mut tables: HashMap<(u32, u64), Arc<Zipf>> = HashMap::new();
    for (index, (name, clients)) in scenario.clients.iter().enumerate() {
        let region = clients.region.clone().unwrap_or_else(|| name.to_owned());
        let found = self::places::clients(&clients.from, &["clients", name, "from"], geo, p);
        if places.len() + found.len() > usize::from(u16::MAX) {
            p.add(&["clients", name, "from"], "more than 65,535 places");
            break;
        }
        volume(scenario, name, clients, p);
        let source = match (&clients.trace, traces.get(name)) {
            (Some(_), Some(trace)) => Source::Trace(Arc::clone(trace)),
            // Its trace could not be read, which has been said.
            (Some(_), None) => continue,
            (None, _) => Source::Drawn(drawn(scenario, clients, &mut tables)),
        };
        let weights: Vec<f64> = found.iter().map(|(_, weight, _)| *weight).collect();
        let traffic = Traffic {
            name: name.to_owned(),
            source,
            first_place: places.len() as u16,
            places: Alias::new(&weights),
            networks: found
                .iter()
                .map(|(.., networks)| Networks::new(networks))
                .collect(),
            deadline: clients.deadline.0,
            variants: Arc::clone(&variants),
        };
        let access_rtt = access(scenario, &clients.access);
        places.extend(found.into_iter().map(|(spotted, _, networks)| ClientPlace {
            name: spotted.name,
            population: index as u16,
            region: region.clone(),
            point: spotted.point,
            country: spotted.country,
            networks,
            access_rtt,
        }));
        let headers = clients
            .headers
            .iter()
            .map(|(field, value)| (field.to_owned(), value.clone()))
            .collect();
        populations.push(PopulationPlan {
            name: name.to_owned(),
            region,
            headers,
            traffic: Arc::new(traffic),
        });
    }
    (populations, places)
}

/// Requests of one population in one run, at most: hours of simulation.
const MOST_REQUESTS: f64 = 1e10;
/// Requests of one population within a second, at most: what is under way is held in memory.
const MOST_PER_SECOND: f64 = 5e6;

/// Refuses traffic that no machine could play; asked of the plan, since `--scale` comes after the checks.
fn volume(scenario: &Scenario, name: &str, clients: &Clients, p: &mut Problems) {
    let seconds = |nanos: Nanos| nanos as f64 / 1e9;
    let rate = clients.rate.map_or(0.0, |rate| rate.0);
    let mut requests = rate * seconds(scenario.duration.0);
    let (mut fastest, mut left) = (rate, scenario.duration.0);
    for (index, stage) in clients.stages.iter().enumerate() {
        // The last one holds until the end.
        let length = if index + 1 == clients.stages.len() {
            left
        } else {
            stage.length.0
        };
        left = left.saturating_sub(stage.length.0);
        requests += stage.rate.0 * seconds(length);
        fastest = fastest.max(stage.rate.0);
    }
    if let Some(burst) = &clients.burst {
        requests += burst.count as f64;
        fastest += burst.count as f64 / seconds(burst.within.0).max(1.0);
    }
    let path = ["clients", name];
    p.check(fastest <= MOST_PER_SECOND, &path, || {
        format!(
            "{fastest:e} requests within a second are more than can be played (5,000,000): lower `rate`, `stages`, `burst` or --scale"
        )
    });
    p.check(requests <= MOST_REQUESTS, &path, || {
        format!(
            "about {requests:.0e} requests in this run are more than can be played (10,000,000,000): lower `rate`, `stages`, `burst`, `duration` or --scale"
        )
    });
}

/// Round-trip time of an access network.
fn access(scenario: &Scenario, access: &Access) -> Nanos {
    match access {
        Access::Rtt(rtt) => rtt.0,
        Access::Kind(kind) => match scenario.network.access.find(kind) {
            Some(rtt) => rtt.0,
            None => ACCESS_NETWORKS
                .iter()
                .find(|(name, _)| name == kind)
                .map_or(0, |(_, rtt)| *rtt),
        },
    }
}

/// Random arrivals of random objects, as a population has them.
fn drawn(
    scenario: &Scenario,
    clients: &Clients,
    tables: &mut HashMap<(u32, u64), Arc<Zipf>>,
) -> Drawn {
    let mut stages = Vec::new();
    let mut end = 0;
    for stage in &clients.stages {
        end += stage.length.0;
        stages.push((end, stage.rate.0 / 1e9));
    }
    if let Some(rate) = clients.rate {
        stages.push((scenario.duration.0, rate.0 / 1e9));
    } else if let Some(last) = stages.last_mut() {
        last.0 = scenario.duration.0;
    }
    let burst = clients.burst.as_ref().map(|burst| BurstPlan {
        at: burst.at.0,
        count: burst.count,
        within: burst.within.0,
    });
    let (mut shares, mut objects) = (Vec::new(), Vec::new());
    for (index, (name, content)) in scenario.content.iter().enumerate() {
        if clients
            .content
            .as_ref()
            .is_some_and(|classes| !classes.iter().any(|class| class == name))
        {
            continue;
        }
        shares.push(content.share);
        let key = (content.objects, clients.zipf.to_bits());
        let table = tables
            .entry(key)
            .or_insert_with(|| Arc::new(Zipf::new(content.objects, clients.zipf)));
        objects.push((index as u16, Arc::clone(table)));
    }
    Drawn {
        stages,
        burst,
        classes: Alias::new(&shares),
        objects,
    }
}

fn network(scenario: &Scenario) -> NetworkPlan {
    let network = &scenario.network;
    NetworkPlan {
        modelled: network.model == NetworkModel::Distance,
        base: network.rtt.base.0,
        per_1000km: network.rtt.per_1000km.0,
        overrides: Vec::new(),
        client_rate_bps: network.client_rate.map(|BitRate(bits)| bits),
        backbone_rate_bps: network.backbone_rate.map(|BitRate(bits)| bits),
        handshake: match network.handshake {
            HandshakeName::Tcp => Handshake::Tcp,
            HandshakeName::Tls13 => Handshake::Tls13,
            HandshakeName::Tls12 => Handshake::Tls12,
            HandshakeName::Quic => Handshake::Quic,
        },
    }
}

/// Overrides name groups; the plan holds pairs. Of two for one pair, the later one counts.
fn overrides(plan: &mut Plan, scenario: &Scenario) {
    let mut pairs = std::collections::BTreeMap::new();
    for written in &scenario.network.overrides {
        let [first, second] = [
            plan.spots(&written.between[0]),
            plan.spots(&written.between[1]),
        ];
        for a in &first {
            for b in second.iter().filter(|b| *b != a) {
                pairs.insert(if a <= b { (*a, *b) } else { (*b, *a) }, written.rtt.0);
            }
        }
    }
    plan.network.overrides = pairs.into_iter().collect();
}
