//! The pages in headless Chromium, as people use them: by eye, by pointer, by keyboard and through a screen reader's rules.
//!
//! Needs `chromium` and `chromedriver` (Debian: chromium, chromium-driver). Where they are missing each test says so and
//! passes, unless `BROWSER_TESTS=required`, as `.ci/run` has it. Pictures go to `target/browser/`.

mod compared;
mod driver;
mod live;
mod report;

use std::process::Command;

/// Whether the browser is there. If it must be and is not, this panics.
fn present() -> bool {
    let there = |name: &str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|out| out.status.success())
    };
    let all = there("chromium") && there("chromedriver");
    if !all {
        assert!(
            std::env::var("BROWSER_TESTS").as_deref() != Ok("required"),
            "chromium or chromedriver is missing"
        );
        println!(
            "skipped: chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)"
        );
    }
    all
}
