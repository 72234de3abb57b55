//! `cdnlab conformance`: the suite against our own edge, or against any HTTP cache.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::conformance::{Origin, Played, Report, Results, Suite, SuiteError, Target, play, transcript};
use clap::Args;
use lab::live::child::{Child, ChildSpec};
use serde_json::Value;

use crate::exit::{Failure, Outcome};
use crate::process;
use crate::{output, values};

/// The own edge's name, in the table and as an argument.
const EDGE: &str = "edge";
/// How long the own edge may take to start.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Hold an HTTP cache against the standards: RFC 9110, 9111, 5861, 9211, 9213 and 9875.
///
/// Each case sends a few requests through the cache and looks at both sides: what the client got, and what a scripted
/// origin was asked. Without an address our own edge is started and tested. Any other cache is yours to start, with the
/// origin's address as its upstream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab conformance                        our own edge
  cdnlab conformance --case freshness/ --verbose
  cdnlab conformance --origin-listen :8000 http://127.0.0.1:8080
  cdnlab conformance --origin-listen :8000 edge nginx=http://127.0.0.1:8081 varnish=http://127.0.0.1:8082

Exit codes: 0 each `must` case passed; 99 one failed; 2 the command line or the suite is wrong; 1
anything else.")]
pub(crate) struct ConformanceArgs {
    /// The caches to test: `edge` for our own, or [NAME=]http://HOST:PORT.
    #[arg(value_name = "CACHE", default_value = EDGE)]
    caches: Vec<String>,
    /// Where the scripted origin listens: the upstream of the caches under test.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = values::address)]
    origin_listen: SocketAddr,
    /// A folder of case files in place of the shipped ones.
    #[arg(long, value_name = "FOLDER")]
    suite: Option<PathBuf>,
    /// Only cases whose id begins so, with what they depend on; may be repeated.
    #[arg(long, value_name = "ID")]
    case: Vec<String>,
    /// The cases and where they stand, without playing them.
    #[arg(long)]
    list: bool,
    /// All that went over the wire, for each case that failed; with `--case`, for each case.
    #[arg(long)]
    verbose: bool,
    /// The results as JSON in place of the tables.
    #[arg(long)]
    json: bool,
    /// How many cases are played at once.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 64,
        hide_default_value = true
    )]
    at_once: usize,
}

pub(crate) fn run(args: &ConformanceArgs) -> Result<Outcome, Failure> {
    let suite = match &args.suite {
        Some(folder) => Suite::load(folder),
        None => Suite::shipped(),
    };
    let suite = suite
        .and_then(|suite| suite.select(&args.case))
        .map_err(wrong)?;
    if args.list {
        output::print(&listed(&suite))?;
        return Ok(Outcome::Done);
    }
    let foreign = args.caches.iter().any(|cache| cache != EDGE);
    if foreign && args.origin_listen.port() == 0 {
        return Err(Failure::usage("the caches under test must know the origin's address")
            .help("name it with `--origin-listen 127.0.0.1:8000` and start the caches with it as their upstream"));
    }
    process::raise_open_files();
    process::runtime(None)?.block_on(async {
        let origin = Origin::start(args.origin_listen).await.map_err(|error| {
            Failure::of(
                format!("the origin cannot listen on {}", args.origin_listen),
                &error,
            )
        })?;
        let mut caches = Vec::new();
        for cache in &args.caches {
            caches.push(if cache == EDGE {
                let played = play_edge(&suite, &origin, args.at_once).await?;
                Results {
                    name: EDGE.to_owned(),
                    played,
                }
            } else {
                let target = Target::find(cache).await.map_err(Failure::usage)?;
                let played = play(&suite, &target, &origin, args.at_once).await;
                Results {
                    name: target.name,
                    played,
                }
            });
        }
        show(&Report { caches }, args)
    })
}

fn wrong(error: SuiteError) -> Failure {
    Failure::of("the suite cannot be used", &error).into_usage()
}

fn listed(suite: &Suite) -> String {
    let line = |case: &::conformance::Case| {
        format!(
            "{:<44} {:<8} {:<22} {}\n",
            case.id,
            case.kind.as_str(),
            case.section,
            case.title
        )
    };
    suite.cases.iter().map(line).collect()
}

/// Plays the suite against our own edge: one process for each policy that cases ask for.
async fn play_edge(suite: &Suite, origin: &Origin, at_once: usize) -> Result<Vec<Played>, Failure> {
    let exe = std::env::current_exe().map_err(|error| {
        Failure::of("cannot find this binary, which has to be the edge", &error)
    })?;
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::of("cannot make a temporary folder", &error))?;
    let mut policies: Vec<&Value> = Vec::new();
    for case in &suite.cases {
        if !policies.contains(&&case.policy) {
            policies.push(&case.policy);
        }
    }
    let mut played: Vec<Played> = Vec::new();
    for (at, policy) in policies.into_iter().enumerate() {
        let mut args = vec!["--name".to_owned(), EDGE.to_owned()];
        args.extend([
            "--upstream".to_owned(),
            format!("http://{}", origin.address),
        ]);
        if !policy.is_null() {
            let file = folder.path().join(format!("policy-{at}.json"));
            std::fs::write(&file, policy.to_string())
                .map_err(|error| Failure::of("cannot write the edge's policy", &error))?;
            args.extend(["--config".to_owned(), file.display().to_string()]);
        }
        let spec = ChildSpec {
            exe: exe.clone(),
            role: "edge",
            name: EDGE.to_owned(),
            args,
            listens: true,
        };
        let mut edge = Child::start(spec, READY_LIMIT)
            .await
            .map_err(Failure::other)?;
        let address = edge
            .listen()
            .ok_or_else(|| Failure::other("the edge did not say where it listens"))?;
        let target = Target {
            name: EDGE.to_owned(),
            address,
            authority: address.to_string(),
        };
        let mut part = suite.clone();
        part.cases.retain(|case| case.policy == *policy);
        played.extend(play(&part, &target, origin, at_once).await);
        edge.stop(Duration::from_secs(2)).await;
    }
    let place = |played: &Played| {
        suite
            .cases
            .iter()
            .position(|case| case.id == played.case.id)
    };
    played.sort_by_key(place);
    Ok(played)
}

fn show(report: &Report, args: &ConformanceArgs) -> Result<Outcome, Failure> {
    if args.json {
        output::print_json(&report.json())?;
    } else {
        if args.verbose {
            for cache in &report.caches {
                let chosen = cache.played.iter().filter(|played| {
                    !args.case.is_empty()
                        || matches!(played.outcome, ::conformance::Outcome::Failed { .. })
                });
                for played in chosen {
                    output::print(&format!("{}: {}\n", cache.name, transcript(played)))?;
                }
            }
        } else {
            output::print(&report.misses())?;
        }
        output::print(&format!("\n{}", report.table()))?;
    }
    Ok(if report.musts_hold() {
        Outcome::Done
    } else {
        Outcome::Missed
    })
}
