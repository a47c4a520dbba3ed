//! A data set's inputs as one run takes them: bytes with their scale, or a table encoded by
//! what the run's training samples say.
use dlgrid_sweep::dataset::table::{Encoding, Samples};
use dlgrid_sweep::recipe;
use tch::Tensor;

use super::{Dataset, Inputs};

/// Inputs ready to be served in batches.
#[derive(Debug)]
pub enum Prepared {
    /// Bytes, of which a batch becomes `byte * factor + offset`.
    Bytes {
        /// `[samples, features]`.
        all: Tensor,
        /// What a byte is multiplied by.
        factor: f32,
        /// What is added then.
        offset: f32,
    },
    /// Numbers, `[samples, features]`, f32.
    Numbers(Tensor),
}

impl Prepared {
    /// The inputs of a data set for a run that trains on these rows. Shares what it can.
    #[must_use]
    pub fn new(data: &Dataset, recipe: &recipe::Data, train: &[i64]) -> Self {
        match &data.inputs {
            Inputs::Bytes(bytes) => Self::bytes(bytes, recipe.scale),
            Inputs::Table(table) => {
                Self::Numbers(numbers(data, &table.encoded(&fitted(table, recipe, train))))
            }
        }
    }

    /// The inputs of a test set, on the scale of a run that trains on these rows of `data`.
    #[must_use]
    pub fn of_test(test: &Dataset, data: &Dataset, recipe: &recipe::Data, train: &[i64]) -> Self {
        match (&test.inputs, &data.inputs) {
            (Inputs::Table(sealed), Inputs::Table(table)) => {
                let encoding = fitted(table, recipe, train);
                Self::Numbers(numbers(test, &sealed.encoded(&encoding)))
            }
            _ => Self::new(test, recipe, &[]),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "inputs are single precision")]
    fn bytes(all: &Tensor, (least, most): (f64, f64)) -> Self {
        let factor = ((most - least) / 255.0) as f32;
        Self::Bytes { all: all.shallow_clone(), factor, offset: least as f32 }
    }

    /// The same inputs for another loader.
    #[must_use]
    pub fn share(&self) -> Self {
        match self {
            Self::Bytes { all, factor, offset } => {
                Self::Bytes { all: all.shallow_clone(), factor: *factor, offset: *offset }
            }
            Self::Numbers(all) => Self::Numbers(all.shallow_clone()),
        }
    }
}

/// The encoding of a table by what these rows of it say.
fn fitted(table: &Samples, recipe: &recipe::Data, train: &[i64]) -> Encoding {
    let rows: Vec<usize> = train.iter().filter_map(|&row| usize::try_from(row).ok()).collect();
    table.fit(&rows, recipe.table.encode, recipe.scale)
}

/// Encoded samples of a data set, on its device.
fn numbers(data: &Dataset, encoded: &[f32]) -> Tensor {
    let shape = [data.samples, data.features].map(|n| i64::try_from(n).expect("fits in memory"));
    Tensor::from_slice(encoded).view(shape).to_device(data.device())
}
