//! One node of cdnlab as a real process: started on port 0, known by its readiness line, killed when dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The path of the binary under test.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_cdnlab")
}

/// A running node.
pub(crate) struct Node {
    child: Child,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Node {
    /// Starts `cdnlab <arguments>` and waits for its readiness line.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Node {
        let mut child = Command::new(binary())
            .args(arguments)
            .arg("--exit-on-stdin-close")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a piped stdout"))
            .read_line(&mut line)
            .expect("a readable stdout");
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("{arguments:?}: no readiness line but {line:?}: {error}")
        });
        let address = |name: &str| {
            ready[name]
                .as_str()
                .map(|text| text.parse().expect("an address"))
        };
        let admin = address("admin").expect("each node has an admin listener");
        Node {
            child,
            listen: address("listen").unwrap_or(admin),
            admin,
        }
    }

    /// An edge on ports of its own in front of `upstream`.
    #[track_caller]
    pub(crate) fn edge(upstream: &str, more: &[&str]) -> Node {
        let mut arguments = vec![
            "edge",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--upstream",
            upstream,
        ];
        arguments.extend_from_slice(more);
        Node::start(&arguments)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes the node's stdin and waits for its end; true if it ended with success.
    pub(crate) fn close_stdin(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child
            .wait()
            .expect("a child that can be waited for")
            .success()
    }

    /// Waits for the node to end by itself; true if it ended with success.
    pub(crate) fn wait(mut self) -> bool {
        // `Child::wait` would close it, and that would tell the node to end.
        let _stdin = self.child.stdin.take();
        self.child
            .wait()
            .expect("a child that can be waited for")
            .success()
    }

    /// Resident memory in bytes, now and at its peak (Linux only; elsewhere `None`).
    pub(crate) fn resident(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A node that has ended already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
