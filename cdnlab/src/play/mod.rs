//! `cdnlab run` and `cdnlab simulate`: a scenario through one of the two drivers, and its report.

mod args;
mod owner;
mod sweep;
mod when;

pub(crate) use args::{RunArgs, SimulateArgs};
pub(crate) use sweep::Seeds;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use geo_data::Database;
use lab::expect::{Bound, Expectation};
use lab::live::{self, Attach, LiveError, LiveOptions};
use lab::metrics::Measured;
use lab::plan::Plan;
use lab::report::terminal::{Style, render};
use lab::report::{self, Machine, Manifest, Report};
use lab::scenario::{Driver, PlanOptions, ScenarioFile, nearest};
use lab::sim::{self, Policies};
use sha2::{Digest, Sha256};

use self::args::PlayArgs;
use crate::exit::{Failure, Outcome};
use crate::process::{self, Signals};
use crate::target::TargetArgs;
use crate::{formats, geo, output, progress};

pub(crate) fn run(args: &RunArgs) -> Result<Outcome, Failure> {
    play(&args.play, Driver::Run, args.attach.read()?, None)
}

pub(crate) fn simulate(args: &SimulateArgs) -> Result<Outcome, Failure> {
    if args.play.change.is_sweep() || args.seeds.is_some() {
        if args.play.requests.is_some() {
            return Err(Failure::usage("a sweep keeps no single requests")
                .help("leave out --requests, or give one value and one seed"));
        }
        let cores = std::thread::available_parallelism().ok();
        let threads = args.threads.or(cores).map_or(1, NonZeroUsize::get);
        return sweep::run(&args.play, args.seeds.as_ref(), threads);
    }
    play(&args.play, Driver::Simulate, None, args.threads)
}

fn play(
    args: &PlayArgs,
    driver: Driver,
    attach: Option<Attach>,
    threads: Option<NonZeroUsize>,
) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let started = SystemTime::now();
    let database = geo::database(args.target.geo.as_deref())?;
    let file = args.change.apply(&args.target.load()?)?;
    refuse_other_driver(&file, driver)?;
    let names = variants(&file, &args.variant)?;
    let options = PlanOptions {
        seed: args.seed,
        geo: &database,
    };
    // All plans before the first is played: a mistake in the last one should not cost the time of the others.
    let plans = names
        .iter()
        .map(|name| {
            let mut plan = file.plan(name, &options).map_err(Failure::usage)?;
            plan.keep_requests = usize::try_from(args.requests.unwrap_or(0)).unwrap_or(usize::MAX);
            Ok(plan)
        })
        .collect::<Result<Vec<Plan>, Failure>>()?;
    // The same for a folder that cannot be written.
    let out = out_folder(args, &file, started)?;

    let measured = match driver {
        Driver::Run => played_live(&args.target, attach, &plans, args.quiet)?,
        Driver::Simulate => simulated(&plans, args.quiet, threads)?,
    };

    let driver = match driver {
        Driver::Run => report::Driver::Run,
        Driver::Simulate => report::Driver::Simulate,
    };
    let seed = plans.first().map_or(0, |plan| plan.seed);
    let manifest = manifest(&file, driver, seed, &database, (begun, started));
    let expectations: Vec<Expectation> = file
        .expect
        .iter()
        .filter(|one| is_about(one, &names))
        .cloned()
        .collect();
    let sides: Vec<(&str, &Measured)> = names.iter().map(String::as_str).zip(&measured).collect();
    let report = Report::new(manifest, &sides, &expectations);
    if args.requests.is_some() {
        write_requests(args, &sides, &out)?;
    }
    show(args, &report, &out)?;
    owner::hand_over(&out);
    Ok(match report.outcome {
        report::Outcome::Met => Outcome::Done,
        report::Outcome::Missed => Outcome::Missed,
        report::Outcome::Invalid => Outcome::Invalid,
    })
}

/// The folder for what is written, made if it is not there. One that we name ourselves is new: two runs that begin in
/// the same second do not write over each other.
fn out_folder(args: &PlayArgs, file: &ScenarioFile, now: SystemTime) -> Result<PathBuf, Failure> {
    let failed = |out: &Path, error: io::Error| {
        Failure::of(format!("cannot make the folder {}", out.display()), &error).into_usage()
    };
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(|error| failed(out, error))?;
        return Ok(out.clone());
    }
    let reports = Path::new("reports");
    fs::create_dir_all(reports).map_err(|error| failed(reports, error))?;
    let name = format!("{}-{}", file.name, when::compact(now));
    for turn in 1_u32.. {
        let out = match turn {
            1 => reports.join(&name),
            _ => reports.join(format!("{name}-{turn}")),
        };
        match fs::create_dir(&out) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                return made
                    .map(|()| out.clone())
                    .map_err(|error| failed(&out, error));
            }
        }
    }
    Err(Failure::usage(
        "no name is left for a folder below reports".to_owned(),
    ))
}

/// What was played, by what, on what, since `begun`.
pub(crate) fn manifest(
    file: &ScenarioFile,
    driver: report::Driver,
    seed: u64,
    database: &Database,
    begun: (Instant, SystemTime),
) -> Manifest {
    Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: file.name.clone(),
        about: Some(file.about.clone()).filter(|about| !about.is_empty()),
        scenario_sha256: sha256(&file.text),
        scenario_text: Some(file.text.clone()),
        driver,
        seed,
        geo_database: database.description(),
        geo_sha256: database.hash().to_owned(),
        command: std::env::args().collect(),
        machine: Machine::here(),
        started: when::rfc3339(begun.1),
        finished: when::rfc3339(SystemTime::now()),
        wall_seconds: begun.0.elapsed().as_secs_f64(),
    }
}

