//! The scenarios that are shipped inside the program.

use std::path::Path;

use super::{ScenarioError, ScenarioFile};

/// A shipped scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name, by which commands know it.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// The shipped scenarios, in the order of their table.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../scenarios/", $name, ".yaml")),
        }),*];
    };
}

shipped!(
    "quickstart",
    "flash-crowd",
    "uncacheable-herd",
    "brownout",
    "cap",
    "shield-vs-none",
    "micro-cache",
    "region-outage",
);

impl ScenarioFile {
    /// The shipped scenario of a name; `None` if there is none.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Result<Self, ScenarioError>> {
        let found = SHIPPED.iter().find(|shipped| shipped.name == name)?;
        let file = format!("{name}.yaml");
        Some(Self::parse(
            &file,
            found.text.to_owned(),
            Path::new("."),
            false,
        ))
    }

    /// A file by its path, or a shipped scenario by its name. A file wins over a name.
    ///
    /// # Errors
    /// As [`ScenarioFile::load`]; for what is neither, the nearest name.
    pub fn open(what: &str, allow_remote: bool) -> Result<Self, ScenarioError> {
        let path = Path::new(what);
        if path.exists() || what.contains(['/', '\\', '.']) {
            return Self::load(path, allow_remote);
        }
        Self::shipped(what).unwrap_or_else(|| {
            let near = super::hint(what, SHIPPED.iter().map(|shipped| shipped.name));
            let message = format!("neither a file nor the name of a shipped scenario{near}");
            Err(ScenarioError::of_file(what, message))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use geo_data::Database;

    use super::*;
    use crate::scenario::{Drivers, PlanOptions};
    use crate::units::Span;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
    }

    fn read(name: &str) -> String {
        std::fs::read_to_string(folder().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn file(name: &str) -> ScenarioFile {
        match ScenarioFile::shipped(name) {
            Some(Ok(file)) => file,
            Some(Err(error)) => panic!("{error}"),
            None => panic!("{name} is not shipped"),
        }
    }

    #[test]
    fn the_table_the_folder_and_the_program_have_the_same_scenarios() {
        let of_folder: BTreeSet<String> = std::fs::read_dir(folder())
            .unwrap_or_else(|error| panic!("{error}"))
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
            .collect();
        let shipped: BTreeSet<String> = SHIPPED
            .iter()
            .map(|shipped| shipped.name.to_owned())
            .collect();
        assert_eq!(of_folder, shipped);
        let readme = read("README.md");
        let rows: Vec<Vec<&str>> = readme
            .lines()
            .filter(|line| line.starts_with("| ["))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let wanted: Vec<(String, String)> = SHIPPED
            .iter()
            .map(|shipped| {
                let variants: Vec<String> =
                    file(shipped.name).variants().map(str::to_owned).collect();
                (
                    format!("[{0}]({0}.yaml)", shipped.name),
                    variants.join(", "),
                )
            })
            .collect();
        let found: Vec<(String, String)> = rows
            .iter()
            .map(|row| (row[0].to_owned(), row[1].to_owned()))
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn each_scenario_loads_plans_and_fits_its_time() {
        let geo = Database::embedded();
        for shipped in SHIPPED {
            let file = file(shipped.name);
            assert_eq!(file.name, shipped.name);
            assert!(
                !file.about.is_empty() && !file.expect.is_empty(),
                "{}",
                shipped.name
            );
            let plans = file
                .plans(&PlanOptions {
                    seed: None,
                    geo: &geo,
                })
                .unwrap_or_else(|error| panic!("{error}"));
            let live: u64 = plans.iter().map(|plan| plan.duration).sum();
            let both = file.drivers == Drivers::Both;
            assert!(
                !both || live <= 90_000_000_000,
                "{}: {} live",
                shipped.name,
                Span(live)
            );
            for plan in &plans {
                let requests = plan.requests().filter(Result::is_ok).count();
                assert!(
                    requests > 500,
                    "{} {}: {requests} requests",
                    shipped.name,
                    plan.variant
                );
            }
        }
    }

    #[test]
    fn names_files_and_neither() {
        assert!(ScenarioFile::open("cap", false).is_ok());
        let near = ScenarioFile::open("quikstart", false)
            .map(|file| file.name)
            .map_err(|error| error.to_string());
        assert!(near.is_err_and(|error| error.contains("did you mean `quickstart`?")));
        let missing = ScenarioFile::open("no/such.yaml", false)
            .map(|file| file.name)
            .map_err(|error| error.to_string());
        assert!(missing.is_err_and(|error| error.contains("no/such.yaml: cannot be read")));
    }
}
