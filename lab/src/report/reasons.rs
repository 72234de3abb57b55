//! Why a request missed, in words: how it was routed, its key, what was stored, its age against its lifetime, the directive that
//! decided, and what each cache on the way said.

use geo_data::distance_km;

use super::build::seconds;
use super::scene::{MissExample, Reason};
use crate::metrics::{Cause, Example, Measured, Unit};
use crate::observe::{Handling, Hop};
use crate::plan::Nanos;

/// Examples of one cause; of uncacheable ones those under this rule.
pub(super) fn examples(measured: &Measured, cause: Cause, rule: Option<&str>) -> Vec<MissExample> {
    let rule_of = |example: &&Example| {
        let class = measured
            .shape
            .classes
            .get(usize::from(example.observation.object.class));
        cause != Cause::Uncacheable
            || class
                .and_then(|class| class.lifetime.as_ref().err())
                .map(String::as_str)
                == rule
    };
    measured
        .evidence
        .examples(cause)
        .iter()
        .filter(rule_of)
        .map(|example| told(measured, cause, example))
        .collect()
}

fn time(nanos: Nanos) -> String {
    Unit::Seconds.show(seconds(nanos))
}

fn told(measured: &Measured, cause: Cause, example: &Example) -> MissExample {
    let (shape, scene) = (&measured.shape, &measured.shape.scene);
    let seen = &example.observation;
    let at = if shape.sequential {
        seen.started
    } else {
        seen.due
    };
    let node = seen
        .node
        .and_then(|node| shape.nodes.get(usize::from(node)));
    let edge = node.map_or("the origin", |node| node.name.as_str());
    let url = format!("http://{}{}", scene.site, scene.path(seen.object));
    let content = scene.content.get(usize::from(seen.object.class));
    let class = shape.classes.get(usize::from(seen.object.class));
    let lifetime = class.and_then(|class| class.lifetime.as_ref().ok().copied());
    let ago = example.fetched.map(|fetched| {
        seen.started
            .saturating_sub(Nanos::from(fetched) * 1_000_000)
    });

    let mut chain = Vec::new();
    let mut say = |about: &str, text: String| {
        chain.push(Reason {
            about: about.to_owned(),
            text,
        })
    };
    say("routing", routing(measured, example, edge));
    let variant = content
        .and_then(|content| content.vary.as_ref())
        .and_then(|(field, values)| {
            Some(format!(
                "; {field}: {} selects the variant",
                values.get(usize::from(seen.variant))?
            ))
        });
    say("key", format!("GET {url}{}", variant.unwrap_or_default()));
    let stored = match (cause, ago) {
        (Cause::Uncacheable, _) => format!("{edge} may not store it"),
        (Cause::NotStored, Some(ago)) => format!(
            "{edge} had fetched it {} before, and had not stored it",
            time(ago)
        ),
        (Cause::Purged, Some(ago)) => format!(
            "{edge} had fetched it {} before; a purge took it away since",
            time(ago)
        ),
        (Cause::Evicted, Some(ago)) => format!(
            "{edge} had stored it {} before; it has made room for others since",
            time(ago)
        ),
        (Cause::Expired, Some(ago)) => format!("{edge} had fetched it {} before", time(ago)),
        (Cause::Cold, Some(_)) => format!("{edge} had stored it, and has lost its store since"),
        (Cause::Vary, _) => format!("{edge} had other variants of it, not this one"),
        (Cause::Expired, None) => format!("{edge} had it stored, and stale"),
        _ => format!("{edge} had not been asked for it before"),
    };
    say("stored", stored);
    if let Some(text) = age_against(cause, ago, lifetime) {
        say("lifetime", text);
    }
    match (
        class.map(|class| &class.lifetime),
        content.and_then(|content| content.cache_control.as_ref()),
    ) {
        (Some(Err(rule)), Some(field)) => {
            say("rule", format!("{rule} decides (Cache-Control: {field})"))
        }
        (Some(Err(rule)), None) => say("rule", format!("{rule} decides")),
        (Some(Ok(lifetime)), Some(field)) => say(
            "rule",
            format!(
                "Cache-Control: {field} gives it {} to live",
                time(*lifetime)
            ),
        ),
        (Some(Ok(lifetime)), None) => say(
            "rule",
            format!(
                "without Cache-Control from the origin it lives {}",
                time(*lifetime)
            ),
        ),
        (None, _) => {}
    }
    let answer = seen.outcome.as_ref().ok();
    for hop in answer.iter().flat_map(|answer| answer.path.hops()) {
        let name = hop.node.and_then(|node| shape.nodes.get(usize::from(node)));
        say(
            name.map_or("another cache", |node| node.name.as_str()),
            hop_text(hop),
        );
    }
    if let Err(failure) = &seen.outcome {
        say(
            "client",
            format!("got no complete answer ({})", failure.name()),
        );
    }
    MissExample {
        step: seen.step,
        at_seconds: seconds(at),
        url,
        status: answer.map(|answer| answer.status),
        ttfb_seconds: answer.map(|_| seconds(seen.first_byte.saturating_sub(at))),
        chain,
        remedy: remedy(cause, ago, lifetime, edge),
    }
}

