//! The training loop for several runs at once: as `engine::fit`, step by step for all of them.
use std::time::{Duration, Instant};

use dlgrid_sweep::host;
use dlgrid_sweep::store::record::Metrics;

use super::{Fusable, Member, Program};
use crate::engine::{
    Ending, EpochEnd, Progress, Stop, count_epoch, diverged, is_done, lap, unfinite,
};

/// Who is told what while a cohort is trained; the first number says of which run.
pub struct Log<'a, 'j, T> {
    /// Is told the end of every epoch.
    pub epoch: &'a mut dyn FnMut(usize, &EpochEnd),
    /// Saves a run and says whether it could.
    pub save: &'a mut dyn FnMut(&Member<'j, T>) -> bool,
    /// Is told the end of a run, at once, and in a cohort of how many; whether to go on.
    pub end: &'a mut dyn FnMut(Member<'j, T>, Ending, usize) -> bool,
}

/// Trains runs that stand at the same batch of an epoch, each until its own end. One that ends
/// leaves the others; they don't notice. Whether all have ended as they should.
///
/// # Panics
/// Where libtorch does: out of memory, for one.
pub fn fit<'j, T: Fusable, P: Program<T>>(
    members: Vec<Member<'j, T>>,
    save_every: Duration,
    stop: &Stop,
    log: &mut Log<'_, 'j, T>,
) -> bool {
    let mut clock = Clock { save_every, saved: host::instant() };
    let mut left = members;
    while !left.is_empty() {
        let mut cohort = P::gather(&mut left);
        let size = left.len();
        let mut ends: Vec<Option<Ending>> = Vec::new();
        while ends.iter().all(Option::is_none) {
            ends = match epoch(&mut cohort, &mut left, &mut clock, stop, log) {
                Some(why) => left.iter().map(|m| Some(stopped(m, why, log))).collect(),
                None => end_epoch(&mut cohort, &mut left, log),
            };
        }
        let mut rest = Vec::with_capacity(size);
        for (member, end) in left.into_iter().zip(ends) {
            let Some(ending) = end else {
                rest.push(member);
                continue;
            };
            if !(log.end)(member, ending, size) {
                return false;
            }
        }
        left = rest;
    }
    true
}

/// When runs were saved last, and how often they are to be.
struct Clock {
    save_every: Duration,
    saved: Instant,
}

/// The steps of an epoch, from wherever the runs stand in it; why to stop, if that was asked.
fn epoch<'j, T: Fusable>(
    cohort: &mut impl Program<T>,
    members: &mut [Member<'j, T>],
    clock: &mut Clock,
    stop: &Stop,
    log: &mut Log<'_, 'j, T>,
) -> Option<&'static str> {
    let mut begun = host::instant();
    cohort.begin(members);
    loop {
        // Between two steps: is it time to stop, or to save?
        if let Some(why) = stop.before_step() {
            share(members, lap(&mut begun), Progress::train_for);
            return Some(why);
        }
        if clock.saved.elapsed() >= clock.save_every {
            share(members, lap(&mut begun), Progress::train_for);
            for member in &*members {
                (log.save)(member);
            }
            (clock.saved, begun) = (host::instant(), host::instant());
        }
        let first = members.first()?;
        let from = first.training.progress.batch as usize * first.plan.batch_size;
        let to = first.task.samples().min(from + first.plan.batch_size);
        if from >= to {
            break;
        }
        cohort.step(members, from, to);
    }
    share(members, lap(&mut begun), Progress::train_for);
    None
}

/// Seconds that passed for all: each bears its part.
fn share<T>(members: &mut [Member<'_, T>], seconds: f64, pass: impl Fn(&mut Progress, f64)) {
    #[expect(clippy::cast_precision_loss, reason = "a cohort is small")]
    let part = seconds / members.len() as f64;
    members.iter_mut().for_each(|member| pass(&mut member.training.progress, part));
}

/// Judges the epoch that was trained; of each run its own end, if it is that. Here training waits for
/// the device: once an epoch.
fn end_epoch<'j, T: Fusable>(
    cohort: &mut impl Program<T>,
    members: &mut [Member<'j, T>],
    log: &mut Log<'_, 'j, T>,
) -> Vec<Option<Ending>> {
    let mut clock = host::instant();
    let trained: Vec<Metrics> = members.iter_mut().map(|member| member.task.trained()).collect();
    share(members, lap(&mut clock), Progress::train_for);
    let judged = cohort.judge(members);
    share(members, lap(&mut clock), Progress::judge_for);
    let end = |(member, (mut metrics, judged)): (&mut Member<'j, T>, (Metrics, Metrics))| {
        let Member { at, task, training, plan, .. } = member;
        if unfinite(&metrics).is_none() {
            metrics.extend(judged);
        }
        let end = count_epoch(training, plan, metrics, task.samples());
        (log.epoch)(*at, &end);
        diverged(&end).or_else(|| is_done(&training.progress, plan).then_some(Ending::Done))
    };
    members.iter_mut().zip(trained.into_iter().zip(judged)).map(end).collect()
}

fn stopped<'j, T>(member: &Member<'j, T>, why: &'static str, log: &mut Log<'_, 'j, T>) -> Ending {
    Ending::Stopped { why, saved: (log.save)(member) }
}
