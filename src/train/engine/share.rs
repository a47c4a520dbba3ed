//! A step that several ranks make together: each on its part of the batch, and then all the same
//! update by the sum of their gradients.
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::{Plan, Task, Training};
use crate::model::{Mode, Part, synced_norm};
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
    /// Gradients of this rank's samples, and of all: `[numbers]`, one parameter after the other.
    own: Tensor,
    all: Tensor,
    /// The same in memory that MPI reads, where it does not read the device's.
    passed: Option<[Tensor; 2]>,
    /// Views of `all`, one a parameter and in its shape.
    gradients: Vec<Tensor>,
    wish: Wish,
    agreed: Wish,
}

/// What a rank's part of a batch comes to.
struct Found {
    /// How the loss, times its mass, changes with each leaf.
    gradients: Vec<Tensor>,
    /// What the loss is divided by.
    mass: f64,
}

impl Share {
    /// None where a rank is alone.
    pub fn new(parameters: &Parameters, plan: &Plan<'_>, ranks: &'static Ranks) -> Option<Self> {
        if ranks.is_alone() {
            return None;
        }
        let (own, all) = (parameters.flat().zeros_like(), parameters.flat().zeros_like());
        let device = own.device();
        let passed = (device != Device::Cpu && !ranks.takes_gpu_memory()).then(|| {
            [&own, &all].map(|like| {
                Tensor::zeros(like.size(), (like.kind(), Device::Cpu)).pin_memory(device)
            })
        });
        let mut start = 0;
        let gradients = parameters.declared().iter().map(|declared| {
            let len = i64::try_from(declared.len()).expect("a model's size is an i64");
            start += len;
            all.narrow(0, start - len, len).view(declared.shape.as_slice())
        });
        let gradients = gradients.collect();
        let (wish, agreed) = (Wish::default(), Wish::default());
        let synced = plan.sync_batch_norm;
        Some(Self { ranks, synced, own, all, passed, gradients, wish, agreed })
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
        let mut sums: Vec<Tensor> = Vec::new();
        let mut mass = 0.0;
        for (number, from) in (number..).zip(samples.clone().step_by(at_once)) {
            let batch = from..samples.end.min(from + at_once);
            let own = self.part_gradients(task, parameters, &batch, (place, number));
            mass += own.mass;
            if sums.is_empty() {
                sums = own.gradients;
            } else {
                for (sum, own) in sums.iter_mut().zip(&own.gradients) {
                    let _ = sum.g_add_(own);
                }
            }
        }
        let flag = |wanted: bool| f64::from(u8::from(wanted));
        let told = [mass, flag(self.wish.stop.is_some()), flag(self.wish.save)];
        let all = self.ranks.sum_f64(&told);
        let stop = self.wish.stop.unwrap_or("another rank was asked to stop");
        self.agreed = Wish { stop: (all[1] > 0.0).then_some(stop), save: all[2] > 0.0 };
        self.reduce(&sums, 1.0 / all[0]);
        &self.gradients
    }

    /// Those of this rank's part of a batch. A batch of fewer samples than ranks is the first rank's
    /// alone: the others compute it, too, so that all of them norm by the same samples.
    fn part_gradients<T: Task>(
        &self,
        task: &mut T,
        parameters: &Parameters,
        batch: &Range<usize>,
        (place, number): (Place, u32),
    ) -> Found {
        let divided = batch.len() >= self.ranks.size();
        let own = if divided { self.ranks.part(batch) } else { batch.clone() };
        let counts = divided || self.ranks.is_first();
        let part = Part {
            from: own.start - batch.start,
            of: divided.then(|| batch.len()),
            synced: divided && self.synced,
        };
        let mode = Mode::Train { place, batch: number, part };
        let loaded = task.load_part(batch, own);
        let output = task.forward(parameters.tensors(), &loaded, mode);
        let loss = task.loss(&output, &loaded);
        let mass = if counts { task.mass(&loaded).double_value(&[]) } else { 0.0 };
        let gradients = synced_norm::gradients(&(&loss * mass), parameters.leaves(), self.ranks);
        if counts {
            task.count(&loaded, &output, &loss);
        }
        Found { gradients, mass }
    }

    /// Puts gradients one after the other, each times `scale`, and sums them over all ranks.
    fn reduce(&mut self, gradients: &[Tensor], scale: f64) {
        tch::no_grad(|| {
            let scale = Tensor::from(scale).to_kind(self.own.kind()).to_device(self.own.device());
            let mut start = 0;
            for gradient in gradients {
                let len = i64::try_from(gradient.numel()).expect("a model's size is an i64");
                let place = self.own.narrow(0, start, len).view(gradient.size().as_slice());
                let _written = gradient.mul_out(&place, &scale);
                start += len;
            }
        });
        match &mut self.passed {
            None => self.ranks.sum_into(&self.own, &mut self.all),
            Some([own, all]) => {
                own.copy_(&self.own);
                self.ranks.sum_into(own, all);
                self.all.copy_(all);
            }
        }
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
