//! Checks of PoPs, origin, routing and network.

use edge_core::PolicyError;
use edge_core::fields::directives::can_be_targeted;

use super::{SPOT_WORDS, is_name, node_names, not_a_name, pops_and_nodes, spot_names, unknown};
use crate::scenario::problems::Problems;
use crate::scenario::storage::{AdmissionSpec, EvictionSpec};
use crate::scenario::topology::{CacheSpec, DiskSpec};
use crate::scenario::written::Scenario;

pub(super) fn check(scenario: &Scenario, allow_remote: bool, p: &mut Problems) {
    pops(scenario, p);
    unique(scenario, p);
    origin(scenario, allow_remote, p);
    routing(scenario, p);
    let spots = spot_names(scenario);
    for (i, pair) in scenario.network.overrides.iter().enumerate() {
        let i = i.to_string();
        for (side, name) in ["0", "1"].into_iter().zip(&pair.between) {
            p.check(
                spots.contains(name),
                &["network", "overrides", &i, "between", side],
                || {
                    unknown(
                        "place in the network",
                        name,
                        spots.iter().map(String::as_str),
                    )
                },
            );
        }
    }
}

fn pops(scenario: &Scenario, p: &mut Problems) {
    let pops = &scenario.pops;
    p.check(!pops.is_empty(), &["pops"], || {
        "a CDN needs at least one PoP".to_owned()
    });
    let serving = pops.iter().any(|(_, pop)| pop.serves_clients);
    p.check(serving || pops.is_empty(), &["pops"], || {
        "no PoP serves clients".to_owned()
    });
    let nodes: u64 = pops.iter().map(|(_, pop)| u64::from(pop.nodes)).sum();
    p.check(nodes <= 1_000, &["pops"], || {
        format!("{nodes} nodes; at most 1,000 are possible")
    });
    for (name, pop) in pops.iter() {
        p.check(is_name(name), &["pops", name], || not_a_name(name));
        p.check(pop.nodes > 0, &["pops", name, "nodes"], || {
            "a PoP has at least one node".to_owned()
        });
        p.check(
            pop.memory.is_none_or(|m| m.0 > 0),
            &["pops", name, "memory"],
            || "no memory holds nothing".to_owned(),
        );
        p.check(
            pop.max_objects != Some(0),
            &["pops", name, "max_objects"],
            || "0 objects hold nothing".to_owned(),
        );
        disk(&["pops", name, "disk"], pop.disk.as_ref(), p);
        storage(
            &["pops", name],
            pop.eviction.as_ref(),
            pop.admission.as_ref(),
            p,
        );
        cache(&["pops", name, "cache"], &pop.cache, p);
        if let Some(upstream) = pop.upstream.as_deref().filter(|up| *up != "origin") {
            let path = ["pops", name, "upstream"];
            if pops.find(upstream).is_none() {
                p.add(
                    &path,
                    unknown("PoP", upstream, pops.names().chain(["origin"])),
                );
            } else if let Some(circle) = circle(scenario, name) {
                p.add(&path, format!("upstreams go in a circle: {circle}"));
            }
        }
    }
    let memory = scenario.defaults.memory;
    p.check(
        memory.is_none_or(|m| m.0 > 0),
        &["defaults", "memory"],
        || "no memory holds nothing".to_owned(),
    );
    let defaults = &scenario.defaults;
    disk(&["defaults", "disk"], defaults.disk.as_ref(), p);
    storage(
        &["defaults"],
        defaults.eviction.as_ref(),
        defaults.admission.as_ref(),
        p,
    );
    cache(&["defaults", "cache"], &defaults.cache, p);
    let objects = scenario.defaults.max_objects;
    p.check(objects != Some(0), &["defaults", "max_objects"], || {
        "0 objects hold nothing".to_owned()
    });
}

fn disk(place: &[&str], disk: Option<&DiskSpec>, p: &mut Problems) {
    let enough = disk.is_none_or(|disk| disk.size.0 >= 8 << 20);
    p.check(enough, place, || "a disk tier has 8MiB at least".to_owned());
}

/// What a node keeps, written at `place`.
fn storage(
    place: &[&str],
    eviction: Option<&EvictionSpec>,
    admission: Option<&AdmissionSpec>,
    p: &mut Problems,
) {
    if let Some(EvictionSpec::Own(name)) = eviction {
        p.check(
            is_name(name),
            &[place, &["eviction", "own"]].concat(),
            || not_a_name(name),
        );
    }
    if let Some(share) = admission.and_then(|admission| admission.probability) {
        p.check(
            share > 0.0 && share <= 1.0,
            &[place, &["admission", "probability"]].concat(),
            || format!("{share} is not a probability above 0 and up to 1"),
        );
    }
}

