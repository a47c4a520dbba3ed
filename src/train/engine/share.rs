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
    wish: Wish,
    agreed: Wish,
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
        let (wish, agreed) = (Wish::default(), Wish::default());
        Some(Self { ranks, synced: plan.sync_batch_norm, reduction, wish, agreed })
    }

    /// What all ranks do now, where this one wants this: what any of them wanted before the step
    /// that has been made. So the ranks agree without a message of its own.
    pub fn agree(&mut self, wish: Wish) -> Wish {
        self.wish = wish;
        std::mem::take(&mut self.agreed)
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
        let flag = |wanted: bool| f64::from(u8::from(wanted));
        let [beside, after] = self.reduction.told();
        let told = [mass, flag(self.wish.stop.is_some()), flag(self.wish.save), beside, after];
        let all = self.ranks.sum_f64(&told);
        let stop = self.wish.stop.unwrap_or("another rank was asked to stop");
        self.agreed = Wish { stop: (all[1] > 0.0).then_some(stop), save: all[2] > 0.0 };
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
