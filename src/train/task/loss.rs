//! Cross entropy: as training minimises it, and plainly, as all runs are judged by it.
use dlgrid_sweep::recipe::Loss;
use tch::{Device, Kind, Reduction, Tensor};

use crate::raw;

/// No label is negative.
const IGNORED: i64 = -100;

/// The cross entropy of a recipe.
#[derive(Debug)]
pub struct CrossEntropy {
    smoothing: f64,
    /// Of each class, `[classes]`, in the precision of the training.
    weights: Option<Tensor>,
}

impl CrossEntropy {
    /// For training on these rows of labels `[samples]`, each below `classes`, with weights of this
    /// kind.
    #[must_use]
    pub fn new(loss: Loss, labels: &Tensor, rows: &[i64], classes: usize, kind: Kind) -> Self {
        let (smoothing, balance) = match loss {
            Loss::CrossEntropy { smoothing, balance }
            | Loss::BinaryCrossEntropy { smoothing, balance } => (smoothing, balance),
            Loss::MeanSquaredError => (0.0, false),
        };
        let weights = balance.then(|| {
            let here = labels.to_device(Device::Cpu);
            let all = raw::wholes(&here);
            let rows = rows.iter().filter_map(|&row| all.get(usize::try_from(row).ok()?));
            let weights = balanced(rows.filter_map(|&label| usize::try_from(label).ok()), classes);
            Tensor::from_slice(&weights).to_kind(kind).to_device(labels.device())
        });
        Self { smoothing, weights }
    }

    /// How much of a label is spread over all classes.
    pub const fn smoothing(&self) -> f64 {
        self.smoothing
    }

    /// The weight of each class, `[classes]`, where they differ.
    pub const fn weights(&self) -> Option<&Tensor> {
        self.weights.as_ref()
    }

    /// What training minimises: smoothed and weighed, a mean over the batch.
    pub fn trained(&self, logits: &Tensor, labels: &Tensor) -> Tensor {
        let weights = self.weights.as_ref().map(|weights| weights.to_kind(logits.kind()));
        logits.cross_entropy_loss(labels, weights, Reduction::Mean, IGNORED, self.smoothing)
    }

    /// How [`CrossEntropy::trained`], times a factor, changes with the logarithms of the
    /// probabilities `[batch, classes]` of samples of these classes.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a batch is small; gradients are single precision"
    )]
    pub fn slopes(&self, labels: &[i64], classes: usize, factor: f32, slopes: &mut [f32]) {
        let weights = self.weights.as_ref().map(raw::floats);
        let weight = |class: usize| weights.map_or(1.0, |weights| weights[class]);
        let class = |label: &i64| usize::try_from(*label).expect("labels count from 0");
        let total: f32 = match weights {
            None => labels.len() as f32,
            Some(_) => labels.iter().map(|label| weight(class(label))).sum(),
        };
        let own = -((1.0 - self.smoothing) as f32 * factor / total);
        let spread = -((self.smoothing / classes as f64) as f32 * factor / total);
        for (label, slopes) in labels.iter().zip(slopes.chunks_exact_mut(classes)) {
            if self.smoothing == 0.0 {
                slopes.fill(0.0);
            } else {
                slopes.iter_mut().enumerate().for_each(|(c, slope)| *slope = spread * weight(c));
            }
            slopes[class(label)] += weight(class(label)) * own;
        }
    }

    /// What the mean in [`CrossEntropy::trained`] divides by, `[]`: the weights of the samples'
    /// classes.
    pub fn mass(&self, labels: &Tensor) -> Tensor {
        match &self.weights {
            Some(weights) => weights.index_select(0, labels).sum(Kind::Double),
            None => Tensor::full([], labels.numel() as i64, (Kind::Float, labels.device())),
        }
    }

    /// What a run is judged by, so that runs compare: neither smoothed nor weighed.
    pub fn judged(logits: &Tensor, labels: &Tensor) -> Tensor {
        logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, IGNORED, 0.0)
    }
}

