//! Classifications of a cohort: their losses and gradients at once.
use dlgrid_sweep::recipe::Augment;
use dlgrid_sweep::recipe::metric::TOP;
use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Tensor};

use super::{Classify, Counts, Further, metrics};
use crate::data::{Batch, Mixed, Prepared};
use crate::engine;
use crate::fused::{Fusable, Losses, Shown, Slopes};
use crate::raw;
use crate::task::score::auc;
use crate::task::tally::in_top;

impl Fusable for Classify<'_> {
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor) {
        self.trainer.serve_in(inputs, labels);
    }

    /// By the logarithms of all probabilities at once, `[runs, batch, classes]`.
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor, weighed: bool) -> Slopes {
        let binary = runs.iter().any(|run| run.classifier.binary);
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
            let factor = run.mass_of(batch, weighed) * own_share(batch);
            losses.push(run.sloped(&batch.labels, factor, logs, part) / f64::from(factor));
        }
        let back = |slopes: &Tensor, logs: &Tensor| {
            Tensor::internal_log_softmax_backward_data(slopes, logs, -1, Kind::Float)
        };
        let gradient = back(&slopes, &logs);
        for ((at, loss), (run, batch)) in (0..).zip(&mut losses).zip(runs.iter().zip(batches)) {
            let Some(Mixed { labels, share }) = &batch.mixed else { continue };
            let logs = logs.select(0, at);
            let mut slopes = logs.empty_like();
            let factor = run.mass_of(batch, weighed) * single(1.0 - share);
            let part = raw::floats_mut(&mut slopes);
            let mass = f64::from(run.mass_of(batch, weighed));
            let other = run.sloped(labels, factor, raw::floats(&logs), part) / mass;
            *loss = *loss * *share + other;
            let _ = gradient.select(0, at).g_add_(&back(&slopes, &logs));
        }
        let gradient = if binary { gradient.narrow(2, 1, 1).contiguous() } else { gradient };
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

    type Judged = (Counts, Option<f64>);

    fn judge_all(
        runs: &[&Self],
        device: Device,
        batches: impl Iterator<Item = Shown>,
    ) -> Vec<Self::Judged> {
        let Some(first) = runs.first() else { return Vec::new() };
        let classes = first.data.classes;
        let mut sums = CrossEntropies::plain(runs, device);
        let mut top =
            (classes > TOP).then(|| Tensor::zeros([runs.len() as i64], (Kind::Int64, device)));
        let mut preferred = Vec::new();
        for Shown { outputs, labels } in batches {
            let losses = sums.of(&outputs, &labels);
            sums.count(&outputs, &labels, &losses);
            let scores = sums.scores(&outputs);
            if let Some(top) = &mut top {
                let _ = top.g_add_(&in_top(&scores, &labels, sums.classes));
            }
            if classes == 2 {
                preferred.push(scores.select(2, 1) - scores.select(2, 0));
            }
        }
        let preferred = (classes == 2).then(|| Tensor::cat(&preferred, 1));
        sums.taken(runs, top.as_ref(), preferred.as_ref())
    }

    fn told(&mut self, (counts, auc): Self::Judged) -> Metrics {
        let further = Further { micro: true, auc };
        let metrics = metrics("valid", &counts, self.data.classes, further);
        self.confusion = counts.confusion;
        metrics
    }

    type Losses = CrossEntropies;

    fn losses(runs: Vec<&mut Self>, device: Device) -> CrossEntropies {
        CrossEntropies::new(runs, device)
    }
}

impl Classify<'_> {
    /// What the loss of a batch is weighed by.
    fn mass_of(&self, batch: &Batch, weighed: bool) -> f32 {
        if weighed { single(engine::Task::mass(self, batch).double_value(&[])) } else { 1.0 }
    }

    /// Sets the slopes of the loss by these labels, times a factor, and gives the loss times it.
    fn sloped(&self, labels: &Tensor, factor: f32, logs: &[f32], slopes: &mut [f32]) -> f64 {
        self.loss.slopes(raw::wholes(labels), self.data.classes, factor, slopes);
        let terms = slopes.iter().zip(logs).filter(|(slope, _)| **slope != 0.0);
        terms.map(|(slope, log)| f64::from(*slope) * f64::from(*log)).sum()
    }
}

/// The share of a batch's own labels.
fn own_share(batch: &Batch) -> f32 {
    batch.mixed.as_ref().map_or(1.0, |mixed| single(mixed.share))
}

#[expect(clippy::cast_possible_truncation, reason = "training is single precision")]
const fn single(x: f64) -> f32 {
    x as f32
}

/// The cross entropies of several runs.
#[derive(Debug)]
pub struct CrossEntropies {
    binary: bool,
    classes: i64,
    /// Of each run, `[runs]`; nothing where no label is smoothed.
    smoothing: Option<Tensor>,
    /// Of each run and class, `[runs, classes]`; nothing where all weigh the same.
    weights: Option<Tensor>,
    /// `[runs]`, f64.
    loss: Tensor,
    /// `[runs, classes * classes]`, i64.
    confusion: Tensor,
}

