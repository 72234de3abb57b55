//! The temporary folder of a run: what its nodes read. It goes with the run; one that a killed lab has
//! left behind goes with the next run.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "cdnlab-";
/// Held by the lab for as long as it lives; the system lets go of it, however the lab ends.
const LOCK: &str = "lab.lock";
/// A younger folder may belong to a lab that is about to take its lock.
const SETTLED: Duration = Duration::from_secs(60);

/// A folder of this process. Dropping it removes it.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// A new, empty folder among the system's temporary ones.
    ///
    /// # Errors
    /// When it cannot be made. What cannot be swept is left to the next run.
    pub fn new() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        sweep(&parent, SETTLED);
        Self::within(&parent)
    }

    fn within(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders in `parent` whose lab is gone and whose lock is at least so old.
fn sweep(parent: &Path, settled: Duration) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours && is_abandoned(&entry.path().join(LOCK), settled) {
            // Another lab may be sweeping too, or the folder may be another user's.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(lock: &Path, settled: Duration) -> bool {
    let old = |file: &File| {
        let modified = file.metadata()?.modified()?;
        Ok::<_, io::Error>(modified.elapsed().is_ok_and(|age| age >= settled))
    };
    File::open(lock).is_ok_and(|file| old(&file).unwrap_or(false) && file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_lab_has_left_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, file: &str| {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(file), "").unwrap();
            folder
        };
        let alive = Folder::within(parent.path()).unwrap();
        let dead = make("cdnlab-dead", LOCK);
        let strange = make("cdnlab-strange", "file");
        let other = make("other", LOCK);
        sweep(parent.path(), Duration::from_secs(3600));
        assert!(dead.exists(), "it may be about to be locked");
        sweep(parent.path(), Duration::ZERO);
        assert!(!dead.exists());
        assert!(alive.path().exists() && strange.exists() && other.exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
    }
}
