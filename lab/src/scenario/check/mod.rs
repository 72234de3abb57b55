//! Checks of one variant that its types cannot make: names, ranges, times. They need no geo database and no other file.

mod happenings;
mod topology;
mod traffic;

#[cfg(test)]
mod tests;

use super::names::hint;
use super::problems::Problems;
use super::written::Scenario;
use crate::units::Span;

/// The version of the scenario language that this program reads.
pub const SCHEMA: u32 = 1;

/// The most that one run can last: 100 days.
const LONGEST: Span = Span(100 * 86_400 * 1_000_000_000);

/// Everything that is wrong with a variant by itself.
pub(crate) fn check(scenario: &Scenario, allow_remote: bool) -> Problems {
    let mut problems = Problems::default();
    let p = &mut problems;
    p.check(is_name(&scenario.name), &["name"], || {
        not_a_name(&scenario.name)
    });
    p.check(scenario.duration.0 > 0, &["duration"], || {
        "a run of no length has no traffic".to_owned()
    });
    p.check(scenario.duration <= LONGEST, &["duration"], || {
        format!("a run lasts at most {LONGEST}")
    });
    p.check(scenario.warmup < scenario.duration, &["warmup"], || {
        format!(
            "the warm-up ({}) leaves nothing of the duration ({})",
            scenario.warmup, scenario.duration
        )
    });
    let site_ok = !scenario.site.is_empty()
        && scenario
            .site
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b));
    p.check(site_ok, &["site"], || {
        format!("`{}` is not a host", scenario.site)
    });
    topology::check(scenario, allow_remote, p);
    traffic::check(scenario, p);
    happenings::check(scenario, p);
    problems
}

/// Names of pops, classes, populations, windows and variants: they appear in labels, hosts and expectations.
pub(crate) fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= 40
        && ends(name.chars().next())
        && ends(name.chars().last())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

pub(crate) fn not_a_name(name: &str) -> String {
    format!(
        "`{name}` is not a name: up to 40 letters, digits, `-` and `_`, beginning and ending with a letter or digit"
    )
}

/// The message about a name that nothing has.
fn unknown<'a>(kind: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("unknown {kind} `{name}`{}", hint(name, known))
}

/// The names of every node: `fra-1`, `fra-2` …
pub(crate) fn node_names(pop: &str, nodes: u16) -> impl Iterator<Item = String> + use<'_> {
    (1..=nodes).map(move |number| format!("{pop}-{number}"))
}

/// Words that stand for ends of links beside the names of the file.
pub(crate) const SPOT_WORDS: [&str; 4] = ["origin", "router", "clients", "edges"];

/// Every name that can be an end of a link.
fn spot_names(scenario: &Scenario) -> Vec<String> {
    let mut names: Vec<String> = SPOT_WORDS.iter().map(|word| (*word).to_owned()).collect();
    names.extend(scenario.clients.names().map(str::to_owned));
    names.extend(pops_and_nodes(scenario));
    names
}

/// Every PoP and every node.
fn pops_and_nodes(scenario: &Scenario) -> Vec<String> {
    let mut names: Vec<String> = scenario.pops.names().map(str::to_owned).collect();
    names.extend(
        scenario
            .pops
            .iter()
            .flat_map(|(pop, spec)| node_names(pop, spec.nodes)),
    );
    names
}

/// A finite number that is not negative.
fn is_weight(weight: f64) -> bool {
    weight.is_finite() && weight >= 0.0
}
