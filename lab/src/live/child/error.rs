//! Why a child process could not be started, told with its last words and with advice.

use std::path::PathBuf;
use std::time::Duration;

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