/// The rules of a cache, written at `place`.
fn cache(place: &[&str], cache: &CacheSpec, p: &mut Problems) {
    for name in cache.targeted_fields.iter().flatten() {
        p.check(
            can_be_targeted(name),
            &[place, &["targeted_fields"]].concat(),
            || PolicyError::Targeted(name.clone()).to_string(),
        );
    }
    p.check(
        cache.heuristic_percent.is_none_or(|percent| percent <= 100),
        &[place, &["heuristic_percent"]].concat(),
        || "a share of more than 100 percent".to_owned(),
    );
}

/// The way from a PoP back to itself, if its upstreams lead there.
fn circle(scenario: &Scenario, start: &str) -> Option<String> {
    let mut way = vec![start];
    while let Some(next) = scenario
        .pops
        .find(way.last()?)
        .and_then(|pop| pop.upstream.as_deref())
    {
        way.push(next);
        if next == start {
            return Some(way.join(" -> "));
        }
        if way.len() > scenario.pops.len() {
            // A circle further up, which is reported where it stands.
            return None;
        }
    }
    None
}

/// PoPs, nodes and populations share the names that links and labels use.
fn unique(scenario: &Scenario, p: &mut Problems) {
    let pops = pops_and_nodes(scenario);
    for (name, pop) in scenario.pops.iter() {
        p.check(!SPOT_WORDS.contains(&name), &["pops", name], || {
            format!("`{name}` has a meaning of its own here")
        });
        let taken = node_names(name, pop.nodes).find(|node| scenario.pops.find(node).is_some());
        if let Some(node) = taken {
            p.add(
                &["pops", name],
                format!("its node `{node}` has the name of another PoP"),
            );
        }
    }
    for name in scenario.clients.names() {
        p.check(!SPOT_WORDS.contains(&name), &["clients", name], || {
            format!("`{name}` has a meaning of its own here")
        });
        p.check(
            !pops.iter().any(|pop| pop == name),
            &["clients", name],
            || format!("a PoP or node is called `{name}` too; links could not tell them apart"),
        );
    }
}

fn origin(scenario: &Scenario, allow_remote: bool, p: &mut Problems) {
    let origin = &scenario.origin;
    p.check(
        origin.concurrency != Some(0),
        &["origin", "concurrency"],
        || "0 at once answers nothing".to_owned(),
    );
    let Some(url) = &origin.url else {
        for (key, set) in [
            ("host", origin.host.is_some()),
            ("ready", origin.ready.is_some()),
        ] {
            p.check(!set, &["origin", key], || {
                "this is about an origin of your own, which `url` would name".to_owned()
            });
        }
        return;
    };
    p.check(
        origin.concurrency.is_none(),
        &["origin", "concurrency"],
        || "your own origin (`url`) has its own limits".to_owned(),
    );
    let path = ["origin", "url"];
    match url::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            p.add(&path, format!("`{url}` is not an http or https URL"));
        }
        Ok(parsed) => {
            let local = match parsed.host() {
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                Some(url::Host::Domain(name)) => {
                    name == "localhost" || name.ends_with(".localhost")
                }
                None => false,
            };
            p.check(local || allow_remote, &path, || {
                format!(
                    "`{url}` is not on this machine; load on it needs your word: --allow-remote"
                )
            });
        }
        Err(error) => p.add(&path, format!("`{url}` is not a URL: {error}")),
    }
    if let Some(ready) = &origin.ready {
        p.check(ready.starts_with('/'), &["origin", "ready"], || {
            "a path begins with `/`".to_owned()
        });
    }
}

fn routing(scenario: &Scenario, p: &mut Problems) {
    let routing = &scenario.routing;
    if let Some(name) = &routing.default {
        match scenario.pops.find(name) {
            None => p.add(
                &["routing", "default"],
                unknown("PoP", name, scenario.pops.names()),
            ),
            Some(pop) => {
                p.check(pop.serves_clients, &["routing", "default"], || {
                    format!("`{name}` does not serve clients")
                });
            }
        }
    }
    let health = &routing.health;
    for (key, right) in [
        ("interval", health.interval.0 > 0),
        ("timeout", health.timeout.0 > 0),
        ("rise", health.rise > 0),
        ("fall", health.fall > 0),
    ] {
        p.check(right, &["routing", "health", key], || {
            "must be above 0".to_owned()
        });
    }
}
