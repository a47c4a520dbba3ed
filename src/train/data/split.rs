//! Which samples train and which are held back for validation.
use dlgrid_sweep::dataset::table::{Samples, Target};
use dlgrid_sweep::recipe::{self, Fold};

use super::{Dataset, Inputs, Labels};
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// One of the two sides is left empty.
    #[error("{samples} samples leave {train} for training and {valid} for validation")]
    Empty {
        /// Samples of the data set.
        samples: usize,
        /// Samples to train on.
        train: usize,
        /// Samples held back.
        valid: usize,
    },
    /// There are fewer samples than folds.
    #[error("{samples} samples are too few for {folds} folds")]
    Folds {
        /// Samples of the data set.
        samples: usize,
        /// Folds asked for.
        folds: u32,
    },
    /// A class that occurs can't be in every fold.
    #[error("class {class} has {samples} of the samples, too few for {folds} folds")]
    Class {
        /// The class, by its number.
        class: usize,
        /// Its samples.
        samples: usize,
        /// Folds asked for.
        folds: u32,
    },
}

impl Split {
    /// Holds back a fold of the samples of a data set; without one, `data.valid` of them, drawn by
    /// the seed: of a table the same share of every class, for tables are small.
    ///
    /// # Errors
    /// Where one of the two sides is left empty, or there are too few samples for the folds.
    pub fn of(
        data: &Dataset,
        recipe: &recipe::Data,
        seed: u64,
        fold: Option<Fold>,
    ) -> Result<Self, SplitError> {
        if let Some(fold) = fold {
            let labels = match &data.labels {
                Labels::Classes(labels) => Vec::try_from(labels).unwrap_or_default(),
                Labels::Numbers(_) => vec![0; data.samples],
            };
            return Self::fold(&labels, data.classes.max(1), fold, seed);
        }
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

    /// Holds back one part of k, drawn by the seed (stratified k-fold cross-validation, Kohavi
    /// 1995): the parts of one seed hold each sample once, and differ by at most one sample, in
    /// all and of each class. `labels` has the class of each sample, below `classes`.
    ///
    /// # Errors
    /// Where there are fewer samples than folds, in all or of a class that occurs.
    pub fn fold(labels: &[i64], classes: usize, fold: Fold, seed: u64) -> Result<Self, SplitError> {
        let (samples, folds) = (labels.len(), fold.of);
        if samples < folds as usize {
            return Err(SplitError::Folds { samples, folds });
        }
        let mut rows: Vec<i64> = (0..).take(samples).collect();
        Place::start(seed).stream(Purpose::Split).shuffle(&mut rows);
        let mut of_class = vec![Vec::new(); classes];
        for row in rows {
            let label = usize::try_from(row).ok().and_then(|row| labels.get(row));
            let class = label.and_then(|label| usize::try_from(*label).ok());
            of_class[class.expect("every label is a class")].push(row);
        }
        // A class that never occurs is in no fold, and misses in none.
        let is_rare = |rows: &Vec<i64>| !rows.is_empty() && rows.len() < folds as usize;
        if let Some(class) = of_class.iter().position(is_rare) {
            return Err(SplitError::Class { class, samples: of_class[class].len(), folds });
        }
        // Dealt like cards, class after class: neither a class nor the whole is ever uneven by two.
        let dealt = (0..folds).cycle().zip(of_class.into_iter().flatten());
        let (valid, train): (Vec<_>, Vec<_>) = dealt.partition(|(part, _)| part + 1 == fold.number);
        let sorted = |side: Vec<(u32, i64)>| {
            let mut rows: Vec<i64> = side.into_iter().map(|(_, row)| row).collect();
            rows.sort_unstable();
            rows
        };
        Ok(Self { train: sorted(train), valid: sorted(valid) })
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
            return Err(SplitError::Empty { samples: labels.len(), train, valid });
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
            return Err(SplitError::Empty { samples, train, valid: held });
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
    fn the_folds_of_a_seed_hold_back_every_sample_once_and_every_class_alike() {
        // 3 classes of 25, 15 and 7 samples, mixed.
        let labels: Vec<i64> = (0..47).map(|i| [0, 0, 1, 0, 1, 2][(i * 5 + i / 6) % 6]).collect();
        let count = |class: i64, rows: &[i64]| {
            let is_it = |row: &&i64| labels[usize::try_from(**row).expect("a row")] == class;
            rows.iter().filter(is_it).count()
        };
        let all: Vec<i64> = (0..47).collect();
        for of in [2, 3, 5, 7] {
            for seed in 0..5 {
                let split =
                    |number| Split::fold(&labels, 3, Fold { number, of }, seed).expect("splits");
                let parts: Vec<Split> = (1..=of).map(split).collect();
                let mut held: Vec<i64> = parts.iter().flat_map(|p| p.valid.clone()).collect();
                held.sort_unstable();
                assert_eq!(held, all);
                for part in &parts {
                    let mut both = [part.train.clone(), part.valid.clone()].concat();
                    both.sort_unstable();
                    assert_eq!(both, all);
                    let even = |n: usize, all: usize| (0..2).contains(&(n - all / of as usize));
                    assert!(even(part.valid.len(), 47));
                    assert!((0..3).all(|c| even(count(c, &part.valid), count(c, &all))));
                }
                assert_eq!(split(1), parts[0]);
            }
        }
        let of_seed = |seed| Split::fold(&labels, 3, Fold { number: 1, of: 5 }, seed);
        assert_ne!(of_seed(0), of_seed(1));
    }

    #[test]
    fn too_few_samples_for_the_folds_are_an_error() {
        let told = |labels: &[i64], of| {
            let error = Split::fold(labels, 2, Fold { number: 1, of }, 1).expect_err("too few");
            error.to_string()
        };
        assert_eq!(told(&[0, 1, 0], 4), "3 samples are too few for 4 folds");
        assert_eq!(told(&[0, 1, 0, 0, 0], 2), "class 1 has 1 of the samples, too few for 2 folds");
        let absent = Split::fold(&[0, 2, 0, 2], 3, Fold { number: 1, of: 2 }, 1);
        assert_eq!(absent.expect("class 1 never occurs").valid.len(), 2);
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
