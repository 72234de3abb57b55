//! `--set`: values laid over a scenario from the command line, as `pops.*.memory=16MiB,64MiB`.
//!
//! A setting is a path into the file and one or more values, each of them written as in the file. It is laid over every
//! variant after the variant's own overlay, so what the command line says wins. Knows the tree and the language, and
//! nothing of what several values are good for.

use std::fmt;
use std::str::FromStr;

use super::check;
use super::file::ScenarioFile;
use super::names::hint;
use super::problems::Problem;
use super::read::{Variant, decode, placed};
use super::schema::json_schema;
use super::tree::{Entry, Node, Position, Value};
use crate::units::Rate;

/// Keys that hold names which only the file can give, so that a path cannot make new ones.
const NAMED: [&str; 4] = ["pops", "content", "clients", "windows"];

/// A path into a scenario and the values to put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its steps; `*` stands for every key of a map or item of a list.
    path: Vec<String>,
    /// At least one, as written.
    values: Vec<String>,
}

/// One value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The path.
    pub path: Vec<String>,
    /// The value as written.
    pub value: String,
}

/// Why a setting cannot be laid over a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not `path=value`.
    #[error(
        "`{0}` is not a setting: write a path, `=` and one or more values, as in `pops.*.memory=16MiB,64MiB`"
    )]
    NotASetting(String),
    /// One value stands there twice.
    #[error("`{path}` is set to `{value}` twice")]
    Twice {
        /// The path.
        path: String,
        /// The value.
        value: String,
    },
    /// A value that is not YAML.
    #[error("`{setting}`: the value is not YAML: {message}")]
    NotYaml {
        /// The setting.
        setting: String,
        /// What the parser says.
        message: String,
    },
    /// The path leads nowhere.
    #[error("`{setting}`: {message}")]
    NoMatch {
        /// The setting.
        setting: String,
        /// Which step of it, and what is known there.
        message: String,
    },
    /// The scenario is wrong with it.
    #[error("with `{setting}`: {message}")]
    Invalid {
        /// The settings.
        setting: String,
        /// What is wrong, and where.
        message: String,
    },
}

impl Setting {
    /// The path as written.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    /// The values as written; at least one.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Its value of this index.
    #[must_use]
    pub fn choice(&self, index: usize) -> Option<Choice> {
        self.values.get(index).map(|value| Choice {
            path: self.path.clone(),
            value: value.clone(),
        })
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong = || SettingError::NotASetting(text.to_owned());
        let (path, values) = text.split_once('=').ok_or_else(wrong)?;
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        let values: Vec<String> = parts(values);
        if path.iter().chain(&values).any(String::is_empty) {
            return Err(wrong());
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                let (path, value) = (path.join("."), value.clone());
                return Err(SettingError::Twice { path, value });
            }
        }
        Ok(Self { path, values })
    }
}

/// Values between commas, those within quotes and brackets left alone.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0usize, None);
    for c in text.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path.join("."), self.value)
    }
}

impl ScenarioFile {
    /// The scenario with values laid over every variant.
    ///
    /// # Errors
    /// Names the setting: if its path leads nowhere, or if the scenario is wrong with it.
    pub fn with(&self, choices: &[Choice]) -> Result<Self, SettingError> {
        let mut file = self.clone();
        let said = |choices: &[Choice]| {
            let texts: Vec<String> = choices.iter().map(Choice::to_string).collect();
            texts.join("` and `")
        };
        for choice in choices {
            lay(&mut file.variants, choice)?;
        }
        for variant in &mut file.variants {
            let problems = read_again(variant, self.allow_remote);
            let Some(problem) = problems.first() else {
                continue;
            };
            // One setting is to blame if the scenario is wrong with it alone.
            let alone = choices.iter().find(|one| {
                choices.len() > 1
                    && matches!(
                        self.with(std::slice::from_ref(*one)),
                        Err(SettingError::Invalid { .. })
                    )
            });
            let setting =
                alone.map_or_else(|| said(choices), |one| said(std::slice::from_ref(one)));
            let message = match problem.path.as_str() {
                "" => problem.message.clone(),
                path => format!("{path}: {}", problem.message),
            };
            return Err(SettingError::Invalid { setting, message });
        }
        Ok(file)
    }

