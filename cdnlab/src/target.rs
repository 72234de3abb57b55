//! `FILE|NAME`: the scenario that a command line means.

use std::path::{Path, PathBuf};

use clap::Args;
use lab::scenario::{ScenarioFile, nearest};

use crate::exit::Failure;
use crate::shipped;

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
        load(&self.scenario, self.allow_remote)
    }
}

/// A bare word is the name of a shipped scenario, or else a file; anything with a dot or a slash is a file.
pub(crate) fn load(scenario: &str, allow_remote: bool) -> Result<ScenarioFile, Failure> {
    let is_word = !scenario.contains(['/', '.', '\\']);
    if is_word && let Some(shipped) = shipped::named(scenario) {
        let file = format!("{}.yaml", shipped.name);
        let read = ScenarioFile::parse(&file, shipped.text.to_owned(), Path::new(""), allow_remote);
        return read.map_err(Failure::usage);
    }
    let path = Path::new(scenario);
    if !path.exists() {
        let word = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or(scenario);
        let near = nearest(word, shipped::all().iter().map(|shipped| shipped.name));
        let help = match near {
            Some(name) => {
                format!("a scenario `{name}` is shipped; `cdnlab scenarios list` shows all")
            }
            None => "`cdnlab scenarios list` shows the shipped ones".to_owned(),
        };
        let what = if is_word {
            "no scenario is shipped and no file is there"
        } else {
            "no file is there"
        };
        return Err(Failure::usage(format!("{what} under the name `{scenario}`")).help(help));
    }
    ScenarioFile::load(path, allow_remote).map_err(Failure::usage)
}
