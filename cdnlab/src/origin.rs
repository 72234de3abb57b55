//! `cdnlab origin`: the origin behind a CDN, made up or passed through.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use ::origin::{Catalogue, Config, Pass, Source, StartError};
use clap::Args;

use crate::exit::{Failure, Outcome};
use crate::process::{self, Life, NodeArgs, Ready};
use crate::{input, values};

/// Run an origin: a synthetic site, or a counting pass-through to your own application.
///
/// A synthetic site is a catalogue of classes of objects: how many, how large, with which headers, how slow, how often
/// they change. Every byte of it can be verified. The admin listener has /health, /ready, /metrics, /log, /counts,
/// /faults (PUT and DELETE: fail on purpose), /publish (new versions) and /stop.
#[derive(Args, Debug)]
#[command(after_help = r#"Examples:
  A site made up from a catalogue:
    cdnlab origin --listen :3000 --admin :3001 --catalogue site.json
    curl -si http://127.0.0.1:3000/pages/1.html | head

  A site.json with one class of 100 pages of 12 KiB:
    {"classes": [{"name": "pages", "path": "/pages/{id}.html", "objects": 100, "size": {"fixed": 12288},
                  "headers": [["Cache-Control", "max-age=60"]], "changes_every_ms": 30000}]}

  Count what reaches an application of your own, and make it fail for a while:
    cdnlab origin --listen :3000 --admin :3001 --pass http://127.0.0.1:5000
    curl -X PUT http://127.0.0.1:3001/faults -H 'content-type: application/json' -d '{"status": 503}'
    curl -X DELETE http://127.0.0.1:3001/faults"#)]
pub(crate) struct OriginArgs {
    /// Where clients connect; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = values::address)]
    listen: SocketAddr,
    /// Where the administrator connects.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = values::address)]
    admin: SocketAddr,
    /// The site as JSON; `-` reads standard input.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "pass",
        conflicts_with = "pass"
    )]
    catalogue: Option<PathBuf>,
    /// Your own application: http://host:port.
    #[arg(long, value_name = "URL")]
    pass: Option<String>,
    /// The Host that your application sees; its own authority unless said otherwise.
    #[arg(long, value_name = "HOST", requires = "pass")]
    host: Option<String>,
    /// How many requests the log keeps for reading.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    log_capacity: usize,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: OriginArgs) -> Result<Outcome, Failure> {
    let source = source(&args)?;
    let config = Config {
        listen: args.listen,
        admin: args.admin,
        source,
        guard: args.node.guard()?,
        log_capacity: args.log_capacity,
    };
    process::runtime(None)?.block_on(async {
        let Some(mut life) = Life::begin(&args.node).await? else {
            return Ok(Outcome::Done);
        };
        let running = ::origin::start(config).await.map_err(|error| {
            let failure = Failure::of("the origin did not start", &error);
            match error {
                StartError::Listen { .. } => failure,
                _ => failure.into_usage(),
            }
        })?;
        let ready = Ready {
            ready: "origin",
            name: "origin",
            listen: Some(running.listen()),
            admin: running.admin(),
        };
        let grace = life.serve(ready, running.stop_requested()).await;
        life.drain(running.stop(grace)).await;
        Ok(Outcome::Done)
    })
}

fn source(args: &OriginArgs) -> Result<Source, Failure> {
    let Some(path) = &args.catalogue else {
        let url = args.pass.clone().unwrap_or_default();
        let host = args.host.clone();
        return Ok(Source::Pass(Pass { url, host }));
    };
    let mut catalogue = Catalogue::from_json(input::text(path)?.as_bytes())
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if catalogue.epoch_ms == 0 {
        // Versions are counted from the epoch; a file that names none means: from now.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        catalogue.epoch_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    }
    Ok(Source::Synthetic(catalogue))
}
