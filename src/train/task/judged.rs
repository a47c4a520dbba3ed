//! Samples that a model is judged on: rows of a data set, in batches of one size, of which each rank
//! takes its share.
use crate::data::{Batch, Dataset, Loader, Prepared};
use crate::ranks;

/// Samples are judged in batches of this size, whatever the recipe's is, so that memory is bounded
/// and runs of different batch sizes are judged alike.
pub(crate) const AT_ONCE: usize = 1000;

/// Samples to judge a model on.
#[derive(Debug)]
pub struct Judge<'a> {
    loader: Loader<'a>,
    samples: usize,
}

impl<'a> Judge<'a> {
    /// On these rows of a data set, its inputs as the run encodes them.
    #[must_use]
    pub fn new(data: &'a Dataset, inputs: Prepared, rows: Vec<i64>) -> Self {
        let samples = rows.len();
        let mut loader = Loader::new(data, inputs, AT_ONCE);
        loader.begin(rows);
        Self { loader, samples }
    }

    /// Shows every batch of this rank's with the place of its first sample; no gradients are kept.
    pub fn each(&mut self, mut look: impl FnMut(usize, &Batch)) {
        let ranks = ranks::here();
        let batches = (0..self.samples).step_by(AT_ONCE);
        tch::no_grad(|| {
            for from in batches.skip(ranks.rank()).step_by(ranks.size()) {
                look(from, &self.loader.load(from, self.samples.min(from + AT_ONCE)));
            }
        });
    }
}

/// All rows of a data set.
pub fn all_rows(data: &Dataset) -> Vec<i64> {
    (0..).take(data.samples).collect()
}
