//! JSON files that say the version of their form: one of a later version is told as such, not as damaged.
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;

#[derive(Deserialize)]
struct Version {
    schema: u32,
    #[serde(default)]
    dlgrid: String,
}

/// What the bytes of the file at `path` say, of a version up to `known`.
///
/// # Errors
/// [`StoreError::LaterSchema`], or [`StoreError::Malformed`].
pub(crate) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    known: u32,
) -> Result<T, StoreError> {
    let malformed = |cause| StoreError::Malformed { path: path.to_owned(), cause };
    let version: Version = serde_json::from_slice(bytes).map_err(malformed)?;
    if version.schema > known {
        let (path, found, by) = (path.to_owned(), version.schema, version.dlgrid);
        return Err(StoreError::LaterSchema { path, found, known, by });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}
