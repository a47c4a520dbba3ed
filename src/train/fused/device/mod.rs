//! A cohort on a device: a step is one operation a layer for all runs together, and nothing in it
//! waits for the device or talks about one run alone.
mod draws;
mod feed;
mod update;
mod walk;

use std::fmt;

use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Tensor};

use super::parts::{Found, Part, summed};
use super::{
    Fusable, Losses, Member, Program, Shown, is_one_order, is_one_set, judged_each, whole,
};
use crate::data::{Prepared, Together};
use crate::task::AT_ONCE;
use draws::Draws;
use feed::{Batches, Feed};
use update::Update;
use walk::{Value, Walk};

/// What several runs compute with.
pub struct Cohort<L> {
    /// One a parameter, `[runs, …]`, in the order of declaration.
    parameters: Vec<Tensor>,
    /// Those of them that are trained, views of `numbers`.
    leaves: Vec<Tensor>,
    /// `[runs, numbers]`.
    numbers: Tensor,
    feed: Feed,
    /// The samples that the runs are judged on, where each has as many.
    judged_on: Option<Feed>,
    draws: Draws,
    losses: L,
    update: Update,
}

impl<L> fmt::Debug for Cohort<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cohort").field("numbers", &self.numbers).finish_non_exhaustive()
    }
}

