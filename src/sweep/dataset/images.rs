//! The images of a data set with their labels, out of IDX or CIFAR files. Those of the test set are
//! read only with leave.
use std::path::{Path, PathBuf};

use super::cifar::{self, CifarError};
use super::idx::{self, IdxError};
use super::{Form, Unsealed};

/// Images and the class of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Channels, rows, columns of each.
    pub shape: [usize; 3],
    /// `[samples, channels, rows, columns]`.
    pub pixels: Vec<u8>,
    /// `[samples]`, each below `classes`.
    pub labels: Vec<u8>,
    /// How many classes there are.
    pub classes: usize,
}

/// Why images can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// An IDX file can't be read or is damaged.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// A CIFAR file can't be read or is damaged.
    #[error(transparent)]
    Cifar(#[from] CifarError),
    /// Images and labels are not of one data set.
    #[error("`{images}` holds {found} images, `{labels}` holds {expected} labels", images = images.display(), labels = labels.display())]
    Counts {
        /// The file of images.
        images: PathBuf,
        /// The file of labels.
        labels: PathBuf,
        /// How many images there are.
        found: usize,
        /// How many labels there are.
        expected: usize,
    },
    /// A label names no class.
    #[error("label {at} in `{path}` is {label}, the data set has the classes 0 to {last}", path = path.display(), last = classes - 1)]
    Label {
        /// The file of labels.
        path: PathBuf,
        /// The place of the first such label, from 0.
        at: usize,
        /// What it is.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// There are no images in it, or nothing in an image.
    #[error("`{path}` holds nothing: its dimensions are {shape:?}", path = path.display())]
    Empty {
        /// The file of images, or the folder.
        path: PathBuf,
        /// Its dimensions.
        shape: Vec<usize>,
    },
    /// There is nothing to tell apart.
    #[error("every one of the {samples} labels in `{path}` is {label}: one class can't be learnt", path = path.display())]
    OneClass {
        /// The file of labels, or the folder.
        path: PathBuf,
        /// Samples.
        samples: usize,
        /// The one label.
        label: u8,
    },
    /// There is nothing to tell apart in the first samples.
    #[error("each of the first {samples} labels is {label}: one class can't be learnt")]
    LimitedToOne {
        /// Samples that `data.limit` keeps.
        samples: usize,
        /// The one label.
        label: u8,
    },
}

impl ImagesError {
    /// The way out.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Idx(error) => error.hint(),
            Self::Cifar(error) => error.hint(),
            Self::OneClass { .. } => "the labels must name two classes at least",
            Self::LimitedToOne { .. } => {
                "`data.limit` takes the first samples, and these are sorted by class: a greater \
                 one, or none"
            }
            _ => "images and labels must be of one data set: fetch it again, or mend `data.path`",
        }
    }
}

impl Images {
    /// Reads the training images of a folder that have this form; nothing of a table.
    ///
    /// # Errors
    /// As [`Images::idx`] and [`Images::cifar`].
    pub fn of(
        form: Form,
        folder: &Path,
        classes: Option<usize>,
    ) -> Option<Result<Self, ImagesError>> {
        match form {
            Form::Idx => Some(Self::idx(folder, classes)),
            Form::Cifar10 => Some(Self::cifar(folder, false)),
            Form::Cifar100 => Some(Self::cifar(folder, true)),
            Form::Table { .. } => None,
        }
    }

    /// Reads the IDX files of a folder, plain or `.gz`. `classes` is what the catalogue says;
    /// without it there are as many as the largest label asks for.
    ///
    /// # Errors
    /// Where a file is missing or damaged, or the two don't fit.
    pub fn idx(folder: &Path, classes: Option<usize>) -> Result<Self, ImagesError> {
        Self::idx_called("train", folder, classes)
    }

    /// Reads the IDX files of the test set, of as many classes as the training images have.
    ///
    /// # Errors
    /// As [`Images::idx`].
    pub fn idx_test(_: &Unsealed, folder: &Path, classes: usize) -> Result<Self, ImagesError> {
        Self::idx_called("t10k", folder, Some(classes))
    }

    fn idx_called(part: &str, folder: &Path, classes: Option<usize>) -> Result<Self, ImagesError> {
        let [images_at, labels_at] = names(part).map(|name| file(folder, &name));
        let images = idx::read(&images_at, 3)?;
        let labels = idx::read(&labels_at, 1)?;
        let (found, expected) = (images.shape[0], labels.values.len());
        if found != expected {
            let (images, labels) = (images_at, labels_at);
            return Err(ImagesError::Counts { images, labels, found, expected });
        }
        if images.values.is_empty() {
            return Err(ImagesError::Empty { path: images_at, shape: images.shape });
        }
        let largest = labels.values.iter().copied().max().map_or(0, usize::from);
        let classes = classes.unwrap_or(largest + 1);
        if let Some(at) = labels.values.iter().position(|&l| usize::from(l) >= classes) {
            let label = labels.values[at];
            return Err(ImagesError::Label { path: labels_at, at, label, classes });
        }
        let shape = [1, images.shape[1], images.shape[2]];
        Self { shape, pixels: images.values, labels: labels.values, classes }.learnable(&labels_at)
    }

