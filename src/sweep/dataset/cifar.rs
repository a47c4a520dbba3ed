//! Reads CIFAR's binary files: records of one label (CIFAR-10) or two (CIFAR-100: 20 classes,
//! then 100; the second counts) and 3 × 32 × 32 bytes, red, green, blue, row by row.
//! Any number of records is taken, not only the 10,000 of the official files.
use std::path::{Path, PathBuf};

/// Channels, rows, columns of an image.
pub const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];

/// Why files are none of CIFAR's.
#[derive(Debug, thiserror::Error)]
pub enum CifarError {
    /// A file can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No such file is there.
    #[error("`{}` holds no `{names}`", folder.display())]
    Absent {
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        names: &'static str,
    },
    /// The file's length is not that of whole records.
    #[error("`{}` has {bytes} bytes, not a multiple of the {record} of a record", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        bytes: usize,
        /// Length of a record in bytes.
        record: usize,
    },
    /// A label names no class.
    #[error("record {at} of `{}` has the label {label}, the classes are 0 to {last}", path.display(), last = classes - 1)]
    Label {
        /// The file.
        path: PathBuf,
        /// The first such record, from 0.
        at: usize,
        /// Its label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
}

impl CifarError {
    /// The way out.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => {
                "cifar-10 is `data_batch_1.bin` and so on, cifar-100 is `train.bin`: mend `data.path`"
            }
            _ => "the file is damaged or of another kind: fetch it again, or mend `data.path`",
        }
    }
}

/// The training images of a folder: pixels `[samples, 3, 32, 32]` and labels.
/// The test files are not opened.
///
/// # Errors
/// Where no file is there, or one is damaged.
pub fn read(folder: &Path, hundred: bool) -> Result<(Vec<u8>, Vec<u8>), CifarError> {
    read_all(&files(folder, hundred)?, hundred)
}

/// The test images of a folder: `test.bin` or `test_batch.bin`.
pub(super) fn read_test(folder: &Path, hundred: bool) -> Result<(Vec<u8>, Vec<u8>), CifarError> {
    read_all(&[test_file(folder, hundred)?], hundred)
}

/// Where the file of the test set is; it is not opened.
///
/// # Errors
/// Where it is not there.
pub fn test_file(folder: &Path, hundred: bool) -> Result<PathBuf, CifarError> {
    let names = if hundred { "test.bin" } else { "test_batch.bin" };
    let path = folder.join(names);
    if path.is_file() {
        Ok(path)
    } else {
        Err(CifarError::Absent { folder: folder.to_owned(), names })
    }
}

fn read_all(paths: &[PathBuf], hundred: bool) -> Result<(Vec<u8>, Vec<u8>), CifarError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        let raw = std::fs::read(path)
            .map_err(|source| CifarError::Read { path: path.clone(), source })?;
        records(path, &raw, hundred, &mut pixels, &mut labels)?;
    }
    Ok((pixels, labels))
}

/// `train.bin`, or every `data_batch_N.bin` by its number.
///
/// # Errors
/// Where no such file is there.
pub fn files(folder: &Path, hundred: bool) -> Result<Vec<PathBuf>, CifarError> {
    let names = if hundred { "train.bin" } else { "data_batch_1.bin" };
    let absent = || CifarError::Absent { folder: folder.to_owned(), names };
    if hundred {
        let path = folder.join(names);
        return if path.is_file() { Ok(vec![path]) } else { Err(absent()) };
    }
    let entries = std::fs::read_dir(folder)
        .map_err(|source| CifarError::Read { path: folder.to_owned(), source })?;
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix("data_batch_")?.strip_suffix(".bin")?.parse().ok()?;
            Some((number, path))
        })
        .collect();
    found.sort();
    if found.is_empty() { Err(absent()) } else { Ok(found.into_iter().map(|(_, p)| p).collect()) }
}

fn records(
    path: &Path,
    raw: &[u8],
    hundred: bool,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u8>,
) -> Result<(), CifarError> {
    let (head, classes) = if hundred { (2, 100) } else { (1, 10) };
    let record = head + PIXELS;
    if !raw.len().is_multiple_of(record) {
        return Err(CifarError::Length { path: path.to_owned(), bytes: raw.len(), record });
    }
    for (at, bytes) in raw.chunks_exact(record).enumerate() {
        let label = bytes[head - 1];
        if usize::from(label) >= classes {
            return Err(CifarError::Label { path: path.to_owned(), at, label, classes });
        }
        labels.push(label);
        pixels.extend_from_slice(&bytes[head..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
    use super::*;

    fn record(labels: &[u8], byte: u8) -> Vec<u8> {
        [labels, &[byte; PIXELS]].concat()
    }

    #[test]
    fn batches_of_any_length_are_read_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for (name, raw) in [
            ("data_batch_10.bin", record(&[9], 30)),
            ("data_batch_2.bin", [record(&[1], 10), record(&[2], 20)].concat()),
            ("test_batch.bin", vec![0; 5]),
        ] {
            std::fs::write(folder.path().join(name), raw).unwrap();
        }
        let (pixels, labels) = read(folder.path(), false).unwrap();
        assert_eq!(labels, [1, 2, 9]);
        assert_eq!((pixels.len(), pixels[0], pixels[2 * PIXELS]), (3 * PIXELS, 10, 30));
    }

    #[test]
    fn of_two_labels_the_second_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train.bin"), record(&[3, 99], 7)).unwrap();
        assert_eq!(read(folder.path(), true).unwrap().1, [99]);
    }

    #[test]
    fn every_damage_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data_batch_1.bin");
        let message = |hundred| read(folder.path(), hundred).unwrap_err().to_string();
        assert!(message(false).contains("holds no `data_batch_1.bin`"), "{}", message(false));
        assert!(message(true).contains("holds no `train.bin`"), "{}", message(true));
        std::fs::write(&path, &record(&[1], 0)[1..]).unwrap();
        assert!(message(false).contains("has 3072 bytes, not a multiple of the 3073"));
        std::fs::write(&path, [record(&[1], 0), record(&[10], 0)].concat()).unwrap();
        assert!(message(false).contains("record 1 of"), "{}", message(false));
    }
}
