//! Text on standard output. A reader that has seen enough (`| head`) is no error.

use std::io::{self, Write};

use serde::Serialize;

use crate::exit::Failure;

/// Writes `text` as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::of("cannot write to standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Writes `value` as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::of("cannot write the answer as JSON", &error))?;
    print(&(lab::report::terminal::escaped(&text) + "\n"))
}
