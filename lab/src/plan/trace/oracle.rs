//! Traces in libCacheSim's `oracleGeneral` format: records of 24 bytes, little-endian and without a header, each a time in
//! seconds (u32), a key (u64), a size in bytes (u32) and the number of the key's next request (i64; none: -1 or the
//! largest). That last figure is checked for its sign only: whoever needs the future reads the plan's own.

use std::io::Read;
use std::path::PathBuf;

use super::{Key, Row, Source, TraceError};

/// Bytes of a record.
pub(super) const RECORD: usize = 24;

/// The records of a file.
pub(super) struct Records {
    file: PathBuf,
    reader: Source,
    /// Number of the record at hand, from 1.
    record: u64,
}

impl Records {
    pub(super) fn new(file: PathBuf, reader: Source) -> Self {
        Self {
            file,
            reader,
            record: 0,
        }
    }

    /// The next record.
    pub(super) fn row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        let mut bytes = [0; RECORD];
        let mut filled = 0;
        while filled < RECORD {
            match self.reader.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TraceError::unreadable(&self.file, &error)),
            }
        }
        if filled == 0 {
            return Ok(None);
        }
        self.record += 1;
        if filled < RECORD {
            return Err(self.wrong(format!(
                "{filled} bytes where a record has {RECORD}; the file seems cut off"
            )));
        }
        if self.record == 1 && is_text(&bytes) {
            return Err(self.wrong(
                "this is text, and oracleGeneral has records of 24 bytes; is it a CSV file?"
                    .to_owned(),
            ));
        }
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let next = word(16).cast_signed();
        if next < -1 {
            return Err(self.wrong(format!(
                "its next request has the number {next}; is this an oracleGeneral trace?"
            )));
        }
        Ok(Some(Row {
            time: u64::from(half(0)) * 1_000_000_000,
            key: Key::Number(word(4)),
            size: u64::from(half(12)),
        }))
    }

    pub(super) fn wrong(&self, why: String) -> TraceError {
        TraceError::Record {
            file: self.file.clone(),
            record: self.record.max(1),
            why,
        }
    }
}

/// Whether bytes can be the beginning of a text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80)
}
