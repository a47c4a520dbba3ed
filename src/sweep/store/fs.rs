//! The one module that writes files of a sweep: each append, sync, link and rename is here.
//!
//! A file is either appended to by one process, or appears once, complete, under its final
//! name and never changes. A sync that succeeded is the only proof that bytes are kept: on
//! network file systems a full disk shows in the sync alone, and only once.
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::StoreError;
use crate::host;
use crate::mutant::{self, Mutant};
use done::Done;
pub(super) use draft::draft_as;
pub use draft::{Draft, draft};
pub(crate) use folder::list_all;
pub use folder::{create_dirs, list_dir, remove_empty_dir};
use folder::{folder, sync_dir};
pub use os::{About, FileKind, OpenFile};

mod done;
mod draft;
#[cfg(test)]
pub(crate) mod fault;
#[cfg(not(test))]
#[path = "fs/no_fault.rs"]
mod fault;
mod folder;
mod os;

/// How often a file is opened again when the server has forgotten the handle.
const STALE_TRIES: u32 = 5;

type Result<T> = std::result::Result<T, StoreError>;

/// A file that this process created and that it alone appends to.
#[derive(Debug)]
pub struct AppendFile {
    file: OpenFile,
    path: PathBuf,
}

/// Creates a file that was not there, for appending, and its folders where they are missing.
/// Follows no symbolic link. The name is durable when this returns.
///
/// # Errors
/// [`StoreError::Exists`] if the name is taken; else what the system refused.
pub fn create_new(path: &Path) -> Result<AppendFile> {
    create_dirs(folder(path))?;
    let file = open_new(path, OFlags::APPEND)?;
    if let Err(cause) = sync_dir(folder(path)) {
        drop(remove(path));
        return Err(cause);
    }
    Ok(AppendFile { file, path: path.to_owned() })
}

/// Creates a file for what a worker prints, and its folder where it is missing. It is talk:
/// nothing of it is synced.
///
/// # Errors
/// As [`create_new`].
pub fn create_log(path: &Path) -> Result<File> {
    create_dirs(folder(path))?;
    open_new(path, OFlags::APPEND).map(OpenFile::into_system)
}

fn open_new(path: &Path, extra: OFlags) -> Result<OpenFile> {
    fault::gate("create", path)?;
    let mut flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | extra;
    if mutant::is(Mutant::SharedAppend) {
        flags -= OFlags::EXCL;
    }
    match os::create(path, flags) {
        Ok(file) => {
            fault::done(|| Done::Create(path.to_owned()));
            Ok(file)
        }
        Err(Errno::EXIST) => Err(StoreError::Exists { path: path.to_owned() }),
        Err(cause) => Err(StoreError::io("create", path, cause)),
    }
}

impl AppendFile {
    /// Appends these bytes by one write.
    ///
    /// # Errors
    /// After any error the file may end in a part of them: write to it no more.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match fault::append(&mut self.file, bytes, &self.path) {
            Err(StoreError::Short { .. }) if mutant::is(Mutant::ShortWriteTaken) => return Ok(()),
            faulty => faulty?,
        }
        loop {
            return match self.file.write(bytes) {
                Ok(written) if written == bytes.len() => {
                    fault::done(|| Done::Write(self.path.clone(), bytes.to_vec()));
                    Ok(())
                }
                Ok(written) => {
                    Err(StoreError::Short { path: self.path.clone(), written, asked: bytes.len() })
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => Err(StoreError::io("write to", &self.path, cause)),
            };
        }
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// After any error nothing since the last successful sync is known to be kept, and a second
    /// sync that succeeds proves nothing: write to the file no more.
    pub fn sync(&mut self) -> Result<()> {
        sync(&self.file, &self.path)
    }

    /// Syncs and closes. What a network file system would say at close, it says at the sync.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub fn close(mut self) -> Result<()> {
        self.sync()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes durable what a file holds.
fn sync(file: &OpenFile, path: &Path) -> Result<()> {
    if mutant::is(Mutant::NoSync) {
        return Ok(());
    }
    match fault::sync(file, path) {
        Err(_) if mutant::is(Mutant::SyncErrorSwallowed) && !fault::is_dead() => return Ok(()),
        gate => gate?,
    }
    file.sync().map_err(|cause| StoreError::io("sync", path, cause))?;
    fault::done(|| Done::Sync(path.to_owned()));
    Ok(())
}

/// Makes durable that a file is there that was published: its writer may have been killed, or have
/// failed, before it was.
///
/// # Errors
/// What the system refused.
pub fn confirm(path: &Path) -> Result<()> {
    as_a_reader(sync_dir(folder(path)))
}

/// Makes durable what is read of files whose writers may have been killed over them, many at once. A
/// file that is gone is no error, nor is a file system that does no such thing for one who only reads.
///
/// # Errors
/// What the system refused for the first of them.
pub fn confirm_bytes(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| as_a_reader(fault::gate("sync", path)))?;
    let synced = each(paths, |path| Some(as_a_reader(reading(path, OpenFile::sync))));
    synced.into_iter().collect::<Result<()>>()?;
    paths.iter().for_each(|path| fault::done(|| Done::Sync(path.clone())));
    Ok(())
}

