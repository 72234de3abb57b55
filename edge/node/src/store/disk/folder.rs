//! The folder of a disk tier: one edge at a time, regions of one layout, the journal of purges.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The unit of the disk: records begin at multiples of it.
pub(super) const PAGE: u64 = 4 << 10;
/// The largest region, which bounds the largest record.
const LARGEST_REGION: u64 = 16 << 20;
/// A disk is divided into so many regions at least: what is oldest goes a region at a time.
const REGIONS: u64 = 32;

/// The least size of a disk tier, in bytes.
pub(crate) const LEAST: u64 = 8 << 20;

/// A folder that this process has for itself.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, and takes it.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another edge uses it; give each edge a folder of its own",
            )),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the regions of this size lie, whose keys have this meaning. Others are removed, and of
    /// these those that are too many; all of them if what they hold is `void`.
    pub(super) fn regions(&self, size: u64, keys: u64, void: bool) -> io::Result<PathBuf> {
        let region = region(size);
        let name = format!("regions-{}KiB-{keys:016x}", region >> 10);
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let found = entry.file_name();
            let ours = found.to_string_lossy().starts_with("regions-");
            if ours && (void || *found != *name) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let path = self.path.join(name);
        fs::create_dir_all(&path)?;
        let mut files = files(&path)?;
        let most = usize::try_from(size / region).unwrap_or(usize::MAX);
        for surplus in files.drain(most.min(files.len())..) {
            fs::remove_file(surplus)?;
        }
        leave_room(&files, most)?;
        Ok(path)
    }
}

/// The size of a region, given that of the disk: a power of two.
pub(super) fn region(size: u64) -> u64 {
    let share = (size / REGIONS).max(PAGE);
    (1 << share.ilog2()).min(LARGEST_REGION)
}

/// The files of the regions, in the order of their numbers.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Empties the region that was written longest ago if all are in use: foyer begins a new one at
/// each start, and waits for ever if a killed process has left none empty.
fn leave_room(files: &[PathBuf], most: usize) -> io::Result<()> {
    if files.len() < most {
        return Ok(());
    }
    let mut oldest = None;
    for path in files {
        let mut file = File::open(path)?;
        let mut page = Vec::new();
        file.by_ref().take(PAGE).read_to_end(&mut page)?;
        if page.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let written = file.metadata()?.modified()?;
        if oldest.as_ref().is_none_or(|(first, _)| written < *first) {
            oldest = Some((written, path));
        }
    }
    if let Some((_, path)) = oldest {
        OpenOptions::new().write(true).open(path)?.set_len(0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_powers_of_two_and_many() {
        for size in [LEAST, 10_000_000, 64 << 20, 1 << 30, 10 << 30, 1 << 40] {
            let region = region(size);
            assert!(
                region.is_power_of_two() && region <= LARGEST_REGION,
                "{size}"
            );
            assert!(size / region >= REGIONS, "{size}");
        }
    }

    #[test]
    fn a_folder_is_taken_by_one_and_keeps_regions_of_one_size() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("made");
        let folder = Folder::take(&path).unwrap();
        let again = Folder::take(&path).err().expect("it is taken");
        assert_eq!(again.kind(), io::ErrorKind::ResourceBusy);
        let regions = folder.regions(LEAST, 1, false).unwrap();
        let count = LEAST / region(LEAST);
        for number in 0..count + 3 {
            fs::write(regions.join(format!("r{number:03}")), b"used").unwrap();
        }
        assert_eq!(folder.regions(LEAST, 1, false).unwrap(), regions);
        let left = files(&regions).unwrap();
        assert_eq!(left.len() as u64, count);
        // One of them was emptied, so that there is room.
        let empty = left
            .iter()
            .filter(|path| fs::read(path).unwrap().is_empty());
        assert_eq!(empty.count(), 1);
        let other = folder.regions(1 << 30, 1, false).unwrap();
        assert!(!regions.exists() && other.exists());
        fs::write(other.join("r"), b"used").unwrap();
        folder.regions(1 << 30, 1, true).unwrap();
        assert!(files(&other).unwrap().is_empty());
        drop(folder);
        drop(Folder::take(&path).expect("it is free again"));
    }
}
