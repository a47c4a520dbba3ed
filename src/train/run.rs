//! One run from its recipe to its end: what the worker calls for each run of its slice.
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use dlgrid_sweep::host;
use dlgrid_sweep::recipe::{self, Fold, Precision, Recipe, TooSmall};
use dlgrid_sweep::store::record::{Best, Metrics, Mistake};
use dlgrid_sweep::trial::RunId;

use crate::data::{Dataset, Split, SplitError};
use crate::engine::checkpoint::{self, CheckpointError};
use crate::engine::weights::{self, WeightsError};
use crate::engine::{
    self, Ending, EpochEnd, Length, Optimizer, Plan, Progress, Stop, Training, fit,
};
use crate::parameters::{Parameters, Role, freeze};
use crate::random::{Place, Purpose};
use crate::ranks;
use crate::task::classify::Classify;
use crate::task::regress::Regress;
use crate::task::{Judgement, Task, TaskError};

/// A run to train.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Its identity, which its checkpoints bear.
    pub id: RunId,
    /// What to do.
    pub recipe: &'a Recipe,
    /// Its seed: all randomness follows from it.
    pub seed: u64,
    /// The fold that it holds back; without, `data.valid` of the samples.
    pub fold: Option<Fold>,
    /// What to learn from; also says on which device.
    pub data: &'a Dataset,
    /// The test set, of a run that finishes: it trains on all samples of `data`, and is judged here
    /// at its end.
    pub test: Option<&'a Dataset>,
    /// How often to save while training goes on.
    pub save_every: Duration,
}

impl Job<'_> {
    pub(crate) fn split(&self) -> Result<Split, SplitError> {
        match self.test {
            Some(_) => Ok(Split::all(self.data)),
            None => {
                let seed = self.recipe.order_seed(self.seed);
                Split::of(self.data, &self.recipe.data, seed, self.fold)
            }
        }
    }
}

/// Who is told what while a run is trained.
pub struct Log<'a> {
    /// Is told the end of every epoch.
    pub epoch: &'a mut dyn FnMut(&EpochEnd),
    /// Keeps a checkpoint (epochs finished, steps finished, the bytes); says whether it could.
    pub save: &'a mut dyn FnMut(u32, u64, &[u8]) -> bool,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// How it came to its end.
    pub ending: Ending,
    /// Epochs trained.
    pub epochs: u32,
    /// Every metric after the last epoch whose losses were finite.
    pub metrics: Metrics,
    /// What they must beat: see [`Task::floors`].
    pub floors: Metrics,
    /// The best of each metric.
    pub best: BTreeMap<String, Best>,
    /// Seconds over all attempts, evaluation included.
    pub seconds: f64,
    /// Training samples a second, evaluation left out.
    pub samples_per_s: Option<f64>,
    /// Counts on the validation samples, `[true class][predicted class]`, of a run that is done.
    pub confusion: Option<Vec<Vec<u64>>>,
    /// The validation images that it took for something else most surely, of a run that is done.
    pub mistakes: Vec<Mistake>,
    /// Weights of the model, those that are frozen included.
    pub weights: u64,
    /// Those that were trained, in the order of the model's declaration, `[numbers]`.
    pub parameters: Vec<f32>,
    /// All of the model as a file, of a run that is done and keeps it.
    pub file: Option<Vec<u8>>,
}

/// Why a run can't be trained.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data set is too small for the split.
    #[error("the data can't be split")]
    Split(#[from] SplitError),
    /// The images are too small for the model.
    #[error("the images are too small for the model")]
    Model(#[from] TooSmall),
    /// The data or the loss is not for the task.
    #[error(transparent)]
    Task(TaskError),
    /// The weights to begin with can't be had, or are not this model's.
    #[error("the run can't begin with the weights of `{path}`")]
    Weights {
        /// The file.
        path: String,
        /// Why.
        source: WeightsError,
    },
    /// What is to be frozen is not there.
    #[error("`freeze: {0}` is no parameter of the model, nor what one's name begins with")]
    Freeze(String),
    /// The checkpoint to go on from is not one of this run.
    #[error("the checkpoint can't be used")]
    Checkpoint(#[from] CheckpointError),
    /// The model doesn't fit in memory.
    #[error("{numbers} weights do not fit in memory")]
    Memory {
        /// Numbers of the model.
        numbers: usize,
    },
    /// Another rank of the run can't begin; its log says why.
    #[error("another rank can't begin; the log says why")]
    OtherRank,
    /// libtorch refused something: for want of memory, most often.
    #[error("libtorch: {0}")]
    Libtorch(String),
}

impl From<TaskError> for RunError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Split(why) => Self::Split(why),
            TaskError::Model(why) => Self::Model(why),
            other => Self::Task(other),
        }
    }
}

