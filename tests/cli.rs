//! The binary as its users meet it: exit codes, error messages, and the life of a node's process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn cdnlab(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdnlab"));
    command.args(args);
    command
}

fn output(args: &[&str], stdin: &str) -> Output {
    let mut child = cdnlab(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut input = child.stdin.take().expect("a pipe");
    // A process that refuses its arguments does not read; the pipe may be closed by then.
    let _ = input.write_all(stdin.as_bytes());
    drop(input);
    child.wait_with_output().expect("the binary ends")
}

/// The process ends with `code`, and its standard error contains each of `parts`.
#[track_caller]
fn refuses(args: &[&str], code: i32, parts: &[&str]) {
    let output = output(args, "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{stderr}");
    for part in parts {
        assert!(
            stderr.contains(part),
            "{args:?}: `{part}` is not in\n{stderr}"
        );
    }
}

const EDGE: [&str; 3] = ["edge", "--upstream", "http://127.0.0.1:1"];

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_wrong() {
    refuses(&[], 2, &["Usage: cdnlab"]);
    refuses(&["egde"], 2, &["unrecognized subcommand 'egde'", "edge"]);
    refuses(&["edge"], 2, &["--upstream <URL>"]);
    let check = |option: &str, value: &str, part: &str| {
        let args = [EDGE.as_slice(), &[option, value]].concat();
        refuses(&args, 2, &[option, part]);
    };
    check("--memory", "64", "lacks a unit");
    check("--idle-timeout", "soon", "`20s`");
    check("--listen", "8080", "127.0.0.1:8080");
    check("--trust", "everybody", "10.0.0.0/8");
    check("--eviction", "random", "sieve");
    check("--alias", "a", "NAME=HOST");
    refuses(&["origin"], 2, &["--catalogue", "required"]);
    refuses(
        &["origin", "--catalogue", "a", "--pass", "http://b"],
        2,
        &["cannot be used with"],
    );
    refuses(&["geo", "lookup", "nowhere"], 2, &["nowhere"]);
    refuses(&["health"], 2, &["<URL>"]);
    refuses(
        &["health", "https://127.0.0.1:1"],
        2,
        &["only http", "help:"],
    );
}

#[test]
fn a_bad_url_is_named() {
    let check = |url: &str, part: &str| {
        let args = ["edge", "--listen", "127.0.0.1:0", "--upstream", url];
        refuses(&args, 2, &[url, part]);
    };
    check("127.0.0.1:3000", "no scheme");
    check("example.test", "http://");
    check("http://x/path", "no path");
}

/// A folder with files of this text, and their paths.
fn files<const N: usize>(texts: [(&str, &str); N]) -> (tempfile::TempDir, [String; N]) {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = texts.map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    });
    (folder, paths)
}

const ONE_EDGE: &str = r#"{"name": "r1", "pops": [
    {"name": "fra", "lat": 50, "lon": 8, "nodes": [{"name": "a", "url": "http://127.0.0.1:1"}]}]}"#;

#[test]
fn missing_and_broken_files_are_named() {
    let (_folder, [broken, empty]) = files([
        ("broken.json", "{\"name\": \"r\",\n \"popz\": []}"),
        ("empty.json", r#"{"name": "r", "pops": []}"#),
    ]);
    let missing = format!("{empty}.missing");
    refuses(
        &["router", "--config", &missing],
        2,
        &[&missing, "No such file", "help:"],
    );
    refuses(
        &["router", "--config", &broken],
        2,
        &[&broken, "popz", "line 2"],
    );
    refuses(&["link", "--config", &broken], 2, &[&broken, "popz"]);
    refuses(&["router", "--config", &empty], 2, &["at least one PoP"]);
    refuses(&["origin", "--catalogue", &broken], 2, &[&broken]);
}

#[test]
fn a_broken_database_is_refused_with_what_to_do() {
    let (_folder, [router, broken]) = files([("router.json", ONE_EDGE), ("empty.mmdb", "")]);
    let args = ["router", "--config", &router, "--geo", &broken];
    refuses(&args, 2, &[&broken, "help:"]);
    let args = ["geo", "lookup", "--geo", &broken, "198.18.0.1"];
    refuses(&args, 2, &[&broken, "help:"]);
}

#[test]
fn a_database_can_be_built_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("built.mmdb");
    let path = path.to_string_lossy();
    let built = output(&["geo", "build", "--out", &path], "");
    assert!(built.status.success(), "{built:?}");
    let found = output(&["geo", "lookup", "--geo", &path, "198.18.0.1"], "");
    assert!(found.status.success(), "{found:?}");
    assert_eq!(
        std::fs::read(&*path).expect("a database"),
        std::fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../geo-data/cdnlab.mmdb"
        ))
        .expect("the shipped database"),
        "the same table gives the same file"
    );
}

