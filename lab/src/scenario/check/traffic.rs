//! Checks of content and clients.

use super::{is_name, is_weight, not_a_name, unknown};
use crate::scenario::clients::{Clients, TraceMode};
use crate::scenario::places::From;
use crate::scenario::problems::Problems;
use crate::scenario::values::{ACCESS_NETWORKS, Access, ObjectSize};
use crate::scenario::written::{Content, Scenario};

pub(super) fn check(scenario: &Scenario, p: &mut Problems) {
    for (name, content) in scenario.content.iter() {
        check_content(name, content, p);
    }
    p.check(scenario.content.len() <= 1_000, &["content"], || {
        "at most 1,000 classes are possible".to_owned()
    });
    p.check(!scenario.clients.is_empty(), &["clients"], || {
        "without clients there is nothing to see".to_owned()
    });
    p.check(scenario.clients.len() <= 1_000, &["clients"], || {
        "at most 1,000 populations are possible".to_owned()
    });
    for (name, clients) in scenario.clients.iter() {
        check_clients(scenario, name, clients, p);
    }
}

/// The table of a Zipf distribution takes 8 bytes for each: 400 MB.
const MOST_OBJECTS: u32 = 50_000_000;

fn check_content(name: &str, content: &Content, p: &mut Problems) {
    let mut check = |right: bool, key: &str, message: &dyn Fn() -> String| {
        p.check(right, &["content", name, key], message);
    };
    check(content.objects > 0, "objects", &|| {
        "a class of zero objects has nothing to ask for".to_owned()
    });
    check(content.objects <= MOST_OBJECTS, "objects", &|| {
        "at most 50,000,000 objects of a class are possible".to_owned()
    });
    check(content.path.starts_with('/'), "path", &|| {
        format!("`{}` does not begin with `/`", content.path)
    });
    let ids = content.path.matches("{id}").count();
    check(ids <= 1, "path", &|| {
        "`{id}` stands here more than once".to_owned()
    });
    check(ids == 1 || content.objects <= 1, "path", &|| {
        format!(
            "{} objects need `{{id}}` in their path, such as /img/{{id}}.jpg",
            content.objects
        )
    });
    check(is_weight(content.share), "share", &|| {
        format!("{} is not a share: 0 or more", content.share)
    });
    check((200..=599).contains(&content.status), "status", &|| {
        format!("{} is not a final status", content.status)
    });
    match &content.size {
        ObjectSize::Fixed(_) => {}
        ObjectSize::Uniform(size) => {
            check(size.min <= size.max, "size", &|| {
                format!("min ({}) is above max ({})", size.min, size.max)
            });
        }
        ObjectSize::Lognormal(size) => {
            check(size.median <= size.max, "size", &|| {
                format!("median ({}) is above max ({})", size.median, size.max)
            });
            check(size.median.0 > 0, "size", &|| {
                "a lognormal size has a median above 0".to_owned()
            });
            check(is_weight(size.sigma), "size", &|| {
                format!("sigma is {}, not 0 or more", size.sigma)
            });
        }
    }
    if let Some(changes) = &content.changes {
        check(changes.every.millis() > 0, "changes", &|| {
            "objects change at most once in a millisecond".to_owned()
        });
    }
    if let Some(vary) = &content.vary {
        check(!vary.values.is_empty(), "vary", &|| {
            "clients need at least one value to send".to_owned()
        });
        check(vary.values.len() <= 10_000, "vary", &|| {
            "at most 10,000 values are possible".to_owned()
        });
        let field = http::HeaderName::from_bytes(vary.header.as_bytes()).is_ok();
        check(field, "vary", &|| {
            format!("`{}` is not the name of a field", vary.header)
        });
    }
    p.check(is_name(name), &["content", name], || not_a_name(name));
    for (field, values) in content.headers.iter() {
        let path = ["content", name, "headers", field];
        check_field(&path, field, values.0.iter().map(String::as_str), p);
    }
}

fn check_field<'a>(
    path: &[&str],
    field: &str,
    values: impl Iterator<Item = &'a str>,
    p: &mut Problems,
) {
    p.check(
        http::HeaderName::from_bytes(field.as_bytes()).is_ok(),
        path,
        || format!("`{field}` is not the name of a field"),
    );
    for value in values {
        p.check(http::HeaderValue::from_str(value).is_ok(), path, || {
            format!("`{value}` cannot stand in a field")
        });
    }
}

