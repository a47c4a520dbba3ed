//! Outside tests no fault is injected: all of this is nothing.
use std::path::Path;

use super::done::Done;
use super::os::OpenFile;
use crate::store::error::StoreError;

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn gate(_what: &'static str, _path: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn sync(_: &OpenFile, _: &Path) -> Result<(), StoreError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as in tests")]
pub(super) const fn append(_: &mut OpenFile, _: &[u8], _: &Path) -> Result<(), StoreError> {
    Ok(())
}

pub(super) const fn is_dead() -> bool {
    false
}

pub(super) const fn answer(told: Result<(), rustix::io::Errno>) -> Result<(), rustix::io::Errno> {
    told
}

pub(super) fn done(_what: impl FnOnce() -> Done) {}
