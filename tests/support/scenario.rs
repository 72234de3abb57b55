//! Scenario files written by a test, and `cdnlab` run on them.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::node::binary;

/// A folder of the test's own with a scenario file in it.
pub(crate) struct Scenario {
    folder: tempfile::TempDir,
}

impl Scenario {
    pub(crate) fn new(yaml: &str) -> Scenario {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("scenario.yaml"), yaml).expect("a writable folder");
        Scenario { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("scenario.yaml")
    }

    /// Where `run` and `simulate` below put their report.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("report")
    }

    /// The command `cdnlab <door> scenario.yaml --out … <more>`, not started yet.
    pub(crate) fn command(&self, door: &str, more: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg(door)
            .arg(self.path())
            .arg("--out")
            .arg(self.out())
            .args(more)
            .stdin(Stdio::null());
        command
    }

    /// Plays it to the end.
    pub(crate) fn play(&self, door: &str, more: &[&str]) -> Output {
        self.command(door, more)
            .output()
            .expect("the binary starts")
    }

    /// The report that the last play wrote.
    #[track_caller]
    pub(crate) fn report(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.out().join("report.json")).expect("a report");
        serde_json::from_str(&text).expect("a report in JSON")
    }
}

/// Everything a command printed, for a failed assertion.
pub(crate) fn printed(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
