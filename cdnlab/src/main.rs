//! `cdnlab`: the one binary. It reads the command line, gives each door to its module, and turns the result into an
//! exit code; what a node or the laboratory does is in their crates.

mod cli;
mod compare;
mod conformance;
mod edge;
mod exit;
mod explain;
mod formats;
mod geo;
mod health;
mod input;
mod link;
mod origin;
mod output;
mod play;
mod process;
mod progress;
mod report;
mod router;
mod scenarios;
mod target;
mod up;
mod values;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(outcome) => outcome.into(),
        Err(failure) => failure.report(),
    }
}
