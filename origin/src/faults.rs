//! Faults that the origin can be told to show, since failing is what a synthetic origin is for.

use serde::{Deserialize, Serialize};

/// What is wrong with the origin at the moment; the default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Answer every request with this status (400 to 599), without thinking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Answer later by so many milliseconds, on top of the think time.
    #[serde(default)]
    pub delay_ms: u64,
    /// Close the connection instead of answering (after the delay).
    #[serde(default)]
    pub refuse: bool,
}

impl Faults {
    /// Whether anything is wrong.
    pub fn any(&self) -> bool {
        *self != Faults::default()
    }

    /// Refuses what would not be a fault.
    pub fn check(&self) -> Result<(), String> {
        match self.status {
            Some(status) if !(400..=599).contains(&status) => {
                Err(format!("{status} is not an error status (400 to 599)"))
            }
            _ => Ok(()),
        }
    }
}
