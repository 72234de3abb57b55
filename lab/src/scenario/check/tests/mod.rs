//! What is wrong with a scenario is found, placed and said so that it can be mended.

mod structure;

use std::path::Path;

use crate::scenario::ScenarioFile;

/// A scenario that is right; each test spoils one thing of it.
const RIGHT: &str = "\
schema: 1
name: right
duration: 20s
warmup: 4s
content:
  pages: {path: '/p/{id}', objects: 10, headers: {Cache-Control: max-age=5}}
  logo: {path: /logo.png}
pops:
  fra: {at: FRA, nodes: 2, upstream: shield}
  shield: {at: IAD, serves_clients: false}
clients:
  europe: {from: [FRA, LHR], rate: 10/s}
routing: {default: fra}
events:
  - {at: 5s, link: {between: [fra, shield], cut: both, for: 5s}}
windows: {cut: {from: 5s, to: 10s}}
variants:
  a: {}
  b: {seed: 2}
";

fn parse(text: &str) -> Result<ScenarioFile, String> {
    ScenarioFile::parse("s.yaml", text.to_owned(), Path::new("."), false)
        .map_err(|error| error.to_string())
}

/// Replaces `from` by `to` in the right scenario; the error has to hold every part of `expected`.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(RIGHT.contains(from), "{from:?} is not in the scenario");
    let text = RIGHT.replacen(from, to, 1);
    match parse(&text) {
        Ok(_) => panic!("nothing was wrong with {to:?}"),
        Err(error) => {
            for part in expected {
                assert!(
                    error.contains(part),
                    "{to:?} gave\n{error}\nwhich lacks {part:?}"
                );
            }
        }
    }
}

