//! Folders: made durably, listed so that nothing in them is missed, and removed.
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::done::Done;
use super::os::{self, About, FileKind};
use super::{Result, STALE_TRIES, about_behind, as_a_reader, fault, is_dir, is_stale};
use crate::mutant::{self, Mutant};
use crate::store::error::StoreError;

/// Makes a folder and those above it, with mode 0750, where they are missing; durably. A new one is
/// sticky until it is durable: where its maker is killed, who meets it makes it so.
///
/// # Errors
/// What the system refused.
pub fn create_dirs(path: &Path) -> Result<()> {
    match about_behind(path) {
        Ok(about) if about.is_folder_in_the_making() && !mutant::is(Mutant::FolderTrusted) => {
            return as_a_reader(settle_dir(path, &about));
        }
        Ok(about) if about.kind == FileKind::Folder => return Ok(()),
        _ => {}
    }
    let above = folder(path);
    if above != path {
        create_dirs(above)?;
    }
    fault::gate("make the folder", path)?;
    match os::mkdir(path) {
        Ok(()) => {
            fault::done(|| Done::Mkdir(path.to_owned()));
        }
        // Another process is just making it.
        Err(Errno::EXIST) if is_dir(path) => {}
        Err(cause) => return Err(StoreError::io("make the folder", path, cause)),
    }
    match about_behind(path) {
        Ok(about) if about.is_folder_in_the_making() => settle_dir(path, &about),
        _ => sync_dir(above),
    }
}

/// Makes a folder durable, and shows that it is. Where a change of its mode would take from it that
/// files in it belong to its group, it does not show it: it is made durable by whoever meets it.
fn settle_dir(path: &Path, about: &About) -> Result<()> {
    sync_dir(folder(path))?;
    if about.gives_a_group_of_others() {
        return Ok(());
    }
    fault::gate("settle the folder", path)?;
    match os::chmod(path, about.mode & !os::IN_THE_MAKING) {
        // A file system without modes, or another has done it and the folder is gone.
        Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOENT) => Ok(()),
        Err(cause) => Err(StoreError::io("settle the folder", path, cause)),
    }
}

/// Makes durable which names a folder holds.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    if mutant::is(Mutant::NoDirSync) {
        return Ok(());
    }
    fault::gate("sync the folder", path)?;
    os::sync_dir(path).map_err(|cause| StoreError::io("sync the folder", path, cause))?;
    fault::done(|| Done::SyncDir(path.to_owned()));
    Ok(())
}

/// Removes an empty folder; one that is gone, or that is not empty, is left and is no error.
///
/// # Errors
/// What the system refused.
pub fn remove_empty_dir(path: &Path) -> Result<()> {
    fault::gate("remove the folder", path)?;
    match os::rmdir(path) {
        Ok(()) => {
            fault::done(|| Done::Unlink(path.to_owned()));
            Ok(())
        }
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(cause) => Err(StoreError::io("remove the folder", path, cause)),
    }
}

/// The names in a folder, sorted, without hidden ones (what a network file system keeps for
/// files removed while open, and files in the making). The folder is opened, never only asked
/// for its times, for a client's cache can be blind to new names for half a minute. A folder
/// that is not there holds nothing.
///
/// # Errors
/// What the system refused.
pub fn list_dir(path: &Path) -> Result<Vec<String>> {
    let mut names = list_all(path)?;
    names.retain(|name| !name.starts_with('.'));
    Ok(names)
}

/// As [`list_dir`], with hidden names.
pub(crate) fn list_all(path: &Path) -> Result<Vec<String>> {
    let mut tries = 1;
    loop {
        match os::list(path) {
            Ok(mut names) => {
                names.sort_unstable();
                return Ok(names);
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if tries == STALE_TRIES || !is_there_after_all(path)? {
                    return Ok(Vec::new());
                }
                tries += 1;
            }
            Err(cause) if is_stale(&cause) && tries < STALE_TRIES => tries += 1,
            Err(cause) => return Err(StoreError::io("list", path, cause)),
        }
    }
}

/// Whether a folder is there although a client said that it is not: it can be blind to a new one for
/// half a minute, until the one above is opened.
fn is_there_after_all(path: &Path) -> Result<bool> {
    let above = folder(path);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(false) };
    if above == path || mutant::is(Mutant::AbsenceBelieved) {
        return Ok(false);
    }
    Ok(list_all(above)?.iter().any(|there| there == name))
}

/// The folder that a path is in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => path,
    }
}
