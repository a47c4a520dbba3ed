//! Whose directory a sweep is run from.
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::*;
use crate::store::error::StoreError;
use crate::store::trust::check;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
}

fn refused(dir: &SweepDir) -> Option<String> {
    check(dir).err().map(|error| {
        assert!(matches!(error, StoreError::Untrusted { .. }) && error.hint().is_some());
        error.to_string()
    })
}

#[test]
fn where_everybody_writes_nothing_is_run() {
    let (keep, dir) = scratch();
    assert_eq!(refused(&dir), None, "it is not there yet");
    std::fs::create_dir(dir.path()).expect("made");
    for (above, own, trusted) in [
        (0o700, 0o750, true),
        (0o755, 0o2770, true),
        (0o1777, 0o750, true),
        (0o777, 0o750, false),
        (0o2777, 0o750, false),
        (0o700, 0o757, false),
        (0o1777, 0o1777, true),
    ] {
        mode(keep.path(), above);
        mode(dir.path(), own);
        assert_eq!(refused(&dir).is_none(), trusted, "{above:o} {own:o}");
    }
}

#[test]
fn what_somebody_else_made_is_not_run() {
    let (keep, dir) = scratch();
    std::fs::create_dir(dir.path()).expect("made");
    if chown(dir.path(), Some(12345), None).is_err() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    assert!(refused(&dir).is_some_and(|why| why.contains("belongs to user 12345")));
    // A link of mine to it, and a link of somebody's to a folder of mine.
    let linked = SweepDir::new(keep.path().join("link"));
    symlink(dir.path(), linked.path()).expect("linked");
    assert!(refused(&linked).is_some());
    chown(dir.path(), Some(crate::host::user()), None).expect("taken back");
    assert_eq!((refused(&dir), refused(&linked)), (None, None));
    std::os::unix::fs::lchown(linked.path(), Some(12345), None).expect("given away");
    assert!(refused(&linked).is_some());
}

/// Linux takes it from a folder that files in it belong to its group, when somebody who is not in that
/// group changes its mode; root alone may do so, and is told apart here all the same.
#[test]
fn a_folder_for_a_group_of_others_stays_one() {
    let (keep, dir) = scratch();
    if chown(keep.path(), None, Some(12345)).is_err() {
        eprintln!("skipped: only root can give a folder to a group of others");
        return;
    }
    mode(keep.path(), 0o2750);
    for _ in 0..2 {
        crate::store::fs::create_dirs(&dir.segments()).expect("made, or met");
        for folder in [dir.path(), &dir.segments()] {
            let about = crate::store::fs::about(folder).expect("there");
            assert_eq!(
                (about.mode & 0o7777, about.group),
                (0o3750, 12345),
                "set, and in the making"
            );
        }
    }
    let (keep, dir) = scratch();
    mode(keep.path(), 0o2750);
    crate::store::fs::create_dirs(&dir.segments()).expect("made");
    let about = crate::store::fs::about(&dir.segments()).expect("there");
    assert_eq!(about.mode & 0o7777, 0o2750, "of our own group: set, and made");
}
