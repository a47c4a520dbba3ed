//! Classification: samples in, one of several classes out. The test set has no way in here.
mod cohort;
mod mistakes;

use std::ops::Range;

use dlgrid_sweep::recipe::{Loss, Precision, Recipe, metric};
use dlgrid_sweep::store::record::{Metrics, Mistake, Number};
use tch::{Device, Kind, Tensor};

use super::floor;
use super::judged::{Judge, all_rows};
use super::loss::CrossEntropy;
use super::score::{auc, float, score};
use super::tally::{Counts, Tally};
use super::{Judgement, TaskError};
use crate::data::{Batch, Dataset, Labels, Loader, Prepared, Split};
use crate::engine::{self, Named};
use crate::model::{Mode, Model};
use crate::random::Place;
use crate::{ranks, raw};

/// Classification by a model on a data set.
#[derive(Debug)]
pub struct Classify<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    classifier: Classifier,
    loss: CrossEntropy,
    split: Split,
    trainer: Loader<'a>,
    tally: Tally,
    valid: Exam<'a>,
    confusion: Vec<u64>,
}

impl<'a> Classify<'a> {
    /// The task of a recipe on its data, split so.
    ///
    /// # Errors
    /// Where the data set is too small for the split, or its images for the model; where it has no
    /// classes, or not two, and the loss is for two; where early stopping watches what is never
    /// reported.
    pub fn new(recipe: &'a Recipe, data: &'a Dataset, split: Split) -> Result<Self, TaskError> {
        let (device, classes) = (data.device(), data.classes);
        if let Labels::Numbers(_) = data.labels {
            let has = "its labels are numbers, no classes";
            return Err(TaskError::Target { task: "classify", has });
        }
        let binary = matches!(recipe.loss, Loss::BinaryCrossEntropy { .. });
        if binary && classes != 2 {
            return Err(TaskError::Classes { classes });
        }
        recipe.augment.fits(data.image())?;
        let inputs = Prepared::new(data, &recipe.data, &split.train);
        let batch = (recipe.at_once() as usize).min(split.train.len());
        let outputs = if binary { 1 } else { classes };
        let kind = if recipe.precision == Precision::F64 { Kind::Double } else { Kind::Float };
        let labels = data.labels.tensor();
        let model = Model::new(recipe, data.image(), outputs)?;
        let valid = Exam::new(data, inputs.share(), split.valid.clone());
        if let Some(stop) = &recipe.early_stop {
            valid.reports(&stop.metric)?;
        }
        Ok(Self {
            recipe,
            data,
            classifier: Classifier { model, binary },
            loss: CrossEntropy::new(recipe.loss, labels, &split.train, classes, kind),
            valid,
            trainer: Loader::new(data, inputs, batch).augmented(recipe.augment),
            tally: Tally::new(classes, device),
            confusion: vec![0; classes * classes],
            split,
        })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.classifier.model
    }
}

impl engine::Task for Classify<'_> {
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
        self.classifier.logits(leaves, &batch.inputs, mode)
    }

    fn loss(&self, output: &Tensor, batch: &Batch) -> Tensor {
        let is_weighed = batch.mixed.is_some() && self.loss.weights().is_some();
        let own = is_weighed.then(|| self.loss.mass(&batch.labels));
        batch.loss(|labels| {
            let mean = self.loss.trained(output, labels);
            // In a rank's part of a batch the labels that are mixed in may have other weights
            // than its own, by which the sum over the ranks counts it.
            match &own {
                Some(own) => &mean * (self.loss.mass(labels) / own).to_kind(mean.kind()),
                None => mean,
            }
        })
    }

    fn mass(&self, batch: &Batch) -> Tensor {
        self.loss.mass(&batch.labels)
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
        let counts = self.tally.take();
        metrics("train", &counts, self.data.classes, Further::default())
    }

    fn evaluate(&mut self, leaves: &[Tensor]) -> Metrics {
        if self.split.valid.is_empty() {
            return Metrics::new();
        }
        let (metrics, confusion) = self.valid.judge(&self.classifier, leaves, "valid");
        self.confusion = confusion;
        metrics
    }
}

