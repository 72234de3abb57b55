//! `cdnlab compare`: runs side by side, or one scenario through both drivers.

mod drivers;
mod sides;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use lab::expect::Threshold;
use lab::report::compare::Comparison;
use lab::report::{formats, html};

use crate::exit::{Failure, Outcome};
use crate::output;
use crate::play::Seeds;
use crate::target::ChangeArgs;

/// Compare runs, metric by metric: what differs, by how much, and whether that is more than noise.
///
/// Each side is a folder of a run, its report.json, or a scenario (a file, or the name of a shipped one), which is
/// simulated. All others are compared with the first. A single report is compared with itself, variant by variant.
///
/// With --drivers, one scenario is played with both drivers instead: the same plan, with the same seed, live and in
/// virtual time. Shares and counts agree if they lie within one point (of the requests) and the sampling noise. Medians of
/// latency, per place and request class, agree if they lie within 5 ms or 5 %; they count with --latency only, for a busy
/// machine delays real processes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab compare reports/before reports/after
  cdnlab compare lru.yaml s3fifo.yaml --seeds 5 --out reports/policies
  cdnlab compare reports/quickstart-20261122-163005        # its variants
  cdnlab compare main/report.json mine.yaml --fail-if 'p99 > max(1.3x, +50ms)' --fail-if 'request_hit_ratio worse'
  cdnlab compare --drivers quickstart

Conditions of --fail-if (docs/reports.md):
  p99 > max(1.3x, +50ms)          more than 1.3 times that of the first side and more than 50 ms above it
  request_hit_ratio < -2 points   lower by more than two points
  availability < 99.9 %           a value by itself
  origin_fetches worse            worse beyond the noise; `worse` alone: any metric

Exit codes: 0 done; 99 a condition of --fail-if was met, or the drivers disagree; 2 a side, a condition or
the scenario is wrong; 3 a side is invalid since its driver was late (a busy machine); 1 anything else.")]
pub(crate) struct CompareArgs {
    /// The sides: folders of runs, report.json files, scenario files or names of shipped scenarios.
    #[arg(
        value_name = "RUN|FILE|NAME",
        required_unless_present = "drivers",
        conflicts_with = "drivers"
    )]
    sides: Vec<String>,
    /// A scenario file, or the name of a shipped scenario, to play with both drivers.
    #[arg(long, value_name = "FILE|NAME")]
    drivers: Option<String>,
    /// Play every side anew with so many seeds, counted up from the first, or with these: 5, or 1,2,3. Saved reports are
    /// played from the scenario that they hold.
    #[arg(long, value_name = "N|LIST", conflicts_with = "drivers")]
    seeds: Option<Seeds>,
    /// Fail if this holds for a side but the first; may be repeated.
    #[arg(long, value_name = "CONDITION", conflicts_with = "drivers")]
    fail_if: Vec<Threshold>,
    /// Write comparison.html, comparison.json and comparison.md into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "drivers")]
    out: Option<PathBuf>,
    /// The comparison as Markdown in place of the tables, as for a pull request.
    #[arg(long, conflicts_with_all = ["drivers", "json"])]
    markdown: bool,
    /// A MaxMind City or Country database instead of the built-in one.
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Option<PathBuf>,
    /// Permit load on an origin beyond this machine. Only for origins that are yours.
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    change: ChangeArgs,
    /// The seed of all that is random; the scenario's own unless said otherwise.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only this variant; may be repeated. Of several sides: of every side, or one after the other of each.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    variant: Vec<String>,
    /// With --drivers, medians of latency count, too. For a machine with nothing else to do.
    #[arg(long, requires = "drivers")]
    latency: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
    /// The comparison as JSON in place of the tables.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CompareArgs) -> Result<Outcome, Failure> {
    if let Some(scenario) = &args.drivers {
        return drivers::run(args, scenario);
    }
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(|error| {
            Failure::of(format!("cannot make the folder {}", out.display()), &error).into_usage()
        })?;
    }
    let (first, others) = sides::played(args)?;
    let comparison = Comparison::of(env!("CARGO_PKG_VERSION"), &first, &others, &args.fail_if);
    let json = comparison
        .to_json()
        .map_err(|error| Failure::of("cannot write the comparison as JSON", &error))?;
    if let Some(out) = &args.out {
        write(&out.join("comparison.json"), &json)?;
        write(
            &out.join("comparison.html"),
            &html::comparison_page(&comparison),
        )?;
        write(&out.join("comparison.md"), &formats::compared(&comparison))?;
    }
    if args.json {
        output::print(&json)?;
    } else if args.markdown {
        output::print(&formats::compared(&comparison))?;
    } else {
        output::print(&comparison.text())?;
    }
    if let Some(out) = args.out.as_ref().filter(|_| !args.quiet) {
        eprintln!(
            "comparison: {0}/comparison.html, {0}/comparison.json, {0}/comparison.md",
            out.display()
        );
    }
    Ok(match (comparison.valid, comparison.failed) {
        (false, _) => Outcome::Invalid,
        (true, true) => Outcome::Missed,
        (true, false) => Outcome::Done,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::of(format!("cannot write {}", path.display()), &error))
}