impl RunError {
    /// Whether it may be one rank's alone, in the middle of a run: the others would wait for it.
    #[must_use]
    pub const fn is_of_one_rank(&self) -> bool {
        matches!(self, Self::Libtorch(_))
    }

    /// Whether every run after this one would fail too: the device itself has failed.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Libtorch(why) if why.contains("CUDA error"))
    }
}

/// Whether a panic's text is that of an exception in libtorch.
#[must_use]
pub fn is_from_libtorch(panic: &str) -> bool {
    panic.contains(THROWN)
}

/// How the text of a panic over a libtorch exception goes on after the tensor library's words.
const THROWN: &str = "an `Err` value: Torch(\"";

/// Trains a run, from a checkpoint if there is one. What libtorch throws is an error of the run.
///
/// # Errors
/// Where the data or memory doesn't suffice, the checkpoint doesn't fit, or libtorch refuses.
///
/// # Panics
/// On a bug of this crate.
pub fn train(
    job: &Job<'_>,
    from: Option<&[u8]>,
    stop: &Stop,
    log: &mut Log<'_>,
) -> Result<Trained, RunError> {
    catch(|| match job.recipe.task {
        recipe::Task::Classify => {
            learn(|| Ok(Classify::new(job.recipe, job.data, job.split()?)?), job, from, stop, log)
        }
        recipe::Task::Regress => {
            learn(|| Ok(Regress::new(job.recipe, job.data, job.split()?)?), job, from, stop, log)
        }
    })
}

/// What no rank may go on without: that all of them could.
fn agreed<T>(own: Result<T, RunError>) -> Result<T, RunError> {
    let all = ranks::here().all(own.is_ok());
    own.and_then(|own| if all { Ok(own) } else { Err(RunError::OtherRank) })
}

/// What libtorch throws in a training becomes its error.
pub(crate) fn catch<T>(train: impl FnOnce() -> Result<T, RunError>) -> Result<T, RunError> {
    // All that the closure changes dies with it, but what a log writes: whole lines and files.
    std::panic::catch_unwind(AssertUnwindSafe(train)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map_or("", String::as_str);
        match text.split_once(THROWN) {
            Some((_, thrown)) => Err(RunError::Libtorch(first_line(thrown))),
            None => std::panic::resume_unwind(panic),
        }
    })
}

/// The first line of an exception's text, which Rust has escaped; a C++ backtrace follows it.
fn first_line(thrown: &str) -> String {
    let line = thrown.split("\\n").next().unwrap_or(thrown);
    line.trim_end_matches("\")").replace("\\\"", "\"").chars().take(500).collect()
}

fn learn<T: Task>(
    task: impl FnOnce() -> Result<T, RunError>,
    job: &Job<'_>,
    from: Option<&[u8]>,
    stop: &Stop,
    log: &mut Log<'_>,
) -> Result<Trained, RunError> {
    let mut task = agreed(task())?;
    let (mut training, floors) = ready(&mut task, job, from)?;
    let plan = plan(job);
    let first = ranks::here().is_first();
    let ending = fit(
        &mut task,
        &mut training,
        &plan,
        stop,
        &mut engine::Log {
            epoch: &mut *log.epoch,
            save: &mut |training, counted| {
                !first
                    || checkpoint::encode(training, counted, job.id).is_ok_and(|bytes| {
                        (log.save)(training.progress.epoch, training.optimizer.steps(), &bytes)
                    })
            },
        },
    );
    Ok(trained(ending, &task, &training, floors, job))
}

