//! Exit codes and error messages, in one place.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; all expectations met |
//! | 99 | an expectation was missed (as k6 has it) |
//! | 2 | the command line or the scenario is wrong |
//! | 3 | the run is invalid: the driver was late |
//! | 1 | anything else |

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use lab::report::terminal::harmless_lines;

/// Why the process ends, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done; all expectations met.
    Done,
    /// An expectation was missed.
    Missed,
    /// The run is invalid.
    Invalid,
    /// The answer is no, and that is all there is to say (`cdnlab health`).
    No,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Missed => Self::from(99),
            Outcome::Invalid => Self::from(3),
            Outcome::No => Self::FAILURE,
        }
    }
}

/// A failure as the user reads it: what, where, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    help: Option<String>,
}

impl Failure {
    /// The command line, the scenario or a file it names is wrong: exit code 2.
    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self {
            code: 2,
            what: what.to_string(),
            help: None,
        }
    }

    /// Anything else: exit code 1.
    pub(crate) fn other(what: impl fmt::Display) -> Self {
        Self {
            code: 1,
            what: what.to_string(),
            help: None,
        }
    }

    /// What `error` and its sources say, after `context`. Exit code 1, with the help that the error suggests.
    pub(crate) fn of(context: impl fmt::Display, error: &(dyn Error + 'static)) -> Self {
        Self {
            code: 1,
            what: format!("{context}: {}", chain(error)),
            help: io_help(error).map(str::to_owned),
        }
    }

    /// The same failure with exit code 2.
    pub(crate) fn into_usage(mut self) -> Self {
        self.code = 2;
        self
    }

    /// The same failure with a hint what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Tells the user and yields the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // What is wrong may be quoted from a file of anybody's.
        eprintln!("{}", harmless_lines(&self.to_string()));
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// An error and its sources on one line; a source that the message before it repeats already is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// What to do about an I/O error that is the cause of `error`.
fn io_help(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::AddrInUse => Some(
                    "something else listens there: stop it, choose another port, or port 0 to let the system choose",
                ),
                io::ErrorKind::AddrNotAvailable => Some(
                    "no interface of this machine has that address: use one that it has, such as 127.0.0.1",
                ),
                io::ErrorKind::PermissionDenied => Some(
                    "not permitted: ports below 1024 and other users' files need rights that this process lacks",
                ),
                io::ErrorKind::NotFound => {
                    Some("check the path; it is relative to the current folder")
                }
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot listen on 127.0.0.1:80")]
    struct Bind(#[source] io::Error);

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let error = Bind(io::Error::from(io::ErrorKind::AddrInUse));
        let text = Failure::of("the edge did not start", &error).to_string();
        assert!(
            text.starts_with("error: the edge did not start: cannot listen on 127.0.0.1:80: "),
            "{text}"
        );
        assert!(
            text.contains("help: something else listens there"),
            "{text}"
        );
    }

    #[test]
    fn sources_that_are_told_already_are_not_told_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] io::Error);
        let text = chain(&Outer(io::Error::other("inner")));
        assert_eq!(text, "outer: inner");
    }
}
