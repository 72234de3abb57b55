//! What is wrong with a scenario, where it stands, and how that is shown.

use std::fmt;

use super::tree::{Path, Position};

/// One thing that is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; line 0 if it is nowhere in the file.
    pub at: Position,
    /// The variant in which it is wrong, if it is right in the file without one.
    pub variant: Option<String>,
    /// The keys that lead there, such as `pops.fra.upstream`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// A scenario that cannot be used, with everything that was found.
///
/// Shown as `file:line:column: key: message`, each followed by the line of the file and a mark below the column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file, or what stands for it.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
    /// The text, to show lines of.
    pub(crate) text: String,
}

impl ScenarioError {
    /// About a file as a whole.
    pub(crate) fn of_file(file: &str, message: String) -> Self {
        let problem = Problem {
            at: Position::default(),
            variant: None,
            path: String::new(),
            message,
        };
        Self {
            file: file.to_owned(),
            problems: vec![problem],
            text: String::new(),
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.file)?;
            if problem.at.line > 0 {
                write!(f, ":{}:{}", problem.at.line, problem.at.column)?;
            }
            f.write_str(": ")?;
            if let Some(variant) = &problem.variant {
                write!(f, "in variant `{variant}`: ")?;
            }
            if !problem.path.is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            f.write_str(&problem.message)?;
            let line = problem
                .at
                .line
                .checked_sub(1)
                .and_then(|n| self.text.lines().nth(n as usize));
            if let Some(line) = line {
                let shown: String = line.chars().take(120).collect();
                let before: usize = (problem.at.column.max(1) - 1).min(120) as usize;
                write!(
                    f,
                    "\n{:>5} | {shown}\n      | {}^",
                    problem.at.line,
                    " ".repeat(before)
                )?;
            }
        }
        Ok(())
    }
}

/// Problems as they are found, by path; positions and variants are added later.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Problems(pub(crate) Vec<(Path, String)>);

impl Problems {
    /// Notes that something is wrong at a path.
    pub(crate) fn add(&mut self, path: &[&str], message: impl Into<String>) {
        self.0.push((
            path.iter().map(|step| (*step).to_owned()).collect(),
            message.into(),
        ));
    }

    /// Notes it unless `right`.
    pub(crate) fn check(&mut self, right: bool, path: &[&str], message: impl FnOnce() -> String) {
        if !right {
            self.add(path, message());
        }
    }
}
