//! Checks of events and windows.

use super::{is_name, not_a_name, pops_and_nodes, spot_names, unknown};
use crate::scenario::events::{AskSpec, EventSpec, LinkEvent};
use crate::scenario::problems::Problems;
use crate::scenario::written::Scenario;
use crate::units::Span;

pub(super) fn check(scenario: &Scenario, p: &mut Problems) {
    for (name, window) in scenario.windows.iter() {
        let path = ["windows", name];
        p.check(is_name(name), &path, || not_a_name(name));
        p.check(
            !matches!(name, "warmup" | "measured" | "all"),
            &path,
            || format!("every run has a window `{name}` of its own"),
        );
        p.check(window.from < window.to, &path, || {
            format!("it ends ({}) before it begins ({})", window.to, window.from)
        });
        p.check(window.to <= scenario.duration, &path, || {
            format!(
                "it goes on after the run, which ends at {}",
                scenario.duration
            )
        });
    }
    let nodes = pops_and_nodes(scenario);
    for (i, event) in scenario.events.iter().enumerate() {
        check_event(scenario, &nodes, &i.to_string(), event, p);
    }
}

fn check_event(
    scenario: &Scenario,
    nodes: &[String],
    i: &str,
    event: &EventSpec,
    p: &mut Problems,
) {
    let names = || nodes.iter().map(String::as_str);
    let kinds = [
        event.origin.is_some(),
        event.link.is_some(),
        event.kill.is_some(),
        event.restart.is_some(),
        event.publish.is_some(),
        event.purge.is_some(),
    ];
    let kinds = kinds.iter().filter(|set| **set).count();
    let right = kinds == 1 || kinds == 0 && event.ask.is_some();
    p.check(right, &["events", i], || {
        "an event has exactly one of `origin`, `link`, `kill`, `restart`, `publish` and `purge`, or `ask` alone"
            .to_owned()
    });
    // A question alone is not asked then: a scenario that is cut short stays a good one.
    let in_time = event.at < scenario.duration || kinds == 0;
    p.check(in_time, &["events", i, "at"], || {
        format!(
            "{} is after the run, which ends at {}",
            event.at, scenario.duration
        )
    });
    let length = |p: &mut Problems, kind: &str, length: Option<Span>| {
        let Some(length) = length else { return };
        let path = ["events", i, kind, "for"];
        p.check(length.0 > 0, &path, || "an event of no length".to_owned());
        p.check(
            event.at.0.saturating_add(length.0) <= scenario.duration.0,
            &path,
            || {
                format!(
                    "it goes on after the run, which ends at {}; leave `for` out if that is meant",
                    scenario.duration
                )
            },
        );
    };
    if let Some(origin) = &event.origin {
        length(p, "origin", origin.length);
        p.check(
            origin.status.is_some() || origin.delay.is_some() || origin.refuse,
            &["events", i, "origin"],
            || "nothing happens: one of `status`, `delay` and `refuse` is needed".to_owned(),
        );
        let error = origin
            .status
            .is_none_or(|status| (400..=599).contains(&status));
        p.check(error, &["events", i, "origin", "status"], || {
            "a fault has a status from 400 to 599".to_owned()
        });
        p.check(
            scenario.origin.url.is_none(),
            &["events", i, "origin"],
            || "your own origin (`url`) cannot be told to fail; cut its link instead".to_owned(),
        );
    }
    if let Some(link) = &event.link {
        length(p, "link", link.length);
        check_link(scenario, i, link, p);
    }
    if let Some(ask) = &event.ask {
        check_ask(i, ask, p);
    }
    for (kind, name) in [("kill", &event.kill), ("restart", &event.restart)] {
        if let Some(name) = name {
            p.check(names().any(|n| n == name), &["events", i, kind], || {
                unknown("node", name, names())
            });
        }
    }
    if let Some(published) = &event.publish {
        p.check(
            scenario.origin.url.is_none(),
            &["events", i, "publish"],
            || "what your own origin (`url`) publishes is not known".to_owned(),
        );
        let path = published.starts_with('/');
        p.check(
            path || scenario.content.find(published).is_some(),
            &["events", i, "publish"],
            || unknown("content class", published, scenario.content.names()),
        );
    }
    if let Some(purge) = &event.purge {
        p.check(
            purge.url.starts_with('/'),
            &["events", i, "purge", "url"],
            || "a path begins with `/`".to_owned(),
        );
        for name in purge.at.iter().flat_map(|at| &at.0) {
            p.check(
                names().any(|n| n == name),
                &["events", i, "purge", "at"],
                || unknown("PoP or node", name, names()),
            );
        }
    }
}

/// Whether the place is one of clients is known with the plan.
fn check_ask(i: &str, ask: &AskSpec, p: &mut Problems) {
    let path = |key| ["events", i, "ask", key];
    p.check(ask.path.starts_with('/'), &path("path"), || {
        "a path begins with `/`".to_owned()
    });
    p.check(!ask.question.trim().is_empty(), &path("question"), || {
        "a question without words".to_owned()
    });
}

fn check_link(scenario: &Scenario, i: &str, link: &LinkEvent, p: &mut Problems) {
    let spots = spot_names(scenario);
    for (side, name) in ["0", "1"].into_iter().zip(&link.between) {
        p.check(
            spots.contains(name),
            &["events", i, "link", "between", side],
            || {
                unknown(
                    "place in the network",
                    name,
                    spots.iter().map(String::as_str),
                )
            },
        );
    }
    p.check(
        link.cut.is_some() || link.rtt.is_some(),
        &["events", i, "link"],
        || "nothing happens: `cut` or `rtt` is needed".to_owned(),
    );
    p.check(
        link.between[0] != link.between[1],
        &["events", i, "link", "between"],
        || format!("a link from `{}` to itself", link.between[0]),
    );
}
