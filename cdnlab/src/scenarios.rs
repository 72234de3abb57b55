//! `cdnlab scenarios`: what is shipped, and whether a file of one's own is right.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lab::scenario::{Driver, PlanOptions, SHIPPED, ScenarioFile, json_schema_text};

use crate::exit::{Failure, Outcome};
use crate::target::TargetArgs;
use crate::{geo, output};

/// List, copy and check scenarios; print the schema of their language.
#[derive(Args, Debug)]
#[command(after_help = "\
Write a scenario of your own:
  cdnlab scenarios list
  cdnlab scenarios copy quickstart mine.yaml
  cdnlab scenarios schema > scenario.schema.json     (for your editor)
  cdnlab scenarios check mine.yaml
  cdnlab run mine.yaml")]
pub(crate) struct ScenariosArgs {
    #[command(subcommand)]
    door: Door,
}

#[derive(Subcommand, Debug)]
enum Door {
    /// Show the shipped scenarios and what each one teaches.
    List,
    /// Print the JSON Schema of scenario files.
    Schema,
    /// Check a scenario without running it: exit code 0 if it is right, 2 with every mistake if not.
    Check(TargetArgs),
    /// Write a shipped scenario to a file, to change it.
    Copy(CopyArgs),
}

#[derive(Args, Debug)]
struct CopyArgs {
    /// The shipped scenario.
    name: String,
    /// Where to write it; NAME.yaml unless said otherwise.
    file: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &ScenariosArgs) -> Result<Outcome, Failure> {
    match &args.door {
        Door::List => list(),
        Door::Schema => output::print(&json_schema_text()).map(|()| Outcome::Done),
        Door::Check(args) => check(args),
        Door::Copy(args) => copy(args),
    }
}

fn list() -> Result<Outcome, Failure> {
    let mut text = String::new();
    for shipped in SHIPPED {
        let read = open(shipped.name)?;
        let drivers = if read.drivers.refusal(Driver::Run).is_some() {
            " (simulate only)"
        } else if read.drivers.refusal(Driver::Simulate).is_some() {
            " (run only)"
        } else {
            ""
        };
        text.push_str(&format!(
            "{:<20} {}{drivers}\n",
            shipped.name,
            first_sentence(&read.about)
        ));
    }
    output::print(&text)?;
    Ok(Outcome::Done)
}

fn open(name: &str) -> Result<ScenarioFile, Failure> {
    ScenarioFile::open(name, false).map_err(Failure::usage)
}

/// The first sentence, on one line.
fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line[..=end].to_owned(),
        None => line,
    }
}

fn check(args: &TargetArgs) -> Result<Outcome, Failure> {
    let database = geo::database(args.geo.as_deref())?;
    let read = args.load()?;
    let options = PlanOptions {
        seed: None,
        geo: &database,
    };
    read.plans(&options).map_err(Failure::usage)?;
    output::print(&format!("{}\n", summary(&read)))?;
    Ok(Outcome::Done)
}

/// `mine.yaml is right: 2 variants (cdn, direct), 3 expectations`.
fn summary(read: &ScenarioFile) -> String {
    let variants: Vec<&str> = read.variants().collect();
    let counted =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    format!(
        "{} is right: {} ({}), {}",
        read.file,
        counted(variants.len(), "variant"),
        variants.join(", "),
        counted(read.expect.len(), "expectation"),
    )
}

fn copy(args: &CopyArgs) -> Result<Outcome, Failure> {
    let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == args.name) else {
        // Says which name is nearest, unless it is that of a file.
        open(&args.name)?;
        return Err(
            Failure::usage(format!("`{}` is not a shipped scenario", args.name))
                .help("`cdnlab scenarios list` shows those that are"),
        );
    };
    let file = args
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.yaml", shipped.name)));
    write_new(&file, shipped.text, args.force)?;
    output::print(&format!("{}\n", file.display()))?;
    Ok(Outcome::Done)
}

fn write_new(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(!force)
        .create(true)
        .truncate(force);
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::of(format!("cannot write {}", file.display()), &error).into_usage();
        if error.kind() == io::ErrorKind::AlreadyExists {
            failure.help("give another file name, or --force to replace it")
        } else {
            failure
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_first_sentences() {
        assert_eq!(
            first_sentence("Teaches\n  this. And that."),
            "Teaches this."
        );
        assert_eq!(first_sentence("Just one."), "Just one.");
        assert_eq!(first_sentence(""), "");
    }
}