/// A training as its checkpoint left it, or at its beginning; and what its result must beat.
pub(crate) fn ready(
    task: &mut impl Task,
    job: &Job<'_>,
    from: Option<&[u8]>,
) -> Result<(Training, Metrics), RunError> {
    let mut training = agreed(begin(job, task))?;
    // From the weights as they begin, so that a resumed run has the same.
    let clock = host::instant();
    let floors = match job.test {
        Some(_) => Metrics::new(),
        None => task.floors(training.parameters.tensors()),
    };
    let seconds = clock.elapsed().as_secs_f64();
    if let Some(bytes) = from {
        let template = task.counted();
        let counted = checkpoint::decode(bytes, job.id, &mut training, &template)?;
        if ranks::here().is_first() {
            task.recount(&counted);
        }
    }
    training.progress.seconds += seconds;
    Ok((training, floors))
}

/// How long a run is to be trained.
pub(crate) fn plan<'j>(job: &Job<'j>) -> Plan<'j> {
    Plan {
        epochs: job.recipe.epochs,
        early_stop: job.recipe.early_stop.as_ref(),
        batch_size: job.recipe.batch_size as usize,
        at_once: job.recipe.at_once() as usize,
        save_every: job.save_every,
        sync_batch_norm: job.recipe.sync_batch_norm,
    }
}

/// A training of a run that has not begun.
pub(crate) fn begin(job: &Job<'_>, task: &impl Task) -> Result<Training, RunError> {
    let mut stream = Place::start(job.seed).stream(Purpose::Weights);
    let device = job.data.device();
    let mut declared = task.model().declare();
    freeze(&mut declared, &job.recipe.start.freeze).map_err(RunError::Freeze)?;
    let mut parameters = Parameters::new(declared, &mut stream, device)
        .map_err(|numbers| RunError::Memory { numbers })?;
    if job.recipe.precision == Precision::F64 {
        parameters = parameters.in_double();
    }
    if let Some(path) = &job.recipe.start.from {
        weights::load(path.as_ref(), &mut parameters, &job.recipe.start.skip)
            .map_err(|source| RunError::Weights { path: path.clone(), source })?;
    }
    let Recipe { optimizer, regularize, schedule, clip, epochs, batch_size, .. } = *job.recipe;
    let length = Length::new(epochs, task.samples(), batch_size);
    let optimizer = Optimizer::new(optimizer, regularize, &parameters)
        .scheduled(schedule, length)
        .clipped(clip);
    Ok(Training { seed: job.seed, parameters, optimizer, progress: Progress::default() })
}

/// Numbers of a task's model that training changes where nothing is frozen.
fn weights_of(task: &impl Task) -> u64 {
    let declared = task.model().declare();
    let own = declared.iter().filter(|parameter| parameter.role != Role::Kept);
    own.map(|parameter| parameter.len() as u64).sum()
}

/// What became of a run; of one that is done and finishes, also on the test set.
pub(crate) fn trained(
    ending: Ending,
    task: &impl Task,
    training: &Training,
    floors: Metrics,
    job: &Job<'_>,
) -> Trained {
    let mut progress = training.progress.clone();
    let done = ending == Ending::Done;
    let confusion = match job.test.filter(|_| done) {
        Some(test) => {
            let leaves = training.parameters.tensors();
            let Judgement { metrics, confusion } = task.judge(leaves, test, "test");
            progress.metrics.extend(metrics);
            confusion
        }
        None => task.confusion().filter(|_| done),
    };
    let mistakes = if done { task.mistakes(training.parameters.tensors()) } else { Vec::new() };
    let file = (job.recipe.save_weights && done).then(|| weights::encode(&training.parameters));
    Trained {
        ending,
        epochs: progress.epoch,
        samples_per_s: progress.samples_per_s(),
        metrics: progress.metrics,
        floors,
        best: progress.best,
        seconds: progress.seconds,
        confusion,
        mistakes,
        weights: weights_of(task),
        parameters: training.parameters.numbers(),
        file,
    }
}
