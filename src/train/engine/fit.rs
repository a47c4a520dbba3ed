//! The training loop: load, forward, loss, backward, update.
use std::time::Duration;

use dlgrid_sweep::host;
use tch::Tensor;

use super::progress::unfinite;
use super::{EpochEnd, Named, Stop, Task, Training};
use crate::model::Mode;
use crate::random::Place;

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Passes over the training samples.
    pub epochs: u32,
    /// Samples in one step; the last batch of an epoch holds what is left.
    pub batch_size: usize,
    /// How often to save while training goes on.
    pub save_every: Duration,
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
    /// All epochs are trained.
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
    plan: &Plan,
    stop: &Stop,
    log: &mut Log<'_>,
) -> Ending {
    let mut saved = host::instant();
    while training.progress.epoch < plan.epochs {
        let place = Place { seed: training.seed, epoch: training.progress.epoch, rank: 0 };
        let mut clock = host::instant();
        task.begin(place);
        loop {
            // Between two steps: is it time to stop, or to save?
            let why = stop.before_step();
            if why.is_some() || saved.elapsed() >= plan.save_every {
                training.progress.train_for(lap(&mut clock));
                let safe = (log.save)(training, &task.counted());
                if let Some(why) = why {
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
            let parameters = &training.parameters;
            // Load.
            let batch = task.load(from, to);
            // Forward.
            let output =
                task.forward(parameters.tensors(), &batch, Mode::Train { place, batch: number });
            // Loss.
            let loss = task.loss(&output, &batch);
            // Backward.
            let gradients = Tensor::run_backward(&[&loss], parameters.leaves(), false, false);
            // Update.
            training.optimizer.update(&mut training.parameters, &gradients);

            task.count(&batch, &output, &loss);
            training.progress.batch += 1;
            training.progress.samples += (to - from) as u64;
        }
        // Here the loop waits for the device: once an epoch.
        let mut metrics = task.trained();
        training.progress.train_for(lap(&mut clock));
        if unfinite(&metrics).is_none() {
            metrics.extend(task.evaluate(training.parameters.tensors()));
        }
        training.progress.judge_for(lap(&mut clock));
        let end = training.progress.end_epoch(metrics, task.samples());
        (log.epoch)(&end);
        if let Some(ending) = diverged(&end) {
            return ending;
        }
    }
    Ending::Done
}

/// How a training ends whose last epoch has a loss that is no finite number.
pub(crate) fn diverged(end: &EpochEnd) -> Option<Ending> {
    let (name, value) = unfinite(&end.metrics)?;
    Some(Ending::Diverged { why: format!("{name} is {value} after epoch {}", end.epoch) })
}

/// Seconds since `clock`, which is set to now.
pub(crate) fn lap(clock: &mut std::time::Instant) -> f64 {
    let now = host::instant();
    now.duration_since(std::mem::replace(clock, now)).as_secs_f64()
}
