//! Files that the command line names.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::exit::Failure;

/// The text of a file, or of standard input for `-`.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    read.map_err(|error| {
        Failure::of(format!("cannot read {}", path.display()), &error).into_usage()
    })
}

/// The JSON in a file. What is wrong in it is told with line and column.
pub(crate) fn json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let text = text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{} is no {what}: {error}", path.display())))
}
