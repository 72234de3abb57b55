//! `cdnlab report`: saved reports, sweeps and comparisons, rendered again.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lab::report::compare::{self, Comparison};
use lab::report::{self, Report};
use lab::sweep;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::{Failure, Outcome};
use crate::formats::{self, Format, Saved};

/// Render saved reports again: as a page, as CSV, as Markdown, as JUnit XML.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab report reports/quickstart-20261122-163005
  cdnlab report reports/*/report.json --format html,csv,markdown,junit
  cdnlab report reports/policies/sweep.json reports/before-after/comparison.json

A sweep has a page; a comparison has a page and Markdown.")]
pub(crate) struct ReportArgs {
    /// report.json of a run, sweep.json or comparison.json, or the folder that holds it; what is rendered lies beside it.
    #[arg(value_name = "FILE|FOLDER", required = true)]
    files: Vec<PathBuf>,
    /// The forms to render it in, beside the file.
    #[arg(
        long,
        value_name = "FORM",
        value_delimiter = ',',
        default_value = "html"
    )]
    format: Vec<Format>,
}

pub(crate) fn run(args: &ReportArgs) -> Result<Outcome, Failure> {
    for named in &args.files {
        let file = &within(named)?;
        let saved = saved(file)?;
        for format in &args.format {
            eprintln!(
                "report: {}",
                formats::write(&saved, file, *format)?.display()
            );
        }
    }
    Ok(Outcome::Done)
}

/// The saved file that is meant: the one named, or that of the folder named.
fn within(named: &Path) -> Result<PathBuf, Failure> {
    if !named.is_dir() {
        return Ok(named.to_owned());
    }
    let known = ["report.json", "sweep.json", "comparison.json"];
    let here: Vec<PathBuf> = known
        .iter()
        .map(|name| named.join(name))
        .filter(|file| file.is_file())
        .collect();
    match here.as_slice() {
        [one] => Ok(one.clone()),
        found => {
            let what = match found {
                [] => "no report.json, sweep.json or comparison.json in",
                _ => "several reports in",
            };
            Err(Failure::usage(format!("{what} {}", named.display()))
                .help("name the file that is to be rendered"))
        }
    }
}

/// What a file holds: a report, a sweep or a comparison, told apart by what only it has.
fn saved(file: &Path) -> Result<Saved, Failure> {
    let value = json(file)?;
    if value.get("axes").is_some() {
        let sweep = read(file, value, sweep::SCHEMA, "sweep")?;
        return Ok(Saved::Sweep(Box::new(sweep)));
    }
    if value.get("sides").is_some() {
        let comparison: Comparison = read(file, value, compare::SCHEMA, "comparison")?;
        return Ok(Saved::Comparison(Box::new(comparison)));
    }
    Ok(Saved::Report(Box::new(of_run(file, value)?)))
}

/// A saved report of a run.
pub(crate) fn load(file: &Path) -> Result<Report, Failure> {
    of_run(file, json(file)?)
}

fn of_run(file: &Path, value: Value) -> Result<Report, Failure> {
    read(file, value, report::SCHEMA, "report of a run")
}

fn json(file: &Path) -> Result<Value, Failure> {
    let text = fs::read(file).map_err(|error| {
        Failure::of(format!("cannot read {}", file.display()), &error).into_usage()
    })?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::usage(format!("{}: no JSON: {error}", file.display())))
}

/// The value as a `what` of this schema.
fn read<T: DeserializeOwned>(
    file: &Path,
    value: Value,
    schema: u32,
    what: &str,
) -> Result<T, Failure> {
    let wrong = |message: String| Failure::usage(format!("{}: {message}", file.display()));
    match value.get("schema").and_then(Value::as_u64) {
        Some(version) if version == u64::from(schema) => {}
        Some(version) => {
            let message = format!("schema {version}, and this cdnlab reads schema {schema}");
            return Err(wrong(message).help("render it with the cdnlab that made it"));
        }
        None => {
            return Err(wrong(format!("no {what}"))
                .help("name a report.json, sweep.json or comparison.json that cdnlab wrote"));
        }
    }
    serde_json::from_value(value).map_err(|error| wrong(format!("no {what}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_the_one_report_in_it() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let none = within(folder.path()).err().map(|error| error.to_string());
        assert!(none.is_some_and(|text| text.contains("no report.json")));
        let file = folder.path().join("sweep.json");
        fs::write(&file, "{}")?;
        assert_eq!(within(folder.path()).ok(), Some(file.clone()));
        assert_eq!(within(&file).ok(), Some(file));
        fs::write(folder.path().join("report.json"), "{}")?;
        assert!(within(folder.path()).is_err());
        Ok(())
    }
}
