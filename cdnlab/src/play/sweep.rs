//! Several values or seeds make `cdnlab simulate` a sweep: its files, its table, its conclusion.

use std::str::FromStr;
use std::time::{Instant, SystemTime};

use lab::report;
use lab::scenario::{Driver, ScenarioFile};
use lab::sweep::{Order, Sweep, SweepError};

use super::{PlayArgs, manifest, out_folder, refuse_other_driver, variants, write};
use crate::exit::{Failure, Outcome};
use crate::{geo, output, progress};

/// The seeds of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seeds {
    /// So many, counted up from the first.
    Count(u64),
    /// These.
    List(Vec<u64>),
}

/// As many seeds at most: a band over more is no narrower than what a model is worth.
const MOST_SEEDS: u64 = 10_000;

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write how many seeds, as in 5, or which, as in 1,2,3".to_owned();
        let numbers: Vec<u64> = text
            .split(',')
            .map(|part| part.trim().parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        match numbers.as_slice() {
            [0] => Err(wrong()),
            [count] if *count > MOST_SEEDS => {
                Err(format!("at most {MOST_SEEDS} seeds, not {count}"))
            }
            [count] => Ok(Self::Count(*count)),
            list => {
                let twice = list
                    .iter()
                    .enumerate()
                    .find(|(index, seed)| list[..*index].contains(seed));
                match twice {
                    Some((_, seed)) => Err(format!("seed {seed} stands there twice")),
                    None => Ok(Self::List(numbers)),
                }
            }
        }
    }
}

impl Seeds {
    /// The seeds themselves, the first of a count being this.
    pub(crate) fn list(&self, first: u64) -> Vec<u64> {
        match self {
            Self::Count(count) => (0..*count).map(|more| first.wrapping_add(more)).collect(),
            Self::List(list) => list.clone(),
        }
    }
}

/// Plays the sweep, writes `sweep.csv` and `sweep.json`, and shows it.
pub(super) fn run(
    args: &PlayArgs,
    seeds: Option<&Seeds>,
    threads: usize,
) -> Result<Outcome, Failure> {
    let begun = (Instant::now(), SystemTime::now());
    let database = geo::database(args.target.geo.as_deref())?;
    let file = args.target.load()?;
    refuse_other_driver(&file, Driver::Simulate)?;
    let order = order(args, &file, seeds, threads)?;
    let out = out_folder(args, &file, begun.1)?;
    let mut listener = progress::runs(args.quiet);
    let mut told = |done, of| listener(done, of);
    let sweep =
        lab::sweep::sweep(&file, &order, &database, &mut told).map_err(|error| match error {
            SweepError::Sim { .. } => {
                Failure::of("the sweep cannot be played", &error).into_usage()
            }
            wrong => Failure::usage(wrong),
        })?;
    let seed = order.seeds.first().copied().unwrap_or_default();
    let manifest = manifest(&file, report::Driver::Simulate, seed, &database, begun);
    let json = sweep
        .to_json(&manifest)
        .map_err(|error| Failure::of("cannot write the sweep as JSON", &error))?;
    let csv = sweep
        .csv()
        .map_err(|error| Failure::of("cannot write the sweep as CSV", &error))?;
    write(&out.join("sweep.json"), &json)?;
    write(&out.join("sweep.csv"), &csv)?;
    write(&out.join("sweep.html"), &page(&json)?)?;
    show(args, &sweep, &json)?;
    if !args.quiet {
        eprintln!(
            "sweep: {0}/sweep.html, {0}/sweep.csv, {0}/sweep.json",
            out.display()
        );
    }
    Ok(Outcome::Done)
}

/// The page follows from `sweep.json` alone, so that a saved one gives the same.
pub(crate) fn page(json: &str) -> Result<String, Failure> {
    let file =
        serde_json::from_str(json).map_err(|error| Failure::usage(format!("no sweep: {error}")))?;
    Ok(report::html::sweep_page(&file))
}

fn order(
    args: &PlayArgs,
    file: &ScenarioFile,
    seeds: Option<&Seeds>,
    threads: usize,
) -> Result<Order, Failure> {
    let variants = variants(file, &args.variant)?;
    let written = variants.first().and_then(|name| file.variant(name));
    let first = args
        .seed
        .or(written.map(|scenario| scenario.seed))
        .unwrap_or(1);
    Ok(Order {
        settings: args.change.set.clone(),
        variants,
        seeds: seeds.map_or_else(|| vec![first], |seeds| seeds.list(first)),
        scale: args.change.scale,
        threads,
    })
}

fn show(args: &PlayArgs, sweep: &Sweep, json: &str) -> Result<(), Failure> {
    if args.json {
        output::print(json)
    } else if args.quiet {
        output::print(&format!("{}\n", sweep.conclusion))
    } else {
        output::print(&sweep.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_count_or_a_list() {
        assert_eq!(
            "3".parse::<Seeds>().map(|seeds| seeds.list(7)),
            Ok(vec![7, 8, 9])
        );
        assert_eq!(
            "1, 5".parse::<Seeds>().map(|seeds| seeds.list(7)),
            Ok(vec![1, 5])
        );
        for wrong in ["0", "", "a", "1,1", "-1", "1.5"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
