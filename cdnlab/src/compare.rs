//! `cdnlab compare --drivers`: one scenario through both drivers, and how far their figures lie apart.

use std::path::PathBuf;

use clap::Args;
use lab::parity::Parity;
use lab::plan::Plan;
use lab::scenario::{Driver, PlanOptions};

use crate::exit::{Failure, Outcome};
use crate::target::{ChangeArgs, TargetArgs};
use crate::{geo, output, play};

/// Play a scenario with both drivers and show whether the simulation agrees with real processes.
///
/// The same plan, with the same seed, is played live and in virtual time. Shares and counts agree if they lie within one
/// point (of the requests) and the sampling noise. Medians of latency, per place and request class, agree if they lie
/// within 5 ms or 5 %; they count with --latency only, for a busy machine delays real processes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab compare --drivers quickstart
  cdnlab compare --drivers mine.yaml --variant cdn --set duration=10s --scale 0.5

Exit codes: 0 they agree; 99 they disagree; 2 the scenario is wrong; 3 the live run is invalid since
the driver was late (a busy machine); 1 anything else.")]
pub(crate) struct CompareArgs {
    /// A scenario file, or the name of a shipped scenario, to play with both drivers.
    #[arg(long, value_name = "FILE|NAME")]
    drivers: String,
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
    /// Only this variant; may be repeated.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    variant: Vec<String>,
    /// Medians of latency count, too. For a machine with nothing else to do.
    #[arg(long)]
    latency: bool,
    /// No progress.
    #[arg(long)]
    quiet: bool,
    /// The comparison as JSON in place of the tables.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &CompareArgs) -> Result<Outcome, Failure> {
    let target = TargetArgs {
        scenario: args.drivers.clone(),
        geo: args.geo.clone(),
        allow_remote: args.allow_remote,
    };
    let database = geo::database(target.geo.as_deref())?;
    let file = args.change.apply(&target.load()?)?;
    for driver in [Driver::Run, Driver::Simulate] {
        play::refuse_other_driver(&file, driver)?;
    }
    let names = play::variants(&file, &args.variant)?;
    let options = PlanOptions {
        seed: args.seed,
        geo: &database,
    };
    let plans = names
        .iter()
        .map(|name| file.plan(name, &options).map_err(Failure::usage))
        .collect::<Result<Vec<Plan>, _>>()?;
    // The simulation first: it takes less time to say what it cannot play.
    let simulated = play::simulated(&plans, args.quiet, None)?;
    let live = play::played_live(&target, None, &plans, args.quiet)?;
    let sides: Vec<_> = names
        .iter()
        .zip(live.iter().zip(&simulated))
        .map(|(name, (live, simulated))| (name.as_str(), live, simulated))
        .collect();
    let seed = plans.first().map_or(0, |plan| plan.seed);
    let parity = Parity::of(&file.name, seed, &sides);
    if args.json {
        output::print_json(&parity)?;
    } else {
        output::print(&parity.text())?;
    }
    let agrees = parity.agrees && (parity.medians_agree || !args.latency);
    Ok(match (parity.is_valid(), agrees) {
        (false, _) => Outcome::Invalid,
        (true, true) => Outcome::Done,
        (true, false) => Outcome::Missed,
    })
}
