//! `report.html`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::driver::Browser;

/// Simulates a shipped scenario and gives the address of its page.
fn page(scenario: &str) -> (PathBuf, String) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("page-{scenario}-{}", std::process::id()));
    let done = Command::new(env!("CARGO_BIN_EXE_cdnlab"))
        .args(["simulate", scenario, "--quiet", "--out"])
        .arg(&out)
        .output()
        .expect("cdnlab runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let file = out.join("report.html");
    let url = format!("file://{}", file.canonicalize().expect("a page").display());
    (file, url)
}

/// Opens the page and waits for nothing: it is whole when it is there.
fn opened(scenario: &str) -> Browser {
    let (file, url) = page(scenario);
    assert!(
        fs::metadata(&file).expect("a page").len() < 1_000_000,
        "a usual page is below 1 MB"
    );
    let browser = Browser::start();
    browser.look(1440, false);
    browser.open(&url);
    let strangers: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|asked| *asked != url && !asked.starts_with("data:"))
        .collect();
    assert_eq!(
        strangers, [""; 0],
        "the page asks for nothing beyond itself"
    );
    browser
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_page_fits_every_width_in_light_and_dark() {
    if !crate::present() {
        return;
    }
    for scenario in ["quickstart", "cap"] {
        let browser = opened(scenario);
        for width in [390, 1440] {
            for dark in [false, true] {
                browser.look(width, dark);
                let shade = if dark { "dark" } else { "light" };
                let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert_eq!(over, 0, "{scenario} at {width} px scrolls sideways");
                browser.picture(&format!("{scenario}-{width}-{shade}.png"));
            }
        }
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn tables_sort_by_pointer_and_by_keyboard() {
    if !crate::present() {
        return;
    }
    let browser = opened("quickstart");
    let rows =
        "return [...table.tBodies[0].rows].map((row) => Number(row.cells[column].dataset.sort))";
    let find = "const table = [...document.querySelectorAll('table.sortable')].find((one) => one.closest('.scroll').getAttribute('aria-label') === 'By path class'); \
                const column = [...table.tHead.rows[0].cells].findIndex((one) => one.textContent === 'requests'); \
                const button = table.tHead.rows[0].cells[column].querySelector('button');";
    let sorted = |script: &str| -> Vec<f64> {
        browser
            .run(script)
            .as_array()
            .expect("rows")
            .iter()
            .map(number)
            .collect()
    };
    let down = sorted(&format!("{find} button.click(); {rows}"));
    assert!(
        down.len() > 3 && down.is_sorted_by(|a, b| a >= b),
        "{down:?}"
    );
    let said = browser.run(&format!(
        "{find} return table.tHead.rows[0].cells[column].getAttribute('aria-sort')"
    ));
    assert_eq!(said, "descending");
    browser.run(&format!("{find} button.focus()"));
    browser.press("\u{e007}");
    let up = sorted(&format!("{find} {rows}"));
    assert!(up.is_sorted() && up != down, "{up:?}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn charts_are_asked_narrowed_and_zoomed() {
    if !crate::present() {
        return;
    }
    let browser = opened("cap");
    let chart = "const chart = document.querySelector('#time figure.chart'); const plot = chart.querySelector('.plot');";
    // A legend's entry hides its series, and those above it come down.
    let paths = "return [...chart.querySelectorAll('path')].map((path) => path.style.display + path.getAttribute('d'))";
    let before = browser.run(&format!("{chart} {paths}"));
    let pressed = browser.run(&format!("{chart} const button = chart.querySelector('.legend button'); button.click(); return button.getAttribute('aria-pressed')"));
    assert_eq!(pressed, "false");
    let after = browser.run(&format!("{chart} {paths}"));
    assert!(
        after[0]
            .as_str()
            .is_some_and(|path| path.starts_with("none"))
            && before[1] != after[1]
    );
    browser.run(&format!(
        "{chart} chart.querySelector('.legend button').click()"
    ));
    // Arrow keys read values aloud: those of the numbers beside the chart.
    browser.run(&format!("{chart} plot.focus()"));
    browser.press("\u{e014}\u{e014}\u{e014}");
    let told = browser.run(&format!("{chart} return [chart.querySelector('.readout').innerText, chart.querySelector('.readout').getAttribute('aria-live'), JSON.parse(chart.querySelector('script').textContent).lines[0].y[2]]"));
    let first = told[0]
        .as_str()
        .unwrap_or_default()
        .lines()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    assert!(first.ends_with(&format!(": {}", told[2])), "{told}");
    assert_eq!(told[1], "polite");
    // The pointer does the same.
    let at = browser.run(&format!("{chart} plot.scrollIntoView({{behavior: 'instant', block: 'center'}}); const box = plot.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]"));
    browser.point(number(&at[0]), number(&at[1]));
    assert_eq!(
        browser.run(&format!(
            "{chart} return chart.querySelector('.readout').hidden"
        )),
        false
    );
    // Zoom moves the axes of all charts over time, and Escape takes it back.
    let scales = "return [...document.querySelectorAll('#time figure.chart .xs')].map((xs) => xs.innerText).join(' ')";
    let whole = browser.run(scales);
    browser.run(&format!(
        "{chart} chart.querySelector('.tools button').click()"
    ));
    assert_ne!(browser.run(scales), whole);
    browser.run(&format!("{chart} plot.focus()"));
    browser.press("\u{e00c}");
    assert_eq!(browser.run(scales), whole);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn words_explain_themselves_to_pointer_and_keyboard() {
    if !crate::present() {
        return;
    }
    let browser = opened("quickstart");
    let shown = "const term = document.querySelector('#figures .term'); return getComputedStyle(term.querySelector('.tip')).display";
    assert_eq!(browser.run(shown), "none");
    let at = browser.run("const term = document.querySelector('#figures .term'); term.scrollIntoView({behavior: 'instant', block: 'center'}); const box = term.getBoundingClientRect(); return [box.x + 5, box.y + 5]");
    browser.point(number(&at[0]), number(&at[1]));
    assert_eq!(browser.run(shown), "block");
    browser.point(1.0, 1.0);
    assert_eq!(browser.run(shown), "none");
    browser.run("document.querySelector('#figures .term').focus({focusVisible: true})");
    assert_eq!(browser.run(shown), "block");
    browser.press("\u{e00c}");
    assert_eq!(browser.run(shown), "none", "Escape closes it");
    // From the top, Tab leads to the link over the contents first, and what has the focus is seen to have it.
    browser.run("document.activeElement.blur(); window.getSelection().removeAllRanges(); window.scrollTo(0, 0)");
    browser.open(
        browser
            .run("return location.href")
            .as_str()
            .expect("an address"),
    );
    browser.press("\u{e004}");
    let focus = browser.run("return [document.activeElement.className, getComputedStyle(document.activeElement).outlineStyle]");
    assert_eq!(focus[0], "skip");
    assert_ne!(focus[1], "none");
}

#[test]
fn without_script_the_page_says_the_same() {
    if !crate::present() {
        return;
    }
    let (file, _) = page("quickstart");
    let text = fs::read_to_string(&file).expect("a page");
    let cut = text.rfind("<script>").expect("the script");
    let plain = file.with_file_name("plain.html");
    fs::write(&plain, &text[..cut]).expect("a page without script");
    let browser = Browser::start();
    browser.look(1440, false);
    browser.open(&format!(
        "file://{}",
        plain.canonicalize().expect("a page").display()
    ));
    let seen = browser.run("return [document.querySelectorAll('data').length, document.querySelectorAll('figure.chart path').length, document.querySelectorAll('.xs span').length]");
    assert!(
        number(&seen[0]) > 200.0 && number(&seen[1]) > 10.0 && number(&seen[2]) > 10.0,
        "{seen}"
    );
}

/// axe-core, from npm; not shipped, and only where npm is. `None`: it is not there, and need not be.
pub(crate) fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    fs::create_dir_all(&folder).expect("a folder");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        let install = Command::new("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(&folder)
            .arg("axe-core@4")
            .output();
        if !install.is_ok_and(|out| out.status.success()) {
            assert!(
                std::env::var("BROWSER_TESTS").as_deref() != Ok("required"),
                "npm cannot install axe-core"
            );
            println!("skipped: npm is missing or cannot install axe-core");
            return None;
        }
    }
    Some(fs::read_to_string(script).expect("axe-core"))
}

/// What axe finds on the page that is serious or worse.
pub(crate) fn serious(browser: &Browser, axe: &str) -> Vec<Value> {
    browser.run(axe);
    let found = browser.run_async("const done = arguments[0]; axe.run().then((result) => done(result.violations.map((one) => [one.impact, one.id, one.nodes.length, one.nodes[0].html, one.nodes[0].failureSummary])))");
    let found = found.as_array().expect("findings").iter();
    found
        .filter(|one| one[0] == "serious" || one[0] == "critical")
        .cloned()
        .collect()
}

#[test]
fn no_serious_finding_of_axe() {
    if !crate::present() {
        return;
    }
    let Some(axe) = axe() else {
        return;
    };
    for scenario in ["quickstart", "cap"] {
        let browser = opened(scenario);
        for (width, dark) in [(1440, false), (1440, true), (390, false)] {
            browser.look(width, dark);
            browser
                .run("for (const part of document.querySelectorAll('details')) part.open = true");
            let serious = serious(&browser, &axe);
            assert!(
                serious.is_empty(),
                "{scenario} at {width} px, dark {dark}: {serious:#?}"
            );
        }
    }
}

/// Lists of numbers, as long as wanted, by repeating what they hold.
fn stretch(value: &mut Value, length: usize) {
    match value {
        Value::Array(list) if !list.is_empty() => {
            *list = list.iter().cycle().take(length).cloned().collect()
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| stretch(field, length)),
        _ => {}
    }
}

/// An hour in 1,000 buckets with 50 path classes, from a saved report that is made longer.
#[test]
fn a_long_run_stays_small_and_opens_at_once() {
    if !crate::present() {
        return;
    }
    let (page, _) = page("quickstart");
    let file = page.with_file_name("report.json");
    let mut report: Value =
        serde_json::from_slice(&fs::read(&file).expect("a report")).expect("JSON");
    for variant in report["variants"].as_array_mut().expect("variants") {
        stretch(&mut variant["series"], 1000);
        variant["series"]["bucket_seconds"] = 3.6.into();
        stretch(&mut variant["paths"], 50);
    }
    fs::write(&file, report.to_string()).expect("a longer report");
    let done = Command::new(env!("CARGO_BIN_EXE_cdnlab"))
        .arg("report")
        .arg(&file)
        .args(["--format", "html,csv,markdown,junit"])
        .output()
        .expect("cdnlab runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for form in ["csv", "md", "xml"] {
        assert!(
            fs::metadata(file.with_extension(form)).is_ok_and(|file| file.len() > 0),
            "{form}"
        );
    }
    let browser = Browser::start();
    browser.look(1440, false);
    browser.open(&format!(
        "file://{}",
        page.canonicalize().expect("a page").display()
    ));
    let opened = browser.run("const one = performance.getEntriesByType('navigation')[0]; return one.loadEventEnd - one.startTime");
    let size = fs::metadata(&page).expect("a page").len();
    println!(
        "1,000 buckets and 50 path classes in two variants: {} KB, open after {:.0} ms",
        size / 1000,
        number(&opened)
    );
    assert!(size < 2_000_000, "{size} bytes");
    assert_eq!(browser.complaints(), [""; 0]);
}