impl<T: Fusable> Program<T> for Cohort<T::Losses> {
    /// Runs whose optimizers go one way stand side by side.
    fn gather(members: &mut [Member<'_, T>]) -> Self {
        members.sort_by_key(|member| member.training.optimizer.way());
        let device = members.first().map_or(Device::Cpu, |m| m.training.parameters.flat().device());
        let (parameters, numbers) = parameters(members, device);
        let leaves = parameters.iter().filter(|own| own.requires_grad());
        let leaves = leaves.map(Tensor::shallow_clone).collect();
        let update = Update::gather(members, device);
        let dropout: Vec<f64> = members.iter().map(|m| m.task.model().dropout()).collect();
        let inputs: Vec<&Prepared> = members.iter().map(|m| m.task.inputs()).collect();
        let labels = members.first().map_or_else(Tensor::new, |m| m.labels.shallow_clone());
        let augment = members.iter().map(|m| m.task.augment()).collect();
        let image = members.first().map_or([1; 3], |m| m.image);
        let changes = Together::new(augment, &inputs, image, device);
        let feed = Feed::new(&inputs, &labels, changes);
        let judged_on = judged_on(members, &feed);
        let losses = T::losses(members.iter_mut().map(|m| &mut m.task).collect(), device);
        let draws = Draws::new(&dropout, device);
        Self { parameters, leaves, numbers, feed, judged_on, draws, losses, update }
    }

    fn begin(&mut self, members: &mut [Member<'_, T>]) {
        let Some(first) = members.first() else { return };
        let steps = first.task.samples().div_ceil(first.plan.batch_size);
        let made = first.training.progress.batch as usize;
        let shown = if is_one_order(members) { &members[..1] } else { &*members };
        self.feed.begin(shown.iter().map(|m| (m.task.rows(), m.order())).collect());
        self.feed.change(members.iter().map(Member::place), first.plan.at_once);
        self.draws.begin(members.iter().map(Member::place).collect());
        self.update.begin(members, steps.saturating_sub(made));
    }

    fn step(&mut self, members: &mut [Member<'_, T>], from: usize, to: usize) {
        let gradients = summed(members, (from, to), |members, part| self.pass(members, part));
        // Update.
        tch::no_grad(|| self.update.step(&mut self.numbers, &gradients));

        for member in members {
            member.training.optimizer.count_step();
            member.training.progress.batch += 1;
            member.training.progress.samples += (to - from) as u64;
        }
    }

    /// In batches of the size by which is trained, for memory for those is there; in larger ones where
    /// all runs together then see no more samples at once than one that is judged alone.
    fn judge(&mut self, members: &mut [Member<'_, T>]) -> Vec<Metrics> {
        let (Some(feed), Some(first)) = (&self.judged_on, members.first()) else {
            return judged_each(members);
        };
        let (model, runs) = (first.task.model(), whole(members.len()));
        let most = first.plan.at_once.max(AT_ONCE / members.len()).max(1);
        let batches = (0..feed.samples()).step_by(most).map(|from| {
            let Batches { inputs, labels, .. } =
                feed.load((from, feed.samples().min(from + most)), 0);
            let mut walk = Walk::judging(&self.parameters, runs, model.precision());
            let outputs = model.run(&mut walk, Value::Rows(inputs)).rows();
            Shown { outputs, labels }
        });
        let tasks: Vec<&T> = members.iter().map(|m| &m.task).collect();
        let judged = tch::no_grad(|| T::judge_all(&tasks, self.numbers.device(), batches));
        members.iter_mut().zip(judged).map(|(m, judged)| m.task.told(judged)).collect()
    }
}

/// What the runs are judged on; of runs that are judged on the same, once.
fn judged_on<T: Fusable>(members: &[Member<'_, T>], feed: &Feed) -> Option<Feed> {
    let samples = members.first()?.task.judged_rows().len();
    let is_alike = members.iter().all(|m| m.task.judged_rows().len() == samples);
    let shown = if is_one_set(members, T::judged_rows) { &members[..1] } else { members };
    let rows: Vec<&[i64]> = shown.iter().map(|m| m.task.judged_rows()).collect();
    (samples > 0 && is_alike).then(|| feed.of(&rows))
}

impl<L: Losses> Cohort<L> {
    /// Load, forward, loss, backward.
    fn pass<T: Fusable>(&mut self, members: &[Member<'_, T>], part: Part) -> Found {
        let model = members[0].task.model();
        // Load.
        let batches = self.feed.load((part.from, part.to), part.batch);
        // Forward.
        let draws = (&mut self.draws, part.batch);
        let mut walk = Walk::new(&self.parameters, whole(members.len()), draws, model.precision());
        let outputs = model.run(&mut walk, Value::Rows(batches.inputs.shallow_clone())).rows();
        // Loss. Each run's weights change its own loss alone, so that of their sum is that of each.
        let losses = batches.losses(|labels| self.losses.of(&outputs, labels));
        let labels = &batches.labels;
        tch::no_grad(|| self.losses.count(&outputs.detach(), labels, &losses.detach()));
        let masses = part.weighed.then(|| self.losses.masses(labels));
        // Backward.
        let sum = match &masses {
            Some(masses) => (losses * masses).sum(Kind::Float),
            None => losses.sum(Kind::Float),
        };
        let gradients = Tensor::run_backward(&[sum], &self.leaves, false, false);
        Found { gradients, masses }
    }
}

/// The parameters of runs in the order of declaration, `[runs, …]`, and the buffer of the trained
/// ones, `[runs, numbers]`.
fn parameters<T: Fusable>(members: &mut [Member<'_, T>], device: Device) -> (Vec<Tensor>, Tensor) {
    let runs = whole(members.len());
    let (trained, statistics) =
        members.first().map(|m| m.training.parameters.shapes()).unwrap_or_default();
    let stacked = |shape: &[i64]| [&[runs], shape].concat();
    let count = trained.iter().map(|shape| shape.iter().product::<i64>()).sum::<i64>();
    let floats = (Kind::Float, device);
    let numbers = Tensor::empty([runs, count], floats);
    let kept: Vec<Tensor> =
        statistics.iter().map(|shape| Tensor::empty(stacked(shape), floats)).collect();
    let all = members.first().map(|m| m.training.parameters.of_several(&numbers, &kept));
    for (at, member) in (0..).zip(members) {
        let own = kept.iter().map(|all| all.select(0, at)).collect();
        member.training.parameters.move_to(numbers.select(0, at), own);
    }
    (all.unwrap_or_default(), numbers)
}

#[cfg(test)]
mod tests;
