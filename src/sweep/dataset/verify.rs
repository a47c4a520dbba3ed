//! Whether the files of a data set are the genuine ones: sizes, then checksums.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{DataFile, DataSet};

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not there.
    #[error("`{file}` is missing")]
    Missing {
        /// Its name.
        file: &'static str,
    },
    /// Something else has its name.
    #[error("`{file}` is not a file")]
    NotAFile {
        /// Its name.
        file: &'static str,
    },
    /// It is too short or too long.
    #[error("`{file}` has `{found}` bytes, not `{expected}`")]
    Size {
        /// Its name.
        file: &'static str,
        /// Its size in bytes.
        found: u64,
        /// The size that it must have, in bytes.
        expected: u64,
    },
    /// Its size is right and its content is not.
    #[error("`{file}` has the SHA-256 `{found}`, not `{expected}`")]
    Checksum {
        /// Its name.
        file: &'static str,
        /// SHA-256 of its bytes, in hexadecimal.
        found: String,
        /// The one that it must have.
        expected: &'static str,
    },
    /// It can't be read.
    #[error("`{file}` cannot be read: {why}")]
    Unreadable {
        /// Its name.
        file: &'static str,
        /// What the system said.
        why: String,
    },
}

/// Several faults in one line.
#[must_use]
pub fn in_words(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What is wrong with the files at `dir` by names and sizes alone; empty: nothing.
#[must_use]
pub fn sizes(dir: &Path, files: &[DataFile]) -> Vec<Fault> {
    files.iter().filter_map(|file| size(dir, file).err()).collect()
}

/// What is wrong with the files of a set at `dir`, every byte read; empty: they are genuine.
#[must_use]
pub fn verify(dir: &Path, set: &DataSet) -> Vec<Fault> {
    files(dir, set.files)
}

/// [`verify`] for any files.
#[must_use]
pub fn files(dir: &Path, files: &[DataFile]) -> Vec<Fault> {
    let whole = |file| size(dir, file).and_then(|()| checksum(dir, file));
    files.iter().filter_map(|file| whole(file).err()).collect()
}

fn size(dir: &Path, file: &DataFile) -> Result<(), Fault> {
    let meta = std::fs::metadata(dir.join(file.name)).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Fault::Missing { file: file.name },
        _ => unreadable(file, &error),
    })?;
    if !meta.is_file() {
        return Err(Fault::NotAFile { file: file.name });
    }
    if meta.len() != file.bytes {
        return Err(Fault::Size { file: file.name, found: meta.len(), expected: file.bytes });
    }
    Ok(())
}

fn checksum(dir: &Path, file: &DataFile) -> Result<(), Fault> {
    let found = sha256(&dir.join(file.name)).map_err(|error| unreadable(file, &error))?;
    if found != file.sha256 {
        return Err(Fault::Checksum { file: file.name, found, expected: file.sha256 });
    }
    Ok(())
}

fn unreadable(file: &DataFile, error: &std::io::Error) -> Fault {
    Fault::Unreadable { file: file.name, why: error.to_string() }
}

/// SHA-256 of a file's bytes, in hexadecimal.
fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
    use super::*;

    /// SHA-256 of the bytes `abc`: the standard's own example.
    const ABC: DataFile = DataFile {
        name: "abc",
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    #[test]
    fn each_fault_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        let found = || files(dir.path(), &[ABC]);
        assert_eq!(found(), [Fault::Missing { file: "abc" }]);
        std::fs::write(&path, "ab").unwrap();
        assert_eq!(found(), [Fault::Size { file: "abc", found: 2, expected: 3 }]);
        std::fs::write(&path, "abd").unwrap();
        assert!(matches!(&found()[..], [Fault::Checksum { found, .. }] if found.len() == 64));
        assert_eq!(sizes(dir.path(), &[ABC]), [], "sizes alone can't see it");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(found(), []);
    }
}
