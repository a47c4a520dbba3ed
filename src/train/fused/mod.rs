//! Several runs trained as one tensor program: values are `[runs, batch, features]`, parameters
//! `[runs, …]`, one batched product a layer (horizontal fusion: Wang et al., MLSys 2021).
//!
//! Everything else of a run is what it is alone: its task, with its split, order and metrics; its
//! optimizer with its own rates; its progress and its checkpoints. So a run's result doesn't
//! depend on who it was fused with, and a run may go on alone, or with others, where it left off.
//!
//! There are two programs. That of the CPU ([`host`]) computes each run by the operations of the run
//! alone, so that the bits are the same; that of a GPU ([`device`]) has one operation for all runs
//! wherever it can, because there launches are what costs. Either is used for a run that finds no
//! other, too.
mod device;
mod fit;
mod halve;
mod host;
mod parts;
mod room;

use std::time::Duration;

use dlgrid_sweep::recipe::{self, Shape};
use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Tensor};

use crate::data::{Batch, Prepared};
use crate::engine::checkpoint::encode;
use crate::engine::{EpochEnd, Plan, Stop, Training, is_done};
use crate::random::Place;
use crate::run::{self, Job, RunError, Trained};
use crate::task::classify::Classify;
use crate::task::regress::Regress;
use crate::task::{Task, TaskError};
pub use halve::train_halving;
pub use room::room;

/// A task of which several runs can be trained at once.
pub trait Fusable: Task<Batch = Batch> {
    /// Makes training batches in this memory: inputs `[most, features]`, labels `[most]`.
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor);

    /// The losses of the runs on a batch of each, and how they change with the outputs
    /// `[runs, batch, outputs]`; times the masses of the batches, where they are weighed.
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor, weighed: bool) -> Slopes;

    /// Training inputs as the run takes them.
    fn inputs(&self) -> &Prepared;

    /// How its training samples are changed at random.
    fn augment(&self) -> recipe::Augment;

    /// The rows that it trains on, in no order.
    fn rows(&self) -> &[i64];

    /// The rows that it is judged on.
    fn judged_rows(&self) -> &[i64];

    /// What is counted of a run on its validation samples.
    type Judged;

    /// Counts it of several runs at once, on this device. Waits for it.
    fn judge_all(
        runs: &[&Self],
        device: Device,
        batches: impl Iterator<Item = Shown>,
    ) -> Vec<Self::Judged>;

    /// The metrics of what was counted of this run.
    fn told(&mut self, judged: Self::Judged) -> Metrics;

    /// The losses of runs, as tensors on their device.
    type Losses: Losses;

    /// Those of these runs: what each has counted is part of them from now on.
    fn losses(runs: Vec<&mut Self>, device: Device) -> Self::Losses;
}

/// The losses of several runs, computed and counted on a device.
pub trait Losses {
    /// The loss of each run, `[runs]`, by outputs `[runs, batch, outputs]` and labels
    /// `[runs, batch]`.
    fn of(&self, outputs: &Tensor, labels: &Tensor) -> Tensor;

    /// What the mean of each run's loss divides by, `[runs]`.
    fn masses(&self, labels: &Tensor) -> Tensor;

    /// Counts a step towards each run's metrics, where its task finds them.
    fn count(&mut self, outputs: &Tensor, labels: &Tensor, losses: &Tensor);
}

/// Samples that runs are judged on, and what each makes of its own.
#[derive(Debug)]
pub struct Shown {
    /// `[runs, batch, outputs]`.
    pub outputs: Tensor,
    /// `[runs, batch]`.
    pub labels: Tensor,
}

