//! A number to learn: where the targets lie, and how far predictions are off, counted while
//! batches pass without waiting for the device.
use dlgrid_sweep::store::record::{Metrics, Number};
use tch::{Device, Kind, Tensor};

use super::score::float;
use crate::engine::Named;
use crate::ranks::Ranks;
use crate::raw;

/// Where some targets lie, in their own units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many there are.
    pub samples: u64,
    /// Their mean.
    pub mean: f64,
    /// Σ (y − mean)².
    pub squares: f64,
}

impl Spread {
    /// Of targets, by Welford's way: large offsets cost no digits.
    pub fn of(targets: impl Iterator<Item = f64>) -> Self {
        let (mut samples, mut mean, mut squares) = (0, 0.0, 0.0);
        for y in targets {
            samples += 1;
            let off = y - mean;
            mean += off / float(samples);
            squares += off * (y - mean);
        }
        Self { samples, mean, squares }
    }

    /// Their standard deviation, of the population; 1 where all are the same, so that it can
    /// divide.
    pub fn deviation(&self) -> f64 {
        let deviation = (self.squares / float(self.samples.max(1))).sqrt();
        if deviation > 0.0 { deviation } else { 1.0 }
    }
}

/// How far predictions are off, in the target's own units.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// Σ (prediction − target)².
    pub squares: f64,
    /// Σ |prediction − target|.
    pub sizes: f64,
    /// Predictions.
    pub samples: f64,
}

impl Errors {
    fn add(&mut self, error: f64) {
        self.squares += error * error;
        self.sizes += error.abs();
        self.samples += 1.0;
    }

    /// Of squares, sizes and samples, `[3]`, f64. Waits for their device.
    pub fn of_sums(sums: &Tensor) -> Self {
        let here = sums.to_device(Device::Cpu);
        let at = |i| here.double_value(&[i]);
        Self { squares: at(0), sizes: at(1), samples: at(2) }
    }

    /// The metrics of predictions of targets that lie so: the mean squared error as `loss`, its
    /// root, the mean absolute error, and R² = 1 − Σ error² / Σ (y − mean)². Of targets that are
    /// all the same R² is 1 if every prediction is right, else 0. All as in scikit-learn.
    pub fn metrics(&self, split: &str, targets: &Spread) -> Metrics {
        let n = self.samples.max(1.0);
        let mean_square = self.squares / n;
        let r2 = match (targets.squares > 0.0, self.squares == 0.0) {
            (true, _) => 1.0 - self.squares / targets.squares,
            (false, right) => f64::from(u8::from(right)),
        };
        [("loss", mean_square), ("rmse", mean_square.sqrt()), ("mae", self.sizes / n), ("r2", r2)]
            .into_iter()
            .map(|(name, value)| (format!("{split}/{name}"), Number(value)))
            .collect()
    }

    /// Those of one and the same prediction for all targets.
    pub fn of_guess(guess: f64, targets: impl Iterator<Item = f64>) -> Self {
        let mut errors = Self::default();
        targets.for_each(|y| errors.add(guess - y));
        errors
    }
}

