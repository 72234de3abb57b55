//! One child process: started, waited for until it is ready, killed, started again, always taken down.
//!
//! It knows the readiness line, the pipes and the signals of a node. It knows nothing of what a node
//! does: no topology, no HTTP.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};
use tokio::sync::{Notify, watch};

/// How many of a child's last stderr lines an error message can show.
const KEPT_LINES: usize = 12;
/// A longer line is cut, so that a child cannot fill our memory through its stderr.
const LONGEST_LINE: usize = 400;

/// What to start and how to name it in messages. `listen` and `admin` are filled in by the first
/// start, so that a restart comes back on the same ports.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// The binary, normally the one that runs now.
    pub exe: PathBuf,
    /// The subcommand: `edge`, `origin`, `router` or `link`.
    pub role: &'static str,
    /// The node's name, as messages and reports show it.
    pub name: String,
    /// Arguments without `--listen`, `--admin` and `--exit-on-stdin-close`.
    pub args: Vec<String>,
    /// Whether the role has a data listener (`link` has none of its own).
    pub listens: bool,
}

/// The readiness line: the one line of JSON that a node prints on stdout once it listens.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// The role that became ready.
    pub ready: String,
    /// The data listener; absent for links.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// The admin listener.
    pub admin: SocketAddr,
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The operating system refused to start the process.
    #[error("{role} `{name}`: could not start {}: {source}", exe.display())]
    Spawn {
        /// The node's role.
        role: &'static str,
        /// The node's name.
        name: String,
        /// The binary that was to run.
        exe: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The process ended before it was ready.
    #[error("{role} `{name}` ended before it was ready ({status}){}", advice(.stderr))]
    Ended {
        /// The node's role.
        role: &'static str,
        /// The node's name.
        name: String,
        /// Exit code or signal.
        status: String,
        /// Its last lines on stderr.
        stderr: Vec<String>,
    },
    /// The process lives, but no readiness line came in time.
    #[error("{role} `{name}` was not ready within {limit:?}{}", advice(.stderr))]
    Slow {
        /// The node's role.
        role: &'static str,
        /// The node's name.
        name: String,
        /// How long the lab waited.
        limit: Duration,
        /// Its last lines on stderr.
        stderr: Vec<String>,
    },
    /// The first line on stdout is not a readiness line.
    #[error(
        "{role} `{name}` said {line:?} where its readiness line was expected; is the binary of another version?"
    )]
    NotReadiness {
        /// The node's role.
        role: &'static str,
        /// The node's name.
        name: String,
        /// What it said.
        line: String,
    },
}

