//! Recorded traces: CSV files with the columns time (seconds), key and size (bytes), read once to check them and to number
//! their keys, and again, row by row, whenever they are played.
//!
//! Memory grows with the number of keys, not with the number of rows.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Nanos, ObjectId};

/// Why a trace cannot be played, with the line where it matters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// It cannot be read.
    #[error("trace {}: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// A line is not what it must be.
    #[error("trace {}, line {line}: {why}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// A checked trace.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    /// Every key with its number, in order of first sight.
    keys: FxHashMap<Box<str>, u32>,
    /// Size of each key's object as its first row gives it; later rows cannot change it.
    pub(crate) sizes: Vec<u64>,
    /// How many requests it has.
    pub(crate) rows: u64,
    /// Time of the first row, which becomes the start of the run.
    origin: Nanos,
    /// Time from the first row to the last.
    pub(crate) length: Nanos,
    /// The content class that keys are objects of.
    pub(crate) class: u16,
    /// One after the other: times don't count.
    pub(crate) sequential: bool,
    /// Rows from here on are not played.
    pub(crate) until: Nanos,
}

/// The longest line that can still be one of a trace; a foreign file without line ends is given up early.
const LONGEST: usize = 4096;

impl TraceFile {
    /// Reads a trace through: checks every line, numbers the keys, keeps the first size of each.
    pub(crate) fn scan(
        path: &Path,
        class: u16,
        sequential: bool,
        until: Nanos,
    ) -> Result<Self, TraceError> {
        let mut trace = Self {
            path: path.to_owned(),
            keys: FxHashMap::default(),
            sizes: Vec::new(),
            rows: 0,
            origin: 0,
            length: 0,
            class,
            sequential,
            until,
        };
        let mut lines = Lines::open(path)?;
        let mut last = 0;
        while let Some(row) = lines.row()? {
            if trace.rows == 0 {
                trace.origin = row.time;
            } else if row.time < last && !sequential {
                let why = format!(
                    "its time {} is before that of the line above, {}; sort the trace or play it sequentially",
                    seconds(row.time),
                    seconds(last)
                );
                return Err(lines.wrong(why));
            }
            last = row.time;
            trace.rows += 1;
            if !trace.keys.contains_key(row.key) {
                let (key, size) = (row.key.into(), row.size);
                let Ok(number) = u32::try_from(trace.sizes.len()) else {
                    return Err(lines.wrong("more than 4,294,967,295 keys".to_owned()));
                };
                trace.keys.insert(key, number);
                trace.sizes.push(size);
            }
        }
        if trace.rows == 0 {
            return Err(lines.wrong("the trace has no requests".to_owned()));
        }
        trace.length = last.saturating_sub(trace.origin);
        Ok(trace)
    }

    /// Opens it at its first row.
    pub(crate) fn rows(self: &Arc<Self>) -> TraceRows {
        let lines = Lines::open(&self.path);
        TraceRows {
            trace: Arc::clone(self),
            lines: Some(lines),
        }
    }
}

fn seconds(time: Nanos) -> f64 {
    time as f64 / 1e9
}

/// The rows of a trace at play. Ends after the first error.
pub(crate) struct TraceRows {
    trace: Arc<TraceFile>,
    lines: Option<Result<Lines, TraceError>>,
}

impl Iterator for TraceRows {
    type Item = Result<(Nanos, ObjectId), TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = match self.lines.as_mut()? {
            Ok(lines) => lines,
            Err(_) => return self.lines.take()?.err().map(Err),
        };
        let row = match lines.row() {
            Ok(Some(row)) => row,
            Ok(None) => {
                self.lines = None;
                return None;
            }
            Err(error) => {
                self.lines = None;
                return Some(Err(error));
            }
        };
        let due = if self.trace.sequential {
            0
        } else {
            row.time.saturating_sub(self.trace.origin)
        };
        if due >= self.trace.until && !self.trace.sequential {
            self.lines = None;
            return None;
        }
        let Some(&object) = self.trace.keys.get(row.key) else {
            let error = lines.wrong(
                "this key was not there when the plan was made; the file has changed".to_owned(),
            );
            self.lines = None;
            return Some(Err(error));
        };
        Some(Ok((
            due,
            ObjectId {
                class: self.trace.class,
                object,
            },
        )))
    }
}

/// A row as read.
struct Row<'a> {
    time: Nanos,
    key: &'a str,
    size: u64,
}

/// The lines of a file, one buffer for all of them.
struct Lines {
    file: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    line: u64,
    /// Where time, key and size stand.
    columns: [usize; 3],
    /// How many columns each line must have.
    width: usize,
}

