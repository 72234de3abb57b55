//! The live page of `cdnlab up --front`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::driver::Browser;

/// A small CDN with hostile names, and a question in its first seconds.
const HOSTILE: &str = r#"
schema: 1
name: small
duration: 30s
origin: {at: IAD}
content:
  pages: {path: "/p/{id}", objects: 20, size: 1KiB, headers: {Cache-Control: "max-age=600", X-Evil: "<img src=x onerror=window.evil=1>"}, think: 5ms}
pops:
  fra: {at: FRA, upstream: iad}
  iad: {at: IAD, serves_clients: false}
clients:
  a: {from: [FRA], region: "</td><script>window.evil=1</script>", rate: 5/s}
routing: {mode: router, at: IAD, ttl: 1s}
events:
  - at: 3s
    link: {between: [fra, iad], cut: both, how: reset, for: 5s}
    ask: {question: "<b onclick=x>Cut off.</b> What comes?", from: FRA, path: /p/19?never, after: 1s}
"#;

/// `cdnlab up --front` on a free port, ended with the test.
struct Up {
    child: Child,
    url: String,
}

impl Up {
    fn start(scenario: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cdnlab"))
            .args(["up", scenario, "--front", "127.0.0.1:0"])
            .env_remove("CDNLAB_ATTACH")
            .env_remove("CDNLAB_PUBLISHED")
            .env("CDNLAB_ADMIN_TOKEN", "s3cret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("cdnlab starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("Open ")?.trim().to_owned()));
        Self {
            child,
            url: url.expect("it says where to open it"),
        }
    }

    fn hostile() -> Self {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("live-{}.yaml", std::process::id()));
        std::fs::write(&file, HOSTILE).expect("a file");
        Self::start(&file.to_string_lossy())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // As Ctrl-C does, so that its nodes are taken down in order; they end with it in any case.
        let _ = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        let _ = self.child.wait();
    }
}

fn opened(up: &Up, path: &str) -> Browser {
    let browser = Browser::start();
    browser.look(1440, false);
    browser.open(&format!("{}{path}", up.url));
    browser
}

/// Waits until an expression in the page is true. The page itself is asked again as it changes; nothing sleeps here.
fn until(browser: &Browser, what: &str) {
    let script = format!(
        "const done = arguments[0]; const end = Date.now() + 60000; const look = () => {{ \
         if ({what}) done(true); else if (Date.now() > end) done(false); else requestAnimationFrame(look); }}; look();"
    );
    assert_eq!(
        browser.run_async(&script),
        true,
        "never came: {what}; the page says: {}",
        browser.run("return document.body.innerText")
    );
}

/// Waits for so many further looks of the collector.
fn looks(browser: &Browser, more: u64) {
    let seq = browser.run("return Number(document.body.dataset.seq)");
    let seq = seq.as_u64().expect("a counter") + more;
    until(
        browser,
        &format!("Number(document.body.dataset.seq) >= {seq}"),
    );
}

fn text(browser: &Browser, selector: &str) -> String {
    let found = browser.run(&format!(
        "return document.querySelector({selector:?}).innerText"
    ));
    found.as_str().unwrap_or_default().to_owned()
}

fn click(browser: &Browser, selector: &str) {
    browser.run(&format!("document.querySelector({selector:?}).click()"));
}