pub(crate) fn refuse_other_driver(file: &ScenarioFile, driver: Driver) -> Result<(), Failure> {
    let Some(because) = file.drivers.refusal(driver) else {
        return Ok(());
    };
    let (this, other) = match driver {
        Driver::Run => ("run", "simulate"),
        Driver::Simulate => ("simulate", "run"),
    };
    let what = format!("{} is not for `cdnlab {this}`: {because}", file.file);
    Err(Failure::usage(what).help(format!("`cdnlab {other}` plays it")))
}

/// The variants to play, in the order of the file.
pub(crate) fn variants(file: &ScenarioFile, wanted: &[String]) -> Result<Vec<String>, Failure> {
    for name in wanted {
        if !file.variants().any(|known| known == name) {
            let known: Vec<&str> = file.variants().collect();
            let failure = Failure::usage(format!(
                "{} has no variant `{name}`; it has {}",
                file.file,
                known.join(", ")
            ));
            return Err(match nearest(name, known.iter().copied()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
    }
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    Ok(file
        .variants()
        .filter(is_wanted)
        .map(str::to_owned)
        .collect())
}

/// Whether everything that an expectation names is among the variants that were played.
fn is_about(expectation: &Expectation, played: &[String]) -> bool {
    let right = match &expectation.right {
        Bound::Number(_) => None,
        Bound::Times(_, reading) => reading.variant.as_ref(),
    };
    [expectation.left.variant.as_ref(), right]
        .into_iter()
        .flatten()
        .all(|name| played.contains(&name.text))
}

/// Plays each plan with real processes.
pub(crate) fn played_live(
    target: &TargetArgs,
    attach: Option<Attach>,
    plans: &[Plan],
    quiet: bool,
) -> Result<Vec<Measured>, Failure> {
    process::raise_open_files();
    let options = live_options(target, attach)?;
    process::runtime(None)?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut measured = Vec::new();
        for plan in plans {
            let mut listener = progress::listener(&plan.variant, quiet);
            tokio::select! {
                played = live::run(plan, &options, listener.as_mut()) => {
                    measured.push(played.map_err(|error| live_failure(&error))?);
                }
                // Dropping the run takes its processes down.
                name = signals.next() => {
                    return Err(Failure::other(format!("ended by {name}; all processes have been taken down")));
                }
            }
        }
        Ok(measured)
    })
}

/// What a live run needs beside its plan: this binary plays the nodes.
pub(crate) fn live_options(
    target: &TargetArgs,
    attach: Option<Attach>,
) -> Result<LiveOptions, Failure> {
    let exe = std::env::current_exe().map_err(|error| {
        Failure::of(
            "cannot find this binary, which has to play the nodes",
            &error,
        )
    })?;
    Ok(LiveOptions {
        exe,
        geo: target.geo.clone(),
        allow_remote: target.allow_remote,
        attach,
    })
}

pub(crate) fn live_failure(error: &LiveError) -> Failure {
    let failure = Failure::of("the run failed", error);
    match error {
        LiveError::Remote(_) | LiveError::OnlySimulated(_) | LiveError::World(_) => {
            failure.into_usage()
        }
        _ => failure,
    }
}

/// Plays each plan in virtual time, on so many threads or all cores.
pub(crate) fn simulated(
    plans: &[Plan],
    quiet: bool,
    threads: Option<NonZeroUsize>,
) -> Result<Vec<Measured>, Failure> {
    let cores = std::thread::available_parallelism().ok();
    let threads = threads.or(cores).unwrap_or(NonZeroUsize::MIN);
    plans
        .iter()
        .map(|plan| {
            let mut listener = progress::listener(&plan.variant, quiet);
            sim::simulate_on(plan, &Policies::default(), threads, listener.as_mut())
                .map_err(|error| Failure::of("this cannot be simulated", &error).into_usage())
        })
        .collect()
}

fn show(args: &PlayArgs, report: &Report, out: &Path) -> Result<(), Failure> {
    let json = report
        .to_json()
        .map_err(|error| Failure::of("cannot write the report as JSON", &error))?;
    let path = out.join("report.json");
    write(&path, &json)?;
    formats::write_run(report, &path, formats::Format::Html)?;
    for format in &args.format {
        formats::write_run(report, &path, *format)?;
    }
    if args.json {
        output::print(&json)?;
    } else if args.quiet {
        output::print(&format!("{}\n", report.verdict))?;
    } else {
        let terminal = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        output::print(&render(report, Style { colour: terminal }))?;
    }
    if !args.quiet {
        eprintln!("report: {0}/report.html, {0}/report.json", out.display());
    }
    Ok(())
}

/// The single requests of all variants, one after the other.
fn write_requests(args: &PlayArgs, sides: &[(&str, &Measured)], out: &Path) -> Result<(), Failure> {
    let path = out.join("requests.ndjson");
    let failed = |error| Failure::of(format!("cannot write {}", path.display()), &error);
    let mut file = io::BufWriter::new(fs::File::create(&path).map_err(failed)?);
    let mut count = 0;
    for (variant, measured) in sides {
        count += report::write_requests(variant, measured, &mut file).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    if !args.quiet {
        eprintln!("requests: {} ({count})", path.display());
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text)
        .map_err(|error| Failure::of(format!("cannot write {}", path.display()), &error))
}

fn sha256(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_known_ones() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(""), empty);
    }
}
