//! `cdnlab link`: links between nodes, with the delay, rate, loss and cuts of a network.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use network::Config;
use network::control::NewLink;

use crate::exit::{Failure, Outcome};
use crate::process::{self, Life, NodeArgs, Ready};
use crate::{input, values};

/// Run links: TCP relays that behave like a network between two places.
///
/// A link listens on an address of its own and leads to a target. It delays what passes by its round-trip time, slows it
/// to its rate, begins connections with a handshake and slow start, and can be cut. Links are added and changed while
/// the process runs, through its admin listener: /links (POST, GET), /links/NAME (GET, PATCH, DELETE), /health,
/// /metrics, /stop.
#[derive(Args, Debug)]
#[command(after_help = r#"Examples:
  Put 80 ms between you and an application on port 3000:
    cdnlab link --admin :4001
    curl -s http://127.0.0.1:4001/links -H 'content-type: application/json' \
      -d '{"name": "far", "target": "127.0.0.1:3000", "listen": "127.0.0.1:4000", "model": {"rtt_ns": 80000000}}'

  Cut it without a word, then heal it:
    curl -X PATCH http://127.0.0.1:4001/links/far -H 'content-type: application/json' \
      -d '{"cut": {"direction": "both", "how": "blackhole"}}'
    curl -X PATCH http://127.0.0.1:4001/links/far -H 'content-type: application/json' -d '{"cut": null}'"#)]
pub(crate) struct LinkArgs {
    /// Where the administrator connects; port 0 lets the system choose. Goes before the file's.
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    admin: Option<SocketAddr>,
    /// Links to begin with, as JSON: {"links": [{"name": ..., "target": ..., "model": ...}]}.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A link to begin with, beside those of the file: where it listens and where it leads; may be repeated. Names that
    /// begin with `door.` or `admin.` say where a lab reaches a node: see docs/demo.md.
    #[arg(long, value_name = "NAME=ADDRESS,HOST:PORT", value_parser = values::link)]
    link: Vec<NewLink>,
    /// Its name in metrics; goes before the file's.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: &LinkArgs) -> Result<Outcome, Failure> {
    let mut config = match &args.config {
        Some(path) => input::json(path, "configuration of links")?,
        None => Config::default(),
    };
    config.admin = args.admin.unwrap_or(config.admin);
    config.links.extend(args.link.iter().cloned());
    if let Some(name) = &args.name {
        config.name.clone_from(name);
    }
    config.guard = args.node.guard()?;
    let name = config.name.clone();
    process::runtime(None)?.block_on(async {
        let Some(mut life) = Life::begin(&args.node).await? else {
            return Ok(Outcome::Done);
        };
        let running = network::start(config)
            .await
            .map_err(|error| Failure::of("the links did not start", &error))?;
        let ready = Ready {
            ready: "link",
            name: &name,
            listen: None,
            admin: running.admin(),
        };
        let grace = life.serve(ready, running.stop_requested()).await;
        life.drain(running.stop(grace)).await;
        Ok(Outcome::Done)
    })
}
