//! The purges on disk: one file whose first line is all purges up to then, and a line for each that
//! has come since. A line is a checksum and JSON. A purge stands there before it is acknowledged,
//! so that what it has purged stays purged whatever becomes of the process.
//!
//! A journal that is missing or damaged says nothing about what is stored: then all of it must go.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use edge_core::Timestamp;
use edge_core::purge::{Mode, Purges, Sequence};
use serde::{Deserialize, Serialize};

use super::record::checksum;
use crate::store::epochs::{Epochs, Selection};

const NAME: &str = "purges.log";
/// Purges appended, in bytes, before the file is written anew; more where the purges themselves
/// take more.
const LONG: u64 = 1 << 20;
/// Sequences are taken from here up in the first life of a store, from twice this in the second:
/// no life gives out a sequence of another, whatever of it was lost.
const LIFE: Sequence = 1 << 32;

#[derive(Serialize, Deserialize)]
enum Line {
    All(Purges),
    One {
        selection: Selection,
        mode: Mode,
        at: Timestamp,
    },
}

/// Whether a purge must survive the machine's power or only the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// On the disk itself (fdatasync).
    Synced,
    /// With the system, which writes it soon: it survives a kill.
    Written,
}

/// The purges on disk.
pub(super) struct Journal {
    path: PathBuf,
    /// `None`: it could not be kept and was removed, so that the next life begins empty.
    file: Option<File>,
    /// Bytes appended since it was written anew, and as many as may be.
    appended: u64,
    most: u64,
}

impl Journal {
    /// What the journal in a folder says; `None` if it is missing or damaged.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Purges>> {
        match fs::read(folder.join(NAME)) {
            Ok(text) => Ok(replay(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins the next life of a store whose purges so far are these; they go on from there.
    pub(super) fn begin(folder: &Path, purges: &mut Purges) -> io::Result<Self> {
        let life = (purges.sequence() / LIFE).saturating_add(1);
        purges.resume(life.saturating_mul(LIFE) - 1);
        let mut journal = Self {
            path: folder.join(NAME),
            file: None,
            appended: 0,
            most: LONG,
        };
        journal.write_anew(purges)?;
        Ok(journal)
    }

    /// Purges: first on disk, then in `epochs`. An error says that the purge holds now and that it
    /// is not known to hold after a restart.
    pub(super) fn purge(
        &mut self,
        epochs: &Epochs,
        selection: Selection,
        mode: Mode,
        at: Timestamp,
        promise: Promise,
    ) -> io::Result<Sequence> {
        let line = Line::One {
            selection,
            mode,
            at,
        };
        let kept = self.append(&line, promise);
        let sequence = epochs.purge(selection, mode, at);
        if self.file.is_some() && self.appended > self.most {
            // The old file stays good if this fails.
            if let Err(error) = self.write_anew(&epochs.purges()) {
                tracing::warn!(%error, "the journal of purges was not shortened");
                self.appended = 0;
            }
        }
        kept.map(|()| sequence)
    }

    fn append(&mut self, line: &Line, promise: Promise) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let text = written(line)?;
        let kept = file.write_all(&text).and_then(|()| match promise {
            Promise::Synced => file.sync_data(),
            Promise::Written => Ok(()),
        });
        self.appended += text.len() as u64;
        let Err(error) = kept else { return Ok(()) };
        // Without a journal the next life begins empty: that keeps the promise as well.
        tracing::warn!(%error, "a purge could not be written down; the next start begins with an empty disk tier");
        fs::remove_file(&self.path)?;
        self.file = None;
        sync_folder(&self.path)
    }

    fn write_anew(&mut self, purges: &Purges) -> io::Result<()> {
        let text = written(&Line::All(purges.clone()))?;
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        sync_folder(&self.path)?;
        self.file = Some(file);
        self.appended = 0;
        self.most = LONG.max(text.len() as u64);
        Ok(())
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn written(line: &Line) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(line)?;
    let mut text = format!("{:016x} ", checksum(&json)).into_bytes();
    text.extend_from_slice(&json);
    text.push(b'\n');
    Ok(text)
}

fn read(line: &[u8]) -> Option<Line> {
    let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(17)?;
    let sum = std::str::from_utf8(sum.strip_suffix(b" ")?).ok()?;
    (u64::from_str_radix(sum, 16).ok()? == checksum(json)).then_some(())?;
    serde_json::from_slice(json).ok()
}

/// What a journal's text says; `None` if it is damaged.
fn replay(text: &[u8]) -> Option<Purges> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let Line::All(mut purges) = read(lines.next()?)? else {
        return None;
    };
    for line in lines {
        if !line.ends_with(b"\n") {
            // Cut off while it was written, and so never acknowledged.
            break;
        }
        let Line::One {
            selection,
            mode,
            at,
        } = read(line)?
        else {
            return None;
        };
        selection.purge(&mut purges, mode, at);
    }
    Some(purges)
}

#[cfg(test)]
mod tests;
