//! The files that a report can become.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use lab::report::{Report, formats, html};

use crate::exit::Failure;

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One page for people, offline.
    Html,
    /// Every table, one number per row.
    Csv,
    /// A summary, as for a pull request.
    Markdown,
    /// The expectations as tests, for continuous integration.
    Junit,
}

/// Writes a report beside its `report.json`, and says where.
pub(crate) fn write(report: &Report, file: &Path, format: Format) -> Result<PathBuf, Failure> {
    let odd = |error: &(dyn std::error::Error + 'static)| {
        Failure::of("cannot write the report in this form", error)
    };
    let (extension, text) = match format {
        Format::Html => ("html", html::page(report)),
        Format::Csv => ("csv", formats::csv(report).map_err(|error| odd(&error))?),
        Format::Markdown => ("md", formats::markdown(report)),
        Format::Junit => ("xml", formats::junit(report).map_err(|error| odd(&error))?),
    };
    let path = file.with_extension(extension);
    fs::write(&path, text)
        .map_err(|error| Failure::of(format!("cannot write {}", path.display()), &error))?;
    Ok(path)
}
