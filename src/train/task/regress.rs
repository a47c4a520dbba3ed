//! Regression: samples in, a number out. The test set has no way in here.
mod cohort;

use std::ops::Range;

use dlgrid_sweep::recipe::Recipe;
use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Reduction, Tensor};

use super::floor;
use super::judged::{Judge, all_rows};
use super::target::{Errors, Spread, Tally};
use super::{Judgement, TaskError};
use crate::data::{Batch, Dataset, Labels, Loader, Prepared, Split};
use crate::engine::{self, Named};
use crate::model::{Mode, Model};
use crate::random::Place;
use crate::{ranks, raw};

/// Regression by a model on a data set. The model learns the target less its mean, in its
/// deviations, both over the training samples; metrics are in the target's own units.
#[derive(Debug)]
pub struct Regress<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    model: Model,
    split: Split,
    trainer: Loader<'a>,
    targets: Spread,
    tally: Tally,
    valid: Exam<'a>,
}

/// Samples to judge on.
#[derive(Debug)]
struct Exam<'a> {
    samples: Judge<'a>,
    targets: Spread,
    tally: Tally,
}

impl<'a> Regress<'a> {
    /// The task of a recipe on its data, split so.
    ///
    /// # Errors
    /// Where the data set is too small for the split, or its images for the model; where its
    /// labels are classes.
    pub fn new(recipe: &'a Recipe, data: &'a Dataset, split: Split) -> Result<Self, TaskError> {
        if let Labels::Classes(_) = data.labels {
            let has = "its labels are classes, no numbers";
            return Err(TaskError::Target { task: "regress", has });
        }
        recipe.augment.fits(data.image())?;
        let inputs = Prepared::new(data, &recipe.data, &split.train);
        let batch = (recipe.at_once() as usize).min(split.train.len());
        Ok(Self {
            recipe,
            data,
            model: Model::new(recipe, data.image(), 1)?,
            targets: Spread::of(numbers(data, &split.train).into_iter()),
            valid: Exam::new(data, inputs.share(), split.valid.clone()),
            trainer: Loader::new(data, inputs, batch).augmented(recipe.augment),
            tally: Tally::new(data.device()),
            split,
        })
    }

    /// By what an output is multiplied, and what is added then, to be a prediction.
    fn units(&self) -> (f64, f64) {
        (self.targets.deviation(), self.targets.mean)
    }

    /// What the model is to give for a batch, `[batch]`: its targets in deviations from their mean.
    fn wanted(&self, batch: &Batch, kind: Kind) -> Tensor {
        let (scale, offset) = self.units();
        let labels = match kind {
            Kind::Double => batch.labels.to_kind(kind),
            _ => batch.labels.shallow_clone(),
        };
        ((labels - offset) / scale).to_kind(kind)
    }

    /// The loss on a batch of a model that gives the mean whatever it sees. Waits for the device.
    pub(crate) fn guessing(&self, batch: &Batch) -> f64 {
        self.wanted(batch, Kind::Double).square().mean(Kind::Double).double_value(&[])
    }
}

impl engine::Task for Regress<'_> {
    type Batch = Batch;

    fn samples(&self) -> usize {
        self.split.train.len()
    }

    fn begin(&mut self, place: Place) {
        let order = Place { seed: self.recipe.order_seed(place.seed), ..place };
        self.trainer.train(order.order(&self.split.train), place);
    }

    fn load_part(&mut self, all: &Range<usize>, own: Range<usize>) -> Batch {
        self.trainer.load_part(all, own)
    }

    fn forward(&self, leaves: &[Tensor], batch: &Batch, mode: Mode) -> Tensor {
        self.model.forward(leaves, &batch.inputs, mode)
    }

    fn loss(&self, output: &Tensor, batch: &Batch) -> Tensor {
        let wanted = self.wanted(batch, output.kind());
        output.squeeze_dim(1).mse_loss(&wanted, Reduction::Mean)
    }

    fn mass(&self, batch: &Batch) -> Tensor {
        Tensor::full_like(&batch.labels.select(0, 0), batch.samples as f64)
    }

    fn count(&mut self, batch: &Batch, output: &Tensor, _loss: &Tensor) {
        let units = self.units();
        self.tally.count(output, &batch.labels, units);
    }

    fn counted(&self) -> Vec<Named> {
        self.tally.tensors()
    }

    fn recount(&mut self, counted: &[Tensor]) {
        self.tally.restore(counted);
    }

    fn trained(&mut self) -> Metrics {
        self.tally.take().metrics("train", &self.targets)
    }

    fn evaluate(&mut self, leaves: &[Tensor]) -> Metrics {
        if self.split.valid.is_empty() {
            return Metrics::new();
        }
        let units = self.units();
        self.valid.judge(&self.model, leaves, units, "valid")
    }
}

impl super::Task for Regress<'_> {
    fn model(&self) -> &Model {
        &self.model
    }

    fn floors(&mut self, leaves: &[Tensor]) -> Metrics {
        let untrained = engine::Task::evaluate(self, leaves);
        let judged = numbers(self.data, &self.split.valid);
        let guess = Errors::of_guess(self.targets.mean, judged.into_iter());
        let mut floors = floor::named(&untrained, "untrained");
        floors.extend(floor::named(&guess.metrics("valid", &self.valid.targets), "mean"));
        floors
    }

    fn confusion(&self) -> Option<Vec<Vec<u64>>> {
        None
    }

    fn judge(&self, leaves: &[Tensor], on: &Dataset, prefix: &str) -> Judgement {
        let inputs = Prepared::of_other(on, self.data, &self.recipe.data, &self.split.train);
        let mut exam = Exam::new(on, inputs, all_rows(on));
        let metrics = exam.judge(&self.model, leaves, self.units(), prefix);
        Judgement { metrics, confusion: None }
    }
}

impl<'a> Exam<'a> {
    fn new(data: &'a Dataset, inputs: Prepared, rows: Vec<i64>) -> Self {
        Self {
            targets: Spread::of(numbers(data, &rows).into_iter()),
            samples: Judge::new(data, inputs, rows),
            tally: Tally::new(data.device()),
        }
    }

    /// The metrics of a model on these samples. Waits for the device.
    fn judge(
        &mut self,
        model: &Model,
        leaves: &[Tensor],
        units: (f64, f64),
        prefix: &str,
    ) -> Metrics {
        let tally = &mut self.tally;
        self.samples.each(|_, batch| {
            let outputs = model.forward(leaves, &batch.inputs, Mode::Eval);
            tally.count(&outputs, &batch.labels, units);
        });
        tally.gather(ranks::here());
        tally.take().metrics(prefix, &self.targets)
    }
}

/// The target of each of some rows.
fn numbers(data: &Dataset, rows: &[i64]) -> Vec<f64> {
    let here = data.labels.tensor().to_device(Device::Cpu);
    let all = raw::floats(&here);
    let number = |row: &i64| all.get(usize::try_from(*row).ok()?).copied().map(f64::from);
    rows.iter().filter_map(number).collect()
}
