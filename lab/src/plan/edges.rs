//! PoPs and their nodes, with the defaults of the scenario filled in.

use super::{
    Admission, Eviction, History, NodePlan, PopPlan, Timeouts, Upstream, Weigh, content, places,
};
use crate::scenario::Problems;
use crate::scenario::storage::{AdmissionSpec, EvictionName, EvictionSpec, HistorySpec, WeighName};
use crate::scenario::topology::{CacheSpec, Pop};
use crate::scenario::written::Scenario;
use crate::units::Span;

/// Every PoP and every node, in the order of the file.
pub(super) fn edges(scenario: &Scenario, p: &mut Problems) -> (Vec<PopPlan>, Vec<NodePlan>) {
    let (mut pops, mut nodes) = (Vec::new(), Vec::new());
    for (index, (name, pop)) in scenario.pops.iter().enumerate() {
        let Some(spotted) = places::find(&pop.at, &["pops", name, "at"], p) else {
            continue;
        };
        let upstream = pop
            .upstream
            .as_deref()
            .and_then(|upstream| scenario.pops.index(upstream));
        let first = nodes.len() as u16;
        for node in crate::scenario::node_names(name, pop.nodes) {
            let upstream = upstream.map_or(Upstream::Origin, |pop| Upstream::Pop(pop as u16));
            nodes.push(self::node(scenario, pop, node, index as u16, upstream));
        }
        pops.push(PopPlan {
            name: name.to_owned(),
            point: spotted.point,
            serves_clients: pop.serves_clients,
            nodes: (first..nodes.len() as u16).collect(),
        });
    }
    (pops, nodes)
}

fn node(scenario: &Scenario, spec: &Pop, name: String, pop: u16, upstream: Upstream) -> NodePlan {
    let defaults = &scenario.defaults;
    let cache = merged(&spec.cache, &defaults.cache);
    let seconds = |span: Option<Span>, other: Option<Span>, default: u64| {
        span.or(other)
            .map_or(default * 1_000_000_000, |span| span.0)
    };
    NodePlan {
        pop,
        upstream,
        memory: spec
            .memory
            .or(defaults.memory)
            .map_or(64 << 20, |memory| memory.0),
        max_objects: spec.max_objects.or(defaults.max_objects),
        disk: spec
            .disk
            .as_ref()
            .or(defaults.disk.as_ref())
            .map(|disk| disk.size.0),
        eviction: eviction(spec.eviction.as_ref().or(defaults.eviction.as_ref())),
        weigh: match spec.weigh.or(defaults.weigh) {
            None | Some(WeighName::All) => Weigh::All,
            Some(WeighName::Bodies) => Weigh::Bodies,
        },
        admission: admission(spec.admission.as_ref().or(defaults.admission.as_ref())),
        policy: content::policy(&name, &cache),
        timeouts: Timeouts {
            connect: seconds(cache.connect_timeout, cache.upstream_timeout, 5),
            first_byte: seconds(cache.first_byte_timeout, cache.upstream_timeout, 30),
            idle: seconds(cache.idle_timeout, None, 30),
        },
        name,
    }
}

fn eviction(written: Option<&EvictionSpec>) -> Eviction {
    let name = match written {
        None => EvictionName::S3fifo,
        Some(EvictionSpec::Named(name)) => *name,
        Some(EvictionSpec::Own(name)) => return Eviction::Own(name.as_str().into()),
    };
    match name {
        EvictionName::Fifo => Eviction::Fifo,
        EvictionName::Lru => Eviction::Lru,
        EvictionName::Lfu => Eviction::Lfu,
        EvictionName::S3fifo => Eviction::S3Fifo,
        EvictionName::Sieve => Eviction::Sieve,
        EvictionName::Belady => Eviction::Belady,
    }
}

fn admission(written: Option<&AdmissionSpec>) -> Admission {
    written.map_or(Admission::ALL, |written| Admission {
        second_hit: written.second_hit.map(|history| match history {
            HistorySpec::Unlimited => History::Unlimited,
            HistorySpec::Last(keys) => History::Last(keys),
        }),
        max_size: written.max_size.map(|size| size.0),
        probability: written.probability,
    })
}

/// The rules of a PoP, with the defaults where it says nothing.
fn merged(own: &CacheSpec, defaults: &CacheSpec) -> CacheSpec {
    CacheSpec {
        collapse: own.collapse.or(defaults.collapse),
        collapse_wait: own.collapse_wait.or(defaults.collapse_wait),
        stale_if_unreachable: own.stale_if_unreachable.or(defaults.stale_if_unreachable),
        stale_if_error: own.stale_if_error.or(defaults.stale_if_error),
        stale_while_revalidate: own
            .stale_while_revalidate
            .or(defaults.stale_while_revalidate),
        default_ttl: own.default_ttl.or(defaults.default_ttl),
        negative_ttl: own.negative_ttl.or(defaults.negative_ttl),
        hit_for_miss: own.hit_for_miss.or(defaults.hit_for_miss),
        request_directives: own.request_directives.or(defaults.request_directives),
        targeted_fields: own
            .targeted_fields
            .clone()
            .or_else(|| defaults.targeted_fields.clone()),
        pass_targeted_fields: own.pass_targeted_fields.or(defaults.pass_targeted_fields),
        forward_conditions: own.forward_conditions.or(defaults.forward_conditions),
        match_language: own.match_language.or(defaults.match_language),
        stale_beside_s_maxage: own.stale_beside_s_maxage.or(defaults.stale_beside_s_maxage),
        heuristic_percent: own.heuristic_percent.or(defaults.heuristic_percent),
        heuristic_max: own.heuristic_max.or(defaults.heuristic_max),
        status_key: own.status_key.or(defaults.status_key),
        max_object: own.max_object.or(defaults.max_object),
        upstream_timeout: own.upstream_timeout.or(defaults.upstream_timeout),
        connect_timeout: own.connect_timeout.or(defaults.connect_timeout),
        first_byte_timeout: own.first_byte_timeout.or(defaults.first_byte_timeout),
        idle_timeout: own.idle_timeout.or(defaults.idle_timeout),
    }
}
