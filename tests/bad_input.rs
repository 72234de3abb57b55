//! What a person gets who makes the obvious mistakes: an error that says what, where and what to do.

use std::process::{Command, Output, Stdio};

use crate::support::node::{Node, binary};
use crate::support::scenario::{Scenario, printed};
use crate::support::upstream::Upstream;

/// The smallest scenario that is right; tests break one thing in it.
const RIGHT: &str = "\
schema: 1
name: small
duration: 2s
content:
  pages: {path: '/pages/{id}.html', objects: 10, size: 1KiB, headers: {Cache-Control: max-age=60}}
pops:
  fra: {at: FRA}
clients:
  europe: {from: [FRA], rate: 20/s}
";

fn cdnlab(arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

/// Asserts the exit code and that the message contains all of `says`.
#[track_caller]
fn refuses(output: &Output, code: i32, says: &[&str]) {
    let text = printed(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(
            text.contains(part),
            "the message should say {part:?}:\n{text}"
        );
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[track_caller]
fn scenario_refused(change: (&str, &str), says: &[&str]) {
    assert!(
        RIGHT.contains(change.0),
        "{:?} is not in the scenario",
        change.0
    );
    let scenario = Scenario::new(&RIGHT.replacen(change.0, change.1, 1));
    for door in ["run", "simulate"] {
        refuses(&scenario.play(door, &[]), 2, says);
    }
}

#[test]
fn the_small_scenario_is_right() {
    let output = Scenario::new(RIGHT).play("simulate", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
}

#[test]
fn scenarios_with_mistakes() {
    scenario_refused(("pops:\n", "pops: [\n"), &["scenario.yaml"]);
    scenario_refused(
        ("duration: 2s", "duratoin: 2s"),
        &["scenario.yaml:3", "duratoin", "duration"],
    );
    scenario_refused(
        ("schema: 1", "schema: 99"),
        &["schema 99", "reads schema 1", "update"],
    );
    scenario_refused(("at: FRA", "at: FRO"), &["FRO"]);
    scenario_refused(("rate: 20/s", "rate: -20/s"), &["rate", "-20"]);
    scenario_refused(("from: [FRA]", "from: [ZZZ]"), &["ZZZ"]);
    scenario_refused(
        ("clients:", "expect: [no_such_metric > 0.5]\nclients:"),
        &["no_such_metric"],
    );
    scenario_refused(
        ("clients:", "expect: [request_hit_ration > 0.5]\nclients:"),
        &["request_hit_ration", "request_hit_ratio"],
    );
    scenario_refused(("at: FRA}", "at: FRA, upstream: nowhere}"), &["nowhere"]);
    scenario_refused(("duration: 2s", "duration: 2 fortnights"), &["fortnights"]);
    scenario_refused(("objects: 10", "objects: 0"), &["objects"]);
}

#[test]
fn files_that_are_not_there() {
    refuses(
        &cdnlab(&["run", "no-such-scenario"]),
        2,
        &["no-such-scenario"],
    );
    refuses(
        &cdnlab(&["simulate", "quickstrat"]),
        2,
        &["quickstrat", "quickstart"],
    );
    refuses(
        &cdnlab(&["geo", "lookup", "198.18.0.1", "--geo", "/no/such.mmdb"]),
        2,
        &["/no/such.mmdb"],
    );
}

#[test]
fn a_truncated_database_is_refused_at_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../geo-data/cdnlab.mmdb");
    let bytes = std::fs::read(whole).expect("the shipped database");
    let cut = folder.path().join("cut.mmdb");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("a writable folder");
    let cut = cut.to_str().expect("a path in UTF-8");
    refuses(
        &cdnlab(&["geo", "lookup", "198.18.0.1", "--geo", cut]),
        2,
        &["cut.mmdb"],
    );
    refuses(
        &Scenario::new(RIGHT).play("run", &["--geo", cut]),
        2,
        &["cut.mmdb"],
    );
}

#[test]
fn a_port_in_use_is_named() {
    let upstream = Upstream::always("HTTP/1.1 204 No Content\r\n\r\n");
    let edge = Node::edge(&upstream.url(), &[]);
    let taken = edge.listen.to_string();
    let second = cdnlab(&[
        "edge",
        "--listen",
        &taken,
        "--admin",
        "127.0.0.1:0",
        "--upstream",
        &upstream.url(),
    ]);
    refuses(&second, 1, &[&taken, "in use"]);
}

#[test]
fn command_lines_that_are_wrong() {
    refuses(
        &cdnlab(&["run", "quickstart", "--no-such-option"]),
        2,
        &["--no-such-option"],
    );
    refuses(
        &cdnlab(&[
            "edge",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            "ftp://example.test",
        ]),
        2,
        &["ftp"],
    );
    refuses(
        &cdnlab(&[
            "edge",
            "--upstream",
            "http://127.0.0.1:1",
            "--memory",
            "64Mib!",
        ]),
        2,
        &["64Mib!"],
    );
}

#[test]
fn an_origin_of_ones_own_that_is_down() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound")
        .port();
    let yaml = RIGHT.replace(
        "content:\n",
        &format!("origin: {{url: 'http://127.0.0.1:{port}', ready: /}}\ncontent:\n"),
    );
    refuses(
        &Scenario::new(&yaml).play("run", &[]),
        1,
        &[&port.to_string()],
    );
}

#[test]
fn an_origin_that_is_not_on_this_machine_needs_a_word() {
    let yaml = RIGHT.replace(
        "content:\n",
        "origin: {url: 'http://192.0.2.1:80'}\ncontent:\n",
    );
    refuses(
        &Scenario::new(&yaml).play("run", &[]),
        2,
        &["--allow-remote"],
    );
}