impl super::Task for Classify<'_> {
    fn model(&self) -> &Model {
        self.model()
    }

    fn floors(&mut self, leaves: &[Tensor]) -> Metrics {
        let (untrained, _) = self.valid.judge(&self.classifier, leaves, "valid");
        let count = |rows: &[i64]| counts(&classes_of(self.data, rows), self.data.classes);
        let guess = majority(&count(&self.split.train), &count(&self.split.valid));
        let mut floors = floor::named(&untrained, "untrained");
        floors.extend(floor::named(&guess, "majority"));
        floors
    }

    fn confusion(&self) -> Option<Vec<Vec<u64>>> {
        Some(rows(&self.confusion, self.data.classes))
    }

    fn mistakes(&self, leaves: &[Tensor]) -> Vec<Mistake> {
        // A rank sees its share of the samples alone.
        if self.data.shape.len() < 3 || !ranks::here().is_alone() {
            return Vec::new();
        }
        let valid = self.split.valid.clone();
        mistakes::worst(self.data, self.trainer.inputs().share(), valid, |inputs| {
            self.classifier.logits(leaves, inputs, Mode::Eval)
        })
    }

    fn judge(&self, leaves: &[Tensor], on: &Dataset, prefix: &str) -> Judgement {
        let inputs = Prepared::of_other(on, self.data, &self.recipe.data, &self.split.train);
        let mut exam = Exam::new(on, inputs, all_rows(on));
        let (metrics, confusion) = exam.judge(&self.classifier, leaves, prefix);
        Judgement { metrics, confusion: Some(rows(&confusion, on.classes)) }
    }
}

/// A model as a classifier.
#[derive(Debug)]
struct Classifier {
    model: Model,
    /// Whether the model has one output: the logit of the second of two classes.
    binary: bool,
}

impl Classifier {
    /// From inputs `[batch, features]` to logits `[batch, classes]`. One logit z is the pair
    /// (0, z): cross entropy of the pair is binary cross entropy of the one.
    fn logits(&self, leaves: &[Tensor], inputs: &Tensor, mode: Mode) -> Tensor {
        let outputs = self.model.forward(leaves, inputs, mode);
        if self.binary { Tensor::cat(&[outputs.zeros_like(), outputs], 1) } else { outputs }
    }
}

/// Samples to judge a classifier on, with what is counted and kept of them.
#[derive(Debug)]
struct Exam<'a> {
    samples: Judge<'a>,
    classes: usize,
    tally: Tally,
    scores: Option<Scores>,
}

/// By how much the second of two classes is preferred to the first, for each sample.
#[derive(Debug)]
struct Scores {
    /// `[samples]`, f32, on the device.
    kept: Tensor,
    /// Whether a sample is of the second class.
    truths: Vec<bool>,
}

impl<'a> Exam<'a> {
    fn new(data: &'a Dataset, inputs: Prepared, rows: Vec<i64>) -> Self {
        let device = data.device();
        let scores = (data.classes == 2).then(|| Scores {
            kept: Tensor::zeros([rows.len() as i64], (Kind::Float, device)),
            truths: classes_of(data, &rows).into_iter().map(|class| class == 1).collect(),
        });
        Self {
            samples: Judge::new(data, inputs, rows),
            classes: data.classes,
            tally: Tally::new(data.classes, device).with_top(),
            scores,
        }
    }

    /// Whether the metrics have one of this name; without samples there are none to have it.
    fn reports(&self, metric: &str) -> Result<(), TaskError> {
        let error = |of, found| Err(TaskError::Metric { metric: metric.to_owned(), of, found });
        if let Some(of) = metric::misfit(metric, self.classes as u64) {
            return error(of, format!("the data has {}", self.classes));
        }
        let truths = self.scores.iter().flat_map(|scores| &scores.truths);
        let seconds = truths.clone().filter(|truth| **truth).count();
        let samples = truths.count();
        if metric == "valid/auc" && samples > 0 && [0, samples].contains(&seconds) {
            return error("two classes", "the validation samples are all of one".to_owned());
        }
        Ok(())
    }

    /// The metrics of a classifier on these samples and its confusion. Waits for the device.
    fn judge(
        &mut self,
        classifier: &Classifier,
        leaves: &[Tensor],
        prefix: &str,
    ) -> (Metrics, Vec<u64>) {
        let Self { samples, tally, scores, .. } = self;
        if let Some(Scores { kept, .. }) = scores {
            // What other ranks judge adds nothing here.
            let _ = kept.zero_();
        }
        samples.each(|from, batch| {
            let logits = classifier.logits(leaves, &batch.inputs, Mode::Eval);
            let loss = CrossEntropy::judged(&logits, &batch.labels);
            tally.count(&logits, &batch.labels, &loss);
            if let Some(scores) = scores {
                let mut kept = scores.kept.narrow(0, from as i64, batch.samples as i64);
                kept.copy_(&(logits.select(1, 1) - logits.select(1, 0)));
            }
        });
        tally.gather(ranks::here());
        let counts = tally.take();
        let auc = scores.as_ref().and_then(|scores| {
            let kept = ranks::here().sum(&scores.kept).to_device(Device::Cpu);
            auc(raw::floats(&kept), &scores.truths)
        });
        let further = Further { micro: true, auc };
        (metrics(prefix, &counts, self.classes, further), counts.confusion)
    }
}