#[test]
fn the_live_page_is_fed_and_asks_for_nothing_beyond_itself() {
    if !crate::present() {
        return;
    }
    let up = Up::start("region-outage");
    let browser = opened(&up, "");
    looks(&browser, 2);
    // Frankfurt's requests are counted by its edges, and come with the events.
    browser.run("document.querySelector('#from').value = 'FRA'; document.querySelector('#path').value = '/world/7.html'");
    click(&browser, "#ask button");
    until(&browser, "document.querySelector('.way h3')");
    let way = text(&browser, "#way");
    assert!(
        way.contains("200 from fra-") && way.contains(": miss"),
        "{way}"
    );
    for part in [
        "a new connection to fra-",
        "ord-1 – origin and back",
        "the origin",
        "Cache-Status",
        "All ",
    ] {
        assert!(way.contains(part), "no `{part}` in: {way}");
    }
    assert!(
        !way.contains("by the model"),
        "every hop is measured: {way}"
    );
    until(
        &browser,
        "[...document.querySelectorAll('[data-node]')].some((row) => row.querySelector('[data-k=\"all.requests\"]').textContent === '1')",
    );
    until(
        &browser,
        "document.querySelectorAll('#flows path[d]').length === 1",
    );
    let strangers: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|asked| !asked.starts_with(&up.url) && !asked.starts_with("data:"))
        .collect();
    assert_eq!(strangers, [""; 0]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_live_page_fits_every_width_in_light_and_dark_and_on_a_projector() {
    if !crate::present() {
        return;
    }
    let up = Up::start("region-outage");
    let browser = opened(&up, "");
    browser.run("document.querySelector('#from').value = 'NRT'");
    click(&browser, "#ask button");
    until(&browser, "document.querySelector('.way h3')");
    click(&browser, "#play");
    until(
        &browser,
        "document.querySelector('[data-choice=nobody]:enabled')",
    );
    click(&browser, "[data-choice=nobody]");
    // Frankfurt is down by then: the pins, rows and words of that are seen too.
    until(
        &browser,
        "document.querySelector('.pin.down') && document.querySelector('.posed.revealed')",
    );
    let words = text(&browser, ".posed.revealed");
    assert!(words.contains("Right: you said nobody"), "{words}");
    for width in [390, 768, 1440] {
        for dark in [false, true] {
            browser.look(width, dark);
            let shade = if dark { "dark" } else { "light" };
            let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            browser.picture(&format!("live-{width}-{shade}.png"));
            assert_eq!(over, 0, "the live page at {width} px scrolls sideways");
        }
    }
    browser.look(1440, true);
    click(&browser, "#projector");
    assert_eq!(browser.run("return location.search"), "?projector");
    let size = "return parseFloat(getComputedStyle(document.querySelector('td')).fontSize)";
    assert!(
        browser.run(size).as_f64().is_some_and(|size| size >= 20.0),
        "large type"
    );
    let over = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    browser.picture("live-projector.png");
    assert_eq!(over, 0);
    browser.open(&format!("{}?projector", up.url));
    assert_eq!(text(&browser, "#projector"), "Projector");
    assert_eq!(
        browser.run("return document.querySelector('#projector').getAttribute('aria-pressed')"),
        "true"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn orders_from_the_live_page_reach_nodes_and_links() {
    if !crate::present() {
        return;
    }
    let up = Up::start("region-outage");
    let browser = opened(&up, "");
    looks(&browser, 1);
    browser.run("document.querySelector('#cut-a').value = 'fra'; document.querySelector('#cut-b').value = 'ord'");
    click(&browser, "[data-order=cut]");
    until(
        &browser,
        "document.querySelectorAll('.fetch.cut').length === 1",
    );
    assert!(text(&browser, "#changed").contains("fra-1 – ord-1: cut (both)"));
    assert!(text(&browser, "#said").contains("cut (reset)"));
    click(&browser, "[data-order=heal]");
    until(
        &browser,
        "document.querySelectorAll('.fetch.cut').length === 0",
    );
    browser.run("document.querySelector('#victim').value = 'nrt'; document.querySelector('#down').value = '300'");
    click(&browser, "[data-order=kill]");
    until(
        &browser,
        "document.querySelector('.pin.down') && document.querySelector('td.down')",
    );
    click(&browser, "[data-order=restart]");
    until(&browser, "!document.querySelector('.pin.down')");
    // The purge is real: what was a hit is none any more.
    let ask = |expected: &str| {
        browser.run("document.querySelector('#way').replaceChildren()");
        click(&browser, "#ask button");
        until(&browser, "document.querySelector('.way h3')");
        let way = text(&browser, ".way h3");
        assert!(way.contains(expected), "{way}");
    };
    browser.run("document.querySelector('#from').value = 'SYD'");
    ask(": miss");
    ask(": hit");
    click(&browser, "[data-order=purge]");
    until(
        &browser,
        "document.querySelector('#said').textContent.includes('hard purge of /world/1.html')",
    );
    ask(": miss");
    // A mistake is said where the words of success stand.
    browser.run("document.querySelector('#purge-name').value = 'no path'");
    click(&browser, "[data-order=purge]");
    until(
        &browser,
        "document.querySelector('#said').classList.contains('bad')",
    );
}

#[test]
fn a_guess_comes_before_what_happens() {
    if !crate::present() {
        return;
    }
    let up = Up::hostile();
    let browser = opened(&up, "");
    looks(&browser, 1);
    // By keyboard alone: tick, send, choose, and the answer has the focus.
    browser.run("document.querySelector('#predict').focus()");
    browser.press(" ");
    browser.run("document.querySelector('#path').focus()");
    browser.press("\u{e007}");
    until(&browser, "document.activeElement.name === 'outcome'");
    // hit, stale, then miss.
    browser.press("\u{e015}\u{e015}");
    browser.press("\u{e007}");
    until(&browser, "document.activeElement.id === 'way'");
    let way = text(&browser, "#way");
    assert!(way.contains("Right: you said miss, it was: miss."), "{way}");
    assert!(text(&browser, "#score").contains("2 of 2"));
    // The scenario's own question, before its event.
    click(&browser, "#play");
    until(
        &browser,
        "document.querySelector('[data-choice=error]:enabled')",
    );
    assert!(
        text(&browser, ".posed legend").starts_with("<b onclick=x>"),
        "hostile words stay words"
    );
    click(&browser, "[data-choice=error]");
    until(&browser, "document.querySelector('.posed .verdict-right')");
    let revealed = text(&browser, ".posed.revealed");
    assert!(
        revealed.contains("you said error, it was: error."),
        "{revealed}"
    );
    assert!(text(&browser, "#score").contains("3 of 3"));
    click(&browser, "#stop");
    until(&browser, "document.querySelector('#stop').hidden");
    until(
        &browser,
        "document.querySelectorAll('.fetch.cut').length === 0",
    );
    assert_eq!(browser.run("return window.evil === undefined"), true);
    assert!(text(&browser, "[data-region] th").contains("</td><script>"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn no_serious_finding_of_axe_on_the_live_page() {
    if !crate::present() {
        return;
    }
    let Some(axe) = crate::report::axe() else {
        return;
    };
    let up = Up::start("region-outage");
    let browser = opened(&up, "");
    click(&browser, "#ask button");
    until(&browser, "document.querySelector('.way h3')");
    click(&browser, "#play");
    until(&browser, "document.querySelector('.posed')");
    // What needs a script of its own is let in for the test alone: WebDriver runs it in the page.
    for (path, width, dark) in [
        ("", 1440, false),
        ("", 1440, true),
        ("", 390, false),
        ("?projector", 1440, true),
    ] {
        browser.look(width, dark);
        browser.open(&format!("{}{path}", up.url));
        looks(&browser, 1);
        let serious = crate::report::serious(&browser, &axe);
        assert!(
            serious.is_empty(),
            "{path} at {width} px, dark {dark}: {serious:#?}"
        );
    }
}