/// The memory of a cohort and its steps.
pub trait Program<T> {
    /// Brings runs together: from now on their parameters and batches are parts of this memory.
    /// All numbers stay what they are. The runs may change their order.
    fn gather(members: &mut [Member<'_, T>]) -> Self;

    /// Begins the epoch at which the runs stand, or goes on in its midst.
    fn begin(&mut self, members: &mut [Member<'_, T>]);

    /// A step of every run, on the samples `from..to` of its epoch's order.
    fn step(&mut self, members: &mut [Member<'_, T>], from: usize, to: usize);

    /// The metrics of each run on its validation samples; none where it has no such samples.
    fn judge(&mut self, members: &mut [Member<'_, T>]) -> Vec<Metrics>;
}

/// The same, one run after the other.
fn judged_each<T: Fusable>(members: &mut [Member<'_, T>]) -> Vec<Metrics> {
    let judged = |m: &mut Member<'_, T>| m.task.evaluate(m.training.parameters.tensors());
    members.iter_mut().map(judged).collect()
}

/// Which program trains a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// That of the CPU.
    Host,
    /// That of a GPU, which runs on a CPU, too: slower there, and with other last digits.
    Device,
}

impl By {
    /// The program for a device.
    #[must_use]
    pub const fn device(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Host,
            _ => Self::Device,
        }
    }
}

/// The losses of several runs.
#[derive(Debug)]
pub struct Slopes {
    /// What each run's [`Task::count`](crate::engine::Task::count) takes, `[runs, …]`.
    pub scores: Tensor,
    /// The mean loss of each run's batch.
    pub losses: Vec<f64>,
    /// How each run's loss changes with its outputs, `[runs, batch, outputs]`.
    pub gradient: Tensor,
}

/// A run of a cohort.
#[derive(Debug)]
pub struct Member<'j, T> {
    /// Which of the jobs it is.
    at: usize,
    task: T,
    training: Training,
    plan: Plan<'j>,
    floors: Metrics,
    /// The seed by which its samples are ordered.
    order_seed: u64,
    /// Numbers of a sample.
    features: usize,
    /// Channels, rows and columns of a sample.
    image: [usize; 3],
    /// The labels of all samples of its data set, `[samples]`.
    labels: Tensor,
}

impl<T> Member<'_, T> {
    /// The epoch at which it stands.
    const fn place(&self) -> Place {
        Place { seed: self.training.seed, epoch: self.training.progress.epoch, rank: 0 }
    }

    /// The same for the order of its samples.
    const fn order(&self) -> Place {
        Place { seed: self.order_seed, ..self.place() }
    }
}

/// A checkpoint of a run.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// Epochs finished.
    pub epoch: u32,
    /// Steps finished.
    pub step: u64,
    /// All of it.
    pub bytes: &'a [u8],
}

/// Who is told what while a cohort is trained. The first number is the run's place among the jobs.
pub struct Log<'a> {
    /// Is told that work on a run begins.
    pub begin: &'a mut dyn FnMut(usize),
    /// Is told the end of every epoch.
    pub epoch: &'a mut dyn FnMut(usize, &EpochEnd),
    /// Keeps a checkpoint; says whether it could.
    pub save: &'a mut dyn FnMut(usize, Checkpoint<'_>) -> bool,
    /// Is told what became of a run as soon as it ends, and of how many runs its cohort was then;
    /// says whether to go on.
    pub end: &'a mut dyn FnMut(usize, Trained, usize) -> bool,
}

/// Trains runs of one [`Shape`] on one data set by the program for its device, each from its
/// checkpoint if it has one. A run of whose end `log` is told nothing can't be trained with the
/// others: its split or its progress differs, or it can't be trained at all. It has to be trained
/// alone.
///
/// # Errors
/// Where libtorch refuses; runs whose end was not told can go on from their checkpoints then.
///
/// # Panics
/// On a bug of this crate.
pub fn train(
    jobs: &[Job<'_>],
    from: &[Option<Vec<u8>>],
    stop: &Stop,
    log: &mut Log<'_>,
) -> Result<(), RunError> {
    let device = jobs.first().map_or(Device::Cpu, |job| job.data.device());
    train_by(By::device(device), jobs, from, stop, log)
}

/// The same by one of the programs.
///
/// # Errors
/// As [`train`].
///
/// # Panics
/// As [`train`]; by the program of the CPU on another device.
pub fn train_by(
    by: By,
    jobs: &[Job<'_>],
    from: &[Option<Vec<u8>>],
    stop: &Stop,
    log: &mut Log<'_>,
) -> Result<(), RunError> {
    run::catch(|| {
        match jobs.first().map(|job| job.recipe.task) {
            None => {}
            Some(recipe::Task::Classify) => learn(by, jobs, classify, from, stop, log),
            Some(recipe::Task::Regress) => learn(by, jobs, regress, from, stop, log),
        }
        Ok(())
    })
}

fn classify<'j>(job: &Job<'j>) -> Result<Classify<'j>, TaskError> {
    Classify::new(job.recipe, job.data, job.split()?)
}

fn regress<'j>(job: &Job<'j>) -> Result<Regress<'j>, TaskError> {
    Regress::new(job.recipe, job.data, job.split()?)
}