#[test]
fn addresses_are_looked_up() {
    let found = output(&["geo", "lookup", "198.18.0.1", "--json"], "");
    assert!(found.status.success());
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(found[0]["address"], "198.18.0.1");
    assert!(
        found[0]["place"].is_string() && found[0]["latitude"].is_number(),
        "{found}"
    );
    let unknown = output(&["geo", "lookup", "127.0.0.1"], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("not in this database"));
}

#[test]
fn explain_reads_heads_from_standard_input() {
    let output = output(
        &["explain"],
        "HTTP/1.1 200 OK\nCache-Control: max-age=60\n\n",
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text.contains("lifetime    60 s") && text.contains("at once     hit"),
        "{text}"
    );
    refuses(&["explain"], 2, &["response head is empty"]);
}

#[test]
fn each_door_teaches_with_examples() {
    for door in ["edge", "origin", "router", "link", "health", "explain"] {
        let output = output(&[door, "--help"], "");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Example"), "{door}: {text}");
        assert!(
            text.lines()
                .any(|line| line.starts_with("  ") && line.contains(&format!("cdnlab {door}"))),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 120),
            "{door}: {text}"
        );
    }
}

/// A node that has said that it is ready. Killed if a test leaves it.
struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    ready: Value,
}

impl Node {
    fn start(args: &[&str]) -> Self {
        let mut child = cdnlab(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        child.stdout = Some(stdout.into_inner());
        let ready = serde_json::from_str(&line).expect("the readiness line");
        Self {
            child,
            stdin,
            ready,
        }
    }

    fn admin(&self) -> String {
        self.ready["admin"].as_str().expect("an address").to_owned()
    }

    /// Waits for the end: the exit code, and what came on standard output after the readiness line.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        let mut rest = String::new();
        let mut stdout = self.child.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut rest).expect("text");
        (code, rest)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, signal).expect("a signal");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LINK: &[&str] = &["link", "--admin", "127.0.0.1:0"];

#[test]
fn a_node_says_once_where_it_listens() {
    let node = Node::start(LINK);
    assert_eq!(node.ready["ready"], "link");
    assert!(
        node.ready.get("listen").is_none(),
        "a link process has no listener of its own"
    );
    assert!(!node.admin().ends_with(":0"));
    node.signal(Signal::TERM);
    assert_eq!(node.end(), (Some(0), String::new()));
}

#[test]
fn sigint_ends_a_node_too() {
    let node = Node::start(LINK);
    node.signal(Signal::INT);
    assert_eq!(node.end().0, Some(0));
}

#[test]
fn a_node_ends_with_its_standard_input_if_told_to() {
    let mut node = Node::start(&["link", "--admin", "127.0.0.1:0", "--exit-on-stdin-close"]);
    drop(node.stdin.take());
    assert_eq!(node.end().0, Some(0));
}

#[test]
fn without_being_told_to_it_lives_on() {
    let mut node = Node::start(LINK);
    drop(node.stdin.take());
    // It answers after its standard input is gone.
    assert_eq!(
        output(&["health", &node.admin()], "").status.code(),
        Some(0)
    );
    node.signal(Signal::TERM);
    assert_eq!(node.end().0, Some(0));
}

#[test]
fn health_is_an_exit_code() {
    let node = Node::start(LINK);
    let admin = node.admin();
    let ready = output(&["health", &format!("http://{admin}/ready")], "");
    assert_eq!(ready.status.code(), Some(0));
    refuses(
        &["health", &format!("http://{admin}/nothing")],
        1,
        &["not well", "404"],
    );
    node.signal(Signal::TERM);
    node.end();
    refuses(&["health", &admin], 1, &["not well", "refused"]);
}

#[test]
fn a_router_stops_on_request() {
    let (_folder, [path]) = files([("router.json", ONE_EDGE)]);
    let node = Node::start(&["router", "--config", &path]);
    assert_eq!(
        (&node.ready["ready"], &node.ready["name"]),
        (&Value::from("router"), &Value::from("r1"))
    );
    assert!(node.ready["listen"].is_string());
    let mut admin = TcpStream::connect(node.admin()).expect("a connection");
    admin
        .write_all(
            b"POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        )
        .expect("a request");
    let mut answer = String::new();
    admin.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(node.end().0, Some(0));
}
