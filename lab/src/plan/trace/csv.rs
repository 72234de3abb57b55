//! Traces as text: a header that names the columns time (seconds), key and size (bytes), then a line for each request.

use std::io::BufRead;
use std::path::PathBuf;

use super::{Key, LARGEST, Row, Source, TraceError};
use crate::plan::Nanos;

/// The longest line that can still be one of a trace; a foreign file without line ends is given up early.
const LONGEST: usize = 4096;

/// The lines of a file, one buffer for all of them.
pub(super) struct Lines {
    file: PathBuf,
    reader: Source,
    buffer: Vec<u8>,
    line: u64,
    /// Where time, key and size stand.
    columns: [usize; 3],
    /// How many columns each line must have.
    width: usize,
}

impl Lines {
    /// Reads the header.
    pub(super) fn open(file: PathBuf, reader: Source) -> Result<Self, TraceError> {
        let mut lines = Self {
            file,
            reader,
            buffer: Vec::new(),
            line: 0,
            columns: [0, 1, 2],
            width: 3,
        };
        if !lines.read()? {
            return Err(lines.wrong("the file is empty".to_owned()));
        }
        let header = lines.text()?;
        // Spreadsheets begin a text with a byte order mark.
        let header = header.strip_prefix('\u{feff}').unwrap_or(header).to_owned();
        let names: Vec<&str> = header.split(',').map(|name| bare(name.trim())).collect();
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
                        return Err(TraceError::unreadable(&self.file, &error));
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
    pub(super) fn row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        if !self.read()? {
            return Ok(None);
        }
        let text = self.text()?;
        let mut fields = [""; 3];
        let mut width = 0;
        for (column, field) in text.split(',').enumerate() {
            width += 1;
            if let Some(slot) = self.columns.iter().position(|wanted| *wanted == column) {
                fields[slot] = bare(field.trim());
            }
        }
        if fields.iter().any(|field| field.starts_with('"')) {
            return Err(self.wrong(
                "commas and quotes within quoted fields are not read; write keys without them"
                    .to_owned(),
            ));
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
        let all_digits = !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit());
        let size = match size.parse() {
            Ok(bytes) if bytes <= LARGEST => bytes,
            _ if all_digits => return Err(self.wrong(format!("the size `{size}` is above 1 TiB"))),
            _ if size.starts_with('-') => {
                return Err(self.wrong(format!("the size `{size}` is negative")));
            }
            _ => {
                return Err(self.wrong(format!("the size `{size}` is not a whole number of bytes")));
            }
        };
        Ok(Some(Row {
            time,
            key: Key::Text(key),
            size,
        }))
    }

    pub(super) fn wrong(&self, why: String) -> TraceError {
        TraceError::Line {
            file: self.file.clone(),
            line: self.line.max(1),
            why,
        }
    }
}

/// A field without the quotes around it, if nothing in it needs them.
fn bare(field: &str) -> &str {
    let inner = field
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(field)
}

/// Seconds as a decimal, exactly, as nanoseconds; further digits are dropped.
fn nanos(text: &str) -> Result<Nanos, &'static str> {
    if text.starts_with('-') {
        return Err("is negative");
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err("is not a number of seconds in plain digits, such as 1000 or 0.25");
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
