//! Classification: samples in, one of several classes out. The test set has no way in here.
use dlgrid_sweep::recipe::{Fold, Recipe};
use dlgrid_sweep::store::record::{Metrics, Number};
use tch::Tensor;

use super::TaskError;
use super::loss::CrossEntropy;
use super::score::score;
use super::tally::Tally;
use crate::data::{Batch, Dataset, Loader, Prepared, Split};
use crate::engine::{Named, Task};
use crate::model::{Mode, Model};
use crate::random::{Place, Purpose};

/// Validation samples are judged in batches of this size, whatever the recipe's is, so that
/// memory is bounded and runs of different batch sizes are judged alike.
const JUDGED_AT_ONCE: usize = 1000;

/// Classification by a model on a data set.
#[derive(Debug)]
pub struct Classify<'a> {
    model: Model,
    loss: CrossEntropy,
    split: Split,
    classes: usize,
    trainer: Loader<'a>,
    judge: Loader<'a>,
    tally: Tally,
    judged: Tally,
    confusion: Vec<u64>,
}

impl<'a> Classify<'a> {
    /// The task of a recipe on its data, split by the seed and, where there are folds, the fold.
    ///
    /// # Errors
    /// Where the data set is too small for the split, or its images for the model.
    pub fn new(
        recipe: &Recipe,
        data: &'a Dataset,
        seed: u64,
        fold: Option<Fold>,
    ) -> Result<Self, TaskError> {
        let device = data.device();
        let split = Split::of(data, &recipe.data, seed, fold)?;
        let inputs = Prepared::new(data, &recipe.data, &split.train);
        let batch = (recipe.batch_size as usize).min(split.train.len());
        let mut judge = Loader::new(data, inputs.share(), JUDGED_AT_ONCE);
        judge.begin(split.valid.clone());
        Ok(Self {
            model: Model::new(recipe, data.image(), data.classes)?,
            loss: CrossEntropy::new(recipe.loss, data.labels.tensor(), &split.train, data.classes),
            classes: data.classes,
            trainer: Loader::new(data, inputs, batch),
            judge,
            tally: Tally::new(data.classes, device),
            judged: Tally::new(data.classes, device),
            confusion: vec![0; data.classes * data.classes],
            split,
        })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Counts on the validation samples after the last evaluation,
    /// `[true class][predicted class]`.
    #[must_use]
    pub fn confusion(&self) -> Vec<Vec<u64>> {
        self.confusion.chunks(self.classes).map(<[u64]>::to_vec).collect()
    }
}

impl Task for Classify<'_> {
    type Batch = Batch;

    fn samples(&self) -> usize {
        self.split.train.len()
    }

    fn begin(&mut self, place: Place) {
        let mut rows = self.split.train.clone();
        place.stream(Purpose::Order).shuffle(&mut rows);
        self.trainer.begin(rows);
    }

    fn load(&mut self, from: usize, to: usize) -> Batch {
        self.trainer.load(from, to)
    }

    fn forward(&self, leaves: &[Tensor], batch: &Batch, mode: Mode) -> Tensor {
        self.model.forward(leaves, &batch.inputs, mode)
    }

    fn loss(&self, output: &Tensor, batch: &Batch) -> Tensor {
        self.loss.trained(output, &batch.labels)
    }

    fn count(&mut self, batch: &Batch, output: &Tensor, loss: &Tensor) {
        self.tally.count(output, &batch.labels, loss);
    }

    fn counted(&self) -> Vec<Named> {
        self.tally.tensors()
    }

    fn recount(&mut self, counted: &[Tensor]) {
        self.tally.restore(counted);
    }

    fn trained(&mut self) -> Metrics {
        let (loss, confusion) = self.tally.take();
        metrics("train", loss, &confusion, self.classes)
    }

    fn evaluate(&mut self, leaves: &[Tensor]) -> Metrics {
        tch::no_grad(|| {
            let samples = self.split.valid.len();
            for from in (0..samples).step_by(JUDGED_AT_ONCE) {
                let batch = self.judge.load(from, samples.min(from + JUDGED_AT_ONCE));
                let output = self.forward(leaves, &batch, Mode::Eval);
                let loss = CrossEntropy::judged(&output, &batch.labels);
                self.judged.count(&output, &batch.labels, &loss);
            }
        });
        let (loss, confusion) = self.judged.take();
        self.confusion = confusion;
        metrics("valid", loss, &self.confusion, self.classes)
    }
}

fn metrics(split: &str, loss: f64, confusion: &[u64], classes: usize) -> Metrics {
    let score = score(confusion, classes);
    [
        ("loss", loss),
        ("accuracy", score.accuracy),
        ("precision", score.precision),
        ("recall", score.recall),
        ("f1", score.f1),
    ]
    .into_iter()
    .map(|(name, value)| (format!("{split}/{name}"), Number(value)))
    .collect()
}