/// What came of an attempt to make durable what another has made. A file system that does no such
/// thing for one who only reads is no failure, nor is what is gone.
fn as_a_reader(came: Result<()>) -> Result<()> {
    const NOT_FOR_READERS: [Errno; 7] = [
        Errno::ACCESS,
        Errno::BADF,
        Errno::INVAL,
        Errno::NOSYS,
        Errno::OPNOTSUPP,
        Errno::PERM,
        Errno::ROFS,
    ];
    came.or_else(|cause| {
        let is_no_failure = cause.is_not_found()
            || cause.errno().is_some_and(|errno| NOT_FOR_READERS.contains(&errno));
        if is_no_failure { Ok(()) } else { Err(cause) }
    })
}

/// Creates a file with this content, at once and durably; it is never replaced.
///
/// # Errors
/// [`StoreError::Exists`] if it is there already, durably; else what the system refused.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<()> {
    if mutant::is(Mutant::PublishedInPlace) {
        let mut file = create_new(path)?;
        file.append(bytes)?;
        return file.close();
    }
    let mut draft = draft(folder(path))?;
    draft.write(bytes)?;
    draft.publish(path)
}

/// Creates a file with this content, at once and durably, or puts it in the place of one that is
/// there: for files that are none of a sweep's.
///
/// # Errors
/// What the system refused.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = draft(folder(path))?;
    draft.write(bytes)?;
    draft.rename(path)
}

/// As [`publish`], for a program: its owner and group may run it.
///
/// # Errors
/// As [`publish`].
pub fn publish_program(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = draft(folder(path))?;
    draft.write(bytes)?;
    let made = draft.file.make_program();
    made.map_err(|cause| StoreError::io("make a program of", path, cause))?;
    draft.publish(path)
}

/// Removes a file; one that is gone already is no error.
///
/// # Errors
/// What the system refused.
pub fn remove(path: &Path) -> Result<()> {
    fault::gate("remove", path)?;
    match os::unlink(path) {
        Ok(()) => {
            fault::done(|| Done::Unlink(path.to_owned()));
            Ok(())
        }
        Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(StoreError::io("remove", path, cause)),
    }
}

/// Gives a file another name in its folder; one that is gone already is no error.
///
/// # Errors
/// What the system refused.
pub(super) fn set_aside(path: &Path, to: &Path) -> Result<()> {
    fault::gate("rename", path)?;
    match os::rename(path, to) {
        Ok(()) => {
            fault::done(|| Done::Rename(path.to_owned(), to.to_owned()));
            sync_dir(folder(path))
        }
        Err(Errno::NOENT) => Ok(()),
        Err(cause) => Err(StoreError::io("rename", path, cause)),
    }
}

/// Opens a file for reading and does `work` with it, again from the start if the file server
/// has forgotten the handle (up to five times).
///
/// # Errors
/// What the system refused; a file that is not there: [`StoreError::is_not_found`].
pub fn reading<T>(path: &Path, mut work: impl FnMut(&OpenFile) -> io::Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        let done = os::open(path).map_err(io::Error::from).and_then(|file| work(&file));
        match done {
            Ok(value) => return Ok(value),
            Err(cause) if is_stale(&cause) && mutant::is(Mutant::StaleGivesUp) => {
                return Err(StoreError::io("read", path, cause));
            }
            Err(cause) if is_stale(&cause) && tries < STALE_TRIES => tries += 1,
            Err(cause) => return Err(StoreError::io("read", path, cause)),
        }
    }
}

fn is_stale(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(Errno::STALE.raw_os_error())
}

/// The whole content of a file.
///
/// # Errors
/// As [`reading`].
pub fn read(path: &Path) -> Result<Vec<u8>> {
    reading(path, |file| file.read_from(0))
}

/// What the system says of a file or folder, links not followed.
///
/// # Errors
/// What the system refused.
pub fn about(path: &Path) -> io::Result<About> {
    os::about(path, false)
}

/// As [`about`], of what a link leads to.
///
/// # Errors
/// What the system refused.
pub fn about_behind(path: &Path) -> io::Result<About> {
    os::about(path, true)
}

/// Whether there is a folder of that name. On a network file system the answer may be out of
/// date: nothing waits for it.
#[must_use]
pub fn is_dir(path: &Path) -> bool {
    about_behind(path).is_ok_and(|about| about.kind == FileKind::Folder)
}

/// Whether there is a file of that name; as [`is_dir`] otherwise.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    about_behind(path).is_ok_and(|about| about.kind == FileKind::Plain)
}

/// Does something with each of these, many at once: a network file system answers late, and many
/// at once.
pub(super) fn each<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> Option<R> + Send + Sync,
) -> Vec<R> {
    if os::is_simulated() {
        return all.iter().filter_map(work).collect();
    }
    all.par_iter().filter_map(work).collect()
}

/// What a file system has left for this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// Bytes.
    pub bytes: u64,
    /// Files; nothing where the file system does not count them.
    pub files: Option<u64>,
}

/// What is free where this file or folder lies. A user's quota can be smaller.
///
/// # Errors
/// What the system refused.
pub fn free(path: &Path) -> Result<Free> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|cause| StoreError::io("ask for the free space of", path, cause))?;
    Ok(Free {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        files: (stat.f_files > 0).then_some(stat.f_favail),
    })
}

/// Eight random hex digits.
///
/// # Errors
/// Where the system gives no random bytes.
pub(crate) fn nonce() -> Result<String> {
    let bytes = host::random::<4>().map_err(|cause| {
        StoreError::io("draw random bytes from", Path::new("/dev/urandom"), cause)
    })?;
    Ok(format!("{:08x}", u32::from_be_bytes(bytes)))
}
