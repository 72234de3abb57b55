//! Content classes of a scenario as the origin's catalogue, and what the cache core makes of each.

use std::collections::HashMap;
use std::sync::Arc;

use edge_core::{Digest, NotStorable, Policy, RequestHead, ResponseHead, TargetUri, Timestamp};
use http::{HeaderMap, Method};
use origin::{Catalogue, Class, DurationDist, ObjectId, SizeDist, VaryOn};

use super::trace::TraceFile;
use super::{ClassPlan, EPOCH_MS, Plan, VaryPlan};
use crate::scenario::Problems;
use crate::scenario::clients::TraceSizes;
use crate::scenario::topology::CacheSpec;
use crate::scenario::values::ObjectSize;
use crate::scenario::written::{Content, Scenario};
use crate::units::Span;

/// The content of a plan.
pub(super) struct Contents {
    pub(super) catalogue: Catalogue,
    pub(super) classes: Vec<ClassPlan>,
}

/// The classes of a scenario, those that traces need behind the written ones.
pub(super) fn contents(
    scenario: &Scenario,
    seed: u64,
    traces: &HashMap<&str, Arc<TraceFile>>,
    problems: &mut Problems,
) -> Contents {
    let mut classes: Vec<Class> = scenario
        .content
        .iter()
        .map(|(name, content)| class(name, content))
        .collect();
    // In the order of the file, as their class numbers were given.
    for (population, clients) in scenario.clients.iter() {
        let (Some(trace), Some(spec)) = (traces.get(population), &clients.trace) else {
            continue;
        };
        let objects = trace.sizes.len() as u32;
        match classes.get_mut(usize::from(trace.class)) {
            Some(class) => {
                class.objects = class.objects.max(objects);
                if spec.sizes == TraceSizes::Trace {
                    class.size = sizes(&trace.sizes);
                }
                if !class.path.contains("{id}") {
                    let path = ["content", class.name.as_str(), "path"];
                    problems.add(
                        &path,
                        "the keys of a trace need `{id}` in the path of their class",
                    );
                }
            }
            None => {
                let only = traces.len() == 1;
                let name = if only {
                    "trace".to_owned()
                } else {
                    format!("trace-{population}")
                };
                let mut class = Class::new(
                    &name,
                    &format!("/{name}/{{id}}"),
                    objects,
                    sizes(&trace.sizes),
                );
                class
                    .headers
                    .push(("Cache-Control".to_owned(), "max-age=31536000".to_owned()));
                classes.push(class);
            }
        }
    }
    let catalogue = Catalogue {
        seed,
        epoch_ms: EPOCH_MS,
        classes,
        concurrency: scenario.origin.concurrency,
    };
    if let Err(error) = catalogue.check() {
        problems.add(&["content"], error.to_string());
        return Contents {
            catalogue,
            classes: Vec::new(),
        };
    }
    let policy = policy("edge", &scenario.defaults.cache);
    let plans = |(class, index): (&Class, u16)| ClassPlan {
        name: class.name.clone(),
        cacheable: digest(&catalogue, &scenario.site, index, &policy),
        vary: class.vary.as_ref().map(|vary| VaryPlan {
            header: vary.header.clone(),
            values: vary.values.clone(),
        }),
    };
    let classes = catalogue.classes.iter().zip(0..).map(plans).collect();
    Contents { catalogue, classes }
}

/// Sizes as a trace gives them; one figure if all are alike.
fn sizes(listed: &[u64]) -> SizeDist {
    match listed.first() {
        Some(first) if listed.iter().all(|size| size == first) => SizeDist::Fixed(*first),
        _ => SizeDist::Listed(listed.to_vec()),
    }
}

