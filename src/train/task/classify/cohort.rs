//! Classifications of a cohort: their losses and gradients at once.
use tch::{Device, Kind, Tensor};

use super::Classify;
use crate::data::Batch;
use crate::fused::{Fusable, Slopes};
use crate::raw;

impl Fusable for Classify<'_> {
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor) {
        self.trainer.serve_in(inputs, labels);
    }

    /// By the logarithms of all probabilities at once, `[runs, batch, classes]`.
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor) -> Slopes {
        let binary = runs.iter().any(|run| run.classifier.binary);
        let classes = runs.first().map_or(0, |run| run.data.classes);
        let scores = if binary {
            Tensor::cat(&[outputs.zeros_like(), outputs.shallow_clone()], 2)
        } else {
            outputs.contiguous()
        };
        let logs = scores.log_softmax(-1, None::<Kind>);
        let mut slopes = Tensor::empty(logs.size(), (Kind::Float, Device::Cpu));
        let of_a_run = logs.numel() / runs.len().max(1);
        let parts = raw::floats_mut(&mut slopes).chunks_exact_mut(of_a_run);
        let mut losses = Vec::with_capacity(runs.len());
        for (((run, batch), part), logs) in
            runs.iter().zip(batches).zip(parts).zip(raw::floats(&logs).chunks_exact(of_a_run))
        {
            run.loss.slopes(raw::wholes(&batch.labels), classes, part);
            let terms = part.iter().zip(logs).filter(|(slope, _)| **slope != 0.0);
            losses.push(terms.map(|(slope, log)| f64::from(*slope) * f64::from(*log)).sum());
        }
        let gradient = Tensor::internal_log_softmax_backward_data(&slopes, &logs, -1, Kind::Float);
        let gradient = if binary { gradient.narrow(2, 1, 1).contiguous() } else { gradient };
        Slopes { scores, losses, gradient }
    }
}
