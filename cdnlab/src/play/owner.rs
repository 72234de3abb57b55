//! Whose a report is. In a container the lab may be root, and the folder of reports somebody's own, mounted: what is
//! written there should belong to whoever owns that folder.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// Gives a folder and what is in it to the owner of the folder that it lies in, where we are root and that is not. Where
/// the system refuses, it stays ours.
pub(super) fn hand_over(folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let Ok(owner) = fs::metadata(parent.unwrap_or(Path::new("."))) else {
        return;
    };
    if owner.uid() != 0 {
        give(folder, owner.uid(), owner.gid());
    }
}

fn give(path: &Path, user: u32, group: u32) {
    if let Err(error) = chown(path, Some(user), Some(group)) {
        tracing::warn!(%error, "{} could not be handed over", path.display());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        // A link could lead elsewhere.
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            give(&entry.path(), user, group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_root_goes_to_the_owner_of_its_folder() {
        let reports = tempfile::tempdir().expect("a folder");
        let report = reports.path().join("one");
        fs::create_dir(&report).expect("a folder");
        fs::write(report.join("report.json"), "{}").expect("a file");
        let root = chown(reports.path(), Some(12_345), Some(12_346)).is_ok();
        hand_over(&report);
        let owner = |path: &Path| fs::metadata(path).map(|it| (it.uid(), it.gid()));
        let ours = owner(reports.path()).expect("a folder");
        // Only root can give, and only root needs to.
        assert_eq!(ours.0 == 12_345, root);
        assert_eq!(owner(&report).expect("a folder"), ours);
        assert_eq!(owner(&report.join("report.json")).expect("a file"), ours);
    }
}