impl Lines {
    /// Opens a file and reads its header.
    fn open(path: &Path) -> Result<Self, TraceError> {
        let unreadable = |error: std::io::Error| TraceError::Unreadable {
            file: path.to_owned(),
            why: error.to_string(),
        };
        let reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?);
        let mut lines = Self {
            file: path.to_owned(),
            reader,
            buffer: Vec::new(),
            line: 0,
            columns: [0, 1, 2],
            width: 3,
        };
        if !lines.read()? {
            return Err(lines.wrong("the file is empty".to_owned()));
        }
        let header = lines.text()?.to_owned();
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        for (slot, name) in ["time", "key", "size"].into_iter().enumerate() {
            match names
                .iter()
                .position(|found| found.eq_ignore_ascii_case(name))
            {
                Some(column) => lines.columns[slot] = column,
                None => {
                    let start: String = header.chars().take(60).collect();
                    return Err(lines.wrong(format!(
                        "a trace begins with a header that names the columns time, key and size; this one begins with `{start}`"
                    )));
                }
            }
        }
        lines.width = names.len();
        Ok(lines)
    }

    /// Reads the next line that is not empty; false at the end.
    fn read(&mut self) -> Result<bool, TraceError> {
        loop {
            self.buffer.clear();
            // A line is read in pieces, so that a file without line ends does not fill the memory.
            loop {
                let available = match self.reader.fill_buf() {
                    Ok(available) => available,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        return Err(TraceError::Unreadable {
                            file: self.file.clone(),
                            why: error.to_string(),
                        });
                    }
                };
                if available.is_empty() {
                    break;
                }
                let end = available.iter().position(|b| *b == b'\n');
                let used = end.map_or(available.len(), |end| end + 1);
                self.buffer.extend_from_slice(&available[..used]);
                self.reader.consume(used);
                if end.is_some() || self.buffer.len() > LONGEST {
                    break;
                }
            }
            if self.buffer.is_empty() {
                return Ok(false);
            }
            self.line += 1;
            if self.buffer.len() > LONGEST {
                return Err(self.wrong(format!("longer than {LONGEST} bytes; is this a CSV file?")));
            }
            if !self.buffer.ends_with(b"\n")
                && self.line > 1
                && !self.buffer.trim_ascii().is_empty()
            {
                return Err(self.wrong(
                    "the last line does not end with a line end; the file seems cut off".to_owned(),
                ));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn text(&self) -> Result<&str, TraceError> {
        let bytes = self.buffer.trim_ascii();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| self.wrong("not text; is this a CSV file?".to_owned()))?;
        if text.contains('\0') {
            return Err(self.wrong("not text; is this a CSV file?".to_owned()));
        }
        Ok(text)
    }

    /// The next row.
    fn row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        if !self.read()? {
            return Ok(None);
        }
        let text = self.text()?;
        let mut fields = [""; 3];
        let mut width = 0;
        for (column, field) in text.split(',').enumerate() {
            width += 1;
            if let Some(slot) = self.columns.iter().position(|wanted| *wanted == column) {
                fields[slot] = field.trim();
            }
        }
        if width != self.width {
            return Err(self.wrong(format!(
                "{width} columns where the header has {}",
                self.width
            )));
        }
        let [time, key, size] = fields;
        let time = nanos(time).map_err(|why| self.wrong(format!("the time `{time}` {why}")))?;
        if key.is_empty() {
            return Err(self.wrong("the key is empty".to_owned()));
        }
        let size = match size.parse() {
            Ok(size) => size,
            Err(_) if size.starts_with('-') => {
                return Err(self.wrong(format!("the size `{size}` is negative")));
            }
            Err(_) => {
                return Err(self.wrong(format!("the size `{size}` is not a whole number of bytes")));
            }
        };
        Ok(Some(Row { time, key, size }))
    }

    fn wrong(&self, why: String) -> TraceError {
        TraceError::Line {
            file: self.file.clone(),
            line: self.line.max(1),
            why,
        }
    }
}

/// Seconds as a decimal, exactly, as nanoseconds; further digits are dropped.
fn nanos(text: &str) -> Result<Nanos, &'static str> {
    if text.starts_with('-') {
        return Err("is negative");
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err("is not a number of seconds");
    }
    let kept = &fraction[..fraction.len().min(9)];
    let below: u64 = if kept.is_empty() {
        0
    } else {
        kept.parse().unwrap_or(0)
    };
    let below = below * 10_u64.pow(9 - kept.len() as u32);
    let whole: u64 = whole.parse().map_err(|_| "is too large")?;
    whole
        .checked_mul(1_000_000_000)
        .and_then(|n| n.checked_add(below))
        .ok_or("is too large")
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
