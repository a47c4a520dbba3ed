//! Runs a network on a batch: values are tensors.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::{Activation, Precision};
use tch::{Device, Tensor};

use super::activation::activate;
use super::cuts::{self, Back};
use super::dropout::dropout;
use super::layers::{
    Convolution, Layers, NEWEST, NORM_EPS, Pool, convolved, extent, multiplied, pooled, whole,
};
use super::{Mode, Part, synced_norm};
use crate::ranks;

/// Takes a network's parameters in the order in which it declared them.
#[derive(Debug)]
pub struct Walk<'a> {
    tensors: std::slice::Iter<'a, Tensor>,
    mode: Mode,
    precision: Precision,
    dropped: u32,
    activated: u32,
    /// Values that flow beside this one.
    branches: usize,
    /// Leaves taken so far, and the numbers in them since the graph was cut.
    leaves: usize,
    numbers: usize,
}

impl<'a> Walk<'a> {
    /// A walk through a network with these tensors, in the order of declaration.
    pub fn new(tensors: &'a [Tensor], mode: Mode, precision: Precision) -> Self {
        let (dropped, activated, branches) = (0, 0, 0);
        let (tensors, leaves, numbers) = (tensors.iter(), 0, 0);
        Self { tensors, mode, precision, dropped, activated, branches, leaves, numbers }
    }

    fn leaf(&mut self) -> &'a Tensor {
        let leaf = self.tensors.next().expect("a network takes the parameters that it declared");
        if leaf.requires_grad() {
            self.leaves += 1;
            self.numbers += leaf.numel();
        }
        leaf
    }

    /// Cuts the graph where all of it runs through `x` and enough parameters lie behind.
    fn seam(&mut self, x: Tensor) -> Tensor {
        match self.mode {
            Mode::Train { part: Part { bucket: Some(bucket), .. }, .. }
                if self.branches == 0 && self.numbers >= bucket && x.requires_grad() =>
            {
                self.numbers = 0;
                cuts::cut(&x, &x, Back::Seam(self.leaves))
            }
            _ => x,
        }
    }

    /// A layer's product of inputs, weights and bias.
    fn product(
        &mut self,
        x: Tensor,
        bias: bool,
        product: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor,
    ) -> Tensor {
        let x = self.seam(x);
        let weight = self.leaf();
        let bias = bias.then(|| self.leaf());
        multiplied(self.precision, (&x, weight, bias), product)
    }
}

impl Layers for Walk<'_> {
    type Value = Tensor;

    fn dense(&mut self, _name: Arguments<'_>, x: Tensor, _outputs: usize, bias: bool) -> Tensor {
        self.product(x, bias, |x, weight, bias| x.linear(weight, bias))
    }

    fn convolve(&mut self, _name: Arguments<'_>, x: Tensor, how: Convolution) -> Tensor {
        self.product(x, how.bias, |x, weight, bias| convolved(x, weight, bias, how, 1))
    }

    /// A batch with one number a channel has no variance: it is normed as when judging. So is one
    /// whose norm is frozen: its running statistics stand still, too.
    fn norm(&mut self, _name: Arguments<'_>, x: Tensor) -> Tensor {
        let (weight, bias) = (self.leaf(), self.leaf());
        let (mean, variance) = (self.leaf(), self.leaf());
        if let Mode::Train { part: Part { synced: true, .. }, .. } = self.mode
            && weight.requires_grad()
            && let Some(normed) =
                synced_norm::norm(&x, [weight, bias], [mean, variance], ranks::here())
        {
            return normed;
        }
        let several = x.numel() > usize::try_from(extent(&x, 1)).unwrap_or(0);
        let synced = matches!(self.mode, Mode::Train { part: Part { synced: true, .. }, .. });
        let train = self.mode != Mode::Eval && several && weight.requires_grad() && !synced;
        let statistics = (Some(mean), Some(variance));
        x.batch_norm(
            Some(weight),
            Some(bias),
            statistics.0,
            statistics.1,
            train,
            NEWEST,
            NORM_EPS,
            true,
        )
    }

    fn activate(&mut self, _name: Arguments<'_>, x: Tensor, activation: Activation) -> Tensor {
        if activation == Activation::Prelu {
            return x.prelu(self.leaf());
        }
        let layer = self.activated;
        self.activated += 1;
        activate(activation, &x, layer, self.mode)
    }

    fn drop_out(&mut self, x: Tensor, probability: f64) -> Tensor {
        let layer = self.dropped;
        self.dropped += 1;
        dropout(x, probability, layer, self.mode)
    }

    fn pool(&mut self, x: Tensor) -> Tensor {
        x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
    }

    fn pool_by(&mut self, x: Tensor, how: Pool) -> Tensor {
        pooled(&x, how)
    }

    fn pool_all(&mut self, x: Tensor) -> Tensor {
        x.mean_dim([2i64, 3].as_slice(), false, None)
    }

    /// On the CPU, images of several channels lie pixel by pixel ("channels last"), and so does what
    /// convolutions make of them: a step over 3 × 32 × 32 images takes 0.72 of the time. With one
    /// channel, where both ways look alike, nothing was gained.
    fn images(&mut self, x: Tensor, shape: [usize; 3]) -> Tensor {
        let [channels, height, width] = shape.map(whole);
        let x = x.view([-1, channels, height, width]);
        if channels == 1 || x.device() != Device::Cpu {
            return x;
        }
        x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
    }

    fn rows(&mut self, x: Tensor) -> Tensor {
        x.flatten(1, -1)
    }

    fn fork(&mut self, x: Tensor) -> (Tensor, Tensor) {
        let x = self.seam(x);
        self.branches += 1;
        (x.shallow_clone(), x)
    }

    fn concat(&mut self, parts: [Tensor; 4]) -> Tensor {
        self.branches -= parts.len() - 1;
        Tensor::cat(&parts, 1)
    }

    fn add(&mut self, x: Tensor, y: Tensor) -> Tensor {
        self.branches -= 1;
        x + y
    }
}