/// Counts errors.
#[derive(Debug)]
pub enum Tally {
    /// On the CPU: counted as batches pass.
    Here(Errors),
    /// On another device: squares, sizes, samples: `[3]`, f64.
    There(Tensor),
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Here(Errors::default()),
            _ => Self::There(Tensor::zeros([3], (Kind::Double, device))),
        }
    }

    /// Counts a batch: outputs `[batch, 1]`, of which one times `scale` and `offset` more is the
    /// prediction, and targets `[batch]`.
    pub fn count(&mut self, outputs: &Tensor, targets: &Tensor, (scale, offset): (f64, f64)) {
        match self {
            Self::Here(errors) => {
                let outputs = outputs.to_kind(Kind::Double).contiguous();
                for (&output, &target) in raw::doubles(&outputs).iter().zip(raw::floats(targets)) {
                    errors.add(output * scale + offset - f64::from(target));
                }
            }
            Self::There(sums) => {
                let outputs = outputs.detach().squeeze_dim(1).to_kind(Kind::Double);
                let errors = outputs * scale + (offset - targets.to_kind(Kind::Double));
                let squares = (&errors * &errors).sum(Kind::Double);
                let samples = errors.ones_like().sum(Kind::Double);
                let sizes = errors.abs().sum(Kind::Double);
                let _ = sums.g_add_(&Tensor::stack(&[squares, sizes, samples], 0));
            }
        }
    }

    /// Counts from now on in this memory, `[3]`, f64. What was counted is put there.
    pub fn count_in(&mut self, mut sums: Tensor) {
        for (_, counted) in self.tensors() {
            sums.copy_(&counted);
        }
        *self = Self::There(sums);
    }

    /// What is counted, as tensors that a checkpoint can hold.
    pub fn tensors(&self) -> Vec<Named> {
        let sums = match self {
            Self::Here(e) => Tensor::from_slice(&[e.squares, e.sizes, e.samples]),
            Self::There(sums) => sums.copy(),
        };
        vec![("errors", sums)]
    }

    /// Goes on from what [`Tally::tensors`] gave.
    pub fn restore(&mut self, tensors: &[Tensor]) {
        let [saved] = tensors else { return };
        match self {
            Self::Here(errors) => *errors = Errors::of_sums(saved),
            Self::There(sums) => sums.copy_(saved),
        }
    }

    /// Puts together what all ranks have counted.
    pub fn gather(&mut self, ranks: &Ranks) {
        if !ranks.is_alone() {
            let all = ranks.sum_counted(self.tensors());
            self.restore(&all.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>());
        }
    }

    /// What was counted; counting begins anew. Waits for the device.
    pub fn take(&mut self) -> Errors {
        match self {
            Self::Here(errors) => std::mem::take(errors),
            Self::There(sums) => {
                let errors = Errors::of_sums(sums);
                let _ = sums.zero_();
                errors
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: [f64; 15] = [
        82.45, 182.68, 109.4, 149.5, 183.59, 84.25, 65.6, 160.37, 151.78, 140.17, 151.54, 115.58,
        89.46, 143.33, 111.13,
    ];
    const PREDICTED: [f64; 15] = [
        49.58, 192.794, 108.172, 157.631, 163.804, 71.089, 45.619, 142.637, 155.688, 124.511,
        158.661, 122.375, 129.963, 115.474, 128.888,
    ];

    fn metrics(predicted: &[f64], targets: &[f64]) -> [f64; 4] {
        let mut errors = Errors::default();
        predicted.iter().zip(targets).for_each(|(a, b)| errors.add(a - b));
        let found = errors.metrics("valid", &Spread::of(targets.iter().copied()));
        ["loss", "rmse", "mae", "r2"].map(|name| found[&format!("valid/{name}")].0)
    }

    /// `mean_squared_error`, `root_mean_squared_error`, `mean_absolute_error` and `r2_score` of
    /// scikit-learn 1.9.1.
    #[test]
    fn metrics_are_those_of_scikit_learn() {
        let expected =
            [374.526_808_533_333_4, 19.352_695_123_246_615, 16.173_6, 0.708_095_407_940_493_7];
        for (found, expected) in metrics(&PREDICTED, &TARGETS).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12 * expected.max(1.0), "{found} {expected}");
        }
        assert_eq!(metrics(&[3.5; 4], &[3.5; 4]), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(metrics(&[3.5, 3.5, 3.5, 4.0], &[3.5; 4]), [0.0625, 0.25, 0.125, 0.0]);
    }

    #[test]
    fn the_mean_is_the_guess_of_which_r2_is_zero() {
        let spread = Spread::of(TARGETS.into_iter());
        let errors = Errors::of_guess(spread.mean, TARGETS.into_iter());
        assert!(errors.metrics("x", &spread)["x/r2"].0.abs() < 1e-12);
        assert!((errors.metrics("x", &spread)["x/rmse"].0 - spread.deviation()).abs() < 1e-12);
    }

    #[test]
    fn targets_that_are_all_the_same_are_divided_by_one() {
        let spread = Spread::of([0.1, 0.1, 0.1].into_iter());
        assert_eq!((spread.mean, spread.deviation()), (0.1, 1.0));
        assert_eq!(Spread::of(std::iter::empty()).deviation(), 1.0);
    }

    #[test]
    fn outputs_in_double_precision_are_counted_so() {
        let outputs = Tensor::from_slice(&[1.0 + 1e-10]).view([1, 1]);
        let targets = Tensor::from_slice(&[1.0f32]);
        let there = Tally::There(Tensor::zeros([3], (Kind::Double, Device::Cpu)));
        for mut tally in [Tally::new(Device::Cpu), there] {
            tally.count(&outputs, &targets, (1.0, 0.0));
            let mae = tally.take().sizes;
            assert!((mae - 1e-10).abs() < 1e-15, "{mae}");
        }
    }

    #[test]
    fn both_ways_to_count_agree_and_go_on_where_they_were() {
        let outputs = Tensor::from_slice(&[0.5f32, -1.0, 2.0]).view([3, 1]);
        let targets = Tensor::from_slice(&[3.0f32, 4.0, 5.0]);
        let there = || Tally::There(Tensor::zeros([3], (Kind::Double, Device::Cpu)));
        for fresh in [|| Tally::new(Device::Cpu), there] {
            let mut first = fresh();
            first.count(&outputs.narrow(0, 0, 2), &targets.narrow(0, 0, 2), (2.0, 3.0));
            let mut second = fresh();
            let saved: Vec<Tensor> = first.tensors().into_iter().map(|(_, t)| t).collect();
            second.restore(&saved);
            second.count(&outputs.narrow(0, 2, 1), &targets.narrow(0, 2, 1), (2.0, 3.0));
            // Predictions 4, 1 and 7.
            assert_eq!(second.take(), Errors { squares: 14.0, sizes: 6.0, samples: 3.0 });
            assert_eq!(second.take(), Errors::default());
        }
    }
}
