//! The tasks: each ties a model to data, a loss and metrics.
pub mod classify;
mod loss;
pub mod score;
mod tally;

use dlgrid_sweep::recipe::TooSmall;

use crate::data::SplitError;

/// Why a task can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The data set is too small for the split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The images are too small for the model.
    #[error(transparent)]
    Model(#[from] TooSmall),
}
