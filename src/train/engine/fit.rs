//! The training loop: load, forward, loss, backward, update.
use std::ops::Range;
use std::time::Duration;

use dlgrid_sweep::host;
use dlgrid_sweep::recipe::EarlyStop;
use dlgrid_sweep::store::record::Metrics;
use tch::{Kind, Tensor};

use super::progress::unfinite;
use super::share::{Share, Wish};
use super::{EpochEnd, Named, Progress, Stop, Task, Training};
use crate::model::Mode;
use crate::parameters::Parameters;
use crate::random::Place;
use crate::ranks;

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan<'a> {
    /// Passes over the training samples.
    pub epochs: u32,
    /// What ends the training before its last epoch.
    pub early_stop: Option<&'a EarlyStop>,
    /// Samples in one step; the last batch of an epoch holds what is left.
    pub batch_size: usize,
    /// Samples in one forward pass; the gradient of a larger step is summed over parts.
    pub at_once: usize,
    /// How often to save while training goes on.
    pub save_every: Duration,
    /// Whether batch norm goes by the samples of all ranks.
    pub sync_batch_norm: bool,
}

/// Who is told what while training goes on.
pub struct Log<'a> {
    /// Is told the end of every epoch.
    pub epoch: &'a mut dyn FnMut(&EpochEnd),
    /// Saves a training and what its task has counted, and says whether it could.
    pub save: &'a mut dyn FnMut(&Training, &[Named]) -> bool,
}

/// How a training came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are trained, or early stopping found it enough.
    Done,
    /// A loss stopped being a finite number.
    Diverged {
        /// Which, and when.
        why: String,
    },
    /// It was asked to stop, and can go on later.
    Stopped {
        /// Who asked.
        why: &'static str,
        /// Whether all of it is saved.
        saved: bool,
    },
}

/// Trains until the last epoch, from wherever `training` stands.
///
/// # Panics
/// Where libtorch does: out of memory, for one.
pub fn fit<T: Task>(
    task: &mut T,
    training: &mut Training,
    plan: &Plan<'_>,
    stop: &Stop,
    log: &mut Log<'_>,
) -> Ending {
    let mut saved = host::instant();
    let ranks = ranks::here();
    let mut share = Share::new(&training.parameters, plan, ranks);
    while !is_done(&training.progress, plan) {
        let place = Place { seed: training.seed, epoch: training.progress.epoch, rank: 0 };
        let mut clock = host::instant();
        task.begin(place);
        loop {
            // Between two steps: is it time to stop, or to save?
            let wish = Wish { stop: stop.before_step(), save: saved.elapsed() >= plan.save_every };
            let wish = share.as_mut().map_or(wish, |share| share.agree(wish));
            if wish.stop.is_some() || wish.save {
                training.progress.train_for(lap(&mut clock));
                share.iter().for_each(|share| share.settle(training));
                let safe = (log.save)(training, &ranks.sum_counted(task.counted()));
                if let Some(why) = wish.stop {
                    return Ending::Stopped { why, saved: safe };
                }
                (saved, clock) = (host::instant(), host::instant());
            }
            let number = training.progress.batch;
            let from = number as usize * plan.batch_size;
            let to = task.samples().min(from + plan.batch_size);
            if from >= to {
                break;
            }
            // Load, forward, loss, backward.
            let mode = |part| Mode::train(place, number + part);
            let parameters = &training.parameters;
            let own;
            let gradients = match &mut share {
                Some(share) => {
                    share.gradients(task, parameters, from..to, plan.at_once, (place, number))
                }
                None if to - from > plan.at_once => {
                    own = summed_gradients(task, parameters, from..to, plan.at_once, mode);
                    &own
                }
                None => {
                    own = gradients(task, parameters, from..to, mode(0));
                    &own
                }
            };
            // Update.
            training.optimizer.update(&mut training.parameters, gradients);
            training.progress.batch += 1;
            training.progress.samples += (to - from) as u64;
        }
        if let Some(share) = &share {
            share.settle(training);
            let all = ranks.sum_counted(task.counted());
            task.recount(&all.into_iter().map(|(_, counted)| counted).collect::<Vec<_>>());
        }
        let end = end_epoch(task, training, plan, &mut clock);
        (log.epoch)(&end);
        if let Some(ending) = diverged(&end) {
            return ending;
        }
    }
    Ending::Done
}