    /// Reads the CIFAR files of a folder: of ten classes, or of a hundred.
    ///
    /// # Errors
    /// Where no file is there, or one is damaged.
    pub fn cifar(folder: &Path, hundred: bool) -> Result<Self, ImagesError> {
        Self::of_cifar(cifar::read(folder, hundred)?, folder, hundred)
    }

    /// Reads the CIFAR file of the test set.
    ///
    /// # Errors
    /// As [`Images::cifar`].
    pub fn cifar_test(_: &Unsealed, folder: &Path, hundred: bool) -> Result<Self, ImagesError> {
        Self::of_cifar(cifar::read_test(folder, hundred)?, folder, hundred)
    }

    fn of_cifar(
        (pixels, labels): (Vec<u8>, Vec<u8>),
        folder: &Path,
        hundred: bool,
    ) -> Result<Self, ImagesError> {
        if labels.is_empty() {
            let shape = [&[0], &cifar::SHAPE[..]].concat();
            return Err(ImagesError::Empty { path: folder.to_owned(), shape });
        }
        let classes = if hundred { 100 } else { 10 };
        Self { shape: cifar::SHAPE, pixels, labels, classes }.learnable(folder)
    }

    /// Numbers of an image.
    #[must_use]
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// Only the first so many.
    ///
    /// # Errors
    /// Where all of these are of one class.
    pub fn limited(mut self, most: Option<u64>) -> Result<Self, ImagesError> {
        let most = most.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        if self.labels.len() <= most {
            return Ok(self);
        }
        self.labels.truncate(most);
        self.pixels.truncate(most * self.features());
        match self.one_label() {
            Some(label) => Err(ImagesError::LimitedToOne { samples: most, label }),
            None => Ok(self),
        }
    }

    fn learnable(self, path: &Path) -> Result<Self, ImagesError> {
        match self.one_label() {
            Some(label) => {
                let samples = self.labels.len();
                Err(ImagesError::OneClass { path: path.to_owned(), samples, label })
            }
            None => Ok(self),
        }
    }

    fn one_label(&self) -> Option<u8> {
        let (&label, rest) = self.labels.split_first()?;
        rest.iter().all(|&other| other == label).then_some(label)
    }
}

/// The IDX files of a folder, `train` or `t10k`, that are neither there plain nor as `.gz`.
#[must_use]
pub fn absent(folder: &Path, part: &str) -> Vec<String> {
    let names = names(part);
    names.into_iter().filter(|name| !file(folder, name).is_file()).collect()
}

/// The names of images and labels.
fn names(part: &str) -> [String; 2] {
    [format!("{part}-images-idx3-ubyte"), format!("{part}-labels-idx1-ubyte")]
}

/// The file of that name, or the same with `.gz` if only that is there.
fn file(folder: &Path, name: &str) -> PathBuf {
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && packed.exists() { packed } else { plain }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
    use super::*;

    fn folder(images: (u32, &[u8]), labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let header = |rank: u8, shape: &[u32]| {
            let mut raw = vec![0, 0, 8, rank];
            raw.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
            raw
        };
        let (count, pixels) = images;
        let image_file = [header(3, &[count, 2, 2]), pixels.to_vec()].concat();
        let label_count = u32::try_from(labels.len()).unwrap();
        let label_file = [header(1, &[label_count]), labels.to_vec()].concat();
        std::fs::write(folder.path().join("train-images-idx3-ubyte"), image_file).unwrap();
        std::fs::write(folder.path().join("train-labels-idx1-ubyte"), label_file).unwrap();
        folder
    }

    #[test]
    fn a_limit_takes_the_first_samples() {
        let folder = folder((3, &[7; 12]), &[2, 0, 1]);
        let read = |limit| Images::idx(folder.path(), None).unwrap().limited(Some(limit)).unwrap();
        let images = read(2);
        assert_eq!((images.shape, images.classes), ([1, 2, 2], 3));
        assert_eq!((images.labels.len(), images.pixels.len()), (2, 8));
        assert_eq!(read(99).labels.len(), 3);
    }

    #[test]
    fn a_limit_that_leaves_one_class_is_refused() {
        let folder = folder((3, &[7; 12]), &[1, 1, 0]);
        let limited = |most| Images::idx(folder.path(), None).unwrap().limited(Some(most));
        let error = limited(2).unwrap_err();
        let expected = "each of the first 2 labels is 1: one class can't be learnt";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().contains("sorted by class"), "{}", error.hint());
        assert!(limited(3).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |folder: &tempfile::TempDir, classes| {
            Images::idx(folder.path(), classes).map_or_else(|e| e.to_string(), |_| "read".into())
        };
        let counts = message(&folder((2, &[0; 8]), &[0, 1, 1]), None);
        assert!(counts.contains("holds 2 images") && counts.contains("holds 3 labels"), "{counts}");
        let label = message(&folder((2, &[0; 8]), &[0, 9]), Some(3));
        assert!(label.contains("label 1 in") && label.contains("is 9"), "{label}");
        let empty = message(&folder((0, &[]), &[]), None);
        assert!(empty.contains("holds nothing"), "{empty}");
        let one = message(&folder((2, &[0; 8]), &[4, 4]), None);
        assert!(one.contains("every one of the 2 labels") && one.contains("is 4"), "{one}");
    }
}
