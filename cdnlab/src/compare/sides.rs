//! The sides of a comparison: saved runs, and scenarios that are simulated.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use geo_data::Database;
use lab::plan::Plan;
use lab::report::compare::Played;
use lab::report::{self, Manifest, Report, VariantReport};
use lab::scenario::{Choice, Driver, PlanOptions, ScenarioFile, Setting};

use super::CompareArgs;
use crate::exit::Failure;
use crate::{geo, play};

/// What a side is before it is played.
enum Source {
    /// A report that was saved.
    Saved(Box<Report>),
    /// A scenario to be simulated.
    Scenario(Box<ScenarioFile>),
}

/// One side before it is played.
struct Side<'a> {
    written: &'a str,
    source: &'a Source,
    variant: String,
}

/// The first side and the others, each with its runs.
pub(super) fn played(args: &CompareArgs) -> Result<(Played, Vec<Played>), Failure> {
    let sources = args
        .sides
        .iter()
        .map(|written| Ok((written.as_str(), source(args, written)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let is_scenario = |source: &Source| matches!(source, Source::Scenario(_));
    if args.seeds.is_none() && !sources.iter().any(|(_, source)| is_scenario(source)) {
        let unused = [
            (args.seed.is_some(), "--seed"),
            (!args.change.set.is_empty(), "--set"),
            (args.change.scale.is_some(), "--scale"),
        ];
        if let Some((_, option)) = unused.into_iter().find(|(given, _)| *given) {
            let what = format!("{option} changes nothing here: every side is a saved run");
            return Err(Failure::usage(what).help("with --seeds they are played anew"));
        }
    }
    let sides = paired(args, &sources)?;
    let database = geo::database(args.geo.as_deref())?;
    // All plans before the first is played: a mistake in the last one should not cost the time of the others.
    let first = args.seed.unwrap_or_else(|| seed_of(&sides[0]));
    let seeds = args.seeds.as_ref().map(|seeds| seeds.list(first));
    let jobs = sides
        .iter()
        .map(|side| Job::of(args, side, seeds.as_deref(), &database))
        .collect::<Result<Vec<_>, _>>()?;
    let names = names(&sides, &jobs);
    let mut played = Vec::new();
    for ((side, job), name) in sides.iter().zip(jobs).zip(names) {
        played.push(Played {
            name,
            source: match args.sides.len() {
                1 => format!("{}, variant {}", side.written, side.variant),
                _ => side.written.to_owned(),
            },
            manifest: job.manifest,
            runs: match job.work {
                Work::Done(run) => vec![*run],
                Work::Plans(plans) => simulated(args, &side.variant, &plans)?,
            },
        });
    }
    let mut played = played.into_iter();
    match played.next() {
        Some(first) => Ok((first, played.collect())),
        None => Err(Failure::usage("nothing to compare")),
    }
}

/// What a command line names: a folder of a run, a report, or a scenario.
fn source(args: &CompareArgs, written: &str) -> Result<Source, Failure> {
    let path = Path::new(written);
    if path.is_dir() {
        let report = path.join("report.json");
        if !report.is_file() {
            let what = format!("{written} is a folder without report.json");
            return Err(Failure::usage(what).help(
                "name the folder that cdnlab run or simulate wrote, its report.json, or a scenario",
            ));
        }
        return Ok(Source::Saved(Box::new(crate::report::load(&report)?)));
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
        && is_report(path)
    {
        return Ok(Source::Saved(Box::new(crate::report::load(path)?)));
    }
    let file = ScenarioFile::open(written, args.allow_remote).map_err(Failure::usage)?;
    play::refuse_other_driver(&file, Driver::Simulate)?;
    Ok(Source::Scenario(Box::new(args.change.apply(&file)?)))
}

/// Whether a JSON file wants to be a report and not a scenario, which may be JSON, too. What cannot be read is told as a report.
fn is_report(path: &Path) -> bool {
    let Ok(text) = std::fs::read(path) else {
        return true;
    };
    let value: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    value.is_none_or(|value| value.get("content").is_none() && value.get("clients").is_none())
}

impl Source {
    fn variants(&self) -> Vec<String> {
        match self {
            Self::Saved(report) => report.variants.iter().map(|v| v.name.clone()).collect(),
            Self::Scenario(file) => file.variants().map(str::to_owned).collect(),
        }
    }

    fn has(&self, written: &str, variant: &str) -> Result<(), Failure> {
        let known = self.variants();
        if known.iter().any(|name| name == variant) {
            return Ok(());
        }
        let what = format!(
            "{written} has no variant `{}`; it has {}",
            variant.escape_debug(),
            listed(&known)
        );
        let near = lab::scenario::nearest(variant, known.iter().map(String::as_str));
        Err(match near {
            Some(near) => Failure::usage(what).help(format!("did you mean `{near}`?")),
            None => Failure::usage(what),
        })
    }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| name.escape_debug().to_string())
        .collect();
    names.join(", ")
}

/// Which variant of which source is a side.
fn paired<'a>(
    args: &CompareArgs,
    sources: &'a [(&'a str, Source)],
) -> Result<Vec<Side<'a>>, Failure> {
    let side = |(written, source): &'a (&'a str, Source), variant: &str| {
        source.has(written, variant)?;
        Ok(Side {
            written,
            source,
            variant: variant.to_owned(),
        })
    };
    if let [only] = sources {
        let wanted = match args.variant.is_empty() {
            true => only.1.variants(),
            false => args.variant.clone(),
        };
        if wanted.len() < 2 {
            let what = format!("{} is compared with nothing", only.0);
            return Err(Failure::usage(what)
                .help("name another run, or several variants of this one with --variant"));
        }
        return wanted.iter().map(|variant| side(only, variant)).collect();
    }
    let variants = match args.variant.len() {
        0 => sources
            .iter()
            .map(|(written, source)| match source.variants().as_slice() {
                [only] => Ok(only.clone()),
                several => {
                    let what = format!("{written} has several variants: {}", listed(several));
                    Err(Failure::usage(what).help("choose one with --variant"))
                }
            })
            .collect::<Result<Vec<_>, _>>()?,
        1 => vec![args.variant[0].clone(); sources.len()],
        all if all == sources.len() => args.variant.clone(),
        all => {
            let what = format!("{all} variants for {} sides", sources.len());
            return Err(Failure::usage(what)
                .help("name one variant for all sides, or one for each of them"));
        }
    };
    sources
        .iter()
        .zip(&variants)
        .map(|(source, variant)| side(source, variant))
        .collect()
}

