//! Which samples train and which are held back for validation.
use dlgrid_sweep::dataset::table::{Samples, Target};
use dlgrid_sweep::recipe;

use super::{Dataset, Inputs};
use crate::random::{Place, Purpose};

/// Training and validation samples of a run, by their row in the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on, ascending.
    pub train: Vec<i64>,
    /// Rows held back, ascending.
    pub valid: Vec<i64>,
}

/// A data set too small for its split.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{samples} samples leave {train} for training and {valid} for validation")]
pub struct SplitError {
    samples: usize,
    train: usize,
    valid: usize,
}

impl Split {
    /// Holds back `data.valid` of the samples of a data set, drawn by the seed: of a table the
    /// same share of every class, for tables are small.
    ///
    /// # Errors
    /// Where one of the two sides is left empty.
    pub fn of(data: &Dataset, recipe: &recipe::Data, seed: u64) -> Result<Self, SplitError> {
        match &data.inputs {
            Inputs::Table(Samples { target: Target::Classes { labels, names }, .. }) => {
                Self::stratified(labels, names.len(), recipe.valid, seed)
            }
            Inputs::Table(_) | Inputs::Bytes(_) => Self::draw(data.samples, recipe, seed),
        }
    }

    /// Trains on all samples: nothing is left to choose.
    #[must_use]
    pub fn all(data: &Dataset) -> Self {
        Self { train: (0..).take(data.samples).collect(), valid: Vec::new() }
    }

    fn stratified(
        labels: &[i64],
        classes: usize,
        share: f64,
        seed: u64,
    ) -> Result<Self, SplitError> {
        let mut rows: Vec<i64> = (0..).take(labels.len()).collect();
        Place::start(seed).stream(Purpose::Split).shuffle(&mut rows);
        let of_class = |class: usize| {
            let labels = &labels;
            rows.iter().copied().filter(move |&row| {
                let label = usize::try_from(row).ok().and_then(|row| labels.get(row));
                label.is_some_and(|&l| usize::try_from(l) == Ok(class))
            })
        };
        let (mut train, mut valid) = (Vec::new(), Vec::new());
        for class in 0..classes {
            let held = part(of_class(class).count(), share);
            valid.extend(of_class(class).take(held));
            train.extend(of_class(class).skip(held));
        }
        if train.is_empty() || valid.is_empty() {
            let (train, valid) = (train.len(), valid.len());
            return Err(SplitError { samples: labels.len(), train, valid });
        }
        train.sort_unstable();
        valid.sort_unstable();
        Ok(Self { train, valid })
    }

    /// Holds back `data.valid` of the samples, drawn by the seed.
    ///
    /// # Errors
    /// Where one of the two sides is left empty.
    pub fn draw(samples: usize, data: &recipe::Data, seed: u64) -> Result<Self, SplitError> {
        let held = part(samples, data.valid);
        if held == 0 || held >= samples {
            let train = samples.saturating_sub(held);
            return Err(SplitError { samples, train, valid: held });
        }
        let mut rows: Vec<i64> = (0..).take(samples).collect();
        Place::start(seed).stream(Purpose::Split).shuffle(&mut rows);
        let mut train = rows.split_off(held);
        train.sort_unstable();
        rows.sort_unstable();
        Ok(Self { train, valid: rows })
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "data sets hold far fewer than 2^53 samples"
)]
fn part(samples: usize, share: f64) -> usize {
    (samples as f64 * share).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(valid: f64) -> recipe::Data {
        recipe::Data {
            set: "idx".into(),
            path: None,
            valid,
            scale: (0.0, 1.0),
            limit: None,
            table: dlgrid_sweep::dataset::table::Options::default(),
        }
    }

    #[test]
    fn every_sample_is_on_one_side_and_the_seed_decides() {
        let split = Split::draw(100, &data(0.2), 1).expect("splits");
        assert_eq!((split.train.len(), split.valid.len()), (80, 20));
        let mut all = [split.train.clone(), split.valid.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<i64>>());
        assert_eq!(Split::draw(100, &data(0.2), 1).expect("splits"), split);
        assert_ne!(Split::draw(100, &data(0.2), 2).expect("splits"), split);
    }

    #[test]
    fn an_empty_side_is_an_error() {
        assert!(Split::draw(2, &data(0.1), 1).is_err());
        assert!(Split::draw(2, &data(0.9), 1).is_err());
    }

    #[test]
    fn of_a_table_every_class_gives_its_share() {
        let labels: Vec<i64> = (0..50).map(|i| i64::from(i % 5 == 0)).collect();
        let split = Split::stratified(&labels, 2, 0.2, 3).expect("splits");
        let rare = |rows: &[i64]| rows.iter().filter(|&&row| row % 5 == 0).count();
        assert_eq!((rare(&split.train), split.train.len()), (8, 40));
        assert_eq!((rare(&split.valid), split.valid.len()), (2, 10));
    }
}