fn check_clients(scenario: &Scenario, name: &str, clients: &Clients, p: &mut Problems) {
    let root = ["clients", name];
    p.check(is_name(name), &root, || not_a_name(name));
    let sources = [
        clients.rate.is_some(),
        !clients.stages.is_empty(),
        clients.trace.is_some(),
    ];
    match sources.iter().filter(|set| **set).count() {
        0 if clients.burst.is_none() => {
            p.add(
                &root,
                "no traffic: one of `rate`, `stages`, `burst` and `trace` is needed",
            );
        }
        0 | 1 => {}
        _ => p.add(
            &root,
            "only one of `rate`, `stages` and `trace` can say when requests come",
        ),
    }
    let path = |key| ["clients", name, key];
    p.check((0.0..=10.0).contains(&clients.zipf), &path("zipf"), || {
        format!("{} is not an exponent from 0 to 10", clients.zipf)
    });
    p.check(clients.deadline.0 > 0, &path("deadline"), || {
        "nobody waits for nothing".to_owned()
    });
    let total: u64 = clients
        .stages
        .iter()
        .fold(0, |sum, stage| sum.saturating_add(stage.length.0));
    p.check(total <= scenario.duration.0, &path("stages"), || {
        format!(
            "the stages last {}, longer than the run ({})",
            crate::units::Span(total),
            scenario.duration
        )
    });
    if let Some(burst) = &clients.burst {
        p.check(
            burst.at.0.saturating_add(burst.within.0) <= scenario.duration.0,
            &path("burst"),
            || {
                format!(
                    "the burst goes on after the run, which ends at {}",
                    scenario.duration
                )
            },
        );
        p.check(burst.count > 0, &path("burst"), || {
            "a burst of 0 requests is none".to_owned()
        });
    }
    if let From::Places(places) = &clients.from {
        p.check(!places.is_empty(), &path("from"), || {
            "no place to come from".to_owned()
        });
        let right = places.iter().all(|place| is_weight(place.weight));
        p.check(right, &path("from"), || "a weight is 0 or more".to_owned());
        let all_zero =
            right && !places.is_empty() && places.iter().all(|place| place.weight == 0.0);
        p.check(!all_zero, &path("from"), || "all weights are 0".to_owned());
    }
    if let Access::Kind(kind) = &clients.access {
        let known = || {
            ACCESS_NETWORKS
                .iter()
                .map(|(name, _)| *name)
                .chain(scenario.network.access.names())
        };
        p.check(known().any(|name| name == kind), &path("access"), || {
            unknown("access network", kind, known())
        });
    }
    for (field, value) in clients.headers.iter() {
        check_field(
            &["clients", name, "headers", field],
            field,
            std::iter::once(value.as_str()),
            p,
        );
    }
    asked_for(scenario, name, clients, p);
    if let Some(trace) = &clients.trace {
        let trace_path = |key| ["clients", name, "trace", key];
        if let Some(class) = &trace.content {
            p.check(
                scenario.content.find(class).is_some(),
                &trace_path("content"),
                || unknown("content class", class, scenario.content.names()),
            );
        } else {
            p.check(scenario.content.find("trace").is_none(), &["content", "trace"], || {
                "a class of this name is made for the trace; name it in the trace's `content` if it is meant".to_owned()
            });
        }
        p.check(clients.burst.is_none(), &path("burst"), || {
            "a trace has its own crowds".to_owned()
        });
        p.check(clients.content.is_none(), &path("content"), || {
            "a trace says itself what is asked for".to_owned()
        });
        if trace.mode == TraceMode::Sequential {
            p.check(scenario.clients.len() == 1, &trace_path("mode"), || {
                "a sequential trace has no times, so it must be the only population".to_owned()
            });
            p.check(
                scenario.warmup.0 == 0 && scenario.events.is_empty(),
                &trace_path("mode"),
                || {
                    "a sequential trace has no times, so there can be neither warm-up nor events"
                        .to_owned()
                },
            );
        }
    }
}

/// The classes that a population asks for.
fn asked_for(scenario: &Scenario, name: &str, clients: &Clients, p: &mut Problems) {
    if clients.trace.is_some() {
        return;
    }
    let path = ["clients", name, "content"];
    match &clients.content {
        None => p.check(!scenario.content.is_empty(), &["content"], || {
            "without content there is nothing to ask for".to_owned()
        }),
        Some(classes) => {
            p.check(!classes.is_empty(), &path, || {
                "no class to ask for".to_owned()
            });
            for (i, class) in classes.iter().enumerate() {
                p.check(
                    scenario.content.find(class).is_some(),
                    &["clients", name, "content", &i.to_string()],
                    || unknown("content class", class, scenario.content.names()),
                );
            }
        }
    }
    let asked = |class: &str| {
        clients
            .content
            .as_ref()
            .is_none_or(|classes| classes.iter().any(|c| c == class))
    };
    let shares: Vec<f64> = scenario
        .content
        .iter()
        .filter(|(c, _)| asked(c))
        .map(|(_, c)| c.share)
        .collect();
    let none = !shares.is_empty() && shares.iter().all(|share| *share == 0.0);
    p.check(!none, &path, || {
        "every class that these clients ask for has a share of 0".to_owned()
    });
}