/// Names that tell the sides apart: what differs first of variant, scenario and folder.
fn names(sides: &[Side<'_>], jobs: &[Job]) -> Vec<String> {
    let of_path = |side: &Side<'_>| {
        let path = Path::new(side.written);
        let path = match path.file_name() {
            Some(name) if name == "report.json" => path.parent().unwrap_or(path),
            _ => path,
        };
        path.file_stem().map_or_else(
            || side.written.to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let kinds: [Vec<String>; 3] = [
        sides.iter().map(|side| side.variant.clone()).collect(),
        jobs.iter()
            .map(|job| job.manifest.scenario.clone())
            .collect(),
        sides.iter().map(of_path).collect(),
    ];
    let differ = |names: &Vec<String>| {
        let unlike = |(index, name)| !names[..index].contains(name);
        names.iter().enumerate().all(unlike)
    };
    kinds.into_iter().find(differ).unwrap_or_else(|| {
        let letters = ('A'..='Z').map(String::from);
        let numbers = (27..).map(|number: usize| number.to_string());
        letters.chain(numbers).take(sides.len()).collect()
    })
}

/// What is to be done for a side.
struct Job {
    manifest: Manifest,
    work: Work,
}

enum Work {
    /// Nothing: it was played.
    Done(Box<(u64, VariantReport)>),
    /// One run per plan.
    Plans(Vec<Plan>),
}

impl Job {
    fn of(
        args: &CompareArgs,
        side: &Side<'_>,
        seeds: Option<&[u64]>,
        geo: &Database,
    ) -> Result<Self, Failure> {
        let file = match (side.source, seeds) {
            (Source::Saved(report), None) => {
                let run = report.variants.iter().find(|v| v.name == side.variant);
                let run = run.ok_or_else(|| Failure::usage("no such variant"))?;
                return Ok(Self {
                    manifest: report.manifest.clone(),
                    work: Work::Done(Box::new((report.manifest.seed, run.clone()))),
                });
            }
            (Source::Saved(report), Some(_)) => anew(args, side.written, report)?,
            (Source::Scenario(file), _) => (**file).clone(),
        };
        let own = [args.seed];
        let seeds: Vec<Option<u64>> = match seeds {
            Some(seeds) => seeds.iter().copied().map(Some).collect(),
            None => own.to_vec(),
        };
        let plans = seeds
            .into_iter()
            .map(|seed| {
                let options = PlanOptions { seed, geo };
                file.plan(&side.variant, &options).map_err(Failure::usage)
            })
            .collect::<Result<Vec<Plan>, _>>()?;
        let seed = plans.first().map_or(0, |plan| plan.seed);
        let begun = (Instant::now(), SystemTime::now());
        Ok(Self {
            manifest: play::manifest(&file, report::Driver::Simulate, seed, geo, begun),
            work: Work::Plans(plans),
        })
    }
}

/// The scenario of a saved report, with what its command line changed of it.
fn anew(args: &CompareArgs, written: &str, report: &Report) -> Result<ScenarioFile, Failure> {
    let Some(text) = report.manifest.scenario_text.clone() else {
        let what = format!("{written} does not hold its scenario, so it cannot be played anew");
        return Err(Failure::usage(what).help("name the scenario file in place of the report"));
    };
    let name = format!("the scenario in {written}");
    let folder = scenario_folder(&report.manifest.command);
    let file =
        ScenarioFile::parse(&name, text, &folder, args.allow_remote).map_err(Failure::usage)?;
    play::refuse_other_driver(&file, Driver::Simulate)?;
    let (settings, scale) = changes(&report.manifest.command);
    let choices: Vec<Choice> = settings.iter().filter_map(|one| one.choice(0)).collect();
    let file = file.changed(&choices, scale).map_err(Failure::usage)?;
    args.change.apply(&file)
}

/// The folder of the scenario file that a command line names, where traces are looked for.
fn scenario_folder(command: &[String]) -> PathBuf {
    let files = command.iter().skip(1).map(Path::new);
    let scenario = files.filter(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json")) && path.is_file()
    });
    let folder = scenario.filter_map(Path::parent).next();
    folder.map(Path::to_owned).unwrap_or_default()
}

/// What `--set` and `--scale` of a command line said.
fn changes(command: &[String]) -> (Vec<Setting>, Option<f64>) {
    let mut settings = Vec::new();
    let mut scale = None;
    for (index, word) in command.iter().enumerate() {
        let value = |option: &str| match word.strip_prefix(option)? {
            "" => command.get(index + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        };
        if let Some(Ok(setting)) = value("--set").map(str::parse) {
            settings.push(setting);
        }
        if let Some(Ok(factor)) = value("--scale").map(str::parse) {
            scale = Some(factor);
        }
    }
    (settings, scale)
}

/// The first seed of a side.
fn seed_of(side: &Side<'_>) -> u64 {
    match side.source {
        Source::Saved(report) => report.manifest.seed,
        Source::Scenario(file) => file
            .variant(&side.variant)
            .map_or(1, |written| written.seed),
    }
}

/// One run per plan.
fn simulated(
    args: &CompareArgs,
    variant: &str,
    plans: &[Plan],
) -> Result<Vec<(u64, VariantReport)>, Failure> {
    let measured = play::simulated(plans, args.quiet, None)?;
    let runs = plans.iter().zip(&measured);
    Ok(runs
        .map(|(plan, measured)| (plan.seed, VariantReport::of(variant, measured)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_changed_is_changed_again() {
        let command =
            "cdnlab simulate x.yaml --set eviction=lru --scale=0.5 --set=memory=1MiB --quiet";
        let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let (settings, scale) = changes(&command);
        let told: Vec<String> = settings
            .iter()
            .filter_map(|one| one.choice(0))
            .map(|choice| choice.to_string())
            .collect();
        assert_eq!(scale, Some(0.5));
        assert_eq!(told.len(), 2);
        assert!(
            told[0].ends_with("eviction=lru") && told[1].ends_with("memory=1MiB"),
            "{told:?}"
        );
        assert_eq!(changes(&["--set".to_owned()]).0.len(), 0);
    }
}
