//! `--set`: values laid over a scenario from the command line, as `pops.*.memory=16MiB,64MiB`.
//!
//! A setting is a path into the file and one or more values, each of them written as in the file. It is laid over every
//! variant after the variant's own overlay, so what the command line says wins. Knows the tree and the language, and
//! nothing of what several values are good for.

mod lay;

use std::fmt;
use std::str::FromStr;

use super::check;
use super::file::ScenarioFile;
use super::problems::Problem;
use super::read::{Variant, decode, placed};
use crate::units::Rate;
use lay::{covers, lay, not_idle, rooted};

/// A path into a scenario and the values to put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its steps; `*` stands for every key of a map or item of a list.
    path: Vec<String>,
    /// At least one, as written.
    values: Vec<String>,
}

/// One value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The path.
    pub path: Vec<String>,
    /// The value as written.
    pub value: String,
}

/// Why a setting cannot be laid over a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not `path=value`.
    #[error(
        "`{0}` is not a setting: write a path, `=` and one or more values, as in `pops.*.memory=16MiB,64MiB`"
    )]
    NotASetting(String),
    /// One value stands there twice.
    #[error("`{path}` is set to `{value}` twice")]
    Twice {
        /// The path.
        path: String,
        /// The value.
        value: String,
    },
    /// A value that is not YAML.
    #[error("`{setting}`: the value is not YAML: {message}")]
    NotYaml {
        /// The setting.
        setting: String,
        /// What the parser says.
        message: String,
    },
    /// The path leads nowhere.
    #[error("`{setting}`: {message}")]
    NoMatch {
        /// The setting.
        setting: String,
        /// Which step of it, and what is known there.
        message: String,
    },
    /// Another setting after it takes all its places.
    #[error(
        "`{earlier}` changes nothing, since `{later}` after it sets the same: write the wider path first, or only one of the two"
    )]
    Covered {
        /// The setting that is lost.
        earlier: String,
        /// The one that covers it.
        later: String,
    },
    /// The scenario is wrong with it.
    #[error("with `{setting}`: {message}")]
    Invalid {
        /// The settings.
        setting: String,
        /// What is wrong, and where.
        message: String,
    },
}

impl Setting {
    /// The path as written.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.join(".")
    }

    /// The values as written; at least one.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Its value of this index.
    #[must_use]
    pub fn choice(&self, index: usize) -> Option<Choice> {
        self.values.get(index).map(|value| Choice {
            path: self.path.clone(),
            value: value.clone(),
        })
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong = || SettingError::NotASetting(text.to_owned());
        let (path, values) = text.split_once('=').ok_or_else(wrong)?;
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        let values: Vec<String> = parts(values);
        if path.iter().chain(&values).any(String::is_empty) {
            return Err(wrong());
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                let (path, value) = (path.join("."), value.clone());
                return Err(SettingError::Twice { path, value });
            }
        }
        Ok(Self { path, values })
    }
}

/// Values between commas, those within quotes and brackets left alone.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0usize, None);
    for c in text.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path.join("."), self.value)
    }
}

impl ScenarioFile {
    /// The scenario with values laid over every variant, and with `scale` times the traffic: rates, stages and bursts of
    /// every population; traces stay as they are.
    ///
    /// # Errors
    /// Names the setting: if its path leads nowhere, if it changes nothing, or if the scenario is wrong with it.
    pub fn changed(&self, choices: &[Choice], scale: Option<f64>) -> Result<Self, SettingError> {
        let file = self.with(choices)?;
        match scale {
            Some(factor) => file.scaled(factor),
            None => Ok(file),
        }
    }

    fn with(&self, choices: &[Choice]) -> Result<Self, SettingError> {
        let paths: Vec<_> = choices.iter().map(rooted).collect::<Result<_, _>>()?;
        none_covered(choices, &paths)?;
        let mut file = self.clone();
        let said = |choices: &[Choice]| {
            let texts: Vec<String> = choices.iter().map(Choice::to_string).collect();
            texts.join("` and `")
        };
        for (choice, path) in choices.iter().zip(&paths) {
            lay(&mut file.variants, choice, path)?;
        }
        for (choice, path) in choices.iter().zip(&paths) {
            not_idle(&file.variants, choice, path)?;
        }
        for variant in &mut file.variants {
            let problems = read_again(variant, self.allow_remote);
            let Some(problem) = problems.first() else {
                continue;
            };
            // One setting is to blame if the scenario is wrong with it alone.
            let alone = choices.iter().find(|one| {
                choices.len() > 1
                    && matches!(
                        self.with(std::slice::from_ref(*one)),
                        Err(SettingError::Invalid { .. })
                    )
            });
            let setting =
                alone.map_or_else(|| said(choices), |one| said(std::slice::from_ref(one)));
            let message = match problem.path.as_str() {
                "" => problem.message.clone(),
                path => format!("{path}: {}", problem.message),
            };
            return Err(SettingError::Invalid { setting, message });
        }
        Ok(file)
    }

    fn scaled(&self, factor: f64) -> Result<Self, SettingError> {
        let mut clients = self
            .variants
            .iter()
            .flat_map(|variant| &variant.scenario.clients.0);
        if clients.all(|(_, clients)| clients.trace.is_some()) {
            return Err(SettingError::NoMatch {
                setting: format!("--scale {factor}"),
                message: "it changes nothing, since all clients play traces".to_owned(),
            });
        }
        let mut file = self.clone();
        let times = |rate: Rate| Rate(rate.0 * factor);
        for variant in &mut file.variants {
            for (_, clients) in &mut variant.scenario.clients.0 {
                clients.rate = clients.rate.map(times);
                for stage in &mut clients.stages {
                    stage.rate = times(stage.rate);
                }
                if let Some(burst) = &mut clients.burst {
                    // A burst of none would be another scenario.
                    burst.count = ((burst.count as f64 * factor).round() as u64).max(1);
                }
            }
        }
        Ok(file)
    }
}

/// Refuses a setting that a later one takes all places of: a table would name values that were never in force.
fn none_covered(choices: &[Choice], paths: &[Vec<String>]) -> Result<(), SettingError> {
    for (index, wide) in paths.iter().enumerate() {
        if let Some(earlier) = paths[..index].iter().position(|path| covers(wide, path)) {
            let (earlier, later) = (choices[earlier].to_string(), choices[index].to_string());
            return Err(SettingError::Covered { earlier, later });
        }
    }
    Ok(())
}

/// Reads a variant from its tree anew; what is wrong with it.
fn read_again(variant: &mut Variant, allow_remote: bool) -> Vec<Problem> {
    match decode(&variant.tree) {
        Ok(scenario) => {
            let problems = placed(check::check(&scenario, allow_remote), &variant.tree, None);
            variant.scenario = scenario;
            problems
        }
        Err(problems) => problems,
    }
}

#[cfg(test)]
mod tests;
