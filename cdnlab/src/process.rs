//! The life of a node's process, the same for every kind of node: limits, logs, the readiness line, and the end.
//!
//! The nodes themselves know nothing of this: they start, they run, they drain when told.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use operator::{Down, Guard};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;

use crate::exit::Failure;
use crate::{input, values};

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line each.
    Text,
    /// One JSON object each.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what looks wrong.
    Warn,
    /// And what happens to the node itself.
    Info,
    /// And what happens to connections.
    Debug,
    /// Everything.
    Trace,
}

/// Options that every node has.
#[derive(Args, Debug)]
#[command(next_help_heading = "Process")]
pub(crate) struct NodeArgs {
    /// End when standard input is closed, so that the node does not outlive whoever started it. Not for containers: they have no standard input.
    #[arg(long)]
    pub(crate) exit_on_stdin_close: bool,
    /// How long requests in flight may go on after SIGTERM, SIGINT or `POST /stop`.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::duration)]
    pub(crate) grace: Duration,
    /// A file with the token that changes through the admin listener have to show: `Authorization: Bearer TOKEN`. The
    /// environment variable CDNLAB_ADMIN_TOKEN holds one as well. With a token there is `POST /abort?down_ms=N`.
    /// Without one any program that reaches the listener can change the node; web pages cannot.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// A folder that outlives the process: until when it has to stay down after `POST /abort?down_ms=N`.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// The environment variable that holds the admin token, for nodes and for the lab that drives them.
pub(crate) const TOKEN_VARIABLE: &str = "CDNLAB_ADMIN_TOKEN";

impl NodeArgs {
    /// Who may change the node through its admin listener.
    pub(crate) fn guard(&self) -> Result<Guard, Failure> {
        let token = match &self.admin_token_file {
            Some(path) => Some(input::text(path)?),
            None => std::env::var(TOKEN_VARIABLE).ok(),
        };
        let token = token.as_deref().map(str::trim);
        let guard = match token.filter(|token| !token.is_empty()) {
            Some(token) => Guard::token(token),
            None if self.admin_token_file.is_some() => {
                return Err(Failure::usage(
                    "the file of the admin token is empty".to_owned(),
                ));
            }
            None => Guard::default(),
        };
        Ok(match &self.state {
            Some(folder) => guard.with_state(folder),
            None => guard,
        })
    }
}

/// Sends log lines to stderr. Without a level: `default`.
pub(crate) fn log_to_stderr(format: LogFormat, level: Option<LogLevel>, default: LogLevel) {
    let level = match level.unwrap_or(default) {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(level);
    // Only fails where a subscriber is set already, and then lines go there.
    let _ = match format {
        LogFormat::Text => {
            let colour = io::IsTerminal::is_terminal(&io::stderr())
                && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colour).with_target(false).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}

/// Raises the limit of open files to the highest that is allowed: a node's connections are files.
pub(crate) fn raise_open_files() {
    let now = getrlimit(Resource::Nofile);
    // macOS names no bound as the hard limit and then refuses more than OPEN_MAX.
    for wanted in [now.maximum, Some(10_240)] {
        if now.current.is_none() || (wanted.is_some() && wanted <= now.current) {
            return;
        }
        let raised = Rlimit {
            current: wanted,
            maximum: now.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return;
        }
    }
    tracing::debug!(limit = ?now.current, "the limit of open files could not be raised");
}

/// The one line on stdout that says: from now on it listens.
#[derive(Serialize)]
pub(crate) struct Ready<'a> {
    /// The kind of node.
    pub(crate) ready: &'static str,
    /// Its name.
    pub(crate) name: &'a str,
    /// Where clients connect; a link process has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the administrator asks.
    pub(crate) admin: SocketAddr,
}

impl Ready<'_> {
    /// Prints the line.
    fn announce(&self) {
        match self.listen {
            Some(listen) => {
                tracing::info!(%listen, admin = %self.admin, "{} `{}` is ready", self.ready, self.name);
            }
            None => tracing::info!(admin = %self.admin, "{} `{}` is ready", self.ready, self.name),
        }
        let mut line = serde_json::to_string(self).expect("strings and addresses serialise");
        line.push('\n');
        let mut stdout = io::stdout().lock();
        // Whoever started the node may not listen; then nobody waits for the line either.
        let _ = stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush());
    }
}

/// The way from the readiness line to the end. It listens to signals from its beginning: one that comes right after
/// the readiness line must not kill the node where it would have drained.
pub(crate) struct Life<'a> {
    args: &'a NodeArgs,
    signals: Signals,
}

impl<'a> Life<'a> {
    /// Before the node is started.
    ///
    /// Where a former life was aborted for some time, this waits until that has passed; `None`: the process was told to
    /// end meanwhile.
    pub(crate) async fn begin(args: &'a NodeArgs) -> Result<Option<Self>, Failure> {
        raise_open_files();
        let mut signals = Signals::listen()?;
        if let Some(folder) = &args.state {
            if let Some(down) = Down::read(folder) {
                let left = down.left();
                tracing::warn!(
                    left_ms = left.as_millis(),
                    "staying down, as POST /abort asked"
                );
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    _ = signals.next() => return Ok(None),
                }
            }
            Down::clear(folder);
        }
        Ok(Some(Self { args, signals }))
    }

    /// Says that the node is ready, waits until the process is told to end, and says how long the drain may take.
    ///
    /// It is told by SIGTERM, SIGINT, by `stop_requested` (`POST /stop`), or by the end of its standard input.
    pub(crate) async fn serve(
        &mut self,
        ready: Ready<'_>,
        stop_requested: impl Future<Output = ()>,
    ) -> Duration {
        ready.announce();
        let args = self.args;
        if !ready.admin.ip().is_loopback() && !args.guard().is_ok_and(|guard| guard.asks()) {
            tracing::warn!(
                admin = %ready.admin,
                "whoever reaches the admin listener can change and stop this node: set {TOKEN_VARIABLE}"
            );
        }
        let (why, grace) = tokio::select! {
            name = self.signals.next() => (name, args.grace),
            () = stop_requested => ("POST /stop", args.grace),
            // Whoever started this node is gone, and nobody is left to wait for its answers.
            () = stdin_closed(), if args.exit_on_stdin_close => {
                ("standard input closed", args.grace.min(Duration::from_millis(200)))
            }
        };
        tracing::info!(grace_ms = grace.as_millis(), "draining: {why}");
        grace
    }

    /// Runs the node's drain; a second signal ends it at once.
    pub(crate) async fn drain(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => tracing::info!("stopped"),
            name = self.signals.next() => {
                tracing::warn!("{name} again: not waiting for requests in flight");
            }
        }
    }
}

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::of("cannot listen to signals", &error));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Completes when standard input ends. A thread of its own reads it: the runtime could not be shut down while one of
/// its own sits in a blocking read.
async fn stdin_closed() {
    let (closed, told) = oneshot::channel();
    let reader = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut buffer = [0; 256];
            loop {
                match io::stdin().lock().read(&mut buffer) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = closed.send(());
        });
    match reader {
        Ok(_) => {
            let _ = told.await;
        }
        // Without the thread there is nothing to wait for; the other ways to end remain.
        Err(error) => {
            tracing::warn!(%error, "cannot watch standard input");
            std::future::pending().await
        }
    }
}

/// A runtime with all of tokio's drivers; `threads` of them, or one per core.
pub(crate) fn runtime(threads: Option<usize>) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::of("cannot start the runtime", &error))
}