impl CrossEntropies {
    /// Without weights and smoothing.
    fn plain(runs: &[&Classify<'_>], device: Device) -> Self {
        let binary = runs.iter().any(|run| run.classifier.binary);
        let count = runs.len() as i64;
        let classes = runs.first().map_or(0, |run| run.data.classes as i64);
        let loss = Tensor::zeros([count], (Kind::Double, device));
        let confusion = Tensor::zeros([count, classes * classes], (Kind::Int64, device));
        Self { binary, classes, smoothing: None, weights: None, loss, confusion }
    }

    #[expect(clippy::cast_possible_truncation, reason = "training is single precision")]
    fn new(runs: Vec<&mut Classify<'_>>, device: Device) -> Self {
        let plain = Self::plain(&runs.iter().map(|run| &**run).collect::<Vec<_>>(), device);
        let smoothing: Vec<f32> = runs.iter().map(|run| run.loss.smoothing() as f32).collect();
        let smooths = smoothing.iter().any(|s| *s != 0.0);
        let weighs = runs.iter().any(|run| run.loss.weights().is_some());
        let weights = weighs.then(|| {
            let alike = Tensor::ones([plain.classes], (Kind::Float, device));
            let own = |run: &&mut Classify<'_>| {
                run.loss.weights().map_or_else(|| alike.shallow_clone(), Tensor::shallow_clone)
            };
            Tensor::stack(&runs.iter().map(own).collect::<Vec<_>>(), 0)
        });
        for (at, run) in (0..).zip(runs) {
            run.tally.count_in(plain.loss.select(0, at), plain.confusion.select(0, at));
        }
        let smoothing = smooths.then(|| Tensor::from_slice(&smoothing).to_device(device));
        Self { smoothing, weights, ..plain }
    }

    /// What was counted of each run, with how many are in the top, `[runs]`, and by how much each
    /// sample's second class is preferred to the first, `[runs, samples]`. Waits for the device.
    fn taken(
        self,
        runs: &[&Classify<'_>],
        top: Option<&Tensor>,
        preferred: Option<&Tensor>,
    ) -> Vec<(Counts, Option<f64>)> {
        let here = |x: &Tensor| x.to_device(Device::Cpu).contiguous();
        let [loss, confusion] = [&self.loss, &self.confusion].map(here);
        let (top, preferred) = (top.map(here), preferred.map(here));
        let of = |(at, run): (i64, &&Classify<'_>)| {
            let top = top.as_ref().map(|top| top.double_value(&[at]));
            let cells = confusion.select(0, at);
            let counts = Counts::of_sums(loss.double_value(&[at]), raw::wholes(&cells), top);
            let truths = run.valid.scores.as_ref().map(|scores| &scores.truths);
            let own = preferred.as_ref().map(|all| all.select(0, at));
            let auc = own.zip(truths).and_then(|(own, truths)| auc(raw::floats(&own), truths));
            (counts, auc)
        };
        (0..).zip(runs).map(of).collect()
    }

    /// A score for each class, `[runs, batch, classes]`.
    fn scores(&self, outputs: &Tensor) -> Tensor {
        if self.binary {
            Tensor::cat(&[outputs.zeros_like(), outputs.shallow_clone()], 2)
        } else {
            outputs.shallow_clone()
        }
    }
}

impl Losses for CrossEntropies {
    fn of(&self, outputs: &Tensor, labels: &Tensor) -> Tensor {
        let logs = self.scores(outputs).log_softmax(-1, Kind::Float);
        let own = logs.gather(2, &labels.unsqueeze(2), false).squeeze_dim(2);
        let over_batch = |x: &Tensor| x.sum_dim_intlist(1, false, Kind::Float);
        let over_classes = |x: &Tensor| x.sum_dim_intlist(2, false, Kind::Float);
        let (own, spread, total) = match &self.weights {
            None => {
                let samples = labels.size().get(1).copied().unwrap_or(0);
                let total = Tensor::full_like(&over_batch(&own.detach()), samples as f64);
                (own, self.smoothing.as_ref().map(|_| over_classes(&logs)), total)
            }
            Some(weights) => {
                let each = weights.gather(1, labels, false);
                let spread = self.smoothing.as_ref();
                let spread = spread.map(|_| over_classes(&(&logs * weights.unsqueeze(1))));
                let total = over_batch(&each);
                (own * each, spread, total)
            }
        };
        let plain = -over_batch(&own) / &total;
        match (&self.smoothing, spread) {
            (Some(smoothing), Some(spread)) => {
                let spread = -over_batch(&spread) / total;
                plain * (smoothing.ones_like() - smoothing)
                    + spread * (smoothing / self.classes as f64)
            }
            _ => plain,
        }
    }

    fn masses(&self, labels: &Tensor) -> Tensor {
        let over_batch = |x: &Tensor| x.sum_dim_intlist(1, false, Kind::Float);
        match &self.weights {
            None => over_batch(&labels.ones_like()),
            Some(weights) => over_batch(&weights.gather(1, labels, false)),
        }
    }

    fn count(&mut self, outputs: &Tensor, labels: &Tensor, losses: &Tensor) {
        let samples = labels.size().get(1).copied().unwrap_or(0);
        let _ = self.loss.g_add_(&(losses.to_kind(Kind::Double) * samples as f64));
        let cells = labels * self.classes + self.scores(outputs).argmax(2, false);
        let _ = self.confusion.scatter_add_(1, &cells, &cells.ones_like());
    }
}
