//! A YAML document as a tree whose every node remembers its line and column; and overlays on such trees.
//!
//! Variants need this: after an overlay, a value may come from either place of the file, and an error about it has to show
//! the right one. The tree knows nothing of scenarios.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A place in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// What YAML can say, as far as a scenario needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value; keys of a map are unique.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) node: Node,
}

/// One step of a path into a tree, as `Tree::find` takes it.
pub(crate) type Path = Vec<String>;

impl Node {
    /// Parses a document.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! {
            // `NO` is a country.
            strict_booleans: true,
            with_snippet: false,
        };
        let Spanned {
            value: Raw(value),
            referenced,
            ..
        } = serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options)?;
        Ok(Self {
            at: referenced.into(),
            value,
        })
    }

    /// The entries of a map; nothing for other values.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Where the deepest existing node of a path stands; steps into lists are decimal indices.
    pub(crate) fn position(&self, path: &[String]) -> Position {
        let Some((step, rest)) = path.split_first() else {
            return self.at;
        };
        match &self.value {
            Value::Map(entries) => match entries.iter().find(|entry| entry.key == *step) {
                // A map's own position is that of its first key, so the key tells more.
                Some(entry)
                    if rest.is_empty()
                        && matches!(entry.node.value, Value::Map(_) | Value::List(_)) =>
                {
                    entry.at
                }
                Some(entry) => entry.node.position(rest),
                None => self.at,
            },
            Value::List(items) => match step
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
            {
                Some(item) => item.position(rest),
                None => self.at,
            },
            _ => self.at,
        }
    }

    /// Lays `over` on this tree: maps merge key by key, a null removes the key, anything else replaces.
    pub(crate) fn overlay(&mut self, over: &Node) {
        match (&mut self.value, &over.value) {
            (Value::Map(entries), Value::Map(changes)) => {
                for change in changes {
                    let existing = entries.iter().position(|entry| entry.key == change.key);
                    match (existing, &change.node.value) {
                        (Some(index), Value::Null) => {
                            entries.remove(index);
                        }
                        (Some(index), _) => entries[index].node.overlay(&change.node),
                        (None, Value::Null) => {}
                        (None, _) => entries.push(change.clone()),
                    }
                }
            }
            _ => *self = over.clone(),
        }
    }
}

/// A value without its position: what stands inside a `Spanned`.
struct Raw(Value);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_none<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
                inner.deserialize_any(self)
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Int(value.into()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Int(value.into()))
            }
            fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
                Ok(Value::Int(value))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
                Ok(Value::Float(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
                Ok(Value::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(Spanned {
                    value: Raw(value),
                    referenced,
                    ..
                }) = seq.next_element()?
                {
                    items.push(Node {
                        at: referenced.into(),
                        value,
                    });
                }
                Ok(Value::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries: Vec<Entry> = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let Spanned {
                        value: Raw(value),
                        referenced,
                        ..
                    } = map.next_value()?;
                    let node = Node {
                        at: referenced.into(),
                        value,
                    };
                    entries.push(Entry {
                        key: key.value,
                        at: key.referenced.into(),
                        node,
                    });
                }
                Ok(Value::Map(entries))
            }
        }
        deserializer.deserialize_any(Any).map(Raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::parse(text).unwrap()
    }

    #[test]
    fn every_node_knows_its_place() {
        let tree = node("a: 1\nlist:\n  - x\n  - deep: {key: NO}\n");
        let key = |path: &[&str]| {
            tree.position(&path.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(key(&["a"]), Position { line: 1, column: 4 });
        assert_eq!(
            tree.entry("list").unwrap().at,
            Position { line: 2, column: 1 }
        );
        assert_eq!(key(&["list", "0"]), Position { line: 3, column: 5 });
        assert_eq!(
            key(&["list", "1", "deep", "key"]),
            Position {
                line: 4,
                column: 17
            }
        );
        let deep = &tree.entry("list").unwrap().node;
        let Value::List(items) = &deep.value else {
            panic!()
        };
        assert_eq!(
            items[1].entries()[0].node.entries()[0].node.value,
            Value::Text("NO".to_owned())
        );
    }

    #[test]
    fn broken_documents_are_errors_with_a_place() {
        for text in ["a: [1, 2", "a: 1\na: 2\n", "a: {b: 1", "a: *nobody"] {
            let error = Node::parse(text).unwrap_err();
            assert!(error.location().is_some(), "{text:?}: {error}");
        }
    }

    #[test]
    fn overlays_merge_maps_replace_the_rest_and_remove_nulls() {
        let mut tree = node("a: {b: 1, c: [1, 2], d: 3}\n");
        tree.overlay(&node("a: {b: {x: 1}, c: [3], d: null, e: 5}\n"));
        let a = &tree.entry("a").unwrap().node;
        assert_eq!(
            a.entries()
                .iter()
                .map(|e| e.key.as_str())
                .collect::<Vec<_>>(),
            ["b", "c", "e"]
        );
        assert_eq!(a.entry("b").unwrap().node.entries()[0].key, "x");
        let Value::List(items) = &a.entry("c").unwrap().node.value else {
            panic!()
        };
        assert_eq!(items.len(), 1);
    }
}
