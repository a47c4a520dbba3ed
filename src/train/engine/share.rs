//! A step that several ranks make together: each on its part of the batch, and then all the same
//! update by the sum of their gradients.
use std::ops::Range;

use tch::{Kind, Tensor};

use super::reduction::Reduction;
use super::{Plan, Task, Training};
use crate::model::{Mode, Part, cuts};
use crate::parameters::Parameters;
use crate::random::Place;
use crate::ranks::Ranks;

/// What a rank wants to be done between two steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// To stop: why.
    pub stop: Option<&'static str>,
    /// To save.
    pub save: bool,
}

/// This rank's share in a training.
#[derive(Debug)]
pub(super) struct Share {
    ranks: &'static Ranks,
    synced: bool,
    reduction: Reduction,
    accord: Accord,
}

/// How ranks come to do the same between two steps without a message of its own: what one wants
/// before a step goes with the step's sums, and is done by all before the next.
#[derive(Debug, Default)]
struct Accord {
    /// What this rank wants, and is not done.
    wish: Wish,
    /// What any rank wanted before the step that has been made.
    agreed: Wish,
}

impl Accord {
    /// What all do now, where this rank wants this. A save that they do now is wanted no longer.
    fn agree(&mut self, wish: Wish) -> Wish {
        let agreed = std::mem::take(&mut self.agreed);
        self.wish = Wish { save: wish.save && !agreed.save, ..wish };
        agreed
    }

    /// What this rank says of its wish: 1 for yes.
    fn said(&self) -> [f64; 2] {
        [self.wish.stop.is_some(), self.wish.save].map(|wanted| f64::from(u8::from(wanted)))
    }

    /// The sums of what all ranks said.
    fn hear(&mut self, [stop, save]: [f64; 2]) {
        let why = self.wish.stop.unwrap_or("another rank was asked to stop");
        self.agreed = Wish { stop: (stop > 0.0).then_some(why), save: save > 0.0 };
    }
}

/// A rank's part of a batch, on its way forward.
struct Forward {
    /// The loss, times its mass.
    loss: Tensor,
    /// What the loss is divided by.
    mass: f64,
}

impl Share {
    /// None where a rank is alone.
    pub fn new(parameters: &Parameters, plan: &Plan<'_>, ranks: &'static Ranks) -> Option<Self> {
        if ranks.is_alone() {
            return None;
        }
        let reduction = Reduction::new(parameters, ranks);
        let accord = Accord::default();
        Some(Self { ranks, synced: plan.sync_batch_norm, reduction, accord })
    }

    /// What all ranks do now, where this one wants this: what any of them wanted before the step
    /// that has been made. So the ranks agree without a message of its own.
    pub fn agree(&mut self, wish: Wish) -> Wish {
        self.accord.agree(wish)
    }

    /// How the loss of some samples changes with each leaf, the samples of all ranks taken together.
    pub fn gradients<T: Task>(
        &mut self,
        task: &mut T,
        parameters: &Parameters,
        samples: Range<usize>,
        at_once: usize,
        step: (Place, u32),
    ) -> &[Tensor] {
        let (place, number) = step;
        let (ranks, leaves) = (self.ranks, parameters.leaves());
        let mut sums: Vec<Tensor> = Vec::new();
        let mut mass = 0.0;
        for (number, from) in (number..).zip(samples.clone().step_by(at_once)) {
            let batch = from..samples.end.min(from + at_once);
            let is_last = batch.end == samples.end;
            let bucket = if is_last { self.reduction.bucket() } else { None };
            let own = self.forward(task, parameters, &batch, (place, number), bucket);
            mass += own.mass;
            if is_last {
                let scale = Tensor::from(1.0 / self.tell(mass));
                let scale = scale.to_kind(own.loss.kind()).to_device(own.loss.device());
                cuts::walk_back(&own.loss, leaves, ranks, &mut |first, mut found| {
                    add(&mut found, sums.get(first..).unwrap_or(&[]));
                    self.reduction.put(first, &found, &scale);
                });
            } else {
                let mut found = cuts::gradients(&own.loss, leaves, ranks);
                add(&mut found, &sums);
                sums = found;
            }
        }
        self.reduction.end()
    }

    /// The mass of all ranks' samples. What else they must know of each other goes with it.
    fn tell(&mut self, mass: f64) -> f64 {
        let [beside, after] = self.reduction.told();
        let [stop, save] = self.accord.said();
        let all = self.ranks.sum_f64(&[mass, stop, save, beside, after]);
        self.accord.hear([all[1], all[2]]);
        self.reduction.begin([all[3], all[4]]);
        all[0]
    }

