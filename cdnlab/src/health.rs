//! `cdnlab health`: whether a node is well, as an exit code. Containers use it as their health check.

use std::time::Duration;

use clap::Args;

use crate::exit::{Failure, Outcome};
use crate::{process, values};

/// Ask a node whether it is well: exit code 0 if so, 1 if not.
///
/// Any 2xx answer means well. A URL without a path asks for /health, which each node's admin listener answers;
/// /ready tells whether it is ready for traffic.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab health http://127.0.0.1:4001
  cdnlab health http://127.0.0.1:4001/ready
  cdnlab health 127.0.0.1:4001 --timeout 500ms")]
pub(crate) struct HealthArgs {
    /// Where to ask; http:// may be left out.
    url: String,
    /// How long to wait for the answer.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = values::duration)]
    timeout: Duration,
}

pub(crate) fn run(args: &HealthArgs) -> Result<Outcome, Failure> {
    let written = if args.url.contains("://") {
        args.url.clone()
    } else {
        format!("http://{}", args.url)
    };
    let bad = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("`{}` cannot be asked: {why}", args.url))
            .help("write it as http://127.0.0.1:4001/health")
    };
    let mut url = reqwest::Url::parse(&written).map_err(|error| bad(&error))?;
    if url.scheme() != "http" {
        return Err(bad(&"only http is spoken here"));
    }
    if url.path() == "/" {
        url.set_path("/health");
    }
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(args.timeout)
        .build()
        .map_err(|error| Failure::of("cannot make a client", &error))?;
    // Within the runtime, since the timeout needs its clock from the beginning.
    let answer =
        process::runtime(Some(1))?.block_on(async { client.get(url.clone()).send().await });
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(Outcome::Done),
        Ok(answer) => {
            eprintln!("not well: {url} answered {}", answer.status());
            Ok(Outcome::No)
        }
        Err(error) => {
            eprintln!("not well: {}", crate::exit::chain(&error));
            Ok(Outcome::No)
        }
    }
}
