//! The suite: the shipped files, or a folder of the user's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::case::Case;
use crate::expand::expand;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        const SHIPPED: &[(&str, &str)] = &[$(
            (concat!($name, ".yaml"), include_str!(concat!("../../tests/conformance/", $name, ".yaml"))),
        )*];
    };
}

shipped!(
    "freshness",
    "cache-control",
    "age",
    "dates",
    "pragma",
    "directives",
    "targeted",
    "status",
    "heuristics",
    "authorization",
    "fields",
    "methods",
    "invalidation",
    "groups",
    "validation",
    "conditional",
    "vary",
    "stale",
    "requests",
    "ranges",
    "interim",
    "framing",
    "connections",
    "collapsing",
    "surrogate",
    "cache-status",
);

/// What is wrong with a suite.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is no suite file.
    #[error("{file}: {what}")]
    File {
        /// Which.
        file: String,
        /// What is wrong, and where.
        what: String,
    },
    /// No case is left.
    #[error("no case matches; `--case` takes the beginning of an id, as in `freshness/`")]
    Empty,
}

/// One file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    subject: String,
    /// What the subject is, in a sentence; for readers of the file.
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    section: String,
    #[serde(default)]
    policy: Value,
    cases: Vec<Value>,
}

/// All cases, in the order of their files.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Each under an id of its own.
    pub cases: Vec<Case>,
}

impl Suite {
    /// The suite that is shipped inside the program.
    ///
    /// # Errors
    /// Where a file is wrong, which the tests rule out.
    pub fn shipped() -> Result<Self, SuiteError> {
        Self::of(SHIPPED.iter().map(|(name, text)| (*name, *text)))
    }

    /// All `*.yaml` of a folder.
    ///
    /// # Errors
    /// Where one cannot be read or is wrong.
    pub fn load(folder: &Path) -> Result<Self, SuiteError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| SuiteError::Read { path, source }
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
                files.insert(path.display().to_string(), text);
            }
        }
        Self::of(
            files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        )
    }

    /// The cases whose id begins with one of `prefixes`, and what they depend on; all for none.
    ///
    /// # Errors
    /// Where that leaves none.
    pub fn select(mut self, prefixes: &[String]) -> Result<Self, SuiteError> {
        if !prefixes.is_empty() {
            let named = |id: &str| {
                prefixes
                    .iter()
                    .any(|prefix| id.starts_with(prefix.as_str()))
            };
            let mut wanted: BTreeSet<String> = BTreeSet::new();
            let mut open: Vec<&Case> = self.cases.iter().filter(|case| named(&case.id)).collect();
            while let Some(case) = open.pop() {
                if wanted.insert(case.id.clone()) {
                    let ground = |other: &&Case| case.depends.contains(&other.id);
                    open.extend(self.cases.iter().filter(ground));
                }
            }
            self.cases.retain(|case| wanted.contains(&case.id));
        }
        if self.cases.is_empty() {
            return Err(SuiteError::Empty);
        }
        Ok(self)
    }

    fn of<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, SuiteError> {
        let mut cases: Vec<Case> = Vec::new();
        let mut ids: BTreeMap<String, &str> = BTreeMap::new();
        let wrong = |file: &str, what: String| SuiteError::File {
            file: file.to_owned(),
            what,
        };
        for (file, text) in files {
            for case in read(text).map_err(|what| wrong(file, what))? {
                if ids.insert(case.id.clone(), file).is_some() {
                    return Err(wrong(file, format!("two cases are called `{}`", case.id)));
                }
                cases.push(case);
            }
        }
        for case in &cases {
            if let Some(missing) = case.depends.iter().find(|id| !ids.contains_key(*id)) {
                let what = format!("`{}` depends on `{missing}`, which is not there", case.id);
                return Err(wrong(ids[&case.id], what));
            }
        }
        Ok(Self { cases })
    }
}

fn read(text: &str) -> Result<Vec<Case>, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for entry in file.cases {
        let name = entry["id"]
            .as_str()
            .unwrap_or("a case without an id")
            .to_owned();
        let at = |what: String| format!("{name}: {what}");
        for value in expand(entry).map_err(at)? {
            let mut case: Case =
                serde_json::from_value(value).map_err(|error| at(error.to_string()))?;
            settle(&mut case, &file.subject, &file.section, &file.policy).map_err(at)?;
            cases.push(case);
        }
    }
    Ok(cases)
}

/// Full ids, and the file's defaults.
fn settle(case: &mut Case, subject: &str, section: &str, policy: &Value) -> Result<(), String> {
    let plain = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !plain(&case.id) {
        return Err(format!(
            "`{}`: an id has small letters, digits and `-`",
            case.id
        ));
    }
    case.id = format!("{subject}/{}", case.id);
    for id in &mut case.depends {
        if !id.contains('/') {
            *id = format!("{subject}/{id}");
        }
    }
    if case.section.is_empty() {
        section.clone_into(&mut case.section);
    }
    if case.section.is_empty() {
        return Err("it names no section".to_owned());
    }
    if case.policy.is_null() {
        case.policy = policy.clone();
    }
    if case.steps.iter().all(|step| step.setup) {
        return Err("it checks nothing: each step is setup".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_suite_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
        let ids =
            |suite: Suite| -> Vec<String> { suite.cases.into_iter().map(|case| case.id).collect() };
        let mut shipped = ids(Suite::shipped().expect("a sound suite"));
        let mut folder = ids(Suite::load(&folder).expect("a sound folder"));
        shipped.sort();
        folder.sort();
        assert_eq!(shipped, folder, "the list in suite.rs is out of date");
    }

    #[test]
    fn mistakes_are_told() {
        let check = |case: &str, expected: &str| {
            let text = format!("subject: s\nabout: x\nsection: RFC 9111 3\ncases:\n- {case}\n");
            let error = read(&text).expect_err("a mistake");
            assert!(error.contains(expected), "{error}");
        };
        check(
            "{id: a, title: t, kind: must, steps: [{setup: true}]}",
            "checks nothing",
        );
        check(
            "{id: A b, title: t, kind: must, steps: [{}]}",
            "small letters",
        );
        check(
            "{id: a, title: t, kind: must, steps: [{stats: [200]}]}",
            "stats",
        );
        check("{id: a, title: t, kind: maybe, steps: [{}]}", "maybe");
    }
}
