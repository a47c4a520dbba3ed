//! Puts the worker into the sweep, so that all of its tasks run the same file, whatever is built
//! later.
use std::path::PathBuf;

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
    /// The programs, in their order.
    pub programs: Vec<PathBuf>,
}

/// Where these programs and this script go: by the hash of them all.
///
/// # Errors
/// If a program can't be read.
pub fn places(dir: &SweepDir, programs: &[PathBuf], script: &str) -> Result<Installed, SlurmError> {
    let mut hash = blake3::Hasher::new();
    for program in programs {
        let bytes = fs::read(program)?;
        hash.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
    }
    let folder = dir.programs(&hash.update(script.as_bytes()).finalize().to_hex()[..16]);
    let place = |program: &PathBuf| folder.join(program.file_name().unwrap_or_default());
    Ok(Installed {
        script: folder.join("array.sbatch"),
        programs: programs.iter().map(place).collect(),
    })
}

/// Copies the programs and writes the script into the sweep, unless they are there. What stands
/// under that name is complete and of this content, for the folder's name is its hash.
///
/// # Errors
/// If a program can't be read or the sweep not be written.
pub fn install(
    dir: &SweepDir,
    programs: &[PathBuf],
    script: &str,
) -> Result<Installed, SlurmError> {
    let installed = places(dir, programs, script)?;
    once(fs::publish(&installed.script, script.as_bytes()))?;
    for (from, to) in programs.iter().zip(&installed.programs) {
        if fs::is_file(to) {
            fs::confirm(to)?;
        } else {
            once(fs::publish_program(to, &fs::read(from)?))?;
        }
        plain(to)?;
    }
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
        let programs = [program];
        let [program] = &programs;
        let first = install(&dir, &programs, "script").expect("installed");
        assert_eq!(install(&dir, &programs, "script").expect("again"), first);
        let mode = first.programs[0].metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o111, 0o110);
        fs::remove(program).expect("removed");
        fs::publish(program, b"#!/bin/sh\nexit 8\n").expect("written");
        let second = install(&dir, &programs, "script").expect("installed");
        assert_ne!(second.programs, first.programs, "another build goes elsewhere");
        assert_eq!(fs::read(&first.programs[0]).expect("kept"), b"#!/bin/sh\nexit 7\n");
    }
}
