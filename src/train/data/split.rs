//! Which samples train and which are held back for validation.
use dlgrid_sweep::recipe;

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
    /// Holds back `data.valid` of the samples, drawn by the seed.
    ///
    /// # Errors
    /// Where one of the two sides is left empty.
    pub fn draw(samples: usize, data: &recipe::Data, seed: u64) -> Result<Self, SplitError> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "data sets hold far fewer than 2^53 samples"
        )]
        let held = (samples as f64 * data.valid).round() as usize;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn data(valid: f64) -> recipe::Data {
        recipe::Data { set: "idx".into(), path: None, valid, scale: (0.0, 1.0), limit: None }
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
}