/// Weights that make all classes count alike: samples / (classes that occur · samples of the
/// class), as scikit-learn's `balanced`; 1 for a class that doesn't occur.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
fn balanced(labels: impl Iterator<Item = usize>, classes: usize) -> Vec<f64> {
    let mut counts = vec![0u64; classes];
    for label in labels {
        counts[label] += 1;
    }
    let samples = counts.iter().sum::<u64>() as f64;
    let occurring = counts.iter().filter(|n| **n > 0).count() as f64;
    let weight = |&n: &u64| if n == 0 { 1.0 } else { samples / (occurring * n as f64) };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 3], y=[0, 0, 0, 0, 1, 1, 3])
        let found = balanced([0, 0, 0, 0, 1, 1, 3].into_iter(), 4);
        for (found, expected) in found.iter().zip([7.0 / 12.0, 7.0 / 6.0, 1.0, 7.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
    }

    /// Cross entropy of the pair (0, z) against libtorch's own loss of the one logit z.
    #[test]
    fn of_two_classes_one_logit_gives_binary_cross_entropy_and_its_gradient() {
        let labels = Tensor::from_slice(&[0i64, 1, 1, 0, 0]);
        let logit =
            || Tensor::from_slice(&[-3.0f32, 0.5, -0.25, 2.0, 40.0]).set_requires_grad(true);
        for smoothing in [0.0, 0.2] {
            let loss = Loss::BinaryCrossEntropy { smoothing, balance: false };
            let loss = CrossEntropy::new(loss, &labels, &[0, 1, 2, 3, 4], 2, Kind::Float);
            let (pair, one) = (logit(), logit());
            let column = pair.unsqueeze(1);
            let ours = loss.trained(&Tensor::cat(&[column.zeros_like(), column], 1), &labels);
            let soft = labels.to_kind(Kind::Float) * (1.0 - smoothing) + smoothing / 2.0;
            let none = None::<&Tensor>;
            let oracle = one.binary_cross_entropy_with_logits(&soft, none, none, Reduction::Mean);
            assert!(ours.allclose(&oracle, 1e-6, 1e-7, false), "{ours:?} {oracle:?}");
            ours.backward();
            oracle.backward();
            assert!(pair.grad().allclose(&one.grad(), 1e-6, 1e-7, false));
        }
    }

    #[test]
    fn the_loss_is_its_formula() {
        let labels = Tensor::from_slice(&[0i64, 0, 1, 0]);
        let logits = Tensor::from_slice(&[1.0f32, -1.0, 0.5, 0.25, -2.0, 1.0]).view([3, 2]);
        let batch = Tensor::from_slice(&[0i64, 1, 1]);
        for (smoothing, balance) in [(0.0, false), (0.2, false), (0.0, true), (0.2, true)] {
            let loss = Loss::CrossEntropy { smoothing, balance };
            // Row 3 is not trained on: classes 0 and 1 have two samples and one.
            let loss = CrossEntropy::new(loss, &labels, &[0, 1, 2], 2, Kind::Float);
            let weights = if balance { [0.75, 1.5] } else { [1.0, 1.0] };
            let logs = logits.log_softmax(-1, Kind::Double);
            let log = |row: i64, class: i64| logs.double_value(&[row, class]);
            let (mut sum, mut norm) = (0.0, 0.0);
            for (row, class) in [(0, 0), (1, 1), (2, 1)] {
                let spread: f64 = (0..2).map(|c| weights[c as usize] * log(row, c) / 2.0).sum();
                let own = weights[class as usize] * log(row, class);
                sum -= (1.0 - smoothing) * own + smoothing * spread;
                norm += weights[class as usize];
            }
            let found = loss.trained(&logits, &batch).double_value(&[]);
            assert!((found - sum / norm).abs() < 1e-6, "{smoothing} {balance}: {found}");
        }
        let plain = CrossEntropy::new(
            Loss::CrossEntropy { smoothing: 0.0, balance: false },
            &labels,
            &[0],
            2,
            Kind::Float,
        );
        assert_eq!(plain.trained(&logits, &batch), CrossEntropy::judged(&logits, &batch));
    }
}
