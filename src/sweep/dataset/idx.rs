//! Reads IDX files, the format of MNIST and its kin, plain or gzipped.
//!
//! Format: a magic number (two zero bytes, the type, the number of dimensions), each dimension
//! as a big-endian u32, then the values (LeCun, Cortes and Burges: "The MNIST database").
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The type code of unsigned bytes.
const BYTES: u8 = 0x08;
/// No file of images is taken that would unpack to more.
const LIMIT: u64 = 1 << 36;

/// An array of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values, the last dimension fastest.
    pub values: Vec<u8>,
}

/// Why a file is no IDX file of bytes.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The file isn't there, or can't be read.
    #[error("cannot read `{path}`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The first four bytes are not those of an IDX file of bytes.
    #[error("`{path}` is no IDX file of bytes: it begins with {found}, expected `00 00 08` and the number of dimensions", path = path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes in hex.
        found: String,
    },
    /// The number of dimensions is not what the contents need.
    #[error("`{path}` has {found} dimensions, expected {expected}", path = path.display())]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: usize,
        /// What it should have.
        expected: usize,
    },
    /// The file ends before, or goes on after, what its dimensions say.
    #[error("`{path}` holds {found} bytes after its header, its dimensions {shape:?} say {expected}", path = path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes after the header.
        found: u64,
        /// The product of the dimensions.
        expected: u64,
        /// The dimensions.
        shape: Vec<usize>,
    },
    /// The file ends within its header.
    #[error("`{path}` ends within its header, after {found} bytes", path = path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: usize,
    },
    /// The dimensions are so large that the file must be damaged.
    #[error("`{path}` claims the dimensions {shape:?}, more than can be meant", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The dimensions.
        shape: Vec<usize>,
    },
}

impl IdxError {
    /// The way out.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "`dlgrid data fetch NAME` brings a data set of the catalogue here",
            _ => "the file is damaged or of another kind: fetch it again, or mend `data.path`",
        }
    }
}

/// Reads a file of bytes with so many dimensions.
///
/// # Errors
/// Where the file can't be read or is not such a file; each names the file and the fact.
pub fn read(path: &Path, dimensions: usize) -> Result<Array, IdxError> {
    let raw = contents(path).map_err(|source| IdxError::Read { path: path.to_owned(), source })?;
    parse(path, &raw, dimensions)
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let raw = std::fs::read(path)?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(raw.as_slice()).take(LIMIT).read_to_end(&mut plain)?;
    Ok(plain)
}

fn parse(path: &Path, raw: &[u8], dimensions: usize) -> Result<Array, IdxError> {
    let path = || path.to_owned();
    let Some((magic, rest)) = raw.split_first_chunk::<4>() else {
        return Err(IdxError::Header { path: path(), found: raw.len() });
    };
    let [0, 0, BYTES, rank] = *magic else {
        let found = magic.map(|b| format!("{b:02x}")).join(" ");
        return Err(IdxError::Magic { path: path(), found: format!("`{found}`") });
    };
    if usize::from(rank) != dimensions {
        let found = usize::from(rank);
        return Err(IdxError::Dimensions { path: path(), found, expected: dimensions });
    }
    let Some((header, values)) = rest.split_at_checked(4 * dimensions) else {
        return Err(IdxError::Header { path: path(), found: raw.len() });
    };
    let shape: Vec<usize> =
        header.as_chunks::<4>().0.iter().map(|d| u32::from_be_bytes(*d) as usize).collect();
    let expected = shape.iter().try_fold(1u64, |product, &d| product.checked_mul(d as u64));
    let Some(expected) = expected.filter(|&n| n <= LIMIT) else {
        return Err(IdxError::TooLarge { path: path(), shape });
    };
    if values.len() as u64 != expected {
        let found = values.len() as u64;
        return Err(IdxError::Length { path: path(), found, expected, shape });
    }
    Ok(Array { shape, values: values.to_vec() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
    use super::*;

    fn file(shape: &[u32], values: &[u8]) -> Vec<u8> {
        let mut raw = vec![0, 0, BYTES, u8::try_from(shape.len()).expect("few")];
        raw.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
        raw.extend(values);
        raw
    }

    fn message(raw: &[u8], dimensions: usize) -> String {
        parse(Path::new("f"), raw, dimensions).map_or_else(|e| e.to_string(), |a| format!("{a:?}"))
    }

    #[test]
    fn a_file_reads_back_plain_and_gzipped() {
        use std::io::Write as _;
        let raw = file(&[2, 1, 2], &[1, 2, 3, 4]);
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, packed) = (folder.path().join("p"), folder.path().join("z"));
        std::fs::write(&plain, &raw).expect("written");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&raw).expect("packed");
        std::fs::write(&packed, encoder.finish().expect("packed")).expect("written");
        let expected = Array { shape: vec![2, 1, 2], values: vec![1, 2, 3, 4] };
        assert_eq!(read(&plain, 3).expect("reads"), expected);
        assert_eq!(read(&packed, 3).expect("reads"), expected);
    }

    #[test]
    fn every_damage_is_told_apart() {
        let good = file(&[2, 2], &[1, 2, 3, 4]);
        for (raw, dimensions, expected) in [
            (&good[..3], 2, "ends within its header, after 3 bytes"),
            (&good[..9], 2, "ends within its header, after 9 bytes"),
            (&good[..15], 2, "holds 3 bytes after its header, its dimensions [2, 2] say 4"),
            (&file(&[1], &[1, 2]), 1, "holds 2 bytes after its header"),
            (&good, 3, "has 2 dimensions, expected 3"),
            (b"\x00\x00\x0d\x01", 1, "begins with `00 00 0d 01`"),
            (b"PK\x03\x04....", 1, "begins with `50 4b 03 04`"),
            (&file(&[u32::MAX, u32::MAX, u32::MAX], &[]), 3, "more than can be meant"),
        ] {
            let message = message(raw, dimensions);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_missing_and_a_torn_gzip_file_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let torn = folder.path().join("torn.gz");
        std::fs::write(&torn, [0x1f, 0x8b, 8, 0, 0]).expect("written");
        for path in [torn, folder.path().join("absent")] {
            assert!(matches!(read(&path, 1), Err(IdxError::Read { .. })));
        }
    }
}
