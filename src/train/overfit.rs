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
    /// The loss of a model that knows nothing, ln(classes), of cross entropy.
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
            let task = Classify::new(job.recipe, job.data, job.split()?)?;
            Ok(Overfitted { guessing, ..one_batch(task, job, how)? })
        }
        recipe::Task::Regress => {
            one_batch(Regress::new(job.recipe, job.data, job.split()?)?, job, how)
        }
    })
}

fn one_batch<T: Task>(mut task: T, job: &Job<'_>, how: Batch) -> Result<Overfitted, RunError> {
    let mut training = run::begin(job, &task)?;
    let samples = (job.recipe.batch_size as usize).min(how.samples).min(task.samples());
    let losses = on_one_batch(&mut task, &mut training, Batch { samples, ..how });
    Ok(Overfitted { losses, guessing: None, samples })
}

/// Steps between two looks at the losses, for which the loop waits for the device.
const LOOK: usize = 20;
/// Share of the first loss that is as good as zero.
const ZERO: f64 = 0.01;

/// Trains on one batch of so many samples, the first of the first epoch; the losses.
///
/// # Panics
/// Where libtorch does: out of memory, for one.
pub fn on_one_batch<T: engine::Task>(
    task: &mut T,
    training: &mut Training,
    how: Batch,
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
            if is_over(&losses) {
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
fn is_over(losses: &[f64]) -> bool {
    let last = &losses[losses.len().saturating_sub(LOOK)..];
    let zero = losses.first().map_or(0.0, |first| first * ZERO);
    last.iter().any(|loss| !loss.is_finite()) || last.iter().all(|loss| *loss <= zero)
}

fn numbers(losses: &[Tensor]) -> Vec<f64> {
    let all = Tensor::stack(losses, 0).to_kind(Kind::Double);
    (0..losses.len())
        .map(|at| all.double_value(&[i64::try_from(at).expect("a few losses")]))
        .collect()
}
