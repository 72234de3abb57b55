//! A scenario file with its variants: read, laid over each other, checked, and made into plans.

use std::path::{Path, PathBuf};

use geo_data::Database;

use super::problems::{Problem, ScenarioError};
use super::read::{Variant, nowhere, placed, read};
use super::tree::Node;
use super::written::{Drivers, Scenario};
use crate::expect;
use crate::plan::{BuildOptions, Plan, build};

/// The name of the only variant of a file that has none.
pub const BASE: &str = "base";

/// What plans are made with.
#[derive(Debug)]
pub struct PlanOptions<'a> {
    /// In place of the file's seed.
    pub seed: Option<u64>,
    /// The geo database in use.
    pub geo: &'a Database,
}

/// A scenario file that has been read and checked, every variant of it.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// What messages call it.
    pub file: String,
    /// The text.
    pub text: String,
    /// Name of the scenario.
    pub name: String,
    /// What it teaches.
    pub about: String,
    /// Which drivers may play it.
    pub drivers: Drivers,
    /// Its expectations, parsed.
    pub expect: Vec<expect::Expectation>,
    pub(super) allow_remote: bool,
    folder: PathBuf,
    pub(super) variants: Vec<Variant>,
    base: Node,
}

impl ScenarioFile {
    /// Reads a file.
    ///
    /// # Errors
    /// With everything that is wrong with it and its places, as far as no geo database is needed to see it.
    pub fn load(path: &Path, allow_remote: bool) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let folder = path.parent().map(Path::to_owned).unwrap_or_default();
                Self::parse(&file, text, &folder, allow_remote)
            }
            Err(error) => Err(ScenarioError::of_file(
                &file,
                format!("cannot be read: {error}"),
            )),
        }
    }

    /// Reads a text that messages call `file`; traces are looked for in `folder`.
    ///
    /// # Errors
    /// As [`ScenarioFile::load`].
    pub fn parse(
        file: &str,
        text: String,
        folder: &Path,
        allow_remote: bool,
    ) -> Result<Self, ScenarioError> {
        match read(&text, allow_remote) {
            Ok(read) => Ok(Self {
                file: file.to_owned(),
                name: read.variants[0].scenario.name.clone(),
                about: read.variants[0].scenario.about.clone(),
                drivers: read.variants[0].scenario.drivers.clone(),
                text,
                expect: read.expect,
                allow_remote,
                folder: folder.to_owned(),
                variants: read.variants,
                base: read.base,
            }),
            Err(problems) => Err(ScenarioError {
                file: file.to_owned(),
                problems,
                text,
            }),
        }
    }

    /// The names of the variants, in the order of the file; never empty.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|variant| variant.name.as_str())
    }

    /// A variant as written, its overlay laid on the file.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&Scenario> {
        self.variants
            .iter()
            .find(|variant| variant.name == name)
            .map(|variant| &variant.scenario)
    }

    /// The plan of one variant.
    ///
    /// # Errors
    /// If there is no such variant; if a place, its client networks or a trace cannot be had.
    pub fn plan(&self, variant: &str, options: &PlanOptions<'_>) -> Result<Plan, ScenarioError> {
        let Some(found) = self.variants.iter().find(|known| known.name == variant) else {
            let near = super::names::hint(variant, self.variants());
            return Err(self.error(vec![nowhere(format!("unknown variant `{variant}`{near}"))]));
        };
        let options = |variant| BuildOptions {
            variant,
            seed: options.seed,
            geo: options.geo,
            folder: &self.folder,
        };
        build(&found.scenario, &options(variant)).map_err(|problems| {
            // What is wrong in every variant is not the fault of this one.
            let in_all = self.variants.len() > 1
                && self.variants.iter().all(|other| {
                    other.name == variant
                        || build(&other.scenario, &options(&other.name)).err().as_ref()
                            == Some(&problems)
                });
            let name = (self.base_has_variants() && !in_all).then_some(variant);
            self.error(placed(problems, &found.tree, name))
        })
    }

    /// The plans of all variants.
    ///
    /// # Errors
    /// Of the first one that has none.
    pub fn plans(&self, options: &PlanOptions<'_>) -> Result<Vec<Plan>, ScenarioError> {
        self.variants()
            .map(|variant| self.plan(variant, options))
            .collect()
    }

    fn base_has_variants(&self) -> bool {
        self.base.entry("variants").is_some()
    }

    fn error(&self, problems: Vec<Problem>) -> ScenarioError {
        ScenarioError {
            file: self.file.clone(),
            problems,
            text: self.text.clone(),
        }
    }
}
