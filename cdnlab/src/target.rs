//! `FILE|NAME`: the scenario that a command line means.

use std::path::PathBuf;

use clap::Args;
use lab::live::Attach;
use lab::scenario::{Choice, ScenarioFile, Setting};

use crate::exit::Failure;
use crate::process::TOKEN_VARIABLE;

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

/// A world that runs already, in place of processes of one's own.
#[derive(Args, Debug)]
pub(crate) struct AttachArgs {
    /// Play against a world that runs already, found by its link nodes: a compose file, or the admin listeners of its
    /// link nodes as HOST:PORT,HOST:PORT. The environment variables CDNLAB_ATTACH and CDNLAB_ADMIN_TOKEN (of its nodes)
    /// hold what is not said here.
    #[arg(long, value_name = "FILE|HOST:PORT,…")]
    attach: Option<String>,
}

impl AttachArgs {
    /// The world that is meant, if any.
    pub(crate) fn read(&self) -> Result<Option<Attach>, Failure> {
        let written = match &self.attach {
            Some(written) => Some(written.clone()),
            None => std::env::var("CDNLAB_ATTACH").ok(),
        };
        let Some(written) = written.filter(|written| !written.is_empty()) else {
            return Ok(None);
        };
        let token = std::env::var(TOKEN_VARIABLE).ok();
        Attach::read(&written, token.filter(|token| !token.is_empty()))
            .map(Some)
            .map_err(Failure::usage)
    }
}

/// What the command line changes of the scenario.
#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// Put a value into the scenario: the path of a key, as in pops.fra.memory=16MiB; `*` stands for every name. Keys of
    /// `defaults` may stand without that word: eviction=lru. May be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Setting>,
    /// So many times the traffic: rates and bursts of all clients, not times and not traces.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(crate) scale: Option<f64>,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("write a number above zero, as in 0.2".to_owned()),
    }
}

impl ChangeArgs {
    /// Whether some setting has several values.
    pub(crate) fn is_sweep(&self) -> bool {
        self.set.iter().any(|setting| setting.values().len() > 1)
    }

    /// The scenario with the only value of every setting.
    pub(crate) fn apply(&self, file: &ScenarioFile) -> Result<ScenarioFile, Failure> {
        if let Some(several) = self.set.iter().find(|setting| setting.values().len() > 1) {
            let what = format!(
                "`{}` has several values here, where one is wanted",
                several.path()
            );
            return Err(Failure::usage(what).help("`cdnlab simulate` plays each of them: a sweep"));
        }
        let choices: Vec<Choice> = self
            .set
            .iter()
            .filter_map(|setting| setting.choice(0))
            .collect();
        file.changed(&choices, self.scale).map_err(Failure::usage)
    }
}
