//! Regressions of a cohort: their losses and gradients at once.
use tch::Tensor;

use super::Regress;
use crate::data::Batch;
use crate::fused::{Fusable, Slopes};
use crate::raw;

impl Fusable for Regress<'_> {
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor) {
        self.trainer.serve_in(inputs, labels);
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a batch is small; targets and gradients are single precision"
    )]
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor) -> Slopes {
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
            let mut sum = 0.0;
            for ((slope, output), target) in
                part.iter_mut().zip(outputs).zip(raw::floats(&batch.labels))
            {
                let error = output - (target - offset) / scale;
                *slope = norm * error;
                sum += f64::from(error) * f64::from(error);
            }
            losses.push(sum / of_a_run as f64);
        }
        Slopes { scores, losses, gradient }
    }
}
