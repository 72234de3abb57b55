//! Where a figure stands in `report.json`.

use std::fmt::{self, Display};

/// A JSON pointer (RFC 6901).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The variant of this index.
    pub(super) fn variant(index: usize) -> Self {
        Self::default().at("variants").at(index)
    }

    /// One step deeper.
    pub(super) fn at(&self, step: impl Display) -> Self {
        let step = step.to_string().replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{step}", self.0))
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_find_their_place() {
        let name = "a/b~c";
        let key = Key::default().at("regions").at(name).at(0);
        let json = serde_json::json!({"regions": {name: [7]}});
        assert_eq!(json.pointer(&key.to_string()), Some(&7.into()));
    }
}