    /// The scenario with so many times the traffic: rates, stages and bursts of every population; traces stay as they are.
    ///
    /// # Errors
    /// If nothing but traces is played.
    pub fn scaled(&self, factor: f64) -> Result<Self, SettingError> {
        let mut clients = self
            .variants
            .iter()
            .flat_map(|variant| &variant.scenario.clients.0);
        if clients.all(|(_, clients)| clients.trace.is_some()) {
            return Err(SettingError::NoMatch {
                setting: format!("--scale {factor}"),
                message: "it changes nothing, since all clients play traces".to_owned(),
            });
        }
        let mut file = self.clone();
        let times = |rate: Rate| Rate(rate.0 * factor);
        for variant in &mut file.variants {
            for (_, clients) in &mut variant.scenario.clients.0 {
                clients.rate = clients.rate.map(times);
                for stage in &mut clients.stages {
                    stage.rate = times(stage.rate);
                }
                if let Some(burst) = &mut clients.burst {
                    // A burst of none would be another scenario.
                    burst.count = ((burst.count as f64 * factor).round() as u64).max(1);
                }
            }
        }
        Ok(file)
    }
}

/// Reads a variant from its tree anew; what is wrong with it.
fn read_again(variant: &mut Variant, allow_remote: bool) -> Vec<Problem> {
    match decode(&variant.tree) {
        Ok(scenario) => {
            let problems = placed(check::check(&scenario, allow_remote), &variant.tree, None);
            variant.scenario = scenario;
            problems
        }
        Err(problems) => problems,
    }
}

/// Puts one value into every variant that has a place for it.
fn lay(variants: &mut [Variant], choice: &Choice) -> Result<(), SettingError> {
    let setting = choice.to_string();
    let no_match = |message| SettingError::NoMatch {
        setting: setting.clone(),
        message,
    };
    let path = full_path(&choice.path).map_err(no_match)?;
    let mut value = Node::parse(&choice.value).map_err(|error| SettingError::NotYaml {
        setting: setting.clone(),
        message: error.to_string(),
    })?;
    forget_places(&mut value);
    if let ["defaults", key, ..] = path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let own = |pop: &Entry| pop.node.entry(key).is_some();
        let pops = |variant: &Variant| -> Vec<Entry> {
            variant
                .tree
                .entry("pops")
                .map_or(&[][..], |pops| pops.node.entries())
                .to_vec()
        };
        let idle = key != "cache" && variants.iter().all(|variant| pops(variant).iter().all(own));
        if idle {
            return Err(no_match(format!(
                "it changes nothing, since every PoP has its own `{key}`; write `pops.*.{key}=…`"
            )));
        }
    }
    let mut missed = None;
    let mut found = false;
    for variant in variants {
        match put(&mut variant.tree, &path, 0, &value) {
            Ok(()) => found = true,
            Err(message) => missed = Some(message),
        }
    }
    match missed {
        Some(message) if !found => Err(no_match(message)),
        _ => Ok(()),
    }
}

