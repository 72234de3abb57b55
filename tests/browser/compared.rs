//! `comparison.html` and `sweep.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::driver::Browser;
use crate::report;

/// More objects than the cache holds.
const SCENARIO: &str = "\
schema: 1
name: compared
duration: 30s
warmup: 5s
content:
  pages: {path: '/p/{id}', objects: 1500, size: 12KiB, headers: {Cache-Control: max-age=600}}
defaults: {memory: 3MiB, eviction: lru}
pops:
  fra: {at: FRA}
routing: {mode: nearest}
clients:
  europe: {from: [FRA], rate: 150/s, zipf: 0.9}
variants:
  old: {}
  new: {defaults: {eviction: s3fifo}}
  other: {defaults: {eviction: sieve}}
";

/// What `cdnlab` writes with these words into a folder of the test's own.
fn written(name: &str, page: &str, words: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("compared-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("scenario.yaml"), SCENARIO).expect("a scenario");
    let done = Command::new(env!("CARGO_BIN_EXE_cdnlab"))
        .args(words)
        .args(["--quiet", "--out", "out"])
        .current_dir(&folder)
        .output()
        .expect("cdnlab runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 99)), "{said}");
    let file: PathBuf = folder.join("out").join(page);
    format!("file://{}", file.canonicalize().expect("a page").display())
}

fn pages(test: &str) -> [(&'static str, String); 2] {
    let compare = [
        "compare",
        "scenario.yaml",
        "--seeds",
        "3",
        "--fail-if",
        "p99 > max(1.3x, +50ms)",
        "--fail-if",
        "request_hit_ratio > 1x",
    ];
    let sweep = [
        "simulate",
        "scenario.yaml",
        "--variant",
        "old",
        "--set",
        "memory=1MiB,4MiB,16MiB",
        "--set",
        "eviction=lru,sieve",
        "--seeds",
        "2",
    ];
    [
        (
            "comparison",
            written(&format!("{test}-c"), "comparison.html", &compare),
        ),
        ("sweep", written(&format!("{test}-s"), "sweep.html", &sweep)),
    ]
}

#[test]
fn comparisons_and_sweeps_fit_every_width_and_ask_for_nothing() {
    if !crate::present() {
        return;
    }
    for (name, url) in pages("widths") {
        let browser = Browser::start();
        for width in [390, 1440] {
            for dark in [false, true] {
                browser.look(width, dark);
                browser.open(&url);
                let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, 0, "{name} at {width} px scrolls sideways");
                let shade = if dark { "dark" } else { "light" };
                browser.picture(&format!("{name}-{width}-{shade}.png"));
            }
        }
        let strangers: Vec<_> = browser
            .requests()
            .into_iter()
            .filter(|asked| *asked != url && !asked.starts_with("data:"))
            .collect();
        assert_eq!(strangers, [""; 0], "{name} asks for nothing beyond itself");
        let lines =
            browser.run("return document.querySelectorAll('figure.chart path.line').length");
        assert!(lines.as_u64() >= Some(4), "{name}: {lines}");
        assert_eq!(browser.complaints(), [""; 0], "{name}");
    }
}

#[test]
fn findings_sort_and_charts_of_all_sides_are_read() {
    if !crate::present() {
        return;
    }
    let [(_, url), _] = pages("asked");
    let browser = Browser::start();
    browser.look(1440, false);
    browser.open(&url);
    let table = "const table = [...document.querySelectorAll('table.sortable')].find((one) => one.closest('.scroll').getAttribute('aria-label') === 'All others against the first'); \
                 const column = [...table.tHead.rows[0].cells].findIndex((one) => one.textContent.startsWith('finding'));";
    let words = browser.run(&format!("{table} table.tHead.rows[0].cells[column].querySelector('button').click(); return [...table.tBodies[0].rows].map((row) => row.cells[column].textContent)"));
    let words: Vec<&str> = words
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|word| word.as_str())
        .collect();
    assert!(words.len() > 20 && words[0] == "better", "{words:?}");
    assert_ne!(words.last(), Some(&"better"));
    // One reading has a value of every side.
    browser.run("document.querySelector('#time .plot').focus()");
    browser.press("\u{e014}\u{e014}");
    let told = browser.run("return document.querySelector('#time .readout').innerText");
    for side in ["old", "new", "other"] {
        assert!(
            told.as_str().is_some_and(|told| told.contains(side)),
            "{told}"
        );
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn no_serious_finding_of_axe_on_comparisons_and_sweeps() {
    if !crate::present() {
        return;
    }
    let Some(axe) = report::axe() else {
        return;
    };
    for (name, url) in pages("axe") {
        let browser = Browser::start();
        for (width, dark) in [(1440, false), (1440, true), (390, false)] {
            browser.look(width, dark);
            browser.open(&url);
            let serious = report::serious(&browser, &axe);
            assert!(
                serious.is_empty(),
                "{name} at {width} px, dark {dark}: {serious:#?}"
            );
        }
    }
}
