//! The names that a scenario defines, and the nearest one to a name that it does not.

use super::{Bound, ExpectError, Expectation, Name, Reading};
use crate::metrics::Label;

/// The names that a scenario defines, against which its expectations are checked.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Variants; empty if there are none to name.
    pub variants: Vec<String>,
    /// Named windows; `warmup`, `measured` and `all` are always known.
    pub windows: Vec<String>,
    /// Regions of clients.
    pub regions: Vec<String>,
    /// PoPs.
    pub pops: Vec<String>,
    /// Nodes.
    pub edges: Vec<String>,
    /// Path classes.
    pub paths: Vec<String>,
}

impl Expectation {
    /// Checks variants and label values against what the scenario defines.
    ///
    /// # Errors
    /// With the column of the first unknown name and the nearest known one.
    pub fn check(&self, known: &Known) -> Result<(), ExpectError> {
        self.check_reading(&self.left, known)?;
        match &self.right {
            Bound::Number(_) => Ok(()),
            Bound::Times(_, reading) => self.check_reading(reading, known),
        }
    }

    fn check_reading(&self, reading: &Reading, known: &Known) -> Result<(), ExpectError> {
        if let Some(variant) = &reading.variant {
            self.check_name("variant", variant, &known.variants)?;
        }
        for (label, name) in &reading.labels {
            let names = match label {
                Label::Window if ["warmup", "measured", "all"].contains(&name.text.as_str()) => {
                    continue;
                }
                Label::Window => &known.windows,
                Label::Region => &known.regions,
                Label::Pop => &known.pops,
                Label::Edge => &known.edges,
                Label::Path => &known.paths,
                // The same in every scenario; checked when parsed.
                Label::Class | Label::Cause => continue,
            };
            self.check_name(label.name(), name, names)?;
        }
        Ok(())
    }

    fn check_name(&self, kind: &str, name: &Name, names: &[String]) -> Result<(), ExpectError> {
        if names.contains(&name.text) {
            return Ok(());
        }
        let hint = did_you_mean(&name.text, names.iter().map(String::as_str));
        let list = match names.len() {
            0 => format!("; the scenario has no {kind}s"),
            _ if !hint.is_empty() => String::new(),
            _ => format!("; known are {}", names.join(", ")),
        };
        let message = format!(
            "there is no {kind} `{}`{hint}{list}",
            name.text.escape_debug()
        );
        Err(ExpectError {
            text: self.text.clone(),
            column: name.column,
            message,
        })
    }
}

/// `, did you mean ...?`, or nothing if no known name is near.
pub(super) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
    let nearest = known.min_by_key(distance);
    let near = |candidate: &&str| {
        distance(candidate) <= (name.chars().count() / 3).max(2) && !name.is_empty()
    };
    nearest.filter(near).map_or_else(String::new, |nearest| {
        format!(", did you mean `{nearest}`?")
    })
}
