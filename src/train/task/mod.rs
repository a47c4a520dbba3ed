//! The tasks: each ties a model to data, a loss and metrics.
pub mod classify;
mod floor;
mod judged;
mod loss;
pub mod regress;
pub mod score;
mod tally;
mod target;

use dlgrid_sweep::recipe::{NothingLeft, TooSmall};
use dlgrid_sweep::store::record::{Metrics, Mistake};
use tch::Tensor;

pub(crate) use self::judged::AT_ONCE;
use crate::data::{Dataset, SplitError};
use crate::engine;
use crate::model::Model;

/// What a run needs of its task beside what the training loop does.
pub trait Task: engine::Task {
    /// The model.
    fn model(&self) -> &Model;

    /// What a result must beat: the metrics on the validation samples of the model as it is, said
    /// to be untrained, and of the best guess that looks at no input. Names begin with `floor/`.
    fn floors(&mut self, leaves: &[Tensor]) -> Metrics;

    /// Counts on the validation samples after the last evaluation,
    /// `[true class][predicted class]`, of a classification.
    fn confusion(&self) -> Option<Vec<Vec<u64>>>;

    /// The validation samples that the model takes for something else most surely, the worst first,
    /// of a classification of images. Waits for the device.
    fn mistakes(&self, _leaves: &[Tensor]) -> Vec<Mistake> {
        Vec::new()
    }

    /// Judges the model on all samples of another data set of the same form, encoded as the run's
    /// own training samples say, by the same metrics under names that begin with `prefix/`.
    /// Waits for the device.
    fn judge(&self, leaves: &[Tensor], on: &Dataset, prefix: &str) -> Judgement;
}

/// How a model is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Every metric.
    pub metrics: Metrics,
    /// Counts `[true class][predicted class]`, of a classification.
    pub confusion: Option<Vec<Vec<u64>>>,
}

/// Why a task can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The data set is too small for the split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The images are too small for the model.
    #[error(transparent)]
    Model(#[from] TooSmall),
    /// The images are too small for how they are changed.
    #[error(transparent)]
    Augment(#[from] NothingLeft),
    /// The data holds not what the task learns.
    #[error("`task: {task}` can't learn from this data: {has}")]
    Target {
        /// The task.
        task: &'static str,
        /// What the data has.
        has: &'static str,
    },
    /// The loss is not for so many classes.
    #[error("`loss: binary_cross_entropy` tells two classes apart, the data has {classes}")]
    Classes {
        /// How many there are.
        classes: usize,
    },
    /// Early stopping would watch what is never reported.
    #[error(
        "`early_stop.metric: {metric}` is of {of}, and {found}: nothing would stop the run \
         (`valid/loss` is of any)"
    )]
    Metric {
        /// The metric.
        metric: String,
        /// What it is of.
        of: &'static str,
        /// What there is.
        found: String,
    },
}
