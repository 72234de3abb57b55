//! `cdnlab compare --drivers`: one scenario through both drivers, and how far their figures lie apart.

use lab::parity::Parity;
use lab::plan::Plan;
use lab::scenario::{Driver, PlanOptions};

use super::CompareArgs;
use crate::exit::{Failure, Outcome};
use crate::target::TargetArgs;
use crate::{geo, output, play};

pub(super) fn run(args: &CompareArgs, scenario: &str) -> Result<Outcome, Failure> {
    let target = TargetArgs {
        scenario: scenario.to_owned(),
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
