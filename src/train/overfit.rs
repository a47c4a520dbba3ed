//! Overfits one batch on purpose: a model that can't learn a few samples by heart learns nothing.
use dlgrid_sweep::recipe;
use tch::{Kind, Tensor};

use crate::engine::{self, Training};
use crate::model::Mode;
use crate::random::Place;
use crate::run::{self, Job, RunError};
use crate::task::Task;
use crate::task::classify::Classify;
use crate::task::regress::Regress;

/// How long to try, and on how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Steps of the optimizer.
    pub steps: usize,
    /// Samples at most; a recipe's smaller batch counts.
    pub samples: usize,
}

/// What one batch did.
#[derive(Debug, Clone, PartialEq)]
pub struct Overfitted {
    /// The loss before each step and after the last, `[steps + 1]`; shorter where it stopped being a
    /// number, or was as good as zero for a while.
    pub losses: Vec<f64>,
    /// The loss of a model that knows nothing: ln(classes) of cross entropy, the mean square of the
    /// batch's targets about that of all training targets, in their deviations, of a regression.
    pub guessing: Option<f64>,
    /// Samples of the batch.
    pub samples: usize,
}

/// Trains a run on the first batch of its first epoch alone.
///
/// # Errors
/// As [`run::train`].
pub fn overfit(job: &Job<'_>, how: Batch) -> Result<Overfitted, RunError> {
    run::catch(|| match job.recipe.task {
        recipe::Task::Classify => {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 classes")]
            let guessing = (job.data.classes > 1).then(|| (job.data.classes as f64).ln());
            one_batch(Classify::new(job.recipe, job.data, job.split()?)?, job, (how, guessing))
        }
        recipe::Task::Regress => {
            let mut task = Regress::new(job.recipe, job.data, job.split()?)?;
            engine::Task::begin(&mut task, Place::start(job.seed));
            let samples = samples(job, how, &task);
            let batch = engine::Task::load(&mut task, 0, samples);
            // Where all targets of the batch are the mean there is nothing to learn.
            let guessing = Some(task.guessing(&batch)).filter(|loss| *loss > 0.0);
            one_batch(task, job, (how, guessing))
        }
    })
}

/// Samples of the batch.
fn samples(job: &Job<'_>, how: Batch, task: &impl engine::Task) -> usize {
    (job.recipe.batch_size as usize).min(how.samples).min(task.samples())
}

fn one_batch<T: Task>(
    mut task: T,
    job: &Job<'_>,
    (how, guessing): (Batch, Option<f64>),
) -> Result<Overfitted, RunError> {
    let mut training = run::begin(job, &task)?;
    let samples = samples(job, how, &task);
    let losses = on_one_batch(&mut task, &mut training, Batch { samples, ..how }, guessing);
    Ok(Overfitted { losses, guessing, samples })
}

/// Steps between two looks at the losses, for which the loop waits for the device.
const LOOK: usize = 20;
/// Share of the first loss, or of that of guessing where it is lower, that is as good as zero.
const ZERO: f64 = 0.01;

/// Trains on one batch of so many samples, the first of the first epoch; the losses. `guessing` is
/// the loss of a model that knows nothing, where that is known.
///
/// # Panics
/// Where libtorch does: out of memory, for one.
pub fn on_one_batch<T: engine::Task>(
    task: &mut T,
    training: &mut Training,
    how: Batch,
    guessing: Option<f64>,
) -> Vec<f64> {
    let place = Place::start(training.seed);
    task.begin(place);
    let batch = task.load(0, how.samples);
    let mode = Mode::train(place, 0);
    let (mut losses, mut waiting) = (Vec::new(), Vec::new());
    for step in 0..=how.steps {
        let parameters = &training.parameters;
        let output = task.forward(parameters.tensors(), &batch, mode);
        let loss = task.loss(&output, &batch);
        waiting.push(loss.detach());
        if step == how.steps || waiting.len() == LOOK {
            losses.extend(numbers(&waiting));
            waiting.clear();
            if is_over(&losses, guessing) {
                break;
            }
        }
        if step < how.steps {
            let gradients = Tensor::run_backward(&[&loss], parameters.leaves(), false, false);
            training.optimizer.update(&mut training.parameters, &gradients);
        }
    }
    losses
}

/// Whether all is said.
fn is_over(losses: &[f64], guessing: Option<f64>) -> bool {
    let last = &losses[losses.len().saturating_sub(LOOK)..];
    let first = losses.first().copied().unwrap_or(0.0);
    let zero = ZERO * guessing.map_or(first, |guessing| guessing.min(first));
    last.iter().any(|loss| !loss.is_finite()) || last.iter().all(|loss| *loss <= zero)
}

fn numbers(losses: &[Tensor]) -> Vec<f64> {
    let all = Tensor::stack(losses, 0).to_kind(Kind::Double);
    (0..losses.len())
        .map(|at| all.double_value(&[i64::try_from(at).expect("a few losses")]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_far_below_a_wild_first_one_is_not_zero_yet() {
        let ln3 = 3.0_f64.ln();
        for (first, then, guessing, expected) in [
            (1000.0, 5.0, Some(ln3), false),
            (1000.0, 5.0, None, true),
            (1000.0, 0.01, Some(ln3), true),
            (1.0, 0.0105, Some(ln3), false),
            (1.0, f64::NAN, Some(ln3), true),
        ] {
            let losses = [&[first][..], &[then; LOOK]].concat();
            assert_eq!(is_over(&losses, guessing), expected, "{first}, then {then}");
        }
    }
}
