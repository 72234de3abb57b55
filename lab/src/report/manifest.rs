//! What was run, by what, on what: enough to run it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The circumstances of a run. Everything in a report that differs between two runs of the same seed in the sim is here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of cdnlab.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// What the scenario says of itself.
    pub about: Option<String>,
    /// SHA-256 of the scenario file, in hexadecimal.
    pub scenario_sha256: String,
    /// The scenario file as it was read; `null` if it was left out.
    pub scenario_text: Option<String>,
    /// Which driver played it.
    pub driver: Driver,
    /// The seed.
    pub seed: u64,
    /// What the geo database says of itself.
    pub geo_database: String,
    /// SHA-256 of the geo database, in hexadecimal.
    pub geo_sha256: String,
    /// The command line.
    pub command: Vec<String>,
    /// The machine.
    pub machine: Machine,
    /// When the run began, as RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    pub finished: String,
    /// How long it took on the wall clock, seconds.
    pub wall_seconds: f64,
}

/// The two drivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// Real processes and sockets.
    #[default]
    Run,
    /// Virtual time.
    Simulate,
}

impl Driver {
    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Simulate => "simulate",
        }
    }
}

/// The machine that a run was made on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Processors that this process may use.
    pub cpus: u32,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        let cpus = std::thread::available_parallelism()
            .map_or(0, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX));
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpus,
        }
    }
}
