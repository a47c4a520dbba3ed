//! What is learnt from: labelled samples on the device, split and served in batches.
pub mod idx;
mod loader;
pub mod shelf;
mod split;

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

pub use idx::IdxError;
pub use loader::{Batch, Loader};
pub use split::{Split, SplitError};

/// The labelled samples that training may see. The test set is never opened here.
#[derive(Debug)]
pub struct Dataset {
    /// One sample a row.
    pub inputs: Inputs,
    /// What each sample is to be taken for.
    pub labels: Labels,
    /// The shape of a sample: `[channels, rows, columns]` of an image, `[features]` of a row of
    /// a table. Batches are `[samples, features]`, the last dimension fastest.
    pub shape: Vec<usize>,
    /// Samples.
    pub samples: usize,
    /// Numbers a sample: the product of its shape.
    pub features: usize,
    /// Classes; 0 where the labels are numbers.
    pub classes: usize,
}

/// The samples themselves, as they were read.
#[derive(Debug)]
pub enum Inputs {
    /// Images, `[samples, features]`, bytes on the device: scaled there, batch by batch.
    Bytes(Tensor),
}

/// What samples are to be taken for, `[samples]`, on the device.
#[derive(Debug)]
pub enum Labels {
    /// One of the classes `0..classes` each, i64.
    Classes(Tensor),
    /// A number each, f32: for regression.
    Numbers(Tensor),
}

impl Labels {
    /// The labels, whatever they are: a batch holds rows of this tensor.
    pub const fn tensor(&self) -> &Tensor {
        match self {
            Self::Classes(tensor) | Self::Numbers(tensor) => tensor,
        }
    }
}

/// Why data can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file can't be read or is damaged.
    #[error(transparent)]
    Idx(#[from] IdxError),
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
        /// The file of images.
        path: PathBuf,
        /// Its dimensions.
        shape: Vec<usize>,
    },
}

impl DataError {
    /// The way out.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Idx(error) => error.hint(),
            _ => "images and labels must be of one data set: fetch it again, or mend `data.path`",
        }
    }
}

impl Dataset {
    /// The shape of a sample as an image, `[channels, height, width]`: a row of a table is one of
    /// one line.
    #[must_use]
    pub fn image(&self) -> [usize; 3] {
        <[usize; 3]>::try_from(self.shape.as_slice()).unwrap_or([1, 1, self.features])
    }

    /// Reads the training images and labels of a folder of IDX files and puts them on a device.
    /// `classes` is what the catalogue says; without it there are as many as the largest label
    /// asks for. Of a `limit`, only the first so many samples are taken.
    ///
    /// # Errors
    /// Where a file is missing or damaged, or the two don't fit.
    pub fn read(
        folder: &Path,
        classes: Option<usize>,
        limit: Option<u64>,
        device: Device,
    ) -> Result<Self, DataError> {
        let images_at = file(folder, "train-images-idx3-ubyte");
        let labels_at = file(folder, "train-labels-idx1-ubyte");
        let mut images = idx::read(&images_at, 3)?;
        let mut labels = idx::read(&labels_at, 1)?;
        let (found, features) = (images.shape[0], images.shape[1] * images.shape[2]);
        let shape = [1, images.shape[1], images.shape[2]];
        if found != labels.values.len() {
            let expected = labels.values.len();
            return Err(DataError::Counts {
                images: images_at,
                labels: labels_at,
                found,
                expected,
            });
        }
        if found == 0 || features == 0 {
            return Err(DataError::Empty { path: images_at, shape: images.shape });
        }
        let largest = labels.values.iter().copied().max().map_or(0, usize::from);
        let classes = classes.unwrap_or(largest + 1);
        if let Some(at) = labels.values.iter().position(|&l| usize::from(l) >= classes) {
            let label = labels.values[at];
            return Err(DataError::Label { path: labels_at, at, label, classes });
        }
        let samples = limit.map_or(found, |most| usize::try_from(most).unwrap_or(found).min(found));
        images.values.truncate(samples * features);
        labels.values.truncate(samples);
        Ok(Self::new(&images.values, &labels.values, classes, device).with_shape(&shape))
    }

    /// Images of one row, `[samples * features]`, and their labels, each below `classes`.
    #[must_use]
    pub fn new(images: &[u8], labels: &[u8], classes: usize, device: Device) -> Self {
        let (samples, features) = (labels.len(), images.len() / labels.len().max(1));
        let rows = [samples, features].map(|n| i64::try_from(n).expect("fits in memory"));
        let wide: Vec<i64> = labels.iter().map(|&l| i64::from(l)).collect();
        Self {
            inputs: Inputs::Bytes(Tensor::from_slice(images).view(rows).to_device(device)),
            labels: Labels::Classes(Tensor::from_slice(&wide).to_device(device)),
            shape: vec![features],
            samples,
            features,
            classes,
        }
    }

    /// The same samples with numbers to learn instead of classes, one a sample.
    #[must_use]
    pub fn with_numbers(self, numbers: &[f32]) -> Self {
        let labels = Tensor::from_slice(numbers).to_device(self.device());
        Self { labels: Labels::Numbers(labels), classes: 0, ..self }
    }

    /// The same samples in another shape of as many numbers.
    #[must_use]
    pub fn with_shape(self, shape: &[usize]) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.features);
        Self { shape: shape.to_vec(), ..self }
    }

    /// Where the samples are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.labels.tensor().device()
    }
}

/// The file of that name, or the same with `.gz` if only that is there.
fn file(folder: &Path, name: &str) -> PathBuf {
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    if !plain.exists() && packed.exists() { packed } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(images: (u32, &[u8]), labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let header = |rank: u8, shape: &[u32]| {
            let mut raw = vec![0, 0, 8, rank];
            raw.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
            raw
        };
        let (count, pixels) = images;
        let image_file = [header(3, &[count, 2, 2]), pixels.to_vec()].concat();
        let label_count = u32::try_from(labels.len()).expect("few");
        let label_file = [header(1, &[label_count]), labels.to_vec()].concat();
        std::fs::write(folder.path().join("train-images-idx3-ubyte"), image_file).expect("ok");
        std::fs::write(folder.path().join("train-labels-idx1-ubyte"), label_file).expect("ok");
        folder
    }

    #[test]
    fn a_limit_takes_the_first_samples() {
        let folder = folder((3, &[7; 12]), &[2, 0, 1]);
        let read = |limit| Dataset::read(folder.path(), None, limit, Device::Cpu).expect("reads");
        let data = read(Some(2));
        assert_eq!((data.samples, data.features, data.classes), (2, 4, 3));
        let Inputs::Bytes(bytes) = &data.inputs;
        assert_eq!((bytes.size(), &data.shape[..]), (vec![2, 4], &[1, 2, 2][..]));
        assert_eq!(read(Some(99)).samples, 3);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |folder: &tempfile::TempDir, classes| {
            Dataset::read(folder.path(), classes, None, Device::Cpu)
                .map_or_else(|e| e.to_string(), |_| "read".into())
        };
        let counts = message(&folder((2, &[0; 8]), &[0, 1, 1]), None);
        assert!(counts.contains("holds 2 images") && counts.contains("holds 3 labels"), "{counts}");
        let label = message(&folder((2, &[0; 8]), &[0, 9]), Some(3));
        assert!(label.contains("label 1 in") && label.contains("is 9"), "{label}");
        let empty = message(&folder((0, &[]), &[]), None);
        assert!(empty.contains("holds nothing"), "{empty}");
    }
}
