//! What is learnt from: labelled samples on the device, split and served in batches.
mod augment;
mod loader;
mod prepared;
pub mod shelf;
mod split;

use dlgrid_sweep::dataset::images::{Images, ImagesError};
use dlgrid_sweep::dataset::table::{Samples, TableError, Target};
use tch::{Device, Tensor};

pub use augment::{Mixed, Together};
pub use loader::{Batch, Loader};
pub use prepared::Prepared;
pub use split::{Split, SplitError};

/// Labelled samples: those that training may see, or a test set.
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
    /// A table, on the host: each run encodes it by what its own training samples say.
    Table(Samples),
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
    /// Images can't be read, or are damaged.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A table can't be read or learnt from.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl DataError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Images(error) => error.hint(),
            Self::Table(error) => error.hint(),
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

    /// Images with their classes, on a device.
    #[must_use]
    pub fn of_images(images: &Images, device: Device) -> Self {
        Self::new(&images.pixels, &images.labels, images.classes, device).with_shape(&images.shape)
    }

    /// A table with its classes or numbers; labels on a device, features encoded by each run.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "labels are single precision")]
    pub fn of_table(table: Samples, device: Device) -> Self {
        let features = table.names.len();
        let (labels, classes) = match &table.target {
            Target::Classes { labels, names } => {
                (Labels::Classes(Tensor::from_slice(labels).to_device(device)), names.len())
            }
            Target::Numbers(numbers) => {
                let numbers: Vec<f32> = numbers.iter().map(|x| *x as f32).collect();
                (Labels::Numbers(Tensor::from_slice(&numbers).to_device(device)), 0)
            }
        };
        let (samples, shape) = (table.rows.len(), vec![features]);
        Self { inputs: Inputs::Table(table), labels, shape, samples, features, classes }
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
