//! The step of all optimizers of a cohort: operations on whole buffers `[runs, numbers]`, with a
//! column of numbers, one a run, where a run alone has a number.
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::super::Member;
use crate::engine::{CLIP_EPS, Column, Rates, Way};
use crate::parameters::{Declared, Role};

/// The optimizers of a cohort.
#[derive(Debug)]
pub struct Update {
    groups: Vec<Group>,
    penalties: Penalties,
    /// What changes from step to step, `[steps, columns, runs]`, of an epoch; and the step that is
    /// next.
    table: Tensor,
    next: i64,
    /// Whether any run's weights shrink in any of them.
    shrinks: bool,
    device: Device,
}

/// Runs that go one way, side by side in every buffer.
#[derive(Debug)]
struct Group {
    way: Way,
    runs: Range<i64>,
    /// Each `[runs of the group, numbers]`.
    state: Vec<Tensor>,
}

/// What is added to gradients; nothing where no run adds it. Columns are `[runs, 1]`.
#[derive(Debug)]
struct Penalties {
    push: Option<Tensor>,
    pull: Option<Tensor>,
    decay: Option<Tensor>,
    clip: Option<Tensor>,
    /// 1 for each number that is a weight, else 0: `[numbers]`.
    weights: Tensor,
}

impl Update {
    /// Of runs whose numbers are rows of one buffer, those that go one way side by side: their
    /// states are brought together, too.
    pub fn gather<T>(members: &mut [Member<'_, T>], device: Device) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for group in members.chunk_by_mut(|a, b| way(a) == way(b)) {
            let start = groups.last().map_or(0, |group| group.runs.end);
            let runs = i64::try_from(group.len()).expect("a cohort is small");
            groups.push(Group {
                way: way(&group[0]),
                runs: start..start + runs,
                state: states(group),
            });
        }
        let rates: Vec<Rates> = members.iter().map(|m| m.training.optimizer.rates(1)).collect();
        let declared = members.first().map_or(&[][..], |m| m.training.parameters.declared());
        let penalties = Penalties::new(&rates, declared, device);
        let table = Tensor::new();
        Self { groups, penalties, table, next: 0, shrinks: false, device }
    }

    /// Begins an epoch of so many steps more: the numbers of each are made at once, so that none
    /// waits for the device.
    pub fn begin<T>(&mut self, members: &[Member<'_, T>], steps: usize) {
        self.shrinks = false;
        let mut table = Vec::with_capacity(steps * Column::ALL.len() * members.len());
        for step in 1..=steps as u64 {
            let at = |m: &Member<'_, T>| {
                let optimizer = &m.training.optimizer;
                optimizer.rates(optimizer.steps() + step)
            };
            let rates: Vec<Rates> = members.iter().map(at).collect();
            self.shrinks |= rates.iter().any(|rates| rates.of(Column::Shrink) != 1.0);
            for column in Column::ALL {
                table.extend(rates.iter().map(|rates| rates.of(column)));
            }
        }
        let shape = [steps, Column::ALL.len(), members.len()]
            .map(|n| i64::try_from(n).expect("an epoch's steps are counted"));
        self.table = Tensor::from_slice(&table).view(shape).to_device(self.device);
        self.next = 0;
    }

    /// One step down these gradients, `[runs, …]` each, of the numbers `[runs, numbers]`.
    pub fn step(&mut self, numbers: &mut Tensor, gradients: &[Tensor]) {
        let flat: Vec<Tensor> = gradients.iter().map(|g| g.flatten(1, -1)).collect();
        let gradient = self.penalties.add(Tensor::cat(&flat, 1), numbers);
        let now = self.table.select(0, self.next);
        self.next += 1;
        let shrinks = self.shrinks;
        for Group { way, runs, state } in &mut self.groups {
            let (start, len) = (runs.start, runs.end - runs.start);
            let own = now.narrow(1, start, len);
            let column = |column: Column| own.select(0, column as i64).unsqueeze(1);
            let gradient = gradient.narrow(0, start, len);
            step((*way, shrinks), &mut numbers.narrow(0, start, len), &gradient, state, column);
        }
    }
}

fn way<T>(member: &Member<'_, T>) -> Way {
    member.training.optimizer.way()
}

