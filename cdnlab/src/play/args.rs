//! What `cdnlab run` and `cdnlab simulate` are told on the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::sweep;
use crate::formats;
use crate::target::{AttachArgs, ChangeArgs, TargetArgs};

/// Play a scenario with real processes on this machine, and report hit ratios and latency.
///
/// Starts the origin, the router, the edges and the links between them, sends the scenario's traffic through them, lets
/// its events happen, and takes everything down again. The variants of the scenario are played one after the other,
/// with the same seed, and shown side by side.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab run quickstart
  cdnlab run mine.yaml --variant cdn --seed 7 --out reports/mine
  cdnlab run mine.yaml --json --quiet | jq .verdict

Exit codes: 0 all expectations met; 99 an expectation missed; 2 the scenario is wrong; 3 the run is
invalid since the driver was late (a busy machine); 1 anything else.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(super) play: PlayArgs,
    #[command(flatten)]
    pub(super) attach: AttachArgs,
}

/// Play a scenario in virtual time, and report hit ratios and latency.
///
/// The same plan goes through the same cache core, steering, origin and network model as in `cdnlab run`, without
/// sockets: much faster, and the same seed gives the same report each time.
///
/// Several values or seeds make a sweep: every combination is simulated on all cores, and a table with noise bands, tidy
/// CSV, JSON with miss-ratio curves and one sentence say what came of it. Expectations are not judged in a sweep.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab simulate quickstart
  cdnlab simulate mine.yaml --variant cdn --seed 7
  cdnlab simulate mine.yaml --json --quiet | jq .verdict
  cdnlab simulate mine.yaml --set pops.*.memory=16MiB,64MiB,256MiB --set eviction=lru,sieve --seeds 5

Exit codes: 0 all expectations met; 99 an expectation missed; 2 the scenario is wrong; 3 the run is
invalid (the report says why); 1 anything else.

Commas separate the values of a sweep; a value with a comma stands in quotes:
  --set 'content.pages.headers.Cache-Control=\"public, max-age=60\"'")]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(super) play: PlayArgs,
    /// Play each cell with so many seeds, counted up from the first, or with these: 5, or 1,2,3.
    #[arg(long, value_name = "N|LIST")]
    pub(super) seeds: Option<sweep::Seeds>,
    /// How many threads to simulate on; all cores unless said otherwise. Changes no figure.
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
}

#[derive(Args, Debug)]
pub(super) struct PlayArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
    /// The seed of all that is random; the scenario's own unless said otherwise.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Play only this variant; may be repeated. Expectations about others are left out.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) variant: Vec<String>,
    /// The folder for report.html and report.json; reports/SCENARIO-TIME unless said otherwise.
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Write the report in further forms beside report.html and report.json.
    #[arg(long, value_name = "FORM", value_delimiter = ',')]
    pub(super) format: Vec<formats::Format>,
    /// Write requests.ndjson, too: so many single requests of each variant (10000 unless said otherwise, 1000000 at most),
    /// drawn by lot where there are more.
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10000",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub(super) requests: Option<u64>,
    /// No progress, and of the report only the verdict.
    #[arg(long)]
    pub(super) quiet: bool,
    /// The report as JSON on standard output, in place of the tables.
    #[arg(long)]
    pub(super) json: bool,
}
