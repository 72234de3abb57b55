//! From text to checked variants and parsed expectations, or to everything that is wrong with them.

use serde::Deserialize;

use super::check::{self, SCHEMA};
use super::decode::Fault;
use super::file::BASE;
use super::problems::{Problem, Problems};
use super::tree::{Entry, Node, Position, Value};
use super::written::Scenario;
use crate::expect;

/// Keys that hold for the file as a whole and cannot stand in a variant.
const NOT_IN_VARIANTS: [&str; 6] = ["schema", "name", "about", "drivers", "variants", "expect"];

/// One variant, its overlay laid on the file.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) scenario: Scenario,
    pub(super) tree: Node,
}

/// A file as read.
pub(super) struct Read {
    pub(super) base: Node,
    pub(super) variants: Vec<Variant>,
    pub(super) expect: Vec<expect::Expectation>,
}

pub(super) fn read(text: &str, allow_remote: bool) -> Result<Read, Vec<Problem>> {
    let base = Node::parse(text).map_err(|error| vec![broken(&error)])?;
    if !matches!(base.value, Value::Map(_)) {
        let message = "a scenario is a map that begins with `schema: 1` and `name: …`".to_owned();
        return Err(vec![Problem {
            at: base.at,
            variant: None,
            path: String::new(),
            message,
        }]);
    }
    schema(&base)?;
    let overlays: Vec<Entry> = match base.entry("variants").map(|entry| &entry.node) {
        Some(Node {
            value: Value::Map(entries),
            ..
        }) => entries.clone(),
        _ => Vec::new(),
    };
    let of_base = decode(&base);
    if overlays.is_empty() {
        let scenario = of_base?;
        let problems = placed(check::check(&scenario, allow_remote), &base, None);
        let variants = vec![Variant {
            name: BASE.to_owned(),
            scenario,
            tree: base.clone(),
        }];
        return finish(base, variants, problems);
    }
    let base_problems = match &of_base {
        Ok(scenario) => placed(check::check(scenario, allow_remote), &base, None),
        Err(problems) => problems.clone(),
    };
    let mut problems: Vec<Problem> = Vec::new();
    let mut variants = Vec::new();
    for overlay in &overlays {
        let (tree, found) = laid(&base, overlay);
        let mut found = found;
        if found.is_empty() {
            match decode(&tree) {
                Ok(scenario) => {
                    found = placed(check::check(&scenario, allow_remote), &tree, None);
                    variants.push(Variant {
                        name: overlay.key.clone(),
                        scenario,
                        tree,
                    });
                }
                Err(errors) => found = errors,
            }
        }
        for mut problem in found {
            // What the file gets wrong by itself is said once, and without a variant.
            if !base_problems.contains(&problem) {
                problem.variant = Some(overlay.key.clone());
            }
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    finish(base, variants, problems)
}

/// The base with one overlay on it, without the keys that only concern the file.
fn laid(base: &Node, overlay: &Entry) -> (Node, Vec<Problem>) {
    let mut tree = base.clone();
    let mut problems = Vec::new();
    let mut wrong = |at, message| {
        problems.push(Problem {
            at,
            variant: None,
            path: String::new(),
            message,
        })
    };
    if !check::is_name(&overlay.key) {
        wrong(overlay.at, check::not_a_name(&overlay.key));
    }
    match &overlay.node.value {
        Value::Map(entries) => {
            for entry in entries
                .iter()
                .filter(|entry| NOT_IN_VARIANTS.contains(&entry.key.as_str()))
            {
                wrong(
                    entry.at,
                    format!(
                        "`{}` belongs to the file and cannot stand in a variant",
                        entry.key
                    ),
                );
            }
            tree.overlay(&overlay.node);
        }
        Value::Null => {}
        _ => wrong(
            overlay.node.at,
            "a variant is a map of what it changes, or {}".to_owned(),
        ),
    }
    (tree, problems)
}

/// Checks the expectations against everything that the variants define.
fn finish(
    base: Node,
    variants: Vec<Variant>,
    mut problems: Vec<Problem>,
) -> Result<Read, Vec<Problem>> {
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut known = expect::Known::default();
    let add = |list: &mut Vec<String>, name: &str| {
        if !list.iter().any(|listed| listed == name) {
            list.push(name.to_owned());
        }
    };
    for Variant { name, scenario, .. } in &variants {
        // A file without variants has none to name.
        if base.entry("variants").is_some() {
            add(&mut known.variants, name);
        }
        scenario
            .windows
            .names()
            .for_each(|window| add(&mut known.windows, window));
        for (clients, spec) in scenario.clients.iter() {
            add(
                &mut known.regions,
                spec.region.as_deref().unwrap_or(clients),
            );
            if spec
                .trace
                .as_ref()
                .is_some_and(|trace| trace.content.is_none())
            {
                add(&mut known.paths, "trace");
            }
        }
        for (pop, spec) in scenario.pops.iter() {
            add(&mut known.pops, pop);
            check::node_names(pop, spec.nodes).for_each(|node| add(&mut known.edges, &node));
        }
        scenario
            .content
            .names()
            .for_each(|class| add(&mut known.paths, class));
    }
    let mut parsed = Vec::new();
    for (i, text) in variants[0].scenario.expect.iter().enumerate() {
        match expect::parse(text).and_then(|claim| claim.check(&known).map(|()| claim)) {
            Ok(claim) => parsed.push(claim),
            Err(error) => {
                let path = ["expect".to_owned(), i.to_string()];
                let at = base.position(&path);
                problems.push(Problem {
                    at,
                    variant: None,
                    path: path.join("."),
                    message: error.to_string(),
                });
            }
        }
    }
    if problems.is_empty() {
        Ok(Read {
            base,
            variants,
            expect: parsed,
        })
    } else {
        Err(problems)
    }
}

/// Refuses a language that this program does not speak, before anything else is said about the file.
fn schema(base: &Node) -> Result<(), Vec<Problem>> {
    let Some(entry) = base.entry("schema") else {
        let message =
            format!("the key `schema` is missing; begin the file with `schema: {SCHEMA}`");
        return Err(vec![Problem {
            at: base.at,
            variant: None,
            path: String::new(),
            message,
        }]);
    };
    let message = match entry.node.value {
        Value::Int(found) if found == i128::from(SCHEMA) => return Ok(()),
        Value::Int(found) if found > i128::from(SCHEMA) => {
            format!(
                "this file is written in schema {found}; this program reads schema {SCHEMA}: update it"
            )
        }
        _ => format!("the schema of this language is {SCHEMA}"),
    };
    Err(vec![Problem {
        at: entry.node.at,
        variant: None,
        path: "schema".to_owned(),
        message,
    }])
}

pub(super) fn decode(tree: &Node) -> Result<Scenario, Vec<Problem>> {
    Scenario::deserialize(tree).map_err(|Fault { at, path, message }| {
        vec![Problem {
            at: at.unwrap_or(tree.at),
            variant: None,
            path: path.join("."),
            message,
        }]
    })
}

/// Gives problems their places in the tree that they were found in.
pub(super) fn placed(problems: Problems, tree: &Node, variant: Option<&str>) -> Vec<Problem> {
    let place = |(path, message): (Vec<String>, String)| Problem {
        at: tree.position(&path),
        variant: variant.map(str::to_owned),
        path: path.join("."),
        message,
    };
    problems.0.into_iter().map(place).collect()
}

pub(super) fn nowhere(message: String) -> Problem {
    Problem {
        at: Position::default(),
        variant: None,
        path: String::new(),
        message,
    }
}

fn broken(error: &serde_saphyr::Error) -> Problem {
    let at = error.location().map(Position::from).unwrap_or_default();
    Problem {
        at,
        variant: None,
        path: String::new(),
        message: format!("not YAML: {}", plain(&error.to_string())),
    }
}

/// The reader's words without its place, which stands in front of the message, and without its advice to
/// programmers.
fn plain(text: &str) -> &str {
    let text = text.rsplit_once(" at line ").map_or(text, |(what, _)| what);
    text.split_once(", set DuplicateKeyPolicy")
        .map_or(text, |(what, _)| what)
}
