//! Training: one loop for every task, and what it stands on.
pub mod checkpoint;
mod fit;
mod optimizer;
mod pace;
mod progress;
mod rates;
mod reduction;
mod schedule;
mod share;
mod stop;
mod update;
pub mod weights;

use std::ops::Range;

use dlgrid_sweep::store::record::Metrics;
use tch::Tensor;

use crate::model::Mode;
use crate::parameters::Parameters;
use crate::random::Place;

pub use fit::{Ending, Log, Plan, fit};
pub(crate) use fit::{count_epoch, diverged, is_done, lap};
pub use optimizer::Optimizer;
pub(crate) use progress::unfinite;
pub use progress::{EpochEnd, Progress, Watched};
pub use rates::{Column, Rates, Way};
pub use schedule::{Length, factor};
pub use stop::{PARENT_GONE, Stop};
pub(crate) use update::CLIP_EPS;

/// A tensor with what it is called in a checkpoint.
pub type Named = (&'static str, Tensor);

/// What is learnt: where batches come from, what the model makes of them and how that is judged.
pub trait Task {
    /// Some samples on the device.
    type Batch;

    /// Training samples of an epoch.
    fn samples(&self) -> usize;

    /// Begins an epoch: puts the samples in the order drawn for this place.
    fn begin(&mut self, place: Place);

    /// The samples `from..to` of the epoch's order.
    fn load(&mut self, from: usize, to: usize) -> Self::Batch {
        self.load_part(&(from..to), from..to)
    }

    /// Some samples of the batch of all of these, as they are in the whole of it.
    fn load_part(&mut self, all: &Range<usize>, own: Range<usize>) -> Self::Batch;

    /// What the model makes of a batch. `leaves` are [`Parameters::tensors`].
    fn forward(&self, leaves: &[Tensor], batch: &Self::Batch, mode: Mode) -> Tensor;

    /// How wrong it is: a mean over the batch, `[]`.
    fn loss(&self, output: &Tensor, batch: &Self::Batch) -> Tensor;

    /// What the mean in [`Task::loss`] divides by, `[]`, f32: by it the losses of several batches
    /// are weighed to be the loss of all of them together.
    fn mass(&self, batch: &Self::Batch) -> Tensor;

    /// Counts a training step towards the epoch's metrics, on the device.
    fn count(&mut self, batch: &Self::Batch, output: &Tensor, loss: &Tensor);

    /// What has been counted in this epoch so far, by name.
    fn counted(&self) -> Vec<Named>;

    /// Goes on counting from what [`Task::counted`] gave, in its order.
    fn recount(&mut self, counted: &[Tensor]);

    /// The metrics of the epoch's training steps; counting begins anew. Waits for the device.
    fn trained(&mut self) -> Metrics;

    /// The metrics on the validation samples, if there are any. Waits for the device.
    fn evaluate(&mut self, leaves: &[Tensor]) -> Metrics;
}

/// A training under way: all that a checkpoint must hold, apart from what the task has counted.
#[derive(Debug)]
pub struct Training {
    /// The run's seed.
    pub seed: u64,
    /// The model's parameters.
    pub parameters: Parameters,
    /// The optimizer with its state.
    pub optimizer: Optimizer,
    /// How far it has come.
    pub progress: Progress,
}