/// The stderr lines as a tail of a message, with the advice that fits the commonest of them.
fn advice(stderr: &[String]) -> String {
    let mut text = String::new();
    if stderr.is_empty() {
        text.push_str("; it wrote nothing on stderr");
    } else {
        text.push_str("; its last lines on stderr:");
        for line in stderr {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    let all = stderr.join("\n").to_ascii_lowercase();
    let hint = if all.contains("address already in use") || all.contains("in use") {
        "\n  a port is taken: end what holds it, or leave the port to the lab"
    } else if all.contains("too many open files") {
        "\n  raise the limit of open files (ulimit -n) or use fewer nodes and places"
    } else if all.contains("unexpected argument") || all.contains("unrecognized subcommand") {
        "\n  the binary does not know this argument: is it of another version than the lab?"
    } else {
        ""
    };
    text.push_str(hint);
    text
}

/// The last lines of a stream, bounded.
#[derive(Debug, Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, mut line: String) {
        if line.len() > LONGEST_LINE {
            let cut = (0..=LONGEST_LINE)
                .rev()
                .find(|&at| line.is_char_boundary(at));
            line.truncate(cut.unwrap_or(0));
            line.push('…');
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    async fn follow(self, stream: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(stream).lines();
        loop {
            match lines.next_line().await {
                Ok(Some(line)) => self.push(line),
                Ok(None) => return,
                // Bytes that are no UTF-8 are not worth an error: say so and read on.
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.push("(a line that is not UTF-8)".to_owned());
                }
                Err(_) => return,
            }
        }
    }
}

/// A running child process. Dropping it kills it: whatever ends the lab ends its children.
#[derive(Debug)]
pub struct Child {
    spec: ChildSpec,
    ready: Ready,
    stderr: Tail,
    /// Closing it asks the child to stop; the kernel does so even when the lab is killed by -9.
    stdin: Option<ChildStdin>,
    kill: Arc<Notify>,
    ended: watch::Receiver<Option<String>>,
    pid: Option<u32>,
    /// Owns the process, with kill-on-drop: aborting the task kills the child.
    watcher: tokio::task::JoinHandle<()>,
}

impl Drop for Child {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Child {
    /// Starts the child on ports of the system's choice and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be spawned, ends early, stays silent for `limit`, or says something else first.
    pub async fn start(spec: ChildSpec, limit: Duration) -> Result<Self, ChildError> {
        let any = "127.0.0.1:0".to_owned();
        let listen = spec.listens.then(|| any.clone());
        Self::launch(spec, listen, any, limit).await
    }

    /// Starts the child again, on the ports that it had. It must have ended (see [`Child::kill`]).
    ///
    /// # Errors
    /// As [`Child::start`]; the child stays down then.
    pub async fn restart(&mut self, limit: Duration) -> Result<(), ChildError> {
        self.kill().await;
        let listen = self.ready.listen.map(|address| address.to_string());
        let admin = self.ready.admin.to_string();
        *self = Self::launch(self.spec.clone(), listen, admin, limit).await?;
        Ok(())
    }

    async fn launch(
        spec: ChildSpec,
        listen: Option<String>,
        admin: String,
        limit: Duration,
    ) -> Result<Self, ChildError> {
        let mut command = Command::new(&spec.exe);
        command.arg(spec.role).args(&spec.args);
        if let Some(listen) = listen {
            command.args(["--listen", &listen]);
        }
        command.args(["--admin", &admin, "--exit-on-stdin-close"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true);
        // A token that is meant for a world would shut the lab out of its own nodes.
        command.env_remove("CDNLAB_ADMIN_TOKEN");
        // A group of its own: Ctrl-C on the terminal reaches the lab alone, which takes the nodes
        // down in order and can still ask them for their last counts.
        command.process_group(0);
        let mut process = command.spawn().map_err(|source| ChildError::Spawn {
            role: spec.role,
            name: spec.name.clone(),
            exe: spec.exe.clone(),
            source,
        })?;

        let stderr = Tail::default();
        let reader = process
            .stderr
            .take()
            .map(|stream| tokio::spawn(stderr.clone().follow(stream)));
        let stdin = process.stdin.take();
        let line = first_line(&mut process);
        let ready = match tokio::time::timeout(limit, line).await {
            Ok(Some(line)) => {
                serde_json::from_str::<Ready>(&line).map_err(|_| ChildError::NotReadiness {
                    role: spec.role,
                    name: spec.name.clone(),
                    line,
                })?
            }
            Ok(None) => {
                // stdout is closed: the process has ended or is about to.
                let status = tokio::time::timeout(Duration::from_secs(2), process.wait()).await;
                if let Some(reader) = reader {
                    let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
                }
                return Err(ChildError::Ended {
                    role: spec.role,
                    name: spec.name.clone(),
                    status: match status {
                        Ok(Ok(status)) => describe(status),
                        _ => "it closed its stdout".to_owned(),
                    },
                    stderr: stderr.lines(),
                });
            }
            Err(_) => {
                return Err(ChildError::Slow {
                    role: spec.role,
                    name: spec.name.clone(),
                    limit,
                    stderr: stderr.lines(),
                });
            }
        };

        let pid = process.id();
        let kill = Arc::new(Notify::new());
        let (tell, ended) = watch::channel(None);
        let watcher = tokio::spawn(watch_over(process, Arc::clone(&kill), tell));
        Ok(Self {
            spec,
            ready,
            stderr,
            stdin,
            kill,
            ended,
            pid,
            watcher,
        })
    }

    /// Kills the child as `kill -9` does and waits until it is gone. Does nothing when it is down.
    pub async fn kill(&mut self) {
        self.kill.notify_one();
        // The only error is a watcher that has gone, and then the process has too.
        let _ = self.ended.wait_for(Option::is_some).await;
    }

    /// Asks the child to stop by closing its stdin; kills it after `grace`.
    pub async fn stop(&mut self, grace: Duration) {
        drop(self.stdin.take());
        let waited = tokio::time::timeout(grace, self.ended.wait_for(Option::is_some));
        let stopped = waited.await.is_ok();
        if !stopped {
            self.kill().await;
        }
    }

    /// How the child ended, if it has: an exit code or a signal in words.
    pub fn ended(&self) -> Option<String> {
        self.ended.borrow().clone()
    }

    /// Resolves when the child has ended, whether asked to or not.
    pub fn ending(&self) -> watch::Receiver<Option<String>> {
        self.ended.clone()
    }

    /// The node's data listener, where it has one.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.ready.listen
    }

    /// The node's admin listener.
    pub fn admin(&self) -> SocketAddr {
        self.ready.admin
    }

    /// The name that the plan gave.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The process id of the latest start.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Resident memory of the process in bytes; 0 where the system does not tell (only Linux does so
    /// by a file).
    pub fn resident_bytes(&self) -> u64 {
        let Some(pid) = self.pid else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    }

    /// The last lines on stderr, oldest first.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// The binary and arguments, for a restart under other arguments.
    pub fn spec_mut(&mut self) -> &mut ChildSpec {
        &mut self.spec
    }
}

/// The first line on stdout, or `None` at its end. The rest is read and dropped, so that a node
/// which prints more never blocks on a full pipe.
async fn first_line(process: &mut Process) -> Option<String> {
    let mut lines = BufReader::new(process.stdout.take()?).lines();
    let first = lines.next_line().await.ok().flatten()?;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some(first)
}

async fn watch_over(mut process: Process, kill: Arc<Notify>, tell: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = process.wait() => status,
        () = kill.notified() => {
            // It may have ended in this very moment; then there is nothing to kill.
            let _ = process.start_kill();
            process.wait().await
        }
    };
    let words = match status {
        Ok(status) => describe(status),
        Err(error) => format!("its end could not be observed: {error}"),
    };
    let _ = tell.send(Some(words));
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "it is gone".to_owned(),
    }
}

#[cfg(test)]
#[path = "child_tests.rs"]
mod tests;
