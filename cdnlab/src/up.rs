//! `cdnlab up`: the processes of a scenario, left running.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use lab::live::{Attach, Door, Front, Purpose, Stage};
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
  cdnlab up region-outage --front :8642    # then open http://localhost:8642, or:
  curl -i -H 'X-Cdnlab-From: NRT' localhost:8642/world/1.html")]
pub(crate) struct UpArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    attach: AttachArgs,
    /// Listen here: / is the live page, and every other path is asked for as a client of the CDN does, at the place that
    /// the request names in X-Cdnlab-From. Orders from beyond this machine need the token in CDNLAB_ADMIN_TOKEN.
    #[arg(long, value_name = "ADDRESS", value_parser = values::address)]
    front: Option<SocketAddr>,
    /// Where somebody else publishes the front's port, as container engines do. If that is loopback, whoever comes through
    /// counts as this machine, and needs no token. CDNLAB_PUBLISHED holds what is not said here.
    #[arg(long, value_name = "IP[:PORT]", requires = "front")]
    published: Option<Published>,
    /// A name that the front is asked for under, beside localhost and IP addresses. CDNLAB_FRONT_NAME holds what is not
    /// said here.
    #[arg(long, value_name = "NAME", requires = "front")]
    front_name: Option<String>,
    /// The variant to start; the first one unless said otherwise.
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// The seed of all that is random; the scenario's own unless said otherwise.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Where a port is published by somebody else.
#[derive(Clone, Copy, Debug)]
struct Published {
    ip: IpAddr,
    /// The same as the front's own unless said otherwise.
    port: Option<u16>,
}

impl FromStr for Published {
    type Err = &'static str;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = written.parse::<SocketAddr>() {
            let (ip, port) = (address.ip(), Some(address.port()));
            return Ok(Self { ip, port });
        }
        let ip = written
            .parse()
            .map_err(|_| "no IP address, with or without a port")?;
        Ok(Self { ip, port: None })
    }
}

/// Where somebody on this machine reaches the front.
fn reached_at(listening: SocketAddr, published: Option<Published>) -> String {
    let ip = published.map_or(listening.ip(), |published| published.ip);
    let port = published.and_then(|published| published.port);
    let port = port.unwrap_or(listening.port());
    if ip.is_unspecified() {
        format!("localhost:{port}")
    } else {
        SocketAddr::new(ip, port).to_string()
    }
}

/// What a variable of the environment says, if it says anything.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl UpArgs {
    fn published(&self) -> Result<Option<Published>, Failure> {
        match (self.published, set("CDNLAB_PUBLISHED")) {
            (Some(at), _) => Ok(Some(at)),
            (None, Some(written)) => written.parse().map(Some).map_err(|why| {
                Failure::usage(format!("CDNLAB_PUBLISHED is `{written}`, which is {why}"))
            }),
            (None, None) => Ok(None),
        }
    }

    /// Who may do what at the front.
    fn door(&self, published: Option<Published>) -> Door {
        let name = self.front_name.clone().or_else(|| set("CDNLAB_FRONT_NAME"));
        let token = set(process::TOKEN_VARIABLE);
        let published = published.map(|published| published.ip);
        Door::new(token.as_deref(), published, name.as_deref())
    }
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
    let published = args.published()?;
    let door = args.door(published);
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
                let at = reached_at(listening.local_addr().unwrap_or(address), published);
                output::print(&format!("Open http://{at}/\n"))?;
                let (plan, stage) = (Arc::new(plan), Arc::clone(&stage));
                let front = Front::serve(stage, plan, database, door, listening);
                LocalSet::new()
                    .run_until(async {
                        tokio::select! {
                            () = front => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_open() {
        let check = |listening: &str, published: Option<&str>, expected: &str| {
            let published = published.map(|written| written.parse().expect("an address"));
            assert_eq!(reached_at(listening.parse().unwrap(), published), expected);
        };
        check("127.0.0.1:8080", None, "127.0.0.1:8080");
        check("0.0.0.0:8080", None, "localhost:8080");
        check("0.0.0.0:8080", Some("127.0.0.1:8642"), "127.0.0.1:8642");
        check("0.0.0.0:8080", Some("0.0.0.0:8642"), "localhost:8642");
        check("0.0.0.0:8080", Some("10.0.0.1"), "10.0.0.1:8080");
        check("[::]:8080", Some("[::1]:8642"), "[::1]:8642");
        assert!("here".parse::<Published>().is_err());
    }
}