/// Judges the epoch that was trained since `clock`. Here training waits for the device: once an epoch.
pub(crate) fn end_epoch<T: Task>(
    task: &mut T,
    training: &mut Training,
    plan: &Plan<'_>,
    clock: &mut std::time::Instant,
) -> EpochEnd {
    let mut metrics = task.trained();
    training.progress.train_for(lap(clock));
    if unfinite(&metrics).is_none() {
        metrics.extend(task.evaluate(training.parameters.tensors()));
    }
    training.progress.judge_for(lap(clock));
    count_epoch(training, plan, metrics, task.samples())
}

/// Counts an epoch over so many samples, judged so.
pub(crate) fn count_epoch(
    training: &mut Training,
    plan: &Plan<'_>,
    metrics: Metrics,
    samples: usize,
) -> EpochEnd {
    let end = training.progress.end_epoch(metrics, samples);
    if let Some(stop) = plan.early_stop {
        training.progress.watch(stop);
    }
    end
}

/// Whether no epoch is left, or early stopping has found it enough.
pub(crate) fn is_done(progress: &Progress, plan: &Plan<'_>) -> bool {
    progress.epoch >= plan.epochs || progress.is_early(plan.early_stop)
}

/// How a training ends whose last epoch has a loss that is no finite number.
pub(crate) fn diverged(end: &EpochEnd) -> Option<Ending> {
    let (name, value) = unfinite(&end.metrics)?;
    Some(Ending::Diverged { why: format!("{name} is {value} after epoch {}", end.epoch) })
}

/// How the loss of some samples changes with each leaf.
fn gradients<T: Task>(
    task: &mut T,
    parameters: &Parameters,
    samples: Range<usize>,
    mode: Mode,
) -> Vec<Tensor> {
    // Load.
    let batch = task.load(samples.start, samples.end);
    // Forward.
    let output = task.forward(parameters.tensors(), &batch, mode);
    // Loss.
    let loss = task.loss(&output, &batch);
    task.count(&batch, &output, &loss);
    // Backward.
    Tensor::run_backward(&[&loss], parameters.leaves(), false, false)
}

/// The same, summed over parts of so many samples, so that memory is bounded. The loss of all of
/// them is the mean of the parts' losses, each weighed by its mass.
fn summed_gradients<T: Task>(
    task: &mut T,
    parameters: &Parameters,
    samples: Range<usize>,
    at_once: usize,
    mode: impl Fn(u32) -> Mode,
) -> Vec<Tensor> {
    let mut sums: Vec<Tensor> = Vec::new();
    let mut masses: Vec<Tensor> = Vec::new();
    for (part, from) in (0..).zip(samples.clone().step_by(at_once)) {
        let batch = task.load(from, samples.end.min(from + at_once));
        let output = task.forward(parameters.tensors(), &batch, mode(part));
        let loss = task.loss(&output, &batch);
        task.count(&batch, &output, &loss);
        let mass = task.mass(&batch);
        let own = Tensor::run_backward(&[loss * &mass], parameters.leaves(), false, false);
        masses.push(mass);
        if sums.is_empty() {
            sums = own;
        } else {
            for (sum, own) in sums.iter_mut().zip(&own) {
                let _ = sum.g_add_(own);
            }
        }
    }
    let double = sums.iter().any(|sum| sum.kind() == Kind::Double);
    let mass = Tensor::stack(&masses, 0).sum(if double { Kind::Double } else { Kind::Float });
    for sum in &mut sums {
        let _ = sum.g_div_(&mass);
    }
    sums
}

/// Seconds since `clock`, which is set to now.
pub(crate) fn lap(clock: &mut std::time::Instant) -> f64 {
    let now = host::instant();
    now.duration_since(std::mem::replace(clock, now)).as_secs_f64()
}
