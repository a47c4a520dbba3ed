//! Outside tests no fault is injected: all of this is nothing.
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

#[expect(dead_code, reason = "what was done is noted by tests alone")]
pub(super) enum Done {
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    Mkdir(PathBuf),
    SyncDir(PathBuf),
}

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn gate(_what: &'static str, _path: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn sync(_: &File, _: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn append(_: &mut File, _: &[u8], _: &Path) -> Result<(), StoreError> {
    Ok(())
}

pub(super) const fn is_dead() -> bool {
    false
}

pub(super) const fn answer(told: Result<(), rustix::io::Errno>) -> Result<(), rustix::io::Errno> {
    told
}

pub(super) fn done(_what: impl FnOnce() -> Done) {}
