//! The sum of gradients over all ranks, bucket by bucket: beside the backward pass that goes on, or
//! after it, whichever takes less time.
use std::ops::Range;
use std::time::Instant;

use dlgrid_sweep::host;
use tch::{Device, Tensor};

use super::pace::{Pace, Way};
use crate::parameters::Parameters;
use crate::ranks::{self, Beside, PART, Ranks};

/// Gradients of all ranks.
#[derive(Debug)]
pub(super) struct Reduction {
    ranks: &'static Ranks,
    /// Gradients of this rank's samples, and of all: `[numbers]`, one parameter after the other.
    own: Tensor,
    all: Tensor,
    /// The same in memory that MPI reads, where it does not read the device's.
    passed: Option<[Tensor; 2]>,
    /// Views of `all`, one a parameter and in its shape.
    gradients: Vec<Tensor>,
    /// Where each parameter begins, and where the last one ends.
    starts: Vec<i64>,
    /// What is summed at once, in the order in which a backward pass has found it. The buckets are
    /// the same whether or not sums wait, and so are the bits.
    buckets: Vec<Range<i64>>,
    beside: Option<Beside>,
    pace: Pace,
    begun: Instant,
}

impl Reduction {
    pub fn new(parameters: &Parameters, ranks: &'static Ranks) -> Self {
        let (own, all) = (parameters.flat().zeros_like(), parameters.flat().zeros_like());
        let device = own.device();
        let passed = (device != Device::Cpu && !ranks.takes_gpu_memory()).then(|| {
            [&own, &all].map(|like| {
                Tensor::zeros(like.size(), (like.kind(), Device::Cpu)).pin_memory(device)
            })
        });
        let mut starts = vec![0];
        let gradients = parameters.declared().iter().map(|declared| {
            let len = i64::try_from(declared.len()).expect("a model's size is an i64");
            let start = starts[starts.len() - 1];
            starts.push(start + len);
            all.narrow(0, start, len).view(declared.shape.as_slice())
        });
        let gradients = gradients.collect();
        // All or none: one that sums by itself would wait for the others for ever.
        let beside = ranks.beside();
        let beside = if ranks.all(beside.is_some()) { beside } else { None };
        let pace = Pace::new(beside.is_some());
        // A first step cut into buckets says what they are; one that is not cut is one bucket.
        let whole = 0..starts[starts.len() - 1];
        let buckets = if beside.is_some() { vec![] } else { vec![whole] };
        let begun = host::instant();
        Self { ranks, own, all, passed, gradients, starts, buckets, beside, pace, begun }
    }

    /// After how many numbers the forward pass is to cut the graph.
    pub fn bucket(&self) -> Option<usize> {
        (self.pace.way() == Way::Beside).then_some(PART)
    }

    /// What this rank tells the others of its pace.
    pub const fn told(&self) -> [f64; 2] {
        self.pace.told()
    }

    /// A backward pass begins, and all ranks have told this.
    pub fn begin(&mut self, all: [f64; 2]) {
        self.pace.hear(all);
        self.begun = host::instant();
    }

    /// Takes gradients that are known, of the parameters from `first` on, each times `scale`, `[]`.
    pub fn put(&mut self, first: usize, gradients: &[Tensor], scale: &Tensor) {
        let bucket = self.starts[first]..self.starts[first + gradients.len()];
        tch::no_grad(|| {
            for (gradient, ends) in gradients.iter().zip(self.starts[first..].windows(2)) {
                let place = self.own.narrow(0, ends[0], ends[1] - ends[0]);
                let place = place.view(gradient.size().as_slice());
                let _written = gradient.mul_out(&place, scale);
            }
        });
        if self.pace.is_first() {
            self.buckets.push(bucket.clone());
        }
        if let (Way::Beside, Some(beside)) = (self.pace.way(), &mut self.beside) {
            let [own, all] = readable(&self.own, &self.all, self.passed.as_ref(), &bucket);
            ranks::await_device(self.own.device());
            beside.sum(own, all);
        }
    }

    /// The gradients of all ranks, one a parameter.
    pub fn end(&mut self) -> &[Tensor] {
        match (self.pace.way(), &mut self.beside) {
            (Way::Beside, Some(beside)) => beside.wait(),
            _ => {
                for bucket in &self.buckets {
                    let [own, mut all] =
                        readable(&self.own, &self.all, self.passed.as_ref(), bucket);
                    self.ranks.sum_into(&own, &mut all);
                }
            }
        }
        if let Some([_, all]) = &self.passed {
            self.all.copy_(all);
        }
        self.pace.took(self.begun.elapsed().as_secs_f64(), self.buckets.len());
        if self.pace.is_fixed_on(Way::After) {
            self.beside = None;
        }
        &self.gradients
    }
}

/// A bucket of this rank's gradients, and of those of all, in memory that MPI reads.
fn readable(
    own: &Tensor,
    all: &Tensor,
    passed: Option<&[Tensor; 2]>,
    bucket: &Range<i64>,
) -> [Tensor; 2] {
    let part = |of: &Tensor| of.narrow(0, bucket.start, bucket.end - bucket.start);
    match passed {
        None => [part(own), part(all)],
        Some([passed_own, passed_all]) => {
            part(passed_own).copy_(&part(own));
            [part(passed_own), part(passed_all)]
        }
    }
}
