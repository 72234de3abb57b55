//! Topologies, times and variants that cannot be.

use super::{RIGHT, check, parse};

#[test]
fn topologies_that_cannot_be() {
    check(
        "nodes: 2",
        "nodes: 0",
        &["pops.fra.nodes: a PoP has at least one node"],
    );
    check(
        "serves_clients: false",
        "upstream: fra",
        &["upstreams go in a circle: fra -> shield -> fra"],
    );
    check(
        "nodes: 2, upstream: shield",
        "serves_clients: false",
        &["no PoP serves clients"],
    );
    check(
        "  europe:",
        "  fra:",
        &["a PoP or node is called `fra` too"],
    );
    check("  shield:", "  origin:", &["has a meaning of its own"]);
    check(
        "  shield:",
        "  fra-1:",
        &["its node `fra-1` has the name of another PoP"],
    );
    check(
        "default: fra",
        "health: {fall: 0}",
        &["routing.health.fall: must be above 0"],
    );
    let own = |url: &str| format!("routing: {{}}\norigin: {{url: '{url}'}}");
    check(
        "routing: {default: fra}",
        &own("http://example.com"),
        &["origin.url", "--allow-remote"],
    );
    check(
        "routing: {default: fra}",
        &own("ftp://localhost"),
        &["not an http or https URL"],
    );
    check(
        "routing: {default: fra}",
        &own("nonsense"),
        &["is not a URL"],
    );
    for local in [
        "http://127.0.0.1:3000",
        "http://localhost:3000",
        "http://[::1]:3000",
    ] {
        let text = RIGHT.replacen("routing: {default: fra}", &own(local), 1);
        assert!(parse(&text).is_ok(), "{local}");
    }
}

#[test]
fn times_that_cannot_be() {
    check(
        "at: 5s, link",
        "at: 20s, link",
        &["s.yaml:15:", "events.0.at: 20s is after the run"],
    );
    check(
        "for: 5s",
        "for: 16s",
        &["events.0.link.for: it goes on after the run"],
    );
    check("for: 5s", "for: 0s", &["an event of no length"]);
    check(
        "cut: both, for: 5s",
        "for: 5s",
        &["`cut` or `rtt` is needed"],
    );
    check(
        "{at: 5s, link",
        "{at: 5s, kill: fra-1, link",
        &["exactly one of"],
    );
    check(
        "{from: 5s, to: 10s}",
        "{from: 5s, to: 21s}",
        &["windows.cut", "goes on after the run"],
    );
    check(
        "{from: 5s, to: 10s}",
        "{from: 5s, to: 5s}",
        &["ends (5s) before it begins"],
    );
    check(
        "windows: {cut",
        "windows: {measured",
        &["a window `measured` of its own"],
    );
    check(
        "link: {between: [fra, shield], cut: both, for: 5s}",
        "origin: {status: 200}",
        &["events.0.origin.status", "400 to 599"],
    );
    let ask = |ask: &str, expected: &[&str]| {
        check(
            "link: {between: [fra, shield], cut: both, for: 5s}",
            ask,
            expected,
        );
    };
    ask(
        "ask: {question: Who?, from: FRA, path: p, after: 1s}",
        &["events.0.ask.path", "begins with `/`"],
    );
    ask(
        "ask: {question: ' ', from: FRA, path: /p, after: 90s}",
        &["events.0.ask.question"],
    );
    ask(
        "ask: {question: Who?, from: FRA, path: /p, after: 1s, about: node}",
        &["events.0.ask.about", "outcome"],
    );
}

#[test]
fn variants_are_named_in_their_errors() {
    check(
        "b: {seed: 2}",
        "b: {sede: 2}",
        &["s.yaml:19:7: in variant `b`: sede: unknown key `sede`, did you mean `seed`?"],
    );
    check(
        "b: {seed: 2}",
        "b: {pops: {fra: {upstream: x}}}",
        &["in variant `b`: pops.fra.upstream: unknown PoP `x`"],
    );
    check(
        "b: {seed: 2}",
        "b: {pops: {shield: null}}",
        &["in variant `b`: pops.fra.upstream: unknown PoP `shield`"],
    );
    check(
        "b: {seed: 2}",
        "b: {name: other}",
        &["in variant `b`", "`name` belongs to the file"],
    );
    check(
        "b: {seed: 2}",
        "b: 5",
        &["in variant `b`", "a variant is a map"],
    );
    // What is wrong without any variant is said once, and is no variant's fault.
    let error = parse(&RIGHT.replacen("nodes: 2", "nodes: 0", 1)).expect_err("zero nodes");
    assert!(!error.contains("in variant"), "{error}");
    assert_eq!(error.matches("at least one node").count(), 1, "{error}");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let error = parse(&RIGHT.replacen("nodes: 2", "nodes: 0", 1).replacen(
        "default: fra",
        "default: xyz",
        1,
    ));
    let error = error.expect_err("two mistakes");
    assert!(
        error.contains("at least one node") && error.contains("unknown PoP `xyz`"),
        "{error}"
    );
}