fn routing(measured: &Measured, example: &Example, edge: &str) -> String {
    let (shape, scene) = (&measured.shape, &measured.shape.scene);
    let seen = &example.observation;
    let Some((place, region, point)) = scene.places.get(usize::from(seen.place)) else {
        return format!("a client asked {edge}");
    };
    let who = format!("a client in {place} ({region}) asked {edge}");
    let pop = seen
        .node
        .and_then(|node| shape.nodes.get(usize::from(node)))
        .map(|node| usize::from(node.pop));
    let Some((pop, at)) = pop.and_then(|pop| Some((pop, *scene.pops.get(pop)?))) else {
        return who;
    };
    let km = distance_km(*point, at);
    let serves = |pop: usize| {
        shape
            .nodes
            .iter()
            .any(|node| usize::from(node.pop) == pop && node.serves_clients)
    };
    let nearer = scene
        .pops
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != pop && serves(*other));
    let nearer = nearer
        .map(|(other, at)| (distance_km(*point, *at), other))
        .filter(|(other, _)| *other < km - 1.0);
    match nearer.min_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((other, nearest)) => format!(
            "{who}, {km:.0} km away; {} would have been nearer ({other:.0} km)",
            shape.pops[nearest]
        ),
        None => format!("{who}, {km:.0} km away, in the nearest PoP"),
    }
}

fn age_against(cause: Cause, ago: Option<Nanos>, lifetime: Option<Nanos>) -> Option<String> {
    let (ago, lifetime) = (ago?, lifetime?);
    match cause {
        Cause::Expired if ago >= lifetime => Some(format!(
            "it was fresh for {}, so stale for {}",
            time(lifetime),
            time(ago - lifetime)
        )),
        Cause::Expired => Some(format!(
            "it is fresh for {} at the origin; what it had aged before it came is missing from that",
            time(lifetime)
        )),
        Cause::Evicted | Cause::NotStored | Cause::Purged if ago < lifetime => Some(format!(
            "it would have been fresh for {} more",
            time(lifetime - ago)
        )),
        _ => None,
    }
}

fn hop_text(hop: Hop) -> String {
    match hop.handling {
        Handling::Hit { ttl: Some(ttl) } if ttl < 0 => {
            format!("had it, stale for {} s", ttl.unsigned_abs())
        }
        Handling::Hit { ttl: Some(ttl) } => format!("had it, fresh for {ttl} s more"),
        Handling::Hit { ttl: None } => "had it".to_owned(),
        Handling::Own => "answered by itself".to_owned(),
        Handling::Forwarded {
            why,
            status,
            stored,
            collapsed,
            failed,
        } => {
            let mut text = match collapsed {
                true => format!("waited for a fetch that was under way (fwd={why})"),
                false => format!("went upstream (fwd={why})"),
            };
            if failed {
                text.push_str(", got no usable answer");
            }
            if let Some(status) = status {
                text.push_str(&format!(", got {status}"));
            }
            text + if stored {
                ", stored what it got"
            } else {
                ", stored nothing"
            }
        }
    }
}

/// What would have made a hit of it.
fn remedy(cause: Cause, ago: Option<Nanos>, lifetime: Option<Nanos>, edge: &str) -> String {
    match (cause, ago) {
        (Cause::Expired, Some(ago)) => format!(
            "a lifetime of more than {}, or stale-while-revalidate of more than {}",
            time(ago),
            time(ago.saturating_sub(lifetime.unwrap_or(0)))
        ),
        (Cause::Expired, None) => "a longer lifetime, or stale-while-revalidate".to_owned(),
        (Cause::Evicted, _) => format!("more memory at {edge}, or an eviction policy that would have kept it"),
        (Cause::Cold, Some(_)) => format!("a store at {edge} that outlives a restart"),
        (Cause::Cold, None) => format!("an earlier request for it at {edge}: prefetching, or fewer edges that share more"),
        (Cause::Vary, _) => "fewer variants".to_owned(),
        (Cause::Key, _) => "one address for one thing".to_owned(),
        (Cause::Purged, _) => "no purge of it".to_owned(),
        (Cause::NotStored, _) => format!("room for it at {edge}: its size against max_object and memory, and the admission rule"),
        (Cause::Uncacheable, _) => "permission to store it: Cache-Control: public, s-maxage=…, where it is the same for all".to_owned(),
    }
}
