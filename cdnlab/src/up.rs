//! `cdnlab up`: the processes of a scenario, left running.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use lab::live::{Attach, Front, Purpose, Stage};
use lab::scenario::PlanOptions;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::exit::{Failure, Outcome};
use crate::process::{self, Signals};
use crate::target::{AttachArgs, TargetArgs};
use crate::{geo, output, play, progress, values};

/// Start the processes of a scenario and leave them running until Ctrl-C, without traffic.
///
/// Prints where everything listens: send requests of your own, read the admin listeners, cut a link.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cdnlab up quickstart
  cdnlab up mine.yaml --variant ap
  cdnlab up region-outage --front :8642    # then: curl -i -H 'X-Cdnlab-From: NRT' localhost:8642/world/1.html")]
pub(crate) struct UpArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    attach: AttachArgs,
    /// Listen here and ask the CDN as its clients do: for the paths of the site, as a client at the place that the request
    /// names in X-Cdnlab-From; / says more.
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    front: Option<SocketAddr>,
    /// The variant to start; the first one unless said otherwise.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// The seed of all that is random; the scenario's own unless said otherwise.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(crate) fn run(args: &UpArgs) -> Result<Outcome, Failure> {
    process::raise_open_files();
    let database = geo::database(args.target.geo.as_deref())?;
    let file = args.target.load()?;
    let options = PlanOptions {
        seed: args.seed,
        geo: &database,
    };
    let first = file.variants().next().unwrap_or_default();
    let variant = args.variant.as_deref().unwrap_or(first);
    let plan = file.plan(variant, &options).map_err(Failure::usage)?;
    let attach = args.attach.read()?.map(|attach| Attach {
        purpose: Purpose::Visit,
        ..attach
    });
    let options = play::live_options(&args.target, attach)?;
    process::runtime(None)?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut listener = progress::listener(&plan.variant, false);
        let stage = tokio::select! {
            started = Stage::start(&plan, &options, listener.as_mut()) => {
                started.map_err(|error| play::live_failure(&error))?
            }
            name = signals.next() => {
                return Err(Failure::other(format!("ended by {name}; all processes have been taken down")));
            }
        };
        drop(listener);
        output::print(&table(&stage.addresses().await))?;
        let stage = Arc::new(stage);
        match args.front {
            None => drop(signals.next().await),
            Some(address) => {
                let listening = TcpListener::bind(address).await.map_err(|error| {
                    Failure::of(format!("cannot listen on {address}"), &error)
                })?;
                let at = listening.local_addr().unwrap_or(address);
                output::print(&format!("Open http://{at}/\n"))?;
                let front = Rc::new(Front::new(Arc::clone(&stage), Arc::new(plan), database));
                LocalSet::new()
                    .run_until(async {
                        tokio::select! {
                            () = front.serve(listening) => {}
                            _ = signals.next() => {}
                        }
                    })
                    .await;
            }
        }
        // Nobody else holds it now; were it otherwise, dropping it would take the processes down too.
        if let Ok(stage) = Arc::try_unwrap(stage) {
            stage.stop().await;
        }
        Ok(Outcome::Done)
    })
}

/// One line for each process.
fn table(addresses: &[(String, Option<SocketAddr>, SocketAddr)]) -> String {
    let width = addresses
        .iter()
        .map(|(name, ..)| name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, listen, admin) in addresses {
        let listen = listen.map_or_else(|| "-".to_owned(), |listen| format!("http://{listen}"));
        text.push_str(&format!(
            "{name:<width$}  {listen:<22}  admin http://{admin}\n"
        ));
    }
    text.push_str("Ctrl-C ends this, and takes down what it has started.\n");
    text
}