/// The path from the root of the file: what belongs to `defaults` may be written without that word.
fn full_path(path: &[String]) -> Result<Vec<String>, String> {
    let schema = json_schema();
    let keys = |pointer: &str| -> Vec<String> {
        let properties = schema.pointer(pointer).and_then(|value| value.as_object());
        properties
            .into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect()
    };
    let top = keys("/properties");
    let defaults = keys("/$defs/NodeDefaults/properties");
    let cache = keys("/$defs/CacheSpec/properties");
    let first = path.first().map_or("", String::as_str);
    let below = |prefix: &[&str]| {
        let prefix = prefix.iter().map(|step| (*step).to_owned());
        prefix.chain(path.iter().cloned()).collect()
    };
    match first {
        "seed" => Err("the seed is set by `--seed`, several by `--seeds`".to_owned()),
        "schema" | "name" | "about" | "drivers" | "variants" | "expect" => {
            Err(format!("`{first}` belongs to the file and cannot be set"))
        }
        _ if top.iter().any(|key| key == first) => Ok(path.to_vec()),
        _ if defaults.iter().any(|key| key == first) => Ok(below(&["defaults"])),
        _ if cache.iter().any(|key| key == first) => Ok(below(&["defaults", "cache"])),
        _ => {
            let known = top
                .iter()
                .chain(&defaults)
                .chain(&cache)
                .map(String::as_str);
            let near = super::nearest(first, known).map_or_else(
                || format!("; known: {}", top.join(", ")),
                |near| format!(", did you mean `{near}`?"),
            );
            Err(format!("unknown key `{first}`{near}"))
        }
    }
}

/// Puts a value to where the steps from `step` on lead. Keys that a map lacks are made, names are not.
fn put(node: &mut Node, path: &[String], step: usize, value: &Node) -> Result<(), String> {
    let Some(word) = path.get(step) else {
        *node = value.clone();
        return Ok(());
    };
    let above = path[..step].join(".");
    if node.value == Value::Null {
        node.value = Value::Map(Vec::new());
    }
    let every = word == "*";
    match &mut node.value {
        Value::Map(entries) if every => {
            if entries.is_empty() {
                return Err(format!("`{above}` is empty: `*` matches nothing"));
            }
            put_all(
                entries.iter_mut().map(|entry| &mut entry.node),
                path,
                step,
                value,
            )
        }
        Value::Map(entries) => {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *word) {
                return put(&mut entry.node, path, step + 1, value);
            }
            if NAMED.contains(&above.as_str()) {
                let known = entries.iter().map(|entry| entry.key.as_str());
                let near = hint(word, known);
                return Err(format!("`{above}` has no `{word}`{near}"));
            }
            if step + 1 < path.len() && path[step + 1..].iter().any(|later| later == "*") {
                return Err(format!(
                    "the file has no `{}`: `*` matches nothing",
                    path[..=step].join(".")
                ));
            }
            let at = Position::default();
            let mut made = Node {
                at,
                value: Value::Null,
            };
            put(&mut made, path, step + 1, value)?;
            entries.push(Entry {
                key: word.clone(),
                at,
                node: made,
            });
            Ok(())
        }
        Value::List(items) if every => {
            if items.is_empty() {
                return Err(format!("`{above}` is empty: `*` matches nothing"));
            }
            put_all(items.iter_mut(), path, step, value)
        }
        Value::List(items) => {
            let count = items.len();
            match word
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
            {
                Some(item) => put(item, path, step + 1, value),
                None => Err(format!(
                    "`{above}` is a list of {count}, whose items are 0 to {}; it has no `{word}`",
                    count.saturating_sub(1)
                )),
            }
        }
        _ => Err(format!("`{above}` is a value; nothing lies below it")),
    }
}

/// Puts a value below each of them; enough if some have a place for it.
fn put_all<'a>(
    nodes: impl Iterator<Item = &'a mut Node>,
    path: &[String],
    step: usize,
    value: &Node,
) -> Result<(), String> {
    let results: Vec<_> = nodes.map(|node| put(node, path, step + 1, value)).collect();
    if results.iter().any(Result::is_ok) {
        return Ok(());
    }
    results.into_iter().next().unwrap_or(Ok(()))
}

/// A value from the command line stands on no line of the file.
fn forget_places(node: &mut Node) {
    node.at = Position::default();
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(forget_places),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| {
            entry.at = Position::default();
            forget_places(&mut entry.node);
        }),
        _ => {}
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
