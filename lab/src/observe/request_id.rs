//! The ids that tie a client's request to what the origin counted (`X-Request-Id`).

use std::fmt;

/// A request id, as small as its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestId {
    /// Made by the lab for this step of the plan; on the wire `lab-17`.
    Step(u64),
    /// Made by an edge for a request of its own, such as a background refresh; on the wire `fra-1-bg-3`.
    Background {
        /// Index of the node, if the plan knows it.
        node: Option<u16>,
        /// Its running number.
        number: u64,
    },
    /// Anything else: a request that neither the plan nor an edge made, such as a health check or a visitor's.
    Foreign,
}

impl RequestId {
    /// Reads an id from the wire; `node` finds the index of a node by its name. Whatever has no known form is foreign.
    #[must_use]
    pub fn read(text: &str, node: impl Fn(&str) -> Option<u16>) -> Self {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            if plain {
                digits.parse::<u64>().ok()
            } else {
                None
            }
        };
        if let Some(step) = text.strip_prefix("lab-").and_then(number) {
            return Self::Step(step);
        }
        match text
            .rsplit_once("-bg-")
            .and_then(|(name, digits)| Some((name, number(digits)?)))
        {
            Some((name, number)) => Self::Background {
                node: node(name),
                number,
            },
            None => Self::Foreign,
        }
    }
}

/// The form on the wire of those that the lab makes; the others are for messages only.
impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "lab-{step}"),
            Self::Background {
                node: Some(node),
                number,
            } => write!(f, "node {node} bg {number}"),
            Self::Background { node: None, number } => write!(f, "unknown node bg {number}"),
            Self::Foreign => f.write_str("foreign"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        assert_eq!(RequestId::Step(17).to_string(), "lab-17");
        let node = |name: &str| (name == "fra-1").then_some(7);
        let check =
            |text: &str, expected| assert_eq!(RequestId::read(text, node), expected, "{text}");
        check("lab-17", RequestId::Step(17));
        check(
            "fra-1-bg-3",
            RequestId::Background {
                node: Some(7),
                number: 3,
            },
        );
        check(
            "x-bg-3",
            RequestId::Background {
                node: None,
                number: 3,
            },
        );
        for foreign in [
            "",
            "lab-",
            "lab-+1",
            "lab-1x",
            "lab-99999999999999999999",
            "fra-1-bg-",
            "curl",
        ] {
            check(foreign, RequestId::Foreign);
        }
    }
}
