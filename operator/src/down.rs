//! Until when a node has to stay down: one number in a file, which outlives the process that was aborted.
//!
//! Whoever restarts processes (a restart policy, an orchestrator) does so at once; an outage lasts longer. So the node
//! itself waits, before it listens, until the instant that it finds here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No node stays down for longer: a wrong clock or file must not keep it away for good.
pub const LONGEST: Duration = Duration::from_secs(3600);

const FILE: &str = "down-until-ms";

/// An instant of the wall clock until which the node stays down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down {
    until_ms: u64,
}

impl Down {
    /// For so long from now, at most [`LONGEST`].
    #[must_use]
    pub fn for_ms(ms: u64) -> Self {
        let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        Self {
            until_ms: now_ms().saturating_add(ms.min(longest)),
        }
    }

    /// Keeps it in `folder`, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(self, folder: &Path) -> io::Result<()> {
        let fresh = folder.join(format!("{FILE}.new"));
        fs::write(&fresh, self.until_ms.to_string())?;
        fs::rename(fresh, file(folder))
    }

    /// What a former life of the node has left in `folder`. Absent or unreadable: nothing.
    #[must_use]
    pub fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(file(folder)).ok()?;
        let until_ms = text.trim().parse().ok()?;
        Some(Self { until_ms })
    }

    /// Forgets it: the node comes up.
    pub fn clear(folder: &Path) {
        // A file that is not there is what is wanted.
        let _ = fs::remove_file(file(folder));
    }

    /// How long that is from now.
    #[must_use]
    pub fn left(self) -> Duration {
        Duration::from_millis(self.until_ms.saturating_sub(now_ms())).min(LONGEST)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_by_the_next_life_until_it_is_cleared() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Down::read(folder.path()), None);
        let down = Down::for_ms(60_000);
        down.write(folder.path()).expect("a writable folder");
        let found = Down::read(folder.path()).expect("an instant");
        assert_eq!(found, down);
        assert!(found.left() > Duration::from_secs(50));
        // A node that dies while it waits goes on waiting.
        assert_eq!(Down::read(folder.path()), Some(down));
        Down::clear(folder.path());
        assert_eq!(Down::read(folder.path()), None);
    }

    #[test]
    fn nonsense_keeps_nobody_down() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(file(folder.path()), "soon").expect("a writable folder");
        assert_eq!(Down::read(folder.path()), None);
        assert!(Down { until_ms: u64::MAX }.left() <= LONGEST);
        assert!(Down::for_ms(u64::MAX).left() <= LONGEST);
        assert_eq!(Down { until_ms: 1 }.left(), Duration::ZERO);
    }
}
