//! Regressions of a cohort: their losses and gradients at once.
use dlgrid_sweep::recipe::Augment;
use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Tensor};

use super::Regress;
use crate::data::{Batch, Prepared};
use crate::fused::{Fusable, Losses, Shown, Slopes};
use crate::raw;
use crate::task::target::Errors;

impl Fusable for Regress<'_> {
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor) {
        self.trainer.serve_in(inputs, labels);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a batch is small; targets and gradients are single precision"
    )]
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor, weighed: bool) -> Slopes {
        let scores = outputs.contiguous();
        let mut gradient = scores.empty_like();
        let of_a_run = scores.numel() / runs.len().max(1);
        let parts = raw::floats_mut(&mut gradient).chunks_exact_mut(of_a_run);
        let mut losses = Vec::with_capacity(runs.len());
        for (((run, batch), part), outputs) in
            runs.iter().zip(batches).zip(parts).zip(raw::floats(&scores).chunks_exact(of_a_run))
        {
            let (scale, offset) = run.units();
            let (scale, offset) = (scale as f32, offset as f32);
            let norm = (2.0 / of_a_run as f64) as f32;
            let mass = if weighed { batch.samples as f32 } else { 1.0 };
            let mut sum = 0.0;
            for ((slope, output), target) in
                part.iter_mut().zip(outputs).zip(raw::floats(&batch.labels))
            {
                let error = output - (target - offset) / scale;
                *slope = norm * error * mass;
                sum += f64::from(error) * f64::from(error);
            }
            losses.push(sum / of_a_run as f64);
        }
        Slopes { scores, losses, gradient }
    }

    fn inputs(&self) -> &Prepared {
        self.trainer.inputs()
    }

    fn augment(&self) -> Augment {
        self.recipe.augment
    }

    fn rows(&self) -> &[i64] {
        &self.split.train
    }

    fn judged_rows(&self) -> &[i64] {
        &self.split.valid
    }

    type Judged = Errors;

    fn judge_all(
        runs: &[&Self],
        device: Device,
        batches: impl Iterator<Item = Shown>,
    ) -> Vec<Errors> {
        let units = runs.iter().map(|run| run.units());
        let mut errors = SquaredErrors::new(units, device);
        batches.for_each(|Shown { outputs, labels }| errors.add(&outputs, &labels));
        let sums = errors.sums.to_device(Device::Cpu);
        (0..).zip(runs).map(|(at, _)| Errors::of_sums(&sums.select(0, at))).collect()
    }

    fn told(&mut self, judged: Errors) -> Metrics {
        judged.metrics("valid", &self.valid.targets)
    }

    type Losses = SquaredErrors;

    fn losses(runs: Vec<&mut Self>, device: Device) -> SquaredErrors {
        let errors = SquaredErrors::new(runs.iter().map(|run| run.units()), device);
        for (at, run) in (0..).zip(runs) {
            run.tally.count_in(errors.sums.select(0, at));
        }
        errors
    }
}

/// The mean squared errors of several runs, each in its own units.
#[derive(Debug)]
pub struct SquaredErrors {
    /// `[runs, 1]`, f64.
    scale: Tensor,
    /// `[runs, 1]`, f64.
    offset: Tensor,
    /// `[runs, 3]`, f64.
    sums: Tensor,
}

impl SquaredErrors {
    /// Of runs in these units.
    fn new(units: impl Iterator<Item = (f64, f64)>, device: Device) -> Self {
        let (scale, offset): (Vec<f64>, Vec<f64>) = units.unzip();
        let sums = Tensor::zeros([scale.len() as i64, 3], (Kind::Double, device));
        let [scale, offset] =
            [scale, offset].map(|all| Tensor::from_slice(&all).unsqueeze(1).to_device(device));
        Self { scale, offset, sums }
    }

    /// Counts outputs `[runs, batch, 1]` for labels `[runs, batch]`.
    fn add(&mut self, outputs: &Tensor, labels: &Tensor) {
        let outputs = outputs.squeeze_dim(2).to_kind(Kind::Double);
        let errors = outputs * &self.scale + &self.offset - labels.to_kind(Kind::Double);
        let over = |x: &Tensor| x.sum_dim_intlist(1, false, Kind::Double);
        let sums = [over(&errors.square()), over(&errors.abs()), over(&errors.ones_like())];
        let _ = self.sums.g_add_(&Tensor::stack(&sums, 1));
    }
}

impl Losses for SquaredErrors {
    fn of(&self, outputs: &Tensor, labels: &Tensor) -> Tensor {
        let [scale, offset] = [&self.scale, &self.offset].map(|all| all.to_kind(Kind::Float));
        let errors = outputs.squeeze_dim(2) - (labels - offset) / scale;
        errors.square().mean_dim([1i64].as_slice(), false, Kind::Float)
    }

    fn masses(&self, labels: &Tensor) -> Tensor {
        let [runs, samples] = [0, 1].map(|at| labels.size().get(at).copied().unwrap_or(0));
        Tensor::full([runs], samples as f64, (Kind::Float, labels.device()))
    }

    fn count(&mut self, outputs: &Tensor, labels: &Tensor, _losses: &Tensor) {
        self.add(outputs, labels);
    }
}
