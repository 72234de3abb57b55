//! Recorded traces: CSV files, and libCacheSim's oracleGeneral records, either of them also compressed with zstd. They are read
//! once to check them and to number their keys, and again, row by row, whenever they are played.
//!
//! Memory grows with the number of keys, not with the number of rows.

mod csv;
mod oracle;

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
    /// A binary record is not what it must be.
    #[error("trace {}, record {record}: {why}", file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// Its record, from 1.
        record: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl TraceError {
    fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        Self::Unreadable {
            file: file.to_owned(),
            why: error.to_string(),
        }
    }
}

/// The largest object of a trace, in bytes. Beyond it a file is more likely to be something else.
const LARGEST: u64 = 1 << 40;

/// A checked trace.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    /// Every key with its number, in order of first sight.
    keys: Numbers,
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

/// Keys and their numbers: texts or numbers, as the format has them.
#[derive(Debug, Default)]
struct Numbers {
    texts: FxHashMap<Box<str>, u32>,
    numbers: FxHashMap<u64, u32>,
}

impl Numbers {
    fn find(&self, key: &Key<'_>) -> Option<u32> {
        match key {
            Key::Text(text) => self.texts.get(*text),
            Key::Number(number) => self.numbers.get(number),
        }
        .copied()
    }

    fn add(&mut self, key: &Key<'_>, number: u32) {
        match *key {
            Key::Text(text) => self.texts.insert(text.into(), number),
            Key::Number(key) => self.numbers.insert(key, number),
        };
    }
}

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
            keys: Numbers::default(),
            sizes: Vec::new(),
            rows: 0,
            origin: 0,
            length: 0,
            class,
            sequential,
            until,
        };
        let mut lines = Rows::open(path)?;
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
            if trace.keys.find(&row.key).is_none() {
                let Ok(number) = u32::try_from(trace.sizes.len()) else {
                    return Err(lines.wrong("more than 4,294,967,295 keys".to_owned()));
                };
                trace.keys.add(&row.key, number);
                trace.sizes.push(row.size);
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
        let lines = Rows::open(&self.path);
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
    lines: Option<Result<Rows, TraceError>>,
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
        let Some(object) = self.trace.keys.find(&row.key) else {
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
    key: Key<'a>,
    size: u64,
}

/// A key as the format has it.
enum Key<'a> {
    Text(&'a str),
    Number(u64),
}

/// The bytes of a trace, decompressed.
type Source = Box<dyn BufRead + Send>;

/// The rows of a file in the format that it is in.
enum Rows {
    Csv(csv::Lines),
    Oracle(oracle::Records),
}

/// The first bytes of a zstd frame (RFC 8878 section 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a gzip member (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Rows {
    /// Opens a file. Its name says what is in it, if it ends in `.csv` or `.oracleGeneral` (`.bin`), and perhaps
    /// `.zst` behind that; otherwise its first bytes do.
    fn open(path: &Path) -> Result<Self, TraceError> {
        let unreadable = |error: std::io::Error| TraceError::unreadable(path, &error);
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?);
        let first = file.fill_buf().map_err(unreadable)?;
        let compressed = first.starts_with(&ZSTD);
        if first.starts_with(&GZIP) {
            return Err(TraceError::Unreadable {
                file: path.to_owned(),
                why: "it is compressed with gzip; unpack it, or compress it with zstd".to_owned(),
            });
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_default();
        let plain = name
            .strip_suffix(".zst")
            .or_else(|| name.strip_suffix(".zstd"));
        if plain.is_some() && !compressed {
            return Err(TraceError::Unreadable {
                file: path.to_owned(),
                why: "its name ends in .zst, but it is not compressed with zstd".to_owned(),
            });
        }
        let mut reader: Source = if compressed {
            let decoder = zstd::Decoder::with_buffer(file).map_err(unreadable)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(file)
        };
        let name = plain.unwrap_or(&name);
        let binary = if name.ends_with(".csv") {
            false
        } else if name.ends_with(".bin") || name.ends_with(".oraclegeneral") {
            true
        } else {
            let first = reader.fill_buf().map_err(unreadable)?;
            let record = &first[..first.len().min(oracle::RECORD)];
            // The header that a CSV file must have is no shorter than this, whatever stands below it.
            let header = record.iter().position(|byte| *byte == b'\n');
            let line = header.filter(|end| *end >= "time,key,size".len());
            !oracle::is_text(&record[..line.unwrap_or(record.len())])
        };
        let path = path.to_owned();
        Ok(if binary {
            Self::Oracle(oracle::Records::new(path, reader))
        } else {
            Self::Csv(csv::Lines::open(path, reader)?)
        })
    }

    fn row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        match self {
            Self::Csv(lines) => lines.row(),
            Self::Oracle(records) => records.row(),
        }
    }

    /// An error of the row at hand.
    fn wrong(&self, why: String) -> TraceError {
        match self {
            Self::Csv(lines) => lines.wrong(why),
            Self::Oracle(records) => records.wrong(why),
        }
    }
}

#[cfg(test)]
mod tests;
