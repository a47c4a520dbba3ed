//! Whether others could put files into a sweep's directory, where programs and specs lie that are run.
use std::path::Path;

use super::error::StoreError;
use super::fs::{self, About, FileKind};
use super::layout::SweepDir;
use crate::host;

/// Bits of a mode.
const EVERYBODY_WRITES: u32 = 0o002;
const STICKY: u32 = 0o1000;
/// Whom file servers make of a user whom they squash.
pub(crate) const NOBODY: u32 = 65_534;

/// Whether everybody may put a file there, or take one's place: in a folder with the sticky bit
/// files stay their owners'.
pub(crate) fn is_open_to_all(about: &About) -> bool {
    let sticky = about.kind == FileKind::Folder && about.mode & STICKY != 0;
    about.mode & EVERYBODY_WRITES != 0 && !sticky
}

/// Before anything of a sweep is run: its directory is this user's, and neither it nor the folder
/// above it lets everybody write. What is not there yet can be trusted.
///
/// # Errors
/// [`StoreError::Untrusted`] where that is not so.
pub fn check(dir: &SweepDir) -> Result<(), StoreError> {
    let own = dir.path();
    let untrusted = |path: &Path, why| Err(StoreError::Untrusted { path: path.to_owned(), why });
    // In a folder where all may make files, the name may be a link of somebody else's.
    for about in [fs::about(own), fs::about_behind(own)].into_iter().flatten() {
        if ![host::user(), NOBODY].contains(&about.user) {
            return untrusted(own, format!("belongs to user {}", about.user));
        }
    }
    let above = own.parent().filter(|above| !above.as_os_str().is_empty());
    for path in [own, above.unwrap_or(Path::new("."))] {
        if fs::about_behind(path).is_ok_and(|about| is_open_to_all(&about)) {
            return untrusted(path, "can be written to by everybody".into());
        }
    }
    Ok(())
}