fn class(name: &str, content: &Content) -> Class {
    let size = match &content.size {
        ObjectSize::Fixed(size) => SizeDist::Fixed(size.0),
        ObjectSize::Uniform(size) => SizeDist::Uniform {
            min: size.min.0,
            max: size.max.0,
        },
        ObjectSize::Lognormal(size) => SizeDist::Lognormal {
            median: size.median.0,
            sigma: size.sigma,
            max: size.max.0,
        },
    };
    let mut class = Class::new(name, &content.path, content.objects, size);
    let lines =
        |(field, values): (&str, &crate::scenario::values::OneOrMany)| -> Vec<(String, String)> {
            values
                .0
                .iter()
                .map(|value| (field.to_owned(), value.clone()))
                .collect()
        };
    class.headers = content.headers.iter().flat_map(lines).collect();
    class.think = DurationDist::Fixed {
        ns: content.think.0,
    };
    class.changes_every_ms = content
        .changes
        .as_ref()
        .map(|changes| changes.every.millis());
    class.status = content.status;
    class.vary = content.vary.as_ref().map(|vary| VaryOn {
        header: vary.header.to_ascii_lowercase(),
        values: vary.values.clone(),
    });
    class.etag = content.etag;
    class.last_modified = content.last_modified;
    class.chunked = content.chunked;
    class
}

/// The policy of a node.
pub(super) fn policy(name: &str, cache: &CacheSpec) -> Policy {
    let mut policy = Policy {
        name: name.to_owned(),
        ..Policy::default()
    };
    let set = |field: &mut i64, span: Option<Span>| {
        if let Some(span) = span {
            *field = i64::try_from(span.millis()).unwrap_or(i64::MAX);
        }
    };
    set(&mut policy.collapse.max_wait_ms, cache.collapse_wait);
    set(&mut policy.stale.unreachable_ms, cache.stale_if_unreachable);
    set(&mut policy.stale.if_error_ms, cache.stale_if_error);
    set(&mut policy.hit_for_miss_ms, cache.hit_for_miss);
    let lifetime = |field: &mut Option<i64>, span: Option<Span>| {
        if span.is_some() {
            set(field.get_or_insert(0), span);
        }
    };
    lifetime(&mut policy.lifetimes.default_ms, cache.default_ttl);
    lifetime(&mut policy.lifetimes.negative_ms, cache.negative_ttl);
    policy.collapse.enabled = cache.collapse.unwrap_or(policy.collapse.enabled);
    policy.stale.while_revalidate = cache
        .stale_while_revalidate
        .unwrap_or(policy.stale.while_revalidate);
    policy.request_directives = cache
        .request_directives
        .unwrap_or(policy.request_directives);
    set(&mut policy.lifetimes.heuristic_max_ms, cache.heuristic_max);
    policy.lifetimes.heuristic_percent = cache
        .heuristic_percent
        .unwrap_or(policy.lifetimes.heuristic_percent);
    if let Some(fields) = &cache.targeted_fields {
        policy.targeted.clone_from(fields);
    }
    let switch = |field: &mut bool, written: Option<bool>| *field = written.unwrap_or(*field);
    switch(&mut policy.pass_targeted, cache.pass_targeted_fields);
    switch(&mut policy.forward_conditions, cache.forward_conditions);
    switch(&mut policy.match_language, cache.match_language);
    switch(
        &mut policy.stale.beside_s_maxage,
        cache.stale_beside_s_maxage,
    );
    switch(&mut policy.status_key, cache.status_key);
    policy.max_object = cache.max_object.map(|size| size.0).or(policy.max_object);
    policy
}

/// What the cache core makes of the origin's answer to a plain GET of a class.
fn digest(
    catalogue: &Catalogue,
    site: &str,
    class: u16,
    policy: &Policy,
) -> Result<Digest, NotStorable> {
    let object = ObjectId { class, object: 0 };
    let now = Timestamp(EPOCH_MS);
    let (status, headers) = catalogue.head(&catalogue.versions(), object, 0, EPOCH_MS);
    let target = TargetUri::parse(&format!("http://{site}{}", catalogue.path(object)));
    // A path that is no target is never asked for; its answer counts as that of no method.
    let Ok(target) = target else {
        return Err(NotStorable::Method);
    };
    let request = RequestHead {
        method: Method::GET,
        target,
        headers: HeaderMap::new(),
    };
    edge_core::digest(
        &request,
        &ResponseHead::received(status, headers, now),
        policy,
        now,
    )
}

impl Plan {
    /// What the cache core makes of a plain answer of a class under a node's policy: its lifetime and flags, or why it is
    /// not stored. Worked out from heads each time: ask once per class and node.
    ///
    /// # Errors
    /// The reason of the first rule that forbids storing it.
    pub fn digest(&self, class: u16, policy: &Policy) -> Result<Digest, NotStorable> {
        digest(&self.origin.catalogue, &self.site, class, policy)
    }
}
