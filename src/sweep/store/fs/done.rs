//! The operations on files, as tests note them.
use std::path::PathBuf;

/// An operation that was done.
#[derive(Debug, Clone)]
#[cfg_attr(not(test), expect(dead_code, reason = "what was done is noted by tests alone"))]
pub(crate) enum Done {
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    Mkdir(PathBuf),
    SyncDir(PathBuf),
}
