//! Puts the worker into the sweep, so that all of its tasks run the same file, whatever is built
//! later.
use std::path::{Path, PathBuf};

use super::error::SlurmError;
use super::script::plain;
use crate::store::StoreError;
use crate::store::fs;
use crate::store::layout::SweepDir;

/// Programs of a sweep's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The job script.
    pub script: PathBuf,
    /// The worker.
    pub program: PathBuf,
}

/// Where a worker and a script of this content go.
#[must_use]
pub fn places(dir: &SweepDir, program: &Path, bytes: &[u8], script: &str) -> Installed {
    let mut hash = blake3::Hasher::new();
    hash.update(&(bytes.len() as u64).to_le_bytes()).update(bytes).update(script.as_bytes());
    let folder = dir.programs(&hash.finalize().to_hex()[..16]);
    let name = program.file_name().unwrap_or_default();
    Installed { script: folder.join("array.sbatch"), program: folder.join(name) }
}

/// Copies the worker and writes the script into the sweep, unless they are there. What stands
/// under that name is complete and of this content, for the name is its hash.
///
/// # Errors
/// If the worker can't be read or the sweep not be written.
pub fn install(dir: &SweepDir, program: &Path, script: &str) -> Result<Installed, SlurmError> {
    let bytes = fs::read(program)?;
    let installed = places(dir, program, &bytes, script);
    once(fs::publish(&installed.script, script.as_bytes()))?;
    once(if installed.program.is_file() {
        Ok(())
    } else {
        fs::publish_program(&installed.program, &bytes)
    })?;
    plain(&installed.program)?;
    Ok(installed)
}

fn once(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(error) if error.is_exists() => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_worker_is_copied_once_and_may_be_run() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path().join("sweep"));
        let program = tmp.path().join("worker");
        fs::publish(&program, b"#!/bin/sh\nexit 7\n").expect("written");
        let first = install(&dir, &program, "script").expect("installed");
        assert_eq!(install(&dir, &program, "script").expect("again"), first);
        let mode = first.program.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o111, 0o110);
        fs::remove(&program).expect("removed");
        fs::publish(&program, b"#!/bin/sh\nexit 8\n").expect("written");
        let second = install(&dir, &program, "script").expect("installed");
        assert_ne!(second.program, first.program, "another build goes elsewhere");
        assert_eq!(fs::read(&first.program).expect("kept"), b"#!/bin/sh\nexit 7\n");
    }
}
