//! A step over more samples than fit at once, in parts: as the engine's for one run, the gradient
//! is the mean of the parts' gradients, each weighed by its mass.
use tch::{Kind, Tensor};

use super::Member;

/// Samples of an epoch that are computed at once, for each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first.
    pub from: usize,
    /// The first that is not among them.
    pub to: usize,
    /// The number by which is drawn: that of the step's batch, or of the part.
    pub batch: u32,
    /// Whether it is one of several.
    pub weighed: bool,
}

/// How the losses of a part change with each trained parameter, `[runs, …]`; of one of several,
/// times the masses of the runs, `[runs]`.
pub struct Found {
    pub gradients: Vec<Tensor>,
    pub masses: Option<Tensor>,
}

/// How the losses of runs change in a step on the samples `from..to`, from what is found of each
/// part.
pub fn summed<T>(
    members: &mut [Member<'_, T>],
    (from, to): (usize, usize),
    mut find: impl FnMut(&mut [Member<'_, T>], Part) -> Found,
) -> Vec<Tensor> {
    let mut sums: Vec<Tensor> = Vec::new();
    let mut masses: Vec<Tensor> = Vec::new();
    let Some(first) = members.first() else { return sums };
    let (batch, at_once) = (first.training.progress.batch, first.plan.at_once.max(1));
    let weighed = to - from > at_once;
    for (number, from) in (batch..).zip((from..to).step_by(at_once)) {
        let part = Part { from, to: to.min(from + at_once), batch: number, weighed };
        let found = find(members, part);
        masses.extend(found.masses);
        if sums.is_empty() {
            sums = found.gradients;
        } else {
            for (sum, own) in sums.iter_mut().zip(&found.gradients) {
                let _ = sum.g_add_(own);
            }
        }
    }
    if weighed {
        let masses = Tensor::stack(&masses, 0).sum_dim_intlist(0, false, Kind::Float);
        for sum in &mut sums {
            let mut shape = vec![1; sum.dim()];
            shape[0] = -1;
            let _ = sum.g_div_(&masses.view(&*shape));
        }
    }
    sums
}
