//! `FILE|NAME`: the scenario that a command line means.

use std::path::PathBuf;

use clap::Args;
use lab::scenario::ScenarioFile;

use crate::exit::Failure;

/// A scenario and what it is checked against.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// A scenario file, or the name of a shipped scenario (see `cdnlab scenarios list`).
    #[arg(value_name = "FILE|NAME")]
    pub(crate) scenario: String,
    /// A MaxMind City or Country database instead of the built-in one.
    #[arg(long, value_name = "FILE.mmdb")]
    pub(crate) geo: Option<PathBuf>,
    /// Permit load on an origin beyond this machine. Only for origins that are yours.
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

impl TargetArgs {
    /// Reads and checks the scenario.
    pub(crate) fn load(&self) -> Result<ScenarioFile, Failure> {
        ScenarioFile::open(&self.scenario, self.allow_remote).map_err(Failure::usage)
    }
}
