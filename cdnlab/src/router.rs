//! `cdnlab router`: the node that routes clients to edges.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::exit::{Failure, Outcome};
use crate::process::{self, Life, NodeArgs, Ready};
use crate::{geo, input, values};

/// Run the router: it sends clients to the nearest healthy edge.
///
/// `GET /route?client=IP` answers with JSON: place, ranking, choice and why. Any other request is redirected (307) to
/// the chosen edge's name, with its path and query. The router checks the edges' health itself; the admin listener has
/// /health, /ready, /metrics, /stats (with each change of health and its time) and /stop.
#[derive(Args, Debug)]
#[command(after_help = r#"Examples:
  cdnlab router --listen :8000 --admin :8001 --config router.json
  curl -s 'http://127.0.0.1:8000/route?client=198.18.0.1'

  A router.json for two edges:
    {"name": "router", "default_pop": "iad", "ttl_ms": 30000,
     "health": {"interval_ms": 1000, "timeout_ms": 500, "rise": 2, "fall": 3},
     "pops": [
       {"name": "fra", "lat": 50.03, "lon": 8.56,
        "nodes": [{"name": "fra-1", "url": "http://127.0.0.1:4000", "host": "fra-1.localhost"}]},
       {"name": "iad", "lat": 38.94, "lon": -77.46,
        "nodes": [{"name": "iad-1", "url": "http://127.0.0.1:4010", "host": "iad-1.localhost"}]}]}"#)]
pub(crate) struct RouterArgs {
    /// The PoPs, their nodes, and how to watch them, as JSON.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where clients ask; port 0 lets the system choose. Goes before the file's.
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    listen: Option<SocketAddr>,
    /// Where the administrator asks. Goes before the file's.
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    admin: Option<SocketAddr>,
    /// A MaxMind City or Country database instead of the built-in one. Goes before the file's.
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: RouterArgs) -> Result<Outcome, Failure> {
    let mut config: ::router::Config = input::json(&args.config, "router configuration")?;
    config.listen = args.listen.unwrap_or(config.listen);
    config.admin = args.admin.unwrap_or(config.admin);
    config.geo = args.geo.or(config.geo);
    config.guard = args.node.guard()?;
    let name = config.name.clone();
    process::runtime(Some(2))?.block_on(async {
        let Some(mut life) = Life::begin(&args.node).await? else {
            return Ok(Outcome::Done);
        };
        let running = ::router::start(config).await.map_err(|error| {
            let failure = Failure::of("the router did not start", &error);
            match error {
                ::router::StartError::Config(_) => failure.into_usage(),
                ::router::StartError::Geo(_) => failure.into_usage().help(geo::USABLE),
                _ => failure,
            }
        })?;
        let ready = Ready {
            ready: "router",
            name: &name,
            listen: Some(running.listen()),
            admin: running.admin(),
        };
        let grace = life.serve(ready, running.stop_requested()).await;
        life.drain(running.stop(grace)).await;
        Ok(Outcome::Done)
    })
}