/// What is told beyond what costs nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Further {
    micro: bool,
    auc: Option<f64>,
}

fn metrics(split: &str, counts: &Counts, classes: usize, further: Further) -> Metrics {
    let score = score(&counts.confusion, classes);
    let micro = further.micro.then_some(score.accuracy);
    [
        ("loss", Some(counts.loss)),
        ("accuracy", Some(score.accuracy)),
        ("precision", Some(score.precision)),
        ("recall", Some(score.recall)),
        ("f1", Some(score.f1)),
        ("precision_weighted", Some(score.precision_weighted)),
        ("recall_weighted", Some(score.recall_weighted)),
        ("f1_weighted", Some(score.f1_weighted)),
        ("precision_micro", micro),
        ("recall_micro", micro),
        ("f1_micro", micro),
        ("top5", counts.top),
        ("auc", further.auc),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((format!("{split}/{name}"), Number(value?))))
    .collect()
}

/// The metrics on samples of which each class has so many, of a guess that knows only how many of
/// each class were trained on: always the most frequent class, with the shares of the classes as
/// probabilities, as scikit-learn's `DummyClassifier(strategy="prior")`.
fn majority(trained: &[u64], judged: &[u64]) -> Metrics {
    let classes = trained.len();
    let mut order: Vec<usize> = (0..classes).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(trained[class]));
    let total = float(judged.iter().sum());
    let mut confusion = vec![0; classes * classes];
    for (class, &samples) in judged.iter().enumerate() {
        confusion[class * classes + order[0]] = samples;
    }
    let all = float(trained.iter().sum());
    let surprise = |(&n, &share): (&u64, &u64)| {
        if n == 0 { 0.0 } else { -float(n) * (float(share) / all).ln() }
    };
    let loss = judged.iter().zip(trained).map(surprise).sum::<f64>() / total;
    let in_top = order.iter().take(metric::TOP).map(|&class| judged[class]).sum();
    let top = (classes > metric::TOP).then(|| float(in_top) / total);
    let auc = (classes == 2 && judged.iter().all(|n| *n > 0)).then_some(0.5);
    let counts = Counts { loss, confusion, top };
    metrics("valid", &counts, classes, Further { micro: false, auc })
}

/// The class of each of some rows.
fn classes_of(data: &Dataset, rows: &[i64]) -> Vec<usize> {
    let here = data.labels.tensor().to_device(Device::Cpu);
    let all = raw::wholes(&here);
    let class = |row: &i64| usize::try_from(*all.get(usize::try_from(*row).ok()?)?).ok();
    rows.iter().filter_map(class).collect()
}

fn counts(labels: &[usize], classes: usize) -> Vec<u64> {
    let mut counts = vec![0; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    counts
}

fn rows(confusion: &[u64], classes: usize) -> Vec<Vec<u64>> {
    confusion.chunks(classes.max(1)).map(<[u64]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `DummyClassifier(strategy="prior")` of scikit-learn on 5, 3 and 2 samples of three classes,
    /// judged on 2, 4 and 4 of them.
    #[test]
    fn the_majority_guess_is_that_of_scikit_learn() {
        let found = majority(&[5, 3, 2], &[2, 4, 4]);
        let expected = [
            ("valid/accuracy", 0.2),
            ("valid/f1", 0.111_111_111_111_111_1),
            ("valid/precision", 0.066_666_666_666_666_67),
            ("valid/recall", 0.333_333_333_333_333_3),
            ("valid/f1_weighted", 0.066_666_666_666_666_67),
            ("valid/loss", 1.263_993_722_816_003_4),
        ];
        for (name, expected) in expected {
            assert!((found[name].0 - expected).abs() < 1e-12, "{name}: {:?}", found[name]);
        }
        assert!(!found.contains_key("valid/top5") && !found.contains_key("valid/auc"));
    }

    #[test]
    fn a_class_that_was_never_seen_makes_the_guess_infinitely_wrong_and_no_floor() {
        let found = majority(&[4, 0], &[1, 1]);
        assert_eq!(found["valid/loss"], Number(f64::INFINITY));
        let floors = floor::named(&found, "majority");
        assert!(!floors.contains_key("floor/majority_loss"), "{floors:?}");
        assert_eq!(floors["floor/majority_auc"], Number(0.5));
    }
}
