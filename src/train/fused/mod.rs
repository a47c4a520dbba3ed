//! Several runs trained as one tensor program: values are `[runs, batch, features]`, parameters
//! `[runs, …]`, one batched product a layer (horizontal fusion: Wang et al., MLSys 2021).
//!
//! Everything else of a run is what it is alone: its task, with its split, order and metrics; its
//! optimizer with its own rates; its progress and its checkpoints. So a run's result doesn't
//! depend on who it was fused with, and a run may go on alone, or with others, where it left off.
//! On the CPU only.
mod cohort;
mod fit;
mod walk;

use std::time::Duration;

use dlgrid_sweep::recipe::{self, Shape};
use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Tensor};

use crate::data::Batch;
use crate::engine::checkpoint::encode;
use crate::engine::{EpochEnd, Plan, Stop, Training, is_done};
use crate::run::{self, Job, RunError, Trained};
use crate::task::classify::Classify;
use crate::task::regress::Regress;
use crate::task::{Task, TaskError};

/// A task of which several runs can be trained at once.
pub trait Fusable: Task<Batch = Batch> {
    /// Makes training batches in this memory: inputs `[most, features]`, labels `[most]`.
    fn serve_in(&mut self, inputs: Tensor, labels: Tensor);

    /// The losses of the runs on a batch of each, and how they change with the outputs
    /// `[runs, batch, outputs]`.
    fn slopes(runs: &[&Self], batches: &[Batch], outputs: &Tensor) -> Slopes;
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
    /// Numbers of a sample.
    features: usize,
    /// What labels are.
    labels: Kind,
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

/// Trains runs of one [`Shape`] on one data set on the CPU, each from its checkpoint if it has
/// one. A run of whose end `log` is told nothing can't be trained with the others: its split or
/// its progress differs, or it can't be trained at all. It has to be trained alone.
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
    run::catch(|| {
        match jobs.first().map(|job| job.recipe.task) {
            None => {}
            Some(recipe::Task::Classify) => learn(jobs, classify, from, stop, log),
            Some(recipe::Task::Regress) => learn(jobs, regress, from, stop, log),
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
    jobs: &[Job<'j>],
    new: impl Fn(&Job<'j>) -> Result<T, TaskError>,
    from: &[Option<Vec<u8>>],
    stop: &Stop,
    log: &mut Log<'_>,
) {
    let mut members = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        let from = from.get(at).and_then(Option::as_deref);
        // What can't be readied is not told here: alone it fails again, and is.
        members.extend(ready(at, job, &new, from).ok().flatten());
    }
    let save_every = jobs.first().map_or(Duration::MAX, |job| job.save_every);
    let Log { begin, epoch, save, end } = log;
    for group in alike(members) {
        group.iter().for_each(|member| begin(member.at));
        let goes_on = fit::fit(
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
}

/// A run ready to be trained with others, unless it has nothing left to train.
fn ready<'j, T: Fusable>(
    at: usize,
    job: &Job<'j>,
    new: impl Fn(&Job<'j>) -> Result<T, TaskError>,
    from: Option<&[u8]>,
) -> Result<Option<Member<'j, T>>, RunError> {
    if job.data.device() != Device::Cpu || job.test.is_some() || Shape::of(job.recipe).is_err() {
        return Ok(None);
    }
    let mut task = new(job)?;
    let (training, floors) = run::ready(&mut task, job, from)?;
    let (features, labels) = (job.data.features, job.data.labels.tensor().kind());
    let plan = run::plan(job);
    let is_over = is_done(&training.progress, &plan);
    Ok((!is_over).then_some(Member { at, task, training, plan, floors, features, labels }))
}

/// The runs that can take a step together, in groups: those of one shape and as many samples that
/// stand at the same batch.
fn alike<'j, T: Fusable>(members: Vec<Member<'j, T>>) -> Vec<Vec<Member<'j, T>>> {
    let mut groups: Vec<Vec<Member<'j, T>>> = Vec::new();
    let key = |m: &Member<'_, T>| {
        (m.training.progress.batch, m.task.samples(), m.training.parameters.shapes())
    };
    for member in members {
        match groups.iter_mut().find(|group| key(&group[0]) == key(&member)) {
            Some(group) => group.push(member),
            None => groups.push(vec![member]),
        }
    }
    groups
}
