//! The files that a report can become.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use lab::report::compare::Comparison;
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

/// What can be rendered again.
pub(crate) enum Saved {
    /// A run.
    Report(Box<Report>),
    /// A sweep.
    Sweep(Box<html::SweepFile>),
    /// A comparison.
    Comparison(Box<Comparison>),
}

impl Saved {
    /// The text in a form, if there is one.
    fn text(&self, format: Format) -> Result<String, Failure> {
        match self {
            Self::Report(report) => of_run(report, format),
            Self::Sweep(sweep) if format == Format::Html => Ok(html::sweep_page(sweep)),
            Self::Comparison(one) if format == Format::Html => Ok(html::comparison_page(one)),
            Self::Comparison(one) if format == Format::Markdown => Ok(formats::compared(one)),
            Self::Sweep(_) => Err(Failure::usage("a sweep is rendered as html alone")
                .help("sweep.csv was written beside sweep.json")),
            Self::Comparison(_) => Err(Failure::usage(
                "a comparison is rendered as html and markdown alone",
            )),
        }
    }
}

/// Writes something saved beside its file, and says where.
pub(crate) fn write(saved: &Saved, file: &Path, format: Format) -> Result<PathBuf, Failure> {
    placed(saved.text(format)?, file, format)
}

/// Writes a report of a run beside its `report.json`, and says where.
pub(crate) fn write_run(report: &Report, file: &Path, format: Format) -> Result<PathBuf, Failure> {
    placed(of_run(report, format)?, file, format)
}

fn of_run(report: &Report, format: Format) -> Result<String, Failure> {
    let odd = |error: &(dyn std::error::Error + 'static)| {
        Failure::of("cannot write the report in this form", error)
    };
    Ok(match format {
        Format::Html => html::page(report),
        Format::Csv => formats::csv(report).map_err(|error| odd(&error))?,
        Format::Markdown => formats::markdown(report),
        Format::Junit => formats::junit(report).map_err(|error| odd(&error))?,
    })
}

fn placed(text: String, file: &Path, format: Format) -> Result<PathBuf, Failure> {
    let path = file.with_extension(match format {
        Format::Html => "html",
        Format::Csv => "csv",
        Format::Markdown => "md",
        Format::Junit => "xml",
    });
    fs::write(&path, text)
        .map_err(|error| Failure::of(format!("cannot write {}", path.display()), &error))?;
    Ok(path)
}
