//! A browser under remote control: WebDriver (W3C) over HTTP, with the commands of Chromium for what the standard leaves
//! out (widths of a phone, dark mode, logs). Plain calls, because most of what is asked here is of the latter kind.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// So often a driver may fail to start.
const STARTS: usize = 5;

/// A driver and its port, or none if it ended before it could say that.
fn start_driver() -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        let port = line.split("successfully on port ").nth(1)?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    if port.is_none() {
        driver.wait().expect("the driver has ended");
    }
    Some((driver, port?))
}

impl Browser {
    /// Starts a driver on a port that it chooses, and a browser.
    pub(crate) fn start() -> Self {
        // A driver takes a free port of IPv4 and then the same one of IPv6; if another has got that meanwhile, it ends.
        let started = (0..STARTS).find_map(|_| start_driver());
        let (driver, port) = started.expect("chromedriver says its port");
        let mut browser = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
            http: reqwest::Client::new(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        };
        let options = json!({"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]});
        let wanted = json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}});
        let session = browser.call("", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!(
            "{}/{}",
            browser.session,
            session["sessionId"].as_str().expect("a session")
        );
        browser
    }

    /// One command; panics with what the browser says against it.
    fn call(&self, command: &str, body: &Value) -> Value {
        let url = format!("{}{command}", self.session);
        let answer = self.runtime.block_on(async {
            self.http
                .post(&url)
                .json(body)
                .send()
                .await?
                .json::<Value>()
                .await
        });
        let value = answer.unwrap_or_else(|error| panic!("{command}: {error}"))["value"].take();
        assert!(value["error"].is_null(), "{command}: {value}");
        value
    }

    pub(crate) fn open(&self, url: &str) {
        self.call("/url", &json!({"url": url}));
    }

    /// Runs a function body in the page and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.call("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The same for one that calls `arguments[0]` with its result.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        self.call("/timeouts", &json!({"script": 120_000}));
        self.call("/execute/async", &json!({"script": script, "args": []}))
    }

    /// A command of Chromium's own protocol.
    fn chromium(&self, command: &str, parameters: &Value) -> Value {
        self.call(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// As wide as a phone or a screen, light or dark.
    pub(crate) fn look(&self, width: u32, dark: bool) {
        self.chromium(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}),
        );
        let scheme = if dark { "dark" } else { "light" };
        self.chromium(
            "Emulation.setEmulatedMedia",
            &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// Presses keys as a person would; `\u{e004}` is Tab, `\u{e007}` Enter (WebDriver, "Keyboard actions").
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        self.call(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
    }

    /// Moves the pointer to a point of the window.
    pub(crate) fn point(&self, x: f64, y: f64) {
        let action = json!({"type": "pointerMove", "duration": 0, "origin": "viewport", "x": x.round(), "y": y.round()});
        self.call("/actions", &json!({"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [action]}]}));
    }

    /// A picture of the whole page, as PNG in base64, into `target/browser/`.
    pub(crate) fn picture(&self, name: &str) {
        use base64::Engine;
        let picture = self.chromium(
            "Page.captureScreenshot",
            &json!({"format": "png", "captureBeyondViewport": true}),
        );
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(picture["data"].as_str().expect("a picture"))
            .expect("base64");
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("../browser");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(name), bytes).expect("a picture is written");
    }

    /// What the console has said since it was last asked, warnings and errors alone.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let lines = self.call("/se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .map(|line| line["message"].to_string())
            .collect()
    }

    /// The addresses that were asked for since this was last called.
    pub(crate) fn requests(&self) -> Vec<String> {
        let lines = self.call("/se/log", &json!({"type": "performance"}));
        let told = lines
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|line| {
                let message: Value = serde_json::from_str(line["message"].as_str()?).ok()?;
                let sent = message["message"]["method"] == "Network.requestWillBeSent";
                sent.then(|| {
                    message["message"]["params"]["request"]["url"]
                        .as_str()
                        .map(str::to_owned)
                })
                .flatten()
            });
        told.collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser with its session, then the driver.
        let _ = self
            .runtime
            .block_on(self.http.delete(&self.session).send());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
