//! What a run tells while it goes on: a bar on a terminal, plain lines elsewhere, nothing if quiet. All on stderr, so that
//! standard output holds the report alone.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::plan::Nanos;
use lab::progress::{Progress, Silent};

/// Without a terminal, a line at least so often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The listener that fits standard error. `title` is the variant's name.
pub(crate) fn listener(title: &str, quiet: bool) -> Box<dyn Progress> {
    if quiet {
        Box::new(Silent)
    } else if io::stderr().is_terminal() {
        Box::new(Bar::new(title))
    } else {
        Box::new(Lines {
            title: title.to_owned(),
            next: Instant::now() + PLAIN_EVERY,
        })
    }
}

/// A listener to many runs: how many of how many are over.
pub(crate) fn runs(quiet: bool) -> Box<dyn FnMut(usize, usize)> {
    if quiet {
        return Box::new(|_, _| {});
    }
    if io::stderr().is_terminal() {
        let bar = Bar::new("sweep");
        return Box::new(move |done, of| {
            bar.0.set_length(of as u64);
            bar.0.set_position(done as u64);
            bar.0.set_message(format!("{done} of {of} runs"));
        });
    }
    let mut next = Instant::now() + PLAIN_EVERY;
    Box::new(move |done, of| {
        let now = Instant::now();
        if now >= next {
            next = now + PLAIN_EVERY;
            eprintln!("sweep: {done} of {of} runs");
        }
    })
}

struct Bar(ProgressBar);

impl Bar {
    fn new(title: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = "{prefix:12} {bar:30} {msg}";
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(title.to_owned());
        Self(bar)
    }
}

impl Progress for Bar {
    fn stage(&mut self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    fn advance(&mut self, at: Nanos, of: Nanos, requests: u64) {
        self.0.set_length(of);
        self.0.set_position(at.min(of));
        self.0.set_message(format!(
            "{} of {}, {requests} requests",
            seconds(at),
            seconds(of)
        ));
    }

    fn event(&mut self, at: Nanos, label: &str) {
        self.0.println(format!("{:>8}  {label}", seconds(at)));
    }

    fn warn(&mut self, at: Nanos, what: &str) {
        self.0
            .println(format!("{:>8}  warning: {what}", seconds(at)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Lines {
    title: String,
    next: Instant,
}

impl Progress for Lines {
    fn stage(&mut self, what: &str) {
        eprintln!("{}: {what}", self.title);
    }

    fn advance(&mut self, at: Nanos, of: Nanos, requests: u64) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + PLAIN_EVERY;
            eprintln!(
                "{}: {} of {}, {requests} requests",
                self.title,
                seconds(at),
                seconds(of)
            );
        }
    }

    fn event(&mut self, at: Nanos, label: &str) {
        eprintln!("{}: at {}: {label}", self.title, seconds(at));
    }

    fn warn(&mut self, at: Nanos, what: &str) {
        eprintln!("{}: at {}: warning: {what}", self.title, seconds(at));
    }
}

fn seconds(at: Nanos) -> String {
    format!("{}.{} s", at / 1_000_000_000, at / 100_000_000 % 10)
}
