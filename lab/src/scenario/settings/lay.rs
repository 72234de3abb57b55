//! Where the path of a setting leads in the tree of a file, and how a value is put there.

use super::{Choice, SettingError};
use crate::scenario::names::hint;
use crate::scenario::read::Variant;
use crate::scenario::schema::json_schema;
use crate::scenario::tree::{Entry, Node, Position, Value};

/// Keys that hold names which only the file can give, so that a path cannot make new ones.
const NAMED: [&str; 4] = ["pops", "content", "clients", "windows"];

/// The path of a setting from the root of the file.
pub(super) fn rooted(choice: &Choice) -> Result<Vec<String>, SettingError> {
    full_path(&choice.path).map_err(|message| no_match(choice, message))
}

/// Puts one value into every variant that has a place for it at this path.
pub(super) fn lay(
    variants: &mut [Variant],
    choice: &Choice,
    path: &[String],
) -> Result<(), SettingError> {
    let mut value = Node::parse(&choice.value).map_err(|error| SettingError::NotYaml {
        setting: choice.to_string(),
        message: error.to_string(),
    })?;
    forget_places(&mut value);
    let mut missed = None;
    let mut found = false;
    for variant in variants {
        match put(&mut variant.tree, path, 0, &value) {
            Ok(()) => found = true,
            Err(message) => missed = Some(message),
        }
    }
    match missed {
        Some(message) if !found => Err(no_match(choice, message)),
        _ => Ok(()),
    }
}

/// Refuses a default that no PoP asks for. Call it when all settings are laid: any of them may give PoPs their own.
pub(super) fn not_idle(
    variants: &[Variant],
    choice: &Choice,
    path: &[String],
) -> Result<(), SettingError> {
    let [defaults, key, ..] = path else {
        return Ok(());
    };
    // `cache` is asked field by field, and by the plan's content.
    if defaults != "defaults" || key == "cache" {
        return Ok(());
    }
    let mut pops = variants
        .iter()
        .filter_map(|variant| variant.tree.entry("pops"))
        .flat_map(|pops| pops.node.entries());
    if pops.all(|pop| pop.node.entry(key).is_some()) {
        let message = format!(
            "it changes nothing, since every PoP has its own `{key}`; write `pops.*.{key}=…`"
        );
        return Err(no_match(choice, message));
    }
    Ok(())
}

fn no_match(choice: &Choice, message: String) -> SettingError {
    SettingError::NoMatch {
        setting: choice.to_string(),
        message,
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
            let near = crate::scenario::nearest(first, known).map_or_else(
                || format!("; known: {}", top.join(", ")),
                |near| format!(", did you mean `{near}`?"),
            );
            Err(format!("unknown key `{first}`{near}"))
        }
    }
}

/// Whether a value at the wide path, laid later, leaves nothing of one at the other; both from the root of the file.
pub(super) fn covers(wide: &[String], path: &[String]) -> bool {
    let meets = |(wide, step): (&String, &String)| wide == "*" || wide == step;
    wide.len() <= path.len() && wide.iter().zip(path).all(meets)
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
