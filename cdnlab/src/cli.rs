//! The command line: which doors there are.

use clap::{Parser, Subcommand};

use crate::exit::{Failure, Outcome};
use crate::process::{self, LogFormat, LogLevel};
use crate::{
    compare, conformance, edge, explain, geo, health, link, origin, play, report, router,
    scenarios, up,
};

/// A CDN you can run, break and measure on one machine.
///
/// Scenario files script traffic and faults; real edge processes, or a simulation in virtual time, play them; reports
/// show hit ratios and latency.
#[derive(Parser, Debug)]
#[command(name = "cdnlab", version, max_term_width = 100)]
#[command(after_help = "\
Start here:
  cdnlab run quickstart          real processes on loopback, under a minute, then a report
  cdnlab simulate quickstart     the same in virtual time
  cdnlab scenarios list          what else there is to learn

Exit codes: 0 done, all expectations met; 99 an expectation missed; 2 the command line or the
scenario is wrong; 3 the run is invalid (the driver was late); 1 anything else.")]
pub(crate) struct Cli {
    /// How log lines on stderr look: text or json.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        value_enum,
        hide_possible_values = true,
        help_heading = "Logs"
    )]
    log: LogFormat,
    /// How much is logged: off, error, warn, info, debug or trace. Nodes log at info, all else at warn.
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        value_enum,
        hide_possible_values = true,
        help_heading = "Logs"
    )]
    log_level: Option<LogLevel>,
    #[command(subcommand)]
    door: Door,
}

#[derive(Subcommand, Debug)]
enum Door {
    Run(play::RunArgs),
    Simulate(play::SimulateArgs),
    Report(report::ReportArgs),
    Compare(compare::CompareArgs),
    Conformance(conformance::ConformanceArgs),
    Up(up::UpArgs),
    Scenarios(scenarios::ScenariosArgs),
    Explain(explain::ExplainArgs),
    Geo(geo::GeoArgs),
    Edge(Box<edge::EdgeArgs>),
    Origin(origin::OriginArgs),
    Router(router::RouterArgs),
    Link(link::LinkArgs),
    Health(health::HealthArgs),
}

impl Cli {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let default = match self.door {
            Door::Edge(_) | Door::Origin(_) | Door::Router(_) | Door::Link(_) => LogLevel::Info,
            _ => LogLevel::Warn,
        };
        process::log_to_stderr(self.log, self.log_level, default);
        match self.door {
            Door::Run(args) => play::run(&args),
            Door::Simulate(args) => play::simulate(&args),
            Door::Report(args) => report::run(&args),
            Door::Compare(args) => compare::run(&args),
            Door::Conformance(args) => conformance::run(&args),
            Door::Up(args) => up::run(&args),
            Door::Scenarios(args) => scenarios::run(&args),
            Door::Explain(args) => explain::run(&args),
            Door::Geo(args) => geo::run(&args),
            Door::Edge(args) => edge::run(*args),
            Door::Origin(args) => origin::run(args),
            Door::Router(args) => router::run(args),
            Door::Link(args) => link::run(&args),
            Door::Health(args) => health::run(&args),
        }
    }
}
