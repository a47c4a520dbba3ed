//! A cohort on the CPU: each run does what it does alone but for the products, which are one a
//! layer, operand for operand those of the run alone. So the bits are the same.
mod walk;

use dlgrid_sweep::store::record::Metrics;
use tch::{Device, Kind, Tensor};

use super::parts::{Found, Part, summed};
use super::{Fusable, Member, Program, Slopes, is_one_order, judged_each, whole};
use crate::data::Batch;
use crate::raw;
use walk::{Step, Walk};

/// What several runs compute with.
#[derive(Debug)]
pub struct Cohort {
    /// One a parameter, `[runs, …]`, in the order of declaration; the trained ones take gradients,
    /// and are views of the buffer `[runs, numbers]`.
    parameters: Vec<Tensor>,
    /// `[runs, most, features]`.
    inputs: Tensor,
    /// Whether the runs see the same batches in this epoch: they lie where those of the first do.
    shared: bool,
}

impl<T: Fusable> Program<T> for Cohort {
    fn gather(members: &mut [Member<'_, T>]) -> Self {
        let runs = whole(members.len());
        let Some(first) = members.first() else {
            return Self { parameters: Vec::new(), inputs: Tensor::new(), shared: false };
        };
        let (_, statistics) = first.training.parameters.shapes();
        let numbers = whole(first.training.parameters.count());
        let floats = (Kind::Float, Device::Cpu);
        let stacked = |shape: &[i64]| [&[runs], shape].concat();
        let flat = rows(runs, numbers);
        let kept: Vec<Tensor> =
            statistics.iter().map(|shape| Tensor::empty(stacked(shape), floats)).collect();
        let most = whole(first.plan.at_once.min(first.task.samples()));
        let features = whole(first.features);
        let inputs = rows(runs, most * features).view([runs, most, features]);
        let labels = Tensor::zeros([runs, most], (first.labels.kind(), Device::Cpu));
        let parameters = first.training.parameters.of_several(&flat, &kept);
        for (at, member) in (0..).zip(members) {
            let own = kept.iter().map(|all| all.select(0, at)).collect();
            member.training.parameters.move_to(flat.select(0, at), own);
            member.task.serve_in(inputs.select(0, at), labels.select(0, at));
        }
        Self { parameters, inputs, shared: false }
    }

    fn begin(&mut self, members: &mut [Member<'_, T>]) {
        self.shared = is_one_order(members);
        for member in members {
            let place = member.place();
            member.task.begin(place);
        }
    }

    fn step(&mut self, members: &mut [Member<'_, T>], from: usize, to: usize) {
        let gradients = summed(members, (from, to), |members, part| self.pass(members, part));
        // Update.
        update(members, &gradients);
        for member in members {
            member.training.progress.batch += 1;
            member.training.progress.samples += (to - from) as u64;
        }
    }

    /// One by one, as alone: together it would gain nothing here, and the bits are the same.
    fn judge(&mut self, members: &mut [Member<'_, T>]) -> Vec<Metrics> {
        judged_each(members)
    }
}

impl Cohort {
    /// Load, forward, loss, backward.
    fn pass<T: Fusable>(&self, members: &mut [Member<'_, T>], part: Part) -> Found {
        let steps: Vec<Step> = members.iter().map(|member| step(member, part)).collect();
        // Load.
        let (inputs, batches) = self.load(members, part.from, part.to);
        // Forward.
        let mut walk = Walk::new(&self.parameters, &steps);
        let output = members[0].task.model().run(&mut walk, inputs);
        // Loss.
        let tasks: Vec<&T> = members.iter().map(|member| &member.task).collect();
        let Slopes { scores, losses, gradient } =
            T::slopes(&tasks, &batches, &output.detach(), part.weighed);
        let masses = part.weighed.then(|| {
            let each = tasks.iter().zip(&batches).map(|(task, batch)| task.mass(batch));
            Tensor::stack(&each.collect::<Vec<_>>(), 0)
        });
        // Backward.
        let gradients = walk.back(&output, gradient);

        for ((at, member), (batch, loss)) in (0..).zip(members).zip(batches.iter().zip(losses)) {
            #[expect(clippy::cast_possible_truncation, reason = "a loss is single precision")]
            let loss = Tensor::from(loss as f32);
            member.task.count(batch, &scores.select(0, at), &loss);
        }
        Found { gradients, masses }
    }

    /// The samples `from..to` of each run's epoch: inputs `[runs, batch, features]`, and the batches.
    fn load<T: Fusable>(
        &self,
        members: &mut [Member<'_, T>],
        from: usize,
        to: usize,
    ) -> (Tensor, Vec<Batch>) {
        let inputs = self.inputs.narrow(1, 0, whole(to - from));
        match members.split_first_mut() {
            Some((first, others)) if self.shared => {
                let batch = first.task.load(from, to);
                let mut batches: Vec<Batch> = others.iter().map(|_| batch.share()).collect();
                batches.push(batch);
                (inputs.narrow(0, 0, 1).expand_as(&inputs), batches)
            }
            _ => (inputs, members.iter_mut().map(|m| m.task.load(from, to)).collect()),
        }
    }
}

/// Memory of `[runs, numbers]`, each row as aligned as memory of its own is: what MKL adds up in
/// which order depends on that.
fn rows(runs: i64, numbers: i64) -> Tensor {
    let whole_lines = (numbers + LINE - 1) / LINE * LINE;
    let memory = Tensor::zeros([runs, whole_lines], (Kind::Float, Device::Cpu));
    memory.narrow(1, 0, numbers)
}

/// Single precision numbers of 64 bytes.
const LINE: i64 = 16;

fn step<T: Fusable>(member: &Member<'_, T>, part: Part) -> Step {
    let dropout = member.task.model().dropout();
    Step { place: member.place(), batch: part.batch, dropout }
}

/// One pass over the buffer, row by row, with each run's own numbers.
fn update<T: Fusable>(members: &mut [Member<'_, T>], gradients: &[Tensor]) {
    let runs = members.len();
    let all: Vec<&[f32]> = gradients.iter().map(raw::floats).collect();
    let mut own = Vec::with_capacity(all.len());
    for (at, member) in members.iter_mut().enumerate() {
        own.clear();
        own.extend(all.iter().map(|numbers| {
            let len = numbers.len() / runs;
            &numbers[at * len..(at + 1) * len]
        }));
        member.training.optimizer.update_here(&mut member.training.parameters, &own);
    }
}