    /// This rank's part of a batch. A batch of fewer samples than ranks is the first rank's alone: the
    /// others compute it, too, so that all of them norm by the same samples.
    fn forward<T: Task>(
        &self,
        task: &mut T,
        parameters: &Parameters,
        batch: &Range<usize>,
        (place, number): (Place, u32),
        bucket: Option<usize>,
    ) -> Forward {
        let divided = batch.len() >= self.ranks.size();
        let own = if divided { self.ranks.part(batch) } else { batch.clone() };
        let counts = divided || self.ranks.is_first();
        let part = Part {
            from: own.start - batch.start,
            of: divided.then(|| batch.len()),
            synced: divided && self.synced,
            bucket,
        };
        let mode = Mode::Train { place, batch: number, part };
        let loaded = task.load_part(batch, own);
        let output = task.forward(parameters.tensors(), &loaded, mode);
        let loss = task.loss(&output, &loaded);
        let mass = if counts { task.mass(&loaded).double_value(&[]) } else { 0.0 };
        if counts {
            task.count(&loaded, &output, &loss);
        }
        Forward { loss: loss * mass, mass }
    }

    /// Puts together what the ranks have come to one by one, at the end of an epoch or before a
    /// checkpoint: running statistics that each kept of its own samples.
    ///
    /// # Panics
    /// If the ranks' weights have come to differ, as by a fault of a machine: the run goes on from
    /// its last checkpoint then.
    pub fn settle(&self, training: &mut Training) {
        if !self.synced {
            #[expect(clippy::cast_precision_loss, reason = "there are few ranks")]
            let size = self.ranks.size() as f64;
            tch::no_grad(|| {
                for tensor in training.parameters.tensors().iter().filter(|t| !t.requires_grad()) {
                    // In double precision, so that what is the same everywhere stays as it is.
                    let own = tensor.detach().to_kind(Kind::Double);
                    tensor.shallow_clone().copy_(&(self.ranks.sum(&own) / size));
                }
            });
        }
        let norm = training.parameters.flat().norm().double_value(&[]);
        let norms = self.ranks.each(norm);
        // Ranks of unlike processors may round in other ways.
        let apart = norms.iter().any(|other| (other - norm).abs() > 1e-4 * norm.abs());
        assert!(
            !apart,
            "the weights of the ranks differ after step {}: their norms are {norms:?}",
            training.optimizer.steps()
        );
    }
}

/// Adds gradients to gradients; those of no part before it are none.
fn add(gradients: &mut [Tensor], more: &[Tensor]) {
    for (sum, more) in gradients.iter_mut().zip(more) {
        let _ = sum.g_add_(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What two ranks do before each step, where each wants to save from a step on until all save.
    fn saves(from: [usize; 2], steps: usize) -> Vec<usize> {
        let mut ranks = [Accord::default(), Accord::default()];
        let (mut due, mut saved) = ([true, true], Vec::new());
        for step in 0..steps {
            let wish = |rank: usize| Wish { stop: None, save: due[rank] && step >= from[rank] };
            let [one, other] = [wish(0), wish(1)];
            let done = [ranks[0].agree(one), ranks[1].agree(other)];
            assert_eq!(done[0], done[1], "all ranks do the same");
            if done[0].save {
                saved.push(step);
                due = [false, false];
            }
            let [one, other] = [ranks[0].said(), ranks[1].said()];
            ranks.iter_mut().for_each(|rank| rank.hear([one[0] + other[0], one[1] + other[1]]));
        }
        saved
    }

    #[test]
    fn a_save_is_made_once_one_step_after_the_first_rank_wants_it() {
        for (from, expected) in [([2, 2], 3), ([2, 3], 3), ([3, 2], 3), ([9, 2], 3), ([0, 9], 1)] {
            assert_eq!(saves(from, 9), [expected], "{from:?}");
        }
    }

    #[test]
    fn a_stop_is_of_all_ranks_and_each_says_whom_it_heard() {
        let mut ranks = [Accord::default(), Accord::default()];
        ranks[0].agree(Wish { stop: Some("SIGTERM"), save: false });
        ranks[1].agree(Wish { stop: None, save: true });
        assert_eq!((ranks[0].said(), ranks[1].said()), ([1.0, 0.0], [0.0, 1.0]));
        let why = ranks.map(|mut rank| {
            rank.hear([1.0, 1.0]);
            rank.agree(Wish::default())
        });
        let wish = |why| Wish { stop: Some(why), save: true };
        assert_eq!(why, [wish("SIGTERM"), wish("another rank was asked to stop")]);
    }
}