#[test]
fn the_right_one_is_right() {
    let file = parse(RIGHT).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(file.variants().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(file.variant("b").map(|scenario| scenario.seed), Some(2));
    assert_eq!(file.variant("a").map(|scenario| scenario.seed), Some(1));
}

#[test]
fn broken_files() {
    check("content:\n", "content: [\n", &["s.yaml:", "not YAML"]);
    check(
        "warmup: 4s\n",
        "duration: 4s\n",
        &["s.yaml:4:1: not YAML: duplicate mapping key: duration\n"],
    );
    check(
        "nodes: 2",
        "nodes: 70000",
        &["expected a whole number up to 65,535, found the number 70000"],
    );
    check(
        "objects: 10,",
        "objects: 4000000000,",
        &["content.pages.objects", "at most 50,000,000"],
    );
    check(
        "schema: 1\n",
        "schema: 2\n",
        &[
            "s.yaml:1:9: schema: ",
            "written in schema 2",
            "reads schema 1",
        ],
    );
    check(
        "schema: 1\n",
        "schema: one\n",
        &["s.yaml:1:9", "the schema of this language is 1"],
    );
    check("schema: 1\n", "", &["the key `schema` is missing"]);
    check("name: right\n", "", &["the key `name` is missing"]);
    check("seed: 2", "seed: 2, seed: 3", &["s.yaml:19:", "seed"]);
    for text in ["", "- 1\n", "just words\n"] {
        assert!(
            parse(text).is_err_and(|error| error.contains("a scenario is a map")),
            "{text:?}"
        );
    }
}

#[test]
fn unknown_keys_and_values() {
    check(
        "warmup: 4s",
        "warmpu: 4s",
        &[
            "s.yaml:4:1: warmpu: unknown key `warmpu`, did you mean `warmup`?",
            "^",
        ],
    );
    check(
        "nodes: 2",
        "node: 2",
        &["s.yaml:9:18: pops.fra.node: unknown key `node`, did you mean `nodes`?"],
    );
    check(
        "rate: 10/s",
        "rte: 10/s",
        &["clients.europe.rte", "did you mean `rate`?"],
    );
    check(
        "objects: 10",
        "objects: ten",
        &[
            "content.pages.objects",
            "expected a whole number, 0 or more, found `ten`",
        ],
    );
    check(
        "objects: 10",
        "objects: -1",
        &["content.pages.objects", "found the number -1"],
    );
    check(
        "default: fra",
        "mode: rooter",
        &["routing.mode: unknown value `rooter`, did you mean `router`?"],
    );
    check(
        "nodes: 2",
        "eviction: sive",
        &["pops.fra.eviction: unknown value `sive`, did you mean `sieve`?"],
    );
    check(
        "nodes: 2",
        "eviction: {own: '-'}",
        &["pops.fra.eviction.own: `-` is not a name"],
    );
    check(
        "nodes: 2",
        "admission: {second_hit: 0}",
        &["pops.fra.admission.second_hit", "a number of keys from 1"],
    );
    check(
        "nodes: 2",
        "admission: {probability: 1.5}",
        &["pops.fra.admission.probability: 1.5 is not a probability"],
    );
    check("cut: both", "cut: bth", &["did you mean `both`?"]);
    check(
        "name: right",
        "name: right\ndrivers: [run]",
        &["drivers", "says why"],
    );
    check(
        "name: right",
        "name: right\ndrivers: [run, simlate]",
        &["did you mean `simulate`?"],
    );
    check(
        "at: FRA",
        "at: fra",
        &["pops.fra.at", "`fra` is not a place"],
    );
    check(
        "at: FRA",
        "at: {lat: 1}",
        &["pops.fra.at", "all of `lat`, `lon` and `name`"],
    );
    check(
        "from: [FRA, LHR]",
        "from: {FRA: much}",
        &["clients.europe.from.FRA", "expected a number"],
    );
}

#[test]
fn quantities() {
    check(
        "duration: 20s",
        "duration: 20",
        &["s.yaml:3:11: duration: `20` lacks a unit", "`20s`"],
    );
    check("duration: 20s", "duration: 20sec", &["unknown unit `sec`"]);
    check(
        "duration: 20s",
        "duration: 0",
        &["duration: a run of no length"],
    );
    check("duration: 20s", "duration: 2000d", &["at most"]);
    check(
        "rate: 10/s",
        "rate: -10/s",
        &["s.yaml:12:", "clients.europe.rate", "negative"],
    );
    check(
        "rate: 10/s",
        "rate: -10",
        &["clients.europe.rate", "negative"],
    );
    check("rate: 10/s", "rate: 10", &["lacks a unit"]);
    check(
        "warmup: 4s",
        "warmup: 20s",
        &["s.yaml:4:9: warmup: ", "leaves nothing"],
    );
    check(
        "upstream: shield",
        "memory: 0B",
        &["no memory holds nothing"],
    );
}

#[test]
fn unknown_names() {
    check(
        "upstream: shield",
        "upstream: shild",
        &["s.yaml:9:", "unknown PoP `shild`, did you mean `shield`?"],
    );
    check(
        "default: fra",
        "default: fro",
        &["routing.default: unknown PoP `fro`, did you mean `fra`?"],
    );
    check(
        "default: fra",
        "default: shield",
        &["`shield` does not serve clients"],
    );
    check(
        "between: [fra, shield]",
        "between: [fra, shildd]",
        &["events.0.link.between.1", "did you mean `shield`?"],
    );
    check(
        "between: [fra, shield]",
        "between: [fra, fra]",
        &["a link from `fra` to itself"],
    );
    check(
        "link: {between: [fra, shield], cut: both, for: 5s}",
        "kill: fra-3",
        &["unknown node `fra-3`, did you mean"],
    );
    check(
        "link: {between: [fra, shield], cut: both, for: 5s}",
        "publish: page",
        &["did you mean `pages`?"],
    );
    check(
        "link: {between: [fra, shield], cut: both, for: 5s}",
        "purge: {url: /p/1, at: [lhr]}",
        &["events.0.purge.at", "unknown PoP or node `lhr`"],
    );
    check(
        "rate: 10/s",
        "rate: 10/s, content: [pags]",
        &["clients.europe.content.0", "did you mean `pages`?"],
    );
    check(
        "rate: 10/s",
        "rate: 10/s, access: fiber",
        &["unknown access network `fiber`, did you mean `fibre`?"],
    );
}

#[test]
fn traffic_that_cannot_be() {
    check(
        "objects: 10",
        "objects: 0",
        &["content.pages.objects: a class of zero objects"],
    );
    check("path: '/p/{id}'", "path: /p", &["10 objects need `{id}`"]);
    check(
        "path: '/p/{id}'",
        "path: 'p/{id}'",
        &["does not begin with `/`"],
    );
    check(
        "objects: 10",
        "objects: 10, share: -1",
        &["content.pages.share"],
    );
    check(
        "objects: 10",
        "objects: 10, size: {min: 2KiB, max: 1KiB}",
        &["min (2KiB) is above max (1KiB)"],
    );
    check(
        "objects: 10",
        "objects: 10, size: {min: 2KiB}",
        &["a size is one size, or"],
    );
    check(
        "objects: 10",
        "objects: 10, vary: {header: x, values: []}",
        &["at least one value"],
    );
    check("rate: 10/s", "zipf: 1", &["no traffic: one of `rate`"]);
    check(
        "rate: 10/s",
        "rate: 10/s, zipf: -1",
        &["clients.europe.zipf"],
    );
    check(
        "rate: 10/s",
        "rate: 10/s, stages: [{for: 5s, rate: 1/s}]",
        &["only one of"],
    );
    check(
        "rate: 10/s",
        "stages: [{for: 25s, rate: 1/s}]",
        &["the stages last 25s"],
    );
    check(
        "rate: 10/s",
        "burst: {at: 19s, count: 5, within: 2s}",
        &["the burst goes on after the run"],
    );
    check("from: [FRA, LHR]", "from: []", &["no place to come from"]);
    check("from: [FRA, LHR]", "from: {FRA: 0}", &["all weights are 0"]);
    check(
        "from: [FRA, LHR]",
        "from: {FRA: -1}",
        &["a weight is 0 or more"],
    );
    check(
        "rate: 10/s",
        "trace: {file: t.csv, mode: sequential}",
        &["neither warm-up nor events", "clients.europe.trace.mode"],
    );
}