fn learn<'j, T: Fusable>(
    by: By,
    jobs: &[Job<'j>],
    new: impl Fn(&Job<'j>) -> Result<T, TaskError>,
    from: &[Option<Vec<u8>>],
    stop: &Stop,
    log: &mut Log<'_>,
) {
    let look = room::Look::before();
    let mut members = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        let from = from.get(at).and_then(Option::as_deref);
        // What can't be readied is not told here: alone it fails again, and is.
        members.extend(ready(by, at, job, &new, from).ok().flatten());
    }
    let save_every = jobs.first().map_or(Duration::MAX, |job| job.save_every);
    let Log { begin, epoch, save, end } = log;
    let (runs, groups) = (members.len(), alike(members));
    let look = look.filter(|_| groups.len() == 1);
    for group in groups {
        group.iter().for_each(|member| begin(member.at));
        let fit = match by {
            By::Host => fit::fit::<T, host::Cohort>,
            By::Device => fit::fit::<T, device::Cohort<T::Losses>>,
        };
        let goes_on = fit(
            group,
            save_every,
            stop,
            &mut fit::Log {
                epoch: &mut *epoch,
                save: &mut |member: &Member<'j, T>| {
                    let Member { at, task, training, .. } = member;
                    encode(training, &task.counted(), jobs[*at].id).is_ok_and(|bytes| {
                        let (epoch, step) = (training.progress.epoch, training.optimizer.steps());
                        save(*at, Checkpoint { epoch, step, bytes: &bytes })
                    })
                },
                end: &mut |member: Member<'j, T>, ending, size| {
                    let Member { at, task, training, floors, .. } = member;
                    end(at, run::trained(ending, &task, &training, floors, &jobs[at]), size)
                },
            },
        );
        if !goes_on {
            return;
        }
    }
    if let (Some(look), Some(job)) = (look, jobs.first()) {
        look.after(runs, job.recipe, job.data);
    }
}

/// A run ready to be trained with others, unless it has nothing left to train.
fn ready<'j, T: Fusable>(
    by: By,
    at: usize,
    job: &Job<'j>,
    new: impl Fn(&Job<'j>) -> Result<T, TaskError>,
    from: Option<&[u8]>,
) -> Result<Option<Member<'j, T>>, RunError> {
    if Shape::of(job.recipe, by == By::Device).is_err() {
        return Ok(None);
    }
    let mut task = new(job)?;
    let (training, floors) = run::ready(&mut task, job, from)?;
    let (features, labels) = (job.data.features, job.data.labels.tensor().shallow_clone());
    let plan = run::plan(job);
    let is_over = is_done(&training.progress, &plan);
    let order_seed = job.recipe.order_seed(job.seed);
    let image = job.data.image();
    let member = Member { at, task, training, plan, floors, order_seed, features, image, labels };
    Ok((!is_over).then_some(member))
}

/// Whether the epochs at which runs stand have one order of one set of samples, which all take in
/// the same way: then their batches are the same.
fn is_one_order<T: Fusable>(members: &[Member<'_, T>]) -> bool {
    let is_plain = members.iter().all(|m| !m.task.augment().is_on());
    let is_one = |pair: &[Member<'_, T>]| pair[0].order() == pair[1].order();
    is_plain && members.windows(2).all(is_one) && is_one_set(members, T::rows)
}

/// Whether there are several runs, and all take the same rows in the same way.
fn is_one_set<T: Fusable>(members: &[Member<'_, T>], rows: impl Fn(&T) -> &[i64]) -> bool {
    let scale = |m: &Member<'_, T>| match m.task.inputs() {
        Prepared::Bytes { factor, offset, .. } => Some((factor.to_bits(), offset.to_bits())),
        // A table each run encodes by itself.
        Prepared::Numbers(_) => None,
    };
    let Some((first, others)) = members.split_first() else { return false };
    let is_as_first =
        |m: &Member<'_, T>| scale(m) == scale(first) && rows(&m.task) == rows(&first.task);
    scale(first).is_some() && !others.is_empty() && others.iter().all(is_as_first)
}

/// The runs that can take a step together, in groups: those of one shape and as many samples that
/// stand at the same batch.
fn alike<'j, T: Fusable>(members: Vec<Member<'j, T>>) -> Vec<Vec<Member<'j, T>>> {
    let mut groups: Vec<Vec<Member<'j, T>>> = Vec::new();
    let key = |m: &Member<'_, T>| (m.training.progress.batch, m.task.samples());
    let is_like = |one: &Member<'_, T>, other: &Member<'_, T>| {
        key(one) == key(other) && one.training.parameters.is_like(&other.training.parameters)
    };
    for member in members {
        match groups.iter_mut().find(|group| is_like(&group[0], &member)) {
            Some(group) => group.push(member),
            None => groups.push(vec![member]),
        }
    }
    groups
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).expect("what fits in memory fits in an i64")
}
