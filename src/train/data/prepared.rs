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
            Inputs::Table(table) => Self::table(data, table, &fit(table, recipe, train)),
        }
    }

    /// The inputs of another data set, for a run that trains on these rows of `data`: a table is
    /// encoded by what those rows say.
    ///
    /// # Panics
    /// If one is a table and the other isn't, or they differ in their features: a bug of the
    /// caller.
    #[must_use]
    pub fn of_other(other: &Dataset, data: &Dataset, recipe: &recipe::Data, train: &[i64]) -> Self {
        assert_eq!(other.features, data.features, "two data sets of one form");
        match (&other.inputs, &data.inputs) {
            (Inputs::Bytes(bytes), Inputs::Bytes(_)) => Self::bytes(bytes, recipe.scale),
            (Inputs::Table(table), Inputs::Table(trained)) => {
                Self::table(other, table, &fit(trained, recipe, train))
            }
            _ => panic!("two data sets of one form"),
        }
    }

    fn table(data: &Dataset, table: &Samples, encoding: &Encoding) -> Self {
        let shape = [data.samples, data.features];
        let shape = shape.map(|n| i64::try_from(n).expect("fits in memory"));
        let numbers = Tensor::from_slice(&table.encoded(encoding)).view(shape);
        Self::Numbers(numbers.to_device(data.device()))
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

fn fit(table: &Samples, recipe: &recipe::Data, train: &[i64]) -> Encoding {
    let rows: Vec<usize> = train.iter().filter_map(|&row| usize::try_from(row).ok()).collect();
    table.fit(&rows, recipe.table.encode, recipe.scale)
}
