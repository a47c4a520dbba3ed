//! Files in the making: each appears once, complete, under its final name.
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::done::Done;
use super::os::{self, OpenFile};
use super::{Result, confirm, create_dirs, fault, folder, nonce, open_new, remove, sync, sync_dir};
use crate::mutant::{self, Mutant};
use crate::store::error::StoreError;

/// A file in the making, invisible to readers until it is published; dropped, it is removed.
#[derive(Debug)]
pub struct Draft {
    pub(super) file: OpenFile,
    temp: PathBuf,
}

/// Starts a file that will appear in that folder, whose folders are made where missing.
///
/// # Errors
/// What the system refused.
pub fn draft(folder: &Path) -> Result<Draft> {
    draft_as(folder, "")
}

/// As [`draft`]; the hidden name starts with `label`, so that leftovers can be told apart.
pub(in crate::store) fn draft_as(folder: &Path, label: &str) -> Result<Draft> {
    create_dirs(folder)?;
    let place = if mutant::is(Mutant::DraftOutside) { super::folder(folder) } else { folder };
    let temp = place.join(format!(".{label}.{}.tmp", nonce()?));
    Ok(Draft { file: open_new(&temp, OFlags::empty())?, temp })
}

impl Draft {
    /// Adds these bytes.
    ///
    /// # Errors
    /// What the system refused.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        fault::append(&mut self.file, bytes, &self.temp)?;
        let mut left = bytes;
        while !left.is_empty() {
            match self.file.write(left) {
                Ok(0) => return Err(StoreError::io("write to", &self.temp, Errno::IO)),
                Ok(written) => left = &left[written..],
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(StoreError::io("write to", &self.temp, cause)),
            }
        }
        fault::done(|| Done::Write(self.temp.clone(), bytes.to_vec()));
        Ok(())
    }

    /// Gives it its final name in the same folder, which nobody may have taken; durable when
    /// this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken; else what the system refused.
    pub fn publish(self, path: &Path) -> Result<()> {
        sync(&self.file, &self.temp)?;
        fault::gate("link", path)?;
        if mutant::is(Mutant::PublishReplaces) {
            return self.replace(path);
        }
        match fault::answer(os::link(&self.temp, path)) {
            Ok(()) => {}
            // The server's answer can be lost after it did the work: the count of links tells.
            Err(_)
                if !mutant::is(Mutant::LinkAnswerTrusted)
                    && self.file.links().is_ok_and(|links| links == 2) => {}
            Err(Errno::EXIST) => return Err(taken(path)),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                return self.publish_without_links(path);
            }
            Err(cause) => return Err(StoreError::io("create", path, cause)),
        }
        fault::done(|| Done::Link(self.temp.clone(), path.to_owned()));
        if !mutant::is(Mutant::DraftLeft) {
            remove(&self.temp)?;
        }
        sync_dir(folder(path))
    }

    fn publish_without_links(&self, path: &Path) -> Result<()> {
        match os::rename_new(&self.temp, path) {
            Ok(()) => {
                fault::done(|| Done::Rename(self.temp.clone(), path.to_owned()));
                sync_dir(folder(path))
            }
            Err(Errno::EXIST) => Err(taken(path)),
            Err(cause) => Err(StoreError::io("create", path, cause)),
        }
    }

    /// Gives it its final name by renaming, for names that say what the file holds, so that
    /// replacing one changes nothing; durable when this returns.
    ///
    /// # Errors
    /// What the system refused.
    pub fn rename(self, path: &Path) -> Result<()> {
        sync(&self.file, &self.temp)?;
        fault::gate("rename", path)?;
        self.replace(path)
    }

    fn replace(&self, path: &Path) -> Result<()> {
        os::rename(&self.temp, path)
            .map_err(|cause| StoreError::io("rename a file to", path, cause))?;
        fault::done(|| Done::Rename(self.temp.clone(), path.to_owned()));
        sync_dir(folder(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After success nothing is there; after failure a leftover is hidden and harmless.
        let removes = !fault::is_dead() && !mutant::is(Mutant::DraftLeft);
        if removes && os::unlink(&self.temp).is_ok() {
            fault::done(|| Done::Unlink(self.temp.clone()));
        }
    }
}

/// That a name is taken, once that is durable: who is told so relies on what is there.
fn taken(path: &Path) -> StoreError {
    match confirm(path) {
        Ok(()) => StoreError::Exists { path: path.to_owned() },
        Err(error) => error,
    }
}
