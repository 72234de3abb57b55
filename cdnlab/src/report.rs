//! `cdnlab report`: saved reports, rendered again.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lab::report::{Report, SCHEMA};

use crate::exit::{Failure, Outcome};
use crate::formats::{self, Format};

/// Render saved reports again: as a page, as CSV, as Markdown, as JUnit XML.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab report reports/quickstart-20261122-163005/report.json
  cdnlab report reports/*/report.json --format html,csv,markdown,junit")]
pub(crate) struct ReportArgs {
    /// report.json of a run; what is rendered lies beside it.
    #[arg(value_name = "FILE", required = true)]
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
    for file in &args.files {
        let report = load(file)?;
        for format in &args.format {
            eprintln!(
                "report: {}",
                formats::write(&report, file, *format)?.display()
            );
        }
    }
    Ok(Outcome::Done)
}

/// A saved report.
pub(crate) fn load(file: &Path) -> Result<Report, Failure> {
    let wrong = |what: String| Failure::usage(format!("{}: {what}", file.display()));
    let text = fs::read(file).map_err(|error| {
        Failure::of(format!("cannot read {}", file.display()), &error).into_usage()
    })?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("no JSON: {error}")))?;
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(SCHEMA) => {}
        Some(version) => {
            return Err(wrong(format!(
                "schema {version}, and this cdnlab reads schema {SCHEMA}"
            ))
            .help("render it with the cdnlab that made it"));
        }
        None => {
            return Err(wrong("no report of a run".to_owned())
                .help("name a report.json that cdnlab run or simulate wrote"));
        }
    }
    serde_json::from_value(value).map_err(|error| wrong(format!("no report of a run: {error}")))
}
