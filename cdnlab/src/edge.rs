//! `cdnlab edge`: one edge cache.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use edge::{ClientField, Config, Disk, Eviction};
use ipnet::IpNet;

use crate::exit::{Failure, Outcome};
use crate::process::{self, Life, NodeArgs, Ready};
use crate::{input, values};

/// Run one edge cache in front of an upstream.
///
/// The upstream is your application, or another edge (a shield). Once the edge listens it prints one line of JSON with
/// its addresses. The admin listener has /health, /ready, /metrics, /stats, /purge and /stop.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  Stand in front of an application on port 3000:
    cdnlab edge --listen 127.0.0.1:8080 --upstream http://127.0.0.1:3000
    curl -si http://127.0.0.1:8080/ | grep -i cache-status

  With a fixed admin port, 256 MiB and SIEVE; purge one URL:
    cdnlab edge --listen :8080 --admin :8081 --upstream http://127.0.0.1:3000 --memory 256MiB --eviction sieve
    curl -X POST 'http://127.0.0.1:8081/purge?url=http://127.0.0.1:8080/logo.png'

  With 10 GiB on disk, warm after a restart or a crash:
    cdnlab edge --listen :8080 --upstream http://127.0.0.1:3000 --disk /var/cache/cdnlab --disk-size 10GiB

  An edge behind a shield, known to clients by a name of its own:
    cdnlab edge --name fra-1 --listen :8080 --upstream http://127.0.0.1:9090 --alias fra-1.localhost=www.example.test")]
pub(crate) struct EdgeArgs {
    /// Its name in Cache-Status, Via and CDN-Loop.
    #[arg(long, default_value = "edge")]
    name: String,
    /// Where clients connect; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = values::address)]
    listen: SocketAddr,
    /// Where the administrator connects. Keep it on loopback: whoever reaches it can purge and stop.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = values::address)]
    admin: SocketAddr,
    /// Where responses come from: http://host:port or https://host.
    #[arg(long, value_name = "URL")]
    upstream: String,
    /// The Host that the upstream sees; its own authority unless said otherwise.
    #[arg(long, value_name = "HOST")]
    upstream_host: Option<String>,
    /// A PEM file with the authorities that an https upstream's certificate may come from, in place of the public roots.
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Memory for stored responses.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::size)]
    memory: u64,
    /// Stored responses at most, beside the bytes; for experiments that count in objects.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_objects: Option<u64>,
    /// A folder to keep stored responses in, beyond memory and restarts; it must be this edge's alone. None by default.
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// How much of the disk the folder may take.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", requires = "disk", value_parser = values::size)]
    disk_size: u64,
    /// Store bodies larger than this in slices of this size: a seek fetches only what it touches, and a body may be larger than the memory.
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    slice: Option<u64>,
    /// Which stored response goes first when memory is full: fifo, lru, lfu, s3fifo or sieve.
    #[arg(long, value_name = "POLICY", default_value = "s3fifo", value_parser = eviction)]
    eviction: Eviction,
    /// Data threads; 0 is one per core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// A peer or network whose word about the client's address is believed; may be repeated. Nobody by default.
    #[arg(long, value_name = "CIDR", value_parser = values::network)]
    trust: Vec<IpNet>,
    /// The field in which trusted peers name the client: x-forwarded-for or forwarded.
    #[arg(long, value_name = "FIELD", default_value = "x-forwarded-for", value_parser = client_field)]
    client_field: ClientField,
    /// A name of this edge and the site's host that it stands for in the cache key; may be repeated.
    #[arg(long, value_name = "NAME=HOST", value_parser = values::alias)]
    alias: Vec<(String, String)>,
    /// The cache's rules as JSON: key, collapsing, stale answers, default lifetimes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How long a connection to the upstream may take.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    connect_timeout: Duration,
    /// How long the upstream may take until its response begins.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    first_byte_timeout: Duration,
    /// How long either side may stay silent within a message, and a client between two.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    idle_timeout: Duration,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) fn run(args: EdgeArgs) -> Result<Outcome, Failure> {
    let mut config = Config::new(&args.name, &args.upstream);
    config.listen = args.listen;
    config.admin = args.admin;
    config.guard = args.node.guard()?;
    config.upstream_host = args.upstream_host;
    if let Some(path) = &args.upstream_ca {
        config.upstream_ca = Some(input::text(path)?);
    }
    config.memory = args.memory;
    config.max_objects = args.max_objects;
    config.disk = args.disk.map(|folder| Disk {
        folder,
        size: args.disk_size,
    });
    config.slice = args.slice;
    config.eviction = args.eviction;
    config.threads = args.threads;
    config.trust = args.trust;
    config.client_field = args.client_field;
    if let Some(path) = &args.config {
        config.policy = input::json(path, "cache policy")?;
    }
    config.aliases = args.alias.into_iter().collect();
    config.connect_timeout = args.connect_timeout;
    config.first_byte_timeout = args.first_byte_timeout;
    config.idle_timeout = args.idle_timeout;
    process::runtime(Some(1))?.block_on(async {
        let Some(mut life) = Life::begin(&args.node).await? else {
            return Ok(Outcome::Done);
        };
        let running = edge::start(config).await.map_err(|error| {
            let failure = Failure::of("the edge did not start", &error);
            match error {
                edge::StartError::Config(_) => failure.into_usage(),
                _ => failure,
            }
        })?;
        let ready = Ready {
            ready: "edge",
            name: &args.name,
            listen: Some(running.listen()),
            admin: running.admin(),
        };
        let grace = life.serve(ready, running.stop_requested()).await;
        life.drain(running.stop(grace)).await;
        Ok(Outcome::Done)
    })
}

fn eviction(text: &str) -> Result<Eviction, edge::ConfigError> {
    text.parse()
}

fn client_field(text: &str) -> Result<ClientField, edge::ConfigError> {
    text.parse()
}