/// The states of runs that go one way, each a row of common buffers from now on.
fn states<T>(group: &mut [Member<'_, T>]) -> Vec<Tensor> {
    let count = group.first().map_or(0, |m| m.training.optimizer.state().len());
    let all: Vec<Tensor> = (0..count)
        .map(|at| {
            let rows: Vec<&Tensor> =
                group.iter().map(|m| &m.training.optimizer.state()[at].1).collect();
            Tensor::stack(&rows, 0)
        })
        .collect();
    for (row, member) in (0..).zip(group) {
        member.training.optimizer.hold(all.iter().map(|all| all.select(0, row)));
    }
    all
}

impl Penalties {
    fn new(rates: &[Rates], declared: &[Declared], device: Device) -> Self {
        let column = |of: fn(&Rates) -> f32, none: f32| {
            let all: Vec<f32> = rates.iter().map(of).collect();
            let is_any = all.iter().any(|x| *x != none);
            is_any.then(|| Tensor::from_slice(&all).unsqueeze(1).to_device(device))
        };
        let weights: Vec<Tensor> = declared
            .iter()
            .map(|declared| {
                let one = f64::from(u8::from(declared.role == Role::Weight));
                let len = i64::try_from(declared.len()).expect("a model's size is an i64");
                Tensor::full([len], one, (Kind::Float, device))
            })
            .collect();
        Self {
            push: column(|r| r.push, 0.0),
            pull: column(|r| r.pull, 0.0),
            decay: column(|r| r.decay, 0.0),
            clip: column(|r| r.clip, f32::INFINITY),
            weights: if weights.is_empty() { Tensor::new() } else { Tensor::cat(&weights, 0) },
        }
    }

    /// As for a run alone: the penalties of weights, then the clipping, then the decay.
    fn add(&self, mut gradient: Tensor, numbers: &Tensor) -> Tensor {
        if let Some(push) = &self.push {
            let _ = gradient.g_add_(&(numbers.sign() * &self.weights * push));
        }
        if let Some(pull) = &self.pull {
            let _ = gradient.g_add_(&(numbers * &self.weights * pull));
        }
        if let Some(clip) = &self.clip {
            let norm = gradient.norm_scalaropt_dim(2, [1i64].as_slice(), true);
            let _ = gradient.g_mul_(&(clip / (norm + CLIP_EPS)).clamp_max(1.0));
        }
        if let Some(decay) = &self.decay {
            let _ = gradient.g_add_(&(numbers * decay));
        }
        gradient
    }
}

/// A step of runs that go one way. Each operation passes over memory: the fewer, the faster.
fn step(
    (way, shrinks): (Way, bool),
    weights: &mut Tensor,
    gradient: &Tensor,
    state: &mut [Tensor],
    column: impl Fn(Column) -> Tensor,
) {
    let down = -column(Column::Rate);
    match (way, state) {
        (Way::Adam, [first, second]) => {
            if shrinks {
                let _ = weights.g_mul_(&column(Column::Shrink));
            }
            let _ = first.g_mul_(&column(Column::Keep)).addcmul_(gradient, &column(Column::Add));
            let own = gradient * column(Column::AddSquare);
            let _ = second.g_mul_(&column(Column::KeepSquare)).addcmul_(gradient, &own);
            let root = column(Column::Eps).addcmul(&second.sqrt(), &column(Column::RootScale));
            let _ = weights.addcdiv_(&(&*first * down), &root);
        }
        (Way::Momentum { nesterov }, [velocity]) => {
            let momentum = column(Column::Keep);
            let _ = velocity.g_mul_(&momentum).g_add_(gradient);
            let _ = if nesterov {
                weights.addcmul_(&gradient.addcmul(velocity, &momentum), &down)
            } else {
                weights.addcmul_(velocity, &down)
            };
        }
        (Way::Rooted { .. }, [squares, velocity @ ..]) => {
            let own = gradient * column(Column::AddSquare);
            let _ = squares.g_mul_(&column(Column::KeepSquare)).addcmul_(gradient, &own);
            let root = squares.sqrt() + column(Column::Eps);
            let _ = if let [velocity] = velocity {
                let _ = velocity.g_mul_(&column(Column::Keep)).addcdiv_(gradient, &root);
                weights.addcmul_(velocity, &down)
            } else {
                weights.addcdiv_(&(gradient * down), &root)
            };
        }
        (Way::Plain, _) => {
            let _ = weights.addcmul_(gradient, &down);
        }
        _ => unreachable!("an optimizer has the state that its way names"),
    }
}
